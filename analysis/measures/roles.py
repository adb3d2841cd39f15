"""Stroke roles: whether a stroke has the same place in all drawings, or a different place for each photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from learning_to_draw.analysis.measures.jackknife import jackknife


@dataclass(frozen=True)
class Roles:
    """Variances of stroke centres, averaged over row and column, in squared canvas units (the canvas spans -1..1; a
    uniform distribution has 1/3). within: float64 [K], the variance of stroke k over the drawings that have it.
    centres: float64 [K, 2], the mean centre of each stroke. between: the variance of these K mean centres."""

    centres: np.ndarray
    within: np.ndarray
    between: float


def stroke_roles(points: np.ndarray) -> Roles:
    """Returns the roles of the strokes of N drawings, points [N, K, P, 2]. A centre is the mean of the control points.

    points: NaN where a stroke is not drawn. Every stroke must be drawn at least once.
    """
    centres = points.astype(np.float64).mean(axis=2)
    means = np.nanmean(centres, axis=0)
    return Roles(means, np.nanvar(centres, axis=0).mean(axis=1), float(means.var(axis=0).mean()))


def unbiased_roles(points: np.ndarray) -> tuple[Roles, np.ndarray]:
    """(roles without bias, standard errors float64 [3]) of N drawings, points [N, K, P, 2], by the jackknife.

    points: NaN where a stroke is not drawn. Every stroke must be drawn at least twice.

    Without the correction, variances over N drawings are too small by the factor 1 - 1 / N, and `between` is too large,
    because the mean centres have an error, whose variance is 1 / N of the variance over drawings. The standard errors
    belong to three numbers: the mean of `within`; `between`; and the share mean within / (mean within + between).
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
