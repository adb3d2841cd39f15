"""What the page and the figures show of a game log in addition to its games."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from learning_to_draw.analysis.measure.saved import Measures
from learning_to_draw.analysis.report.lexicon import Entry, lexicon
from learning_to_draw.analysis.report.roles import Roles, stroke_roles
from learning_to_draw.analysis.report.sketch_map import SketchMap, sketch_map
from learning_to_draw.trials.records.gamelog import GameLog


@dataclass(frozen=True)
class Views:
    """lexicon: empty if the log has no classes. roles: None if the log has no strokes.

    map: None if the log has too few different sketches.
    """

    lexicon: list[Entry]
    roles: Roles | None
    map: SketchMap | None


def views_of(log: GameLog, measured: Sequence[Measures], seed: int) -> Views:
    return Views(lexicon(log, seed), stroke_roles(log, measured, seed), sketch_map(log, seed))
