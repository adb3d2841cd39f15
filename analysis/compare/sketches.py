"""Chooses photos, and finds the sketches that every setting made of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from learning_to_draw.analysis.compare.settings import Setting
from learning_to_draw.datasets.picture_file import take_from
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records.gamelog import Turn, read_log


@dataclass(frozen=True)
class SketchRow:
    """A setting's sketches of the N photos, from its run with the lowest seed. sketches: N pictures. right: whether the
    guess from each sketch was right."""

    label: str
    sketches: tuple[Path, ...]
    right: tuple[bool, ...]


@dataclass(frozen=True)
class Sketches:
    """N photos, and one row of sketches per setting. classes: of the photos, each None if the log has no classes."""

    photos: tuple[Path, ...]
    classes: tuple[str | None, ...]
    rows: tuple[SketchRow, ...]


def same_photos(settings: Sequence[Setting], count: int, seed: int) -> Sketches:
    """Returns up to `count` photos that the first run of every setting sketched, with each setting's sketches.

    `_of_all_classes` chooses the photos. Raises UsageError if a log cannot be read, a picture is missing or damaged, or
    the settings have no photo in common.
    """
    logs = [read_log(setting.runs[0].test) for setting in settings]
    drawn = [{game.photo: game for game in reversed(log.games)} for log in logs]
    common = [game for photo, game in drawn[0].items() if all(photo in games for games in drawn[1:])]
    chosen = _of_all_classes(common, count, seed)
    if not chosen:
        raise UsageError("the logs have no photo in common; compare runs with the same test pictures and image size")
    rows = []
    for setting, log, games in zip(settings, logs, drawn, strict=True):
        turns = [games[game.photo] for game in chosen]
        sketches = tuple(log.picture(turn.sketch) for turn in turns)
        rows.append(SketchRow(setting.label, sketches, tuple(turn.correct for turn in turns)))
    photos = tuple(logs[0].picture(game.photo) for game in chosen)
    for path in (*photos, *(path for row in rows for path in row.sketches)):
        take_from(path, lambda picture: picture.load())
    return Sketches(photos, tuple(game.photo_class for game in chosen), tuple(rows))


def _of_all_classes(games: Sequence[Turn], count: int, seed: int) -> list[Turn]:
    """Returns `count` games, sorted by class: one game of each class before a second game of any class, and so on.

    Which games, and which classes if there are more than `count`, is random.
    """
    shuffled = sorted(games, key=lambda game: game.photo)
    random.Random(seed).shuffle(shuffled)
    seen: dict[str | None, int] = {}
    rounds = []
    for game in shuffled:
        seen[game.photo_class] = seen.get(game.photo_class, 0) + 1
        rounds.append(seen[game.photo_class])
    chosen = sorted(range(len(shuffled)), key=lambda place: rounds[place])[:count]
    return sorted((shuffled[place] for place in chosen), key=lambda game: game.photo_class or "")
