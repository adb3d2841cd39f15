"""clip-analysis.json: what CLIP saw in each game of a log, an entry a game, with the official code's keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records.gamelog import Game, read_json

CLIP_FILE = "clip-analysis.json"  # in the folder of the log
ROLES = ("sketch", "correct", "guessed")
KEYS = (*(f"{role}_{what}" for role in ROLES for what in ("class", "template")), "true_class")
Entry = Mapping[str, str]


class Seen(NamedTuple):
    """What CLIP takes a picture for: a class, and the name of a template, such as photo or drawing."""

    cls: str
    template: str


def entries(games: Sequence[Game], seen: Mapping[str, Seen], true: Sequence[str]) -> list[dict[str, str]]:
    """The official file's entries, one a game, from what was seen in each picture and the targets' true classes."""
    found = []
    for game, cls in zip(games, true, strict=True):
        entry = {}
        pictures = {"sketch": game.sketch, "correct": game.target_picture, "guessed": game.guessed_picture}
        for role, name in pictures.items():
            entry[f"{role}_class"], entry[f"{role}_template"] = seen[name]
        found.append(entry | {"true_class": cls})
    return found


def read_entries(path: Path, games: int) -> list[Entry]:
    """The entries of clip-analysis.json, ours or the official code's, one for each of `games`."""
    entries = read_json(path)
    whole = isinstance(entries, list) and all(
        isinstance(entry, dict) and entry.keys() >= set(KEYS) for entry in entries
    )
    if not whole or len(entries) != games:
        found = f"it has {len(entries)} entries, and the log {games} games" if whole else "an entry lacks something"
        raise UsageError(f"{path} does not belong to this log: {found}.\nMake it again with clip-analysis.")
    return entries
