"""How far apart pictures, features and drawings are: every pair of N, or the pairs of two lists one by one."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist, pdist, squareform

POINTS_A_STROKE = 8


def rms_distances(pictures: np.ndarray) -> np.ndarray:
    """float64 [N (N - 1) / 2]: root of the mean squared difference of two pictures' values, in their unit.

    pictures: [N, ...] of any type.
    """
    flat = pictures.reshape(len(pictures), -1)
    return pdist(flat.astype(np.float64)) / np.sqrt(flat.shape[1])


def rms_between(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """float64 [N]: the same between one[i] and other[i]; pictures [N, C, H, W], of which one side may be grey."""
    squares = (one.astype(np.float64) - other) ** 2
    return np.sqrt(squares.reshape(len(squares), -1).mean(axis=1))


def feature_distances(features: np.ndarray) -> np.ndarray:
    """float64 [N (N - 1) / 2]: Euclidean distances of features [N, D]."""
    return pdist(features.astype(np.float64))


def matching_distances(points: np.ndarray) -> np.ndarray:
    """float64 [N (N - 1) / 2]: drawings [N, K, P, 2] compared as sets of strokes, in canvas units.

    The strokes of two drawings are paired one to one so that the mean distance of the pairs is least (Kuhn 1955). The
    distance of two strokes is the mean one of their control points, of one of them in reverse where that is less: the
    order of strokes, and which end of a stroke comes first, make no difference. Widths and colours make none either.
    """
    count, strokes = points.shape[:2]
    found = np.zeros((count, count))
    for i in range(count - 1):
        for j, costs in enumerate(_stroke_distances(points[i + 1 :], points[i]), start=i + 1):
            found[i, j] = found[j, i] = costs[linear_sum_assignment(costs)].sum() / strokes
    return squareform(found)


def _stroke_distances(drawings: np.ndarray, other: np.ndarray) -> np.ndarray:
    """float64 [N, K, K]: of every stroke of drawings [N, K, P, 2] to every stroke of one other [K, P, 2]."""
    count, strokes, points = drawings.shape[:3]
    flat = drawings.reshape(count * strokes, points, 2)
    forwards, backwards = (
        sum(cdist(flat[:, p], aligned[:, p]) for p in range(points)) / points for aligned in (other, other[:, ::-1])
    )
    return np.minimum(forwards, backwards).reshape(count, strokes, strokes)


def sample_points(points: np.ndarray, each: int = POINTS_A_STROKE) -> np.ndarray:
    """Strokes [N, K, P, 2] to points on them, [N, M, 2]: `each` a stroke from end to end, evenly in its parameter.

    A stroke that is a point (P = 1) gives that one.
    """
    t = np.linspace(0, 1, each)
    match points.shape[2]:
        case 1:
            weights = np.ones((1, 1))
        case 2:
            weights = np.stack([1 - t, t], axis=1)
        case 4:
            weights = np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], axis=1)
        case other:
            raise ValueError(f"strokes have 1, 2 or 4 control points, not {other}")
    return np.einsum("tp,nkpc->nktc", weights, points.astype(np.float64)).reshape(len(points), -1, 2)


def chamfer_distances(samples: np.ndarray) -> np.ndarray:
    """float64 [N (N - 1) / 2]: Chamfer distances (Barrow et al. 1977) of drawings as sets of M points, [N, M, 2].

    The distance of two sets is the mean way from a point of one to the nearest of the other, averaged over both
    directions. In the points' unit.
    """
    count, points = samples.shape[:2]
    flat = samples.reshape(-1, 2)
    # [i, j]: the mean way from the points of i to their nearest of j
    ways = [cKDTree(drawing).query(flat, workers=-1)[0].reshape(count, points).mean(axis=1) for drawing in samples]
    one_way = np.stack(ways, axis=1)
    both = (one_way + one_way.T) / 2
    np.fill_diagonal(both, 0)
    return squareform(both)


def chamfer_between(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """float64 [N]: the same between one[i] [M, 2] and other[i] [L, 2]."""
    pairs = (cdist(points, others) for points, others in zip(one, other, strict=True))
    return np.array([(ways.min(axis=1).mean() + ways.min(axis=0).mean()) / 2 for ways in pairs])
