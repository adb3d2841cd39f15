"""`commgame.py list`: the presets, and the components that can be chosen, including those of a plugin."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from learning_to_draw.components import Component, flag_of, options_of
from learning_to_draw.games.losses import AUXILIARY_LOSSES
from learning_to_draw.games.losses.config import AuxiliaryLoss
from learning_to_draw.plugins import AGENTS, CALLBACKS, PARTNERS, load
from learning_to_draw.trials.config.presets import preset_names, read_preset
from learning_to_draw.trials.config.run import KINDS

WIDTH = 80  # columns, except for long names


def list_components(plugin: Path | None) -> str:
    """A text with every component, by kind: its name, its summary, and below these its options; then the presets.

    Options that all components of a kind share are listed once, below the kind. plugin: a file whose components are
    included, each marked with the file's name. Raises UsageError if it fails to load.
    """
    if plugin:
        load(plugin)
    tables: dict[str, Mapping[str, Component]] = {
        flag_of(kind): kinds.table for kind, kinds in KINDS.items() if not kinds.prefix
    }
    tables |= {
        "auxiliary losses": AUXILIARY_LOSSES,
        "--agents": AGENTS,
        "--partners": PARTNERS,
        "--callbacks": CALLBACKS,
    }
    lines = []
    for heading, table in ((heading, table) for heading, table in tables.items() if table):
        options = {name: _options(component) for name, component in table.items()}
        common = [option for option in next(iter(options.values())) if all(option in its for its in options.values())]
        lines += [*([""] if lines else []), heading, *_wrapped("all: ", common)]
        for name, component in table.items():
            marker = f"({plugin.name}) " if plugin and isinstance(component.target, type) else ""
            lines += _row(name, marker + _summary(component))
            lines += _wrapped("", [option for option in options[name] if option not in common])
    lines += ["", "--preset"]
    for name in preset_names():
        preset = read_preset(name)
        numbers = {"time": preset.time, "rate": preset.rate}
        told = [preset.description, *(f"{label}: {text}" for label, text in numbers.items() if text)]
        for number, text in enumerate(told):
            lines += _row("" if number else name, text)
    return "\n".join(lines)


def _options(component: Component) -> list[str]:
    switch = [component.switch] if isinstance(component, AuxiliaryLoss) else []
    return [flag_of(name) for name in dict.fromkeys((*switch, *options_of(component.config)))]


def _summary(component: Component) -> str:
    """The component's summary; for a component of a plugin, the first paragraph of its class's docstring."""
    described = component.target.__doc__ if isinstance(component.target, type) else None
    return component.summary or inspect.cleandoc(described or "").partition("\n\n")[0]


def _row(name: str, text: str) -> list[str]:
    """The lines for a name in the left column and a text, wrapped, in the right column."""
    first = f"  {name:<32}"
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=" " * 34) or [first.rstrip()]


def _wrapped(heading: str, options: Sequence[str]) -> list[str]:
    text = heading + " ".join(options)
    indent = " " * 6
    wrapped = textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    return wrapped if options else []
