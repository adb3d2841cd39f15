"""Describes components that can be chosen (an encoder, a decoder, a data set, ...), and the value types of options.

Nothing here imports torch: the command line can list every component, its options and their defaults without loading
its code.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Component:
    """One entry of a table of components, such as `models.ENCODERS`: the class, and the options that build it.

    module, cls: the module (below learning_to_draw) and the name of the class; for a plugin, cls is the class itself.

    `add_options` declares the class's own options on an argparse group; each option's destination is the name of a
    keyword argument of the class. `defaults` are default values for options of other components (a small data set sets
    a small encoder); the command line overrides them. `defaults_with` holds further defaults, by decoder name.
    """

    module: str
    cls: str | type
    add_options: Callable[[Any], None] = lambda group: None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    defaults_with: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def load(self) -> type:
        """The class itself; imports its module (and with it torch)."""
        if isinstance(self.cls, type):
            return self.cls
        return getattr(importlib.import_module(f"learning_to_draw.{self.module}"), self.cls)

    def option_actions(self) -> list[argparse.Action]:
        """The options that this component declares, as argparse actions."""
        parser = argparse.ArgumentParser(add_help=False)
        self.add_options(parser)
        return parser._actions

    def build(self, options: Mapping[str, Any], **context: Any) -> Any:
        """An instance, built from the resolved options of a run and further arguments.

        Arguments in `context` that the constructor does not accept are dropped.
        """
        cls = self.load()
        own = {action.dest: options[action.dest] for action in self.option_actions()}
        return cls(**own, **{name: context[name] for name in keyword_arguments(cls) if name in context})


def keyword_arguments(cls: type) -> dict[str, inspect.Parameter]:
    """The parameters of a class's constructor by name; if it accepts **kwargs, also those of its bases."""
    accepted: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        if "__init__" not in vars(base):
            continue
        parameters = inspect.signature(base).parameters
        accepted = {**parameters, **accepted}
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
            break
    return accepted


def add_flag(group: Any, *names: str, help: str) -> None:
    """Adds a switch that is off by default. Its --no-... form overrides a checkpoint or data set that turns it on."""
    # The default is set afterwards: otherwise some Python versions add it to the help text.
    action = argparse.BooleanOptionalAction
    group.add_argument(*names, action=action, default=argparse.SUPPRESS, help=help).default = False


def add_plugin_option(group: Any) -> None:
    group.add_argument(
        "--plugin",
        type=Path,
        metavar="FILE.py",
        help="a file with your own components, which can then be chosen by name; commands that read a checkpoint load "
        "the file of its training by default",
    )


def add_device_option(group: Any) -> None:
    group.add_argument(
        "--device",
        metavar="NAME",
        help="cpu, cuda, cuda:1, ...; left out: the first GPU if available, otherwise the CPU",
    )


def add_trust_option(group: Any) -> None:
    add_flag(
        group,
        "--trust-weights",
        help="also read a checkpoint that contains more than tensors, numbers and text; it can then run any code: "
        "use only with files from a trusted source",
    )


# Outside this range float32 underflows or overflows, and torch would raise its own error in the middle of a run.
SMALLEST, LARGEST = 1e-30, 1e30


def positive_int(text: str) -> int:
    return _number(text, int, lambda value: 1 <= value < 2**31, "a whole number, 1 or more")


def non_negative_int(text: str) -> int:
    return _number(text, int, lambda value: 0 <= value < 2**31, "a whole number, 0 or more")


def seed(text: str) -> int:
    return _number(text, int, lambda value: 0 <= value < 2**32, "a whole number from 0 to 4294967295")


def positive_float(text: str) -> float:
    return _number(text, float, lambda value: SMALLEST <= value <= LARGEST, "a number above 0 (1e-30 to 1e30)")


def non_negative_float(text: str) -> float:
    return _number(text, float, lambda value: 0 <= value <= LARGEST, "a number, 0 or more (to 1e30)")


def fraction(text: str) -> float:
    return _number(text, float, lambda value: 0 < value < 1, "a number between 0 and 1")


def boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def _number(text: str, kind: type, allowed: Callable[[Any], bool], wanted: str) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not allowed(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
    return value
