"""Stroke roles: whether a stroke stays at its own place in all drawings, like a dial, or goes where the photo asks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from learning_to_draw.analysis.measures.jackknife import jackknife


@dataclass(frozen=True)
class Roles:
    """Variances of stroke centres, the mean of those of row and column, in squared canvas units (the canvas spans
    -1..1; 1/3 is a uniform distribution). within: float64 [K], of stroke k over the drawings that have it. between: of
    the mean centres of the K strokes. centres: float64 [K, 2], these mean centres."""

    centres: np.ndarray
    within: np.ndarray
    between: float


def stroke_roles(points: np.ndarray) -> Roles:
    """Returns the roles of the strokes of N drawings, points [N, K, P, 2]. A centre is the mean of P control points.

    points: NaN where a stroke is not drawn. Every stroke must be drawn at least once.
    """
    centres = points.astype(np.float64).mean(axis=2)
    means = np.nanmean(centres, axis=0)
    return Roles(means, np.nanvar(centres, axis=0).mean(axis=1), float(means.var(axis=0).mean()))


def unbiased_roles(points: np.ndarray) -> tuple[Roles, np.ndarray]:
    """(roles without bias, standard errors float64 [3]) of N drawings, points [N, K, P, 2], by the jackknife.

    points: NaN where a stroke is not drawn. Every stroke must be drawn at least twice.

    Variances over N drawings are too small by 1 / N, and mean centres scatter by the variance over drawings / N, which
    makes `between` too large. Errors: of the mean of `within`, of `between`, and of the share within / (within +
    between).
    """
    count, strokes = points.shape[:2]
    centres = points.astype(np.float64).mean(axis=2, keepdims=True)

    def numbers(drawings: np.ndarray) -> np.ndarray:
        roles = stroke_roles(centres[drawings])
        within = roles.within.mean()
        total = within + roles.between
        return np.array([*roles.within, within, roles.between, within / total if total else 0.0])

    corrected, errors = jackknife(numbers, count)
    between = max(0.0, float(corrected[strokes + 1]))
    return Roles(stroke_roles(points).centres, corrected[:strokes], between), errors[strokes:]
