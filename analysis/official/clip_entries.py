"""clip-analysis.json: what CLIP saw in each game of a log, one entry per game, with the official code's keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypedDict

from learning_to_draw.errors import UsageError
from learning_to_draw.reading import read_json
from learning_to_draw.trials.records.gamelog import Turn

CLIP_FILE = "clip-analysis.json"  # in the folder of the log
AGAIN = "Create it again with clip-analysis."


class Entry(TypedDict):
    """An entry of clip-analysis.json: what CLIP saw in the sketch, the target (keys correct_...) and the guessed
    picture of a game; and the target's true class."""

    sketch_class: str
    sketch_template: str
    correct_class: str
    correct_template: str
    guessed_class: str
    guessed_template: str
    true_class: str


class Seen(NamedTuple):
    """What CLIP sees in a picture: the class in the closest sentence, and the name of this sentence's template."""

    cls: str
    template: str


def entries(games: Sequence[Turn], seen: Mapping[str, Seen], true: Sequence[str]) -> list[dict[str, str]]:
    """Returns the entries of clip-analysis.json, one per game. seen: what CLIP saw, by picture. true: the class of
    each game's target."""
    rows = []
    for game, cls in zip(games, true, strict=True):
        entry = {}
        pictures = {"sketch": game.sketch, "correct": game.target_picture, "guessed": game.guessed_picture}
        for role, name in pictures.items():
            entry[f"{role}_class"], entry[f"{role}_template"] = seen[name]
        rows.append(entry | {"true_class": cls})
    return rows


def read_entries(path: Path, games: int) -> list[Entry]:
    """Returns the entries of a clip-analysis.json, written by this program or by the official code.

    Raises UsageError if the file cannot be read, or if the number of entries differs from `games`.
    """
    entries: list[Entry] = read_json(path, list[Entry], AGAIN)
    if len(entries) != games:
        reason = f"its number of entries is {len(entries)}, but the log's number of games is {games}"
        raise UsageError(f"{path} does not belong to this log: {reason}.\n{AGAIN}")
    return entries
