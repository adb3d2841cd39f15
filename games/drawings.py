"""Distances between drawings, compared as sets of strokes.

scipy is imported inside the functions, so a training that does not compare drawings starts sooner.
"""

from __future__ import annotations

import numpy as np

# Why these distances say nothing about some drawings.
NOT_DRAWN = "some strokes are not drawn, but these distances compare all strokes"


def matched_distances(drawings: np.ndarray, other: np.ndarray) -> np.ndarray:
    """float64 [N]: the distances of N drawings [N, K, P, 2] from the drawing `other` [K, P, 2], in canvas units.

    A drawing has K strokes of P control points. The strokes of two drawings are matched one to one, with the smallest
    possible sum of distances (Kuhn 1955); the distance of the drawings is the mean over these K pairs. The distance of
    two strokes is the mean distance of their control points, with one stroke reversed if this makes it smaller. So the
    order and direction of strokes do not matter. Widths and colours are ignored.
    """
    costs, _ = stroke_distances(drawings, other)
    return np.array([cost[matching(cost)].mean() for cost in costs])


def matching(costs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns (rows, columns), int64 [K]: the one-to-one matching whose entries in costs [K, K] have the least sum."""
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment(costs)


def stroke_distances(drawings: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(distances, reversed) for every pair of a stroke of drawings [N, K, P, 2] and a stroke of `other` [K, P, 2].

    Both are [N, K, K]; the axes are the drawing, its stroke, and the stroke of `other`. distances: float64, mean
    distances of the control points, with one stroke reversed if this makes the mean smaller. reversed: bool, whether
    one stroke was reversed.
    """
    from scipy.spatial.distance import cdist

    count, strokes, points = drawings.shape[:3]
    flat = drawings.reshape(count * strokes, points, 2)
    forwards, backwards = (
        sum(cdist(flat[:, p], aligned[:, p]) for p in range(points)) / points for aligned in (other, other[:, ::-1])
    )
    shape = (count, strokes, strokes)
    return np.minimum(forwards, backwards).reshape(shape), (backwards < forwards).reshape(shape)
