"""Presets: TOML files of options, with the time and the communication rate to expect. Does not import torch."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from learning_to_draw.errors import UsageError, did_you_mean
from learning_to_draw.reading import Options, cannot_read, read_toml

FOLDER = Path(__file__).parent / "presets"
ADVICE = (
    "A preset has options such as nlines = 20 below a line [options]; above that line, it may have the texts "
    "description, time and rate."
)


@dataclass(frozen=True)
class Preset:
    """The content of a preset's file. options: by name. description, time, rate: texts for people."""

    options: Options
    description: str = ""
    time: str = ""
    rate: str = ""


def preset_names() -> list[str]:
    """The names of the built-in presets."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def read_preset(name: str) -> Preset:
    """The built-in preset `name` or, if `name` ends in .toml, the preset in that file.

    Raises UsageError if there is no such built-in preset, or if the file cannot be read.
    """
    if not name.endswith(".toml") and name not in preset_names():
        hint = did_you_mean(name, preset_names())
        raise UsageError(
            f"there is no preset {name!r}.\n"
            f"{hint}Choose one of {', '.join(preset_names())}, or give a file of your own: --preset FILE.toml."
        )
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    content: Any = read_toml(path, Preset, ADVICE)
    if unknown := sorted(content.keys() - {item.name for item in fields(Preset)}):
        raise cannot_read(path, f"it has {unknown[0]!r} outside [options]", ADVICE)
    return Preset(**content)
