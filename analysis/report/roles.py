"""The roles of strokes: where each stroke is in the sketches of many photos, and what its erasure costs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from learning_to_draw.analysis.measure.saved import Measures
from learning_to_draw.reading import Finite, check
from learning_to_draw.trials.records.gamelog import GameLog

MOST_STROKES, MOST_DRAWINGS = 40, 250  # shown
GRID = 1000  # coordinates on the page are whole numbers, from 0 to GRID on the canvas


@dataclass(frozen=True)
class Roles:
    """K strokes in D sketches of different photos.

    points: float32 [D, K, P, 2], the control points (x, y), from (0, 0) in the top left corner of the canvas to (1, 1).
    drawn: bool [D, K], whether the sketch has the stroke. numbers: for each of the K strokes, its index among all
    strokes of a sketch. lost: for each of the K strokes, the drop of the communication rate when it is erased, in
    -1..1; None if it was not measured. drawings: the number of different photos in the log, at least D. strokes: the
    number of strokes per sketch in the log, at least K. never_drawn: how many of these strokes are left out because
    none of the D sketches has them.
    """

    points: np.ndarray
    drawn: np.ndarray
    numbers: list[int]
    lost: list[float] | None
    drawings: int
    strokes: int
    never_drawn: int


def stroke_roles(log: GameLog, measured: Sequence[Measures], seed: int) -> Roles | None:
    """Returns the roles of strokes in at most MOST_DRAWINGS sketches of different photos, chosen at random.

    Strokes that none of these sketches has are left out; of the other strokes, the first MOST_STROKES are kept. Returns
    None if no stroke is kept, or if the log has no strokes. measured: contents of files of `measure --json`.
    """
    strokes = log.strokes()
    if strokes is None or not strokes.points.size:
        return None
    photos = different_photos(log)
    chosen = random_sample(photos, MOST_DRAWINGS, seed)
    shown = strokes[chosen]
    drawn_strokes = np.flatnonzero(shown.drawn.any(axis=0))
    if not len(drawn_strokes):
        return None
    kept, count = drawn_strokes[:MOST_STROKES].tolist(), shown.points.shape[1]
    lost = _lost(log, count, measured)
    return Roles(
        points=(shown.points[:, kept, :, ::-1] + 1) / 2,
        drawn=shown.drawn[:, kept],
        numbers=kept,
        lost=None if lost is None else [lost[stroke] for stroke in kept],
        drawings=len(photos),
        strokes=count,
        never_drawn=count - len(drawn_strokes),
    )


def different_photos(log: GameLog) -> list[int]:
    """Returns the number of the first game of each photo, in ascending order."""
    return sorted({game.photo: number for number, game in reversed(list(enumerate(log.games)))}.values())


def random_sample(numbers: Sequence[int], most: int, seed: int) -> list[int]:
    """Returns at most `most` of the numbers, in their order."""
    if len(numbers) <= most:
        return list(numbers)
    return sorted(np.random.default_rng(seed).choice(numbers, most, replace=False).tolist())


def as_content(roles: Roles) -> dict[str, Any]:
    """Returns the roles as the page stores them.

    "strokes" has a flat list for each stroke: its coordinates in the drawings that have it.
    """
    whole = (roles.points * GRID).round().clip(-GRID, 2 * GRID).astype(int)  # parts outside the canvas are not visible
    return {
        "numbers": roles.numbers,
        "strokes": [whole[roles.drawn[:, place], place].ravel().tolist() for place in range(whole.shape[1])],
        "points": whole.shape[2],
        "lost": roles.lost,
        "drawings": [len(whole), roles.drawings],
        "all_strokes": roles.strokes,
        "never_drawn": roles.never_drawn,
    }


def _lost(log: GameLog, strokes: int, measured: Sequence[Measures]) -> list[float] | None:
    """Returns how far the erasure of each stroke lowers the rate, or None if no file has this for the log.

    If several files have it, the first is used. A log is recognised by its digest.
    """
    digest = log.digest()
    for entry in (entry for content in measured for entry in content["logs"] if entry["digest"] == digest):
        lost = entry["measures"].get("erasure", {}).get("lost")
        with suppress(ValueError):
            if len(check(lost, list[Finite])) == strokes:
                return lost
    return None
