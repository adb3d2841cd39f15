"""Presets: options that go together, in TOML files with the time and the rate to expect. No torch here."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from learning_to_draw.errors import UsageError
from learning_to_draw.reading import Options, read_toml

FOLDER = Path(__file__).parent / "presets"
ADVICE = "A preset has a table [options], with lines such as nlines = 20, and may have description, time and rate."


class _Described(TypedDict, total=False):
    description: str
    time: str
    rate: str


class _Preset(_Described):
    """What the file of a preset holds."""

    options: Options


@dataclass(frozen=True)
class Preset:
    """description, time, rate: for people; empty if the file does not have them. options: by name."""

    name: str
    description: str
    time: str
    rate: str
    options: Mapping[str, Any]


def preset_names() -> list[str]:
    """The presets of this program."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def read_preset(name: str) -> Preset:
    """A preset of this program by its name, or of a file FILE.toml.

    Raises UsageError if there is none of this name, or if the file cannot be read.
    """
    if name.endswith(".toml"):
        path = Path(name)
    elif name in preset_names():
        path = FOLDER / f"{name}.toml"
    else:
        close = difflib.get_close_matches(name, preset_names(), n=1)
        hint = f"Did you mean {close[0]}? " if close else ""
        raise UsageError(
            f"there is no preset {name!r}.\n"
            f"{hint}Choose one of {', '.join(preset_names())}, or give a file of your own: --preset FILE.toml."
        )
    content: _Preset = read_toml(path, _Preset, ADVICE)
    texts = [content.get(key, "") for key in ("description", "time", "rate")]
    return Preset(name, *texts, content["options"])
