"""Rows of the `measure` table about games replayed with something else in place of the sketch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from learning_to_draw.analysis.measure.material import LogData
from learning_to_draw.analysis.measure.table import Measured, NotMeasured, Row, not_measured, share
from learning_to_draw.analysis.measures.canny import edge_maps
from learning_to_draw.analysis.measures.controls import (
    half_dropped,
    mixed_strokes,
    other_games,
    other_games_of_class,
    shifted,
    turned,
    without,
)
from learning_to_draw.analysis.measures.rates import mean_chance
from learning_to_draw.trials.records.gamelog import LoggedStrokes

ANGLES = (15, 90)  # degrees
SHIFT = 0.1  # canvas units: a twentieth of the side


def controls(material: LogData) -> Measured:
    """Measures the communication rate in the sampled games if the receiver sees the sketch, a changed sketch, or
    another picture (positive listening, Lowe et al. 2019). Intervals: Wilson 1927."""
    replay, strokes = material.agents(), material.sampled_strokes
    games = material.games_of(material.sample)
    if len(games) < 2:
        raise NotMeasured("needs at least 2 different photos")
    offered, candidates = material.offered
    targets = np.array([game.target for game in games])
    count, each = strokes.points.shape[:2]
    rng = np.random.default_rng(material.settings.seed)

    def row(of_what: str, guesses: np.ndarray, chosen: np.ndarray | slice = slice(None), note: str = "games") -> Row:
        chance = mean_chance([len(games[number].candidates) for number in np.arange(count)[chosen]])
        won = guesses[chosen] == targets[chosen]
        return share(f"rate with {of_what}", won.sum(), len(won), chance=chance, of_what=note)

    def drawn(of_what: str, changed: LoggedStrokes) -> Row:
        return row(of_what, replay.guesses(changed, offered, candidates))

    def dropping(dropped: np.ndarray) -> LoggedStrokes:
        return replace(strokes, intensities=without(dropped, strokes.intensities))

    def same_class() -> Row:
        try:
            names = np.array(material.classes)[material.sample]
        except NotMeasured as reason:
            return not_measured("rate with another sketch of the class", reason)
        others = other_games_of_class(names, rng)
        paired = np.flatnonzero(others >= 0)
        if not len(paired):
            return not_measured("rate with another sketch of the class", "no two photos are of the same class")
        guesses = replay.guesses(strokes[others], offered, candidates)
        return row("another sketch of the class", guesses, paired, "games whose class has another sketch")

    mixed, others = mixed_strokes(count, each, rng), other_games(count, rng)
    rows = [
        drawn("the sketch", strokes),
        drawn("blank paper", dropping(np.ones((count, each), dtype=bool))),
        drawn("another game's sketch", strokes[others]),
        same_class(),
        drawn("each stroke from another game", strokes[mixed, np.arange(each)]),
        drawn("half of the strokes", dropping(half_dropped(strokes.drawn, rng)))
        if each > 1
        else not_measured("rate with half of the strokes", "sketches have one stroke"),
        *(
            drawn(f"the sketch turned by {angle}°", replace(strokes, points=turned(strokes.points, angle)))
            for angle in ANGLES
        ),
        drawn(f"the sketch shifted by {SHIFT}", replace(strokes, points=shifted(strokes.points, SHIFT, rng))),
    ]
    photos = material.sampled_photos
    for of_what, pictures in (
        ("the photo itself", photos),
        ("the photo's edges", edge_maps(photos, white_paper=material.white_paper)),
    ):
        rows.append(row(of_what, replay.guesses_from_pictures(pictures, offered, candidates)))
    return Measured(tuple(rows))
