"""How much each stroke matters: the communication rate after erasing it from every sketch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Erasure:
    """The effect of erasing strokes. whole: the rate with all strokes, 0..1. rates: float64 [K], the rate without
    stroke k. changed: float64 [K], the share of games whose guess changes without stroke k."""

    whole: float
    rates: np.ndarray
    changed: np.ndarray

    @property
    def drops(self) -> np.ndarray:
        """float64 [K]: drop of the rate without stroke k; negative if the stroke misleads."""
        return self.whole - self.rates


def erasure(guesses: np.ndarray, erased: np.ndarray, targets: np.ndarray) -> Erasure:
    """Returns the effect of erasing each of K strokes in N games.

    guesses: int [N], made with all strokes. erased: int [K, N]; row k has the guesses without stroke k.
    targets: int [N].
    """
    return Erasure(
        float((guesses == targets).mean()), (erased == targets).mean(axis=1), (erased != guesses).mean(axis=1)
    )


def mean_drops(guesses: np.ndarray, erased: np.ndarray, targets: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """float64 [N], -1..1: for each game, how much the chance of a right guess drops if a random drawn stroke is
    erased; 0 if no stroke is drawn.

    guesses, erased, targets: as for `erasure`. drawn: bool [K, N], whether stroke k is drawn in the game.
    """
    lost = (guesses == targets).astype(np.float64) - (erased == targets)
    return np.where(drawn, lost, 0).sum(axis=0) / np.maximum(drawn.sum(axis=0), 1)


def without_stroke(intensities: np.ndarray | None, shape: tuple[int, ...], stroke: int) -> np.ndarray:
    """float32 [N, K, C]: the intensities of strokes, with zeros for stroke number `stroke`.

    intensities: [N, K, C]; None: C = 1 and all intensities are 1. shape: (N, K, P, 2), the shape of the strokes'
    points.
    """
    left = np.ones((*shape[:2], 1), dtype=np.float32) if intensities is None else intensities.copy()
    left[:, stroke] = 0
    return left
