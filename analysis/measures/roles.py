"""Stroke roles: whether a stroke stays at its own place in all drawings, like a dial, or goes where the photo asks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from learning_to_draw.analysis.measures.significance import CHUNK, RESAMPLES


@dataclass(frozen=True)
class Roles:
    """Variances of stroke centres, the mean of those of row and column, in squared canvas units (the canvas spans
    -1..1; 1/3 is a uniform distribution). within: float64 [K], of stroke k over drawings. between: of the mean
    centres of the K strokes. centres: float64 [K, 2], these mean centres."""

    centres: np.ndarray
    within: np.ndarray
    between: float


def stroke_roles(points: np.ndarray) -> Roles:
    """Returns the roles of the strokes of N drawings, points [N, K, P, 2]. A centre is the mean of P control points."""
    centres = points.astype(np.float64).mean(axis=2)
    means = centres.mean(axis=0)
    return Roles(means, centres.var(axis=0).mean(axis=1), float(means.var(axis=0).mean()))


def resample_roles(points: np.ndarray, rng: np.random.Generator, draws: int = RESAMPLES) -> np.ndarray:
    """float64 [draws, 2]: mean variance within strokes, and variance between them, of drawings drawn with replacement.

    points: [N, K, P, 2], of N drawings (Efron 1979).
    """
    count, strokes = points.shape[:2]
    centres = points.astype(np.float64).mean(axis=2).reshape(count, -1)  # [N, 2 K]
    squares = (centres**2).mean(axis=1)  # the mean over strokes and both coordinates
    found = []
    for start in range(0, draws, CHUNK):
        shares = rng.multinomial(count, np.full(count, 1 / count), size=min(CHUNK, draws - start)) / count
        means = shares @ centres  # [draws, 2 K]
        within = shares @ squares - (means**2).mean(axis=1)
        between = means.reshape(len(means), strokes, 2).var(axis=1).mean(axis=1)
        found.append(np.stack([within, between], axis=1))
    return np.concatenate(found)
