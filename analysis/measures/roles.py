"""Stroke roles: whether a stroke has the same place in all drawings, or a different place for each photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from learning_to_draw.analysis.measures.jackknife import standard_errors


@dataclass(frozen=True)
class Roles:
    """How the centres of K strokes vary. centres: float64 [K, 2], the mean centre (row, col) of each stroke over the
    drawings that have it. within: float64 [K], the variance of each stroke's centre over these drawings. between: the
    variance of the K mean centres. Each variance is the mean of the variances of row and column, in squared canvas
    units (the canvas spans -1..1; a uniform distribution has 1/3)."""

    centres: np.ndarray
    within: np.ndarray
    between: float


def stroke_roles(points: np.ndarray) -> Roles:
    """Returns the roles of the K strokes of N drawings. A stroke's centre is the mean of its control points.

    points: [N, K, P, 2], NaN where a stroke is not drawn. Every stroke must be drawn at least once.
    """
    centres = points.astype(np.float64).mean(axis=2)
    means = np.nanmean(centres, axis=0)
    return Roles(means, np.nanvar(centres, axis=0).mean(axis=1), float(means.var(axis=0).mean()))


def unbiased_roles(points: np.ndarray) -> tuple[Roles, np.ndarray]:
    """(roles without bias, standard errors float64 [3]) of the K strokes of N drawings.

    points: [N, K, P, 2], NaN where a stroke is not drawn. Every stroke must be drawn at least twice.

    Without the correction, the variance over the n drawings of a stroke is too small by the factor 1 - 1 / n, and
    `between` is too large, because the mean centres have an error, whose variance is 1 / n of the variance over
    drawings. A negative `between` is set to 0. The standard errors are those of the jackknife over drawings, for three
    numbers: the mean of `within`; `between`; and the share mean within / (mean within + between).
    """
    roles, centres = stroke_roles(points), points.astype(np.float64).mean(axis=2)
    drawn = np.isfinite(centres[..., :1]).sum(axis=0)  # n of each stroke, [K, 1]
    deviations = np.nan_to_num(centres - roles.centres) * np.sqrt(drawn / (drawn - 1))
    within = (deviations**2).sum(axis=0) / drawn
    # The expected variance of the K mean centres if the true centres were all equal. Strokes of one drawing may move
    # together; the second term is the variance of what they have in common.
    error = (within / drawn).mean(axis=0) - ((deviations / drawn).mean(axis=1) ** 2).sum(axis=0)

    def numbers(drawings: np.ndarray) -> np.ndarray:
        some = stroke_roles(centres[drawings, :, None])
        mean, total = some.within.mean(), some.within.mean() + some.between
        return np.array([mean, some.between, mean / total if total else 0.0])

    found = Roles(roles.centres, within.mean(axis=1), max(0.0, roles.between - float(error.mean())))
    return found, standard_errors(numbers, len(points))
