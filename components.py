"""The common parts of all components (encoders, decoders, data sets, games, losses): a configuration with options.

A component is a class with a configuration. The configuration is a frozen dataclass, and the only place that declares
the component's options: names, defaults, types and help texts. This module does not import torch, so the help of all
components appears without delay.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import importlib
import numbers
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from learning_to_draw.errors import UsageError


@dataclass(frozen=True)
class Option:
    """An option, declared as a field of a configuration: its values, and how to give it on the command line.

    default: the value if the option is not given. Only an option whose default is None can be None. help: one or two
    phrases. type: converts the text on the command line, and raises `InvalidValueError` for a text that is not allowed;
    None for a switch, which also has the form --no-..., to turn off what a checkpoint or a data set turns on. names:
    further names, such as the official code's. nargs: "+" for one or more values, "?" for at most one. const: the value
    if the option is given without a value. required: whether the option must be given.
    """

    default: Any
    help: str
    type: Callable[[str], Any] | None = str
    names: tuple[str, ...] = ()
    metavar: str | None = None
    choices: Collection[Any] | None = None
    nargs: str | None = None
    const: Any = None
    required: bool = False

    def problem(self, value: Any) -> str | None:
        """The reason why the option cannot have this value; None if it can."""
        if value is None:
            return None if self.default is None else "it needs a value"
        if self.type is None:
            return None if isinstance(value, bool) else f"{value!r} is neither True nor False"
        if self.is_switch_with_value and isinstance(value, bool):
            return None
        if self.nargs != "+":
            return self._problem(value)
        if not isinstance(value, list | tuple) or not value:
            return f"{value!r} is not a list of one or more values"
        return next(filter(None, map(self._problem, value)), None)

    def _problem(self, value: Any) -> str | None:
        """The reason why a single value is not allowed; None if it is allowed."""
        assert self.type is not None
        number = isinstance(value, numbers.Real)  # also one of numpy
        if not number and not isinstance(value, str | Path):
            return f"{value!r} is not a single value"
        try:
            parsed = self.type(str(value))
        except (ValueError, argparse.ArgumentTypeError) as error:
            return str(error)
        if number and isinstance(parsed, str) and not isinstance(value, bool):
            value = parsed  # a text such as a learning rate may be given as a number
        elif isinstance(parsed, int | float) != number:
            return f"{value!r} is of type {type(value).__name__}, not {type(parsed).__name__}"
        if self.choices is not None and value not in self.choices:
            return f"choose from {', '.join(map(str, self.choices))}"
        return None

    @property
    def is_switch_with_value(self) -> bool:
        """Whether the option can be given without a value or with one, such as --wandb.

        For such an option, True as the value means that it is given without a value, False that it is not given.
        """
        return self.nargs == "?" and self.type is not boolean

    def convert(self, value: Any) -> Any:
        """The value as a configuration holds it: several values as a tuple, numbers of numpy as those of Python."""
        if isinstance(value, list | tuple):
            return tuple(map(self.convert, value))
        if self.is_switch_with_value and isinstance(value, bool):
            return self.const if value else self.default
        if isinstance(value, numbers.Real) and self.type is not None:
            parsed = self.type(str(value))
            return value if type(value) in (bool, int, float) and not isinstance(parsed, str) else parsed
        return Path(value) if self.type is Path and isinstance(value, str) else value


def option(default: Any, help: str, **settings: Any) -> Any:
    """A field of a configuration. settings: further arguments of `Option`."""
    return field(default=default, metadata={"option": Option(default, help, **settings)})


def flag(help: str, *names: str) -> Any:
    """A field of a configuration for a switch that is off by default. names: further names of the option."""
    return option(False, help, type=None, names=names)


@dataclass(frozen=True, kw_only=True)
class Config:
    """The base class of configurations. Raises UsageError if a field has a value that its option does not accept."""

    def __post_init__(self):
        for name, option in options_of(type(self)).items():
            value = getattr(self, name)
            if problem := option.problem(value):
                raise UsageError(f"{name} = {value!r} is not valid: {problem}.\n{name}: {option.help}.")
            object.__setattr__(self, name, option.convert(value))  # the dataclass is frozen

    def values(self) -> dict[str, Any]:
        """The values of the options by name."""
        return {name: getattr(self, name) for name in options_of(type(self))}


def options_of(config: type[Config]) -> dict[str, Option]:
    """The options of a configuration, by the names of its fields."""
    return {item.name: item.metadata["option"] for item in dataclasses.fields(config) if "option" in item.metadata}


def flag_of(name: str) -> str:
    """The form of an option on the command line, such as --latent-size for latent_size."""
    return f"--{name.replace('_', '-')}"


def load(target: str) -> Any:
    """Imports and returns the class or function of "module:name"; the module is relative to learning_to_draw."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(f"learning_to_draw.{module}"), name)


C = TypeVar("C", bound=Config, covariant=True)


@dataclass(frozen=True)
class Component:
    """One entry of a table of components, such as `models.ENCODERS`.

    config: the class of its configuration. target: "module:Class", with the module relative to learning_to_draw; if a
    plugin registered the component, the class itself. defaults: a data set's defaults for options of the run and of
    other components, such as a small encoder for small pictures; empty if the component is not a data set. A
    checkpoint, a configuration file, a preset and the command line override them. defaults_with: a decoder's name ->
    further defaults of the data set for runs with this decoder.
    """

    config: type[Config]
    target: str | type
    defaults: Mapping[str, Any] = field(default_factory=dict)
    defaults_with: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    summary: str = ""  # what the component is, for `commgame.py list`

    def defaults_for(self, decoder: str) -> dict[str, Any]:
        """All defaults of a data set in a run with this decoder."""
        return {**self.defaults, **self.defaults_with.get(decoder, {})}

    def load(self) -> type:
        """Imports and returns the class. Its module imports torch."""
        return self.target if isinstance(self.target, type) else load(self.target)


@dataclass(frozen=True)
class Chosen(Generic[C]):
    """A component that a run uses, with its configuration and its name in a table such as `models.ENCODERS`."""

    name: str
    component: Component
    config: C

    def build(self, *arguments: Any, **keywords: Any) -> Any:
        """Builds the component: calls its class with the configuration and these arguments."""
        return self.component.load()(self.config, *arguments, **keywords)


class InvalidValueError(argparse.ArgumentTypeError):
    """Raised for a value that an option does not allow. The message says what is allowed."""


# Outside this range float32 underflows or overflows, and torch would raise its own error in the middle of a run.
SMALLEST, LARGEST = 1e-30, 1e30


def positive_int(text: str) -> int:
    return _number(text, int, lambda value: 1 <= value < 2**31, "a whole number from 1 to 2147483647")


@functools.cache  # cached, so that equal options have the same type and compare equal
def positive_int_up_to(most: int) -> Callable[[str], int]:
    """The `type` of an `Option` that allows whole numbers from 1 to `most`.

    For options whose value decides memory or time: without a limit, a checkpoint could demand any amount.
    """
    return lambda text: _number(text, int, lambda value: 1 <= value <= most, f"a whole number from 1 to {most}")


def non_negative_int(text: str) -> int:
    return _number(text, int, lambda value: 0 <= value < 2**31, "a whole number from 0 to 2147483647")


def seed(text: str) -> int:
    return _number(text, int, lambda value: 0 <= value < 2**32, "a whole number from 0 to 4294967295")


def positive_float(text: str) -> float:
    return _number(text, float, lambda value: SMALLEST <= value <= LARGEST, "a number above 0 (1e-30 to 1e30)")


def non_negative_float(text: str) -> float:
    return _number(text, float, lambda value: 0 <= value <= LARGEST, "a number from 0 to 1e30")


def fraction(text: str) -> float:
    return _number(text, float, lambda value: 0 < value < 1, "a number above 0 and below 1")


def boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise InvalidValueError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def _number(text: str, kind: type, allowed: Callable[[Any], bool], wanted: str) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not allowed(value):
        raise InvalidValueError(f"{text!r} is not {wanted}")
    return value
