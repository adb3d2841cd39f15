"""What a choosable part is (an encoder, a decoder, a data set, ...), and the kinds of values that its options take.

Nothing here imports torch: the command line can list every part, its options and their defaults without loading the
code behind them.
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
class Part:
    """One line of a table of parts, such as `models.ENCODERS`: a name's class, and the options that build it.

    module, cls: where the class is (below learning_to_draw), and its name; or the class itself, of a plugin.

    `add_options` declares the class's own options on an argparse group; each option's destination is the name of a
    keyword argument of the class. `defaults` are values that choosing this part brings for options of other parts
    (a small data set asks for a small encoder); an option given on the command line always wins. `defaults_with` holds
    further ones, by the name of the decoder that they are for.
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
        """The options that this part declares, as argparse sees them."""
        parser = argparse.ArgumentParser(add_help=False)
        self.add_options(parser)
        return parser._actions

    def build(self, options: Mapping[str, Any], **context: Any) -> Any:
        """An instance from the resolved options of a run, and from what the options cannot know.

        Of `context` the class gets what its constructor names, so that parts of a kind may need different things.
        """
        cls = self.load()
        own = {action.dest: options[action.dest] for action in self.option_actions()}
        return cls(**own, **{name: context[name] for name in keyword_arguments(cls) if name in context})


def keyword_arguments(cls: type) -> dict[str, inspect.Parameter]:
    """What a class can be built with: its constructor's arguments and, where that ends in **, its bases' too."""
    found: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        if "__init__" not in vars(base):
            continue
        parameters = inspect.signature(base).parameters
        found = {**parameters, **found}
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
            break
    return found


def add_flag(group: Any, *names: str, help: str) -> None:
    """A switch that is off unless given; its --no-... form turns off what a checkpoint or a data set turned on."""
    # Its default is set afterwards: given at once, some Python versions would add it to the help text.
    action = argparse.BooleanOptionalAction
    group.add_argument(*names, action=action, default=argparse.SUPPRESS, help=help).default = False


def add_plugin_option(group: Any) -> None:
    group.add_argument(
        "--plugin",
        type=Path,
        metavar="FILE.py",
        help="a file with parts of your own, which can then be chosen like others; what reads a checkpoint finds the "
        "file of its training by itself",
    )


def add_device_option(group: Any) -> None:
    group.add_argument(
        "--device", metavar="NAME", help="cpu, cuda, cuda:1, ...; left out: the first GPU if there is one, else the CPU"
    )


def add_trust_option(group: Any) -> None:
    add_flag(
        group,
        "--trust-weights",
        help="read also a checkpoint that needs more than tensors, numbers and text; it can then run any code, so only "
        "for a file that you know the origin of",
    )


# Beyond these float32 has no number, and torch would answer with an error of its own in the middle of a run.
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
