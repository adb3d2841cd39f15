"""Distances between pictures, features or drawings: for all pairs of N items, or from each of N items to M others."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist, squareform

from learning_to_draw.games.drawings import matched_distances

POINTS_A_STROKE = 8


def rms_distances(pictures: np.ndarray) -> np.ndarray:
    """float64 [N (N - 1) / 2]: root mean square difference between two pictures, in the unit of their values.

    pictures: [N, ...] of any type.
    """
    flat = pictures.reshape(len(pictures), -1)
    return pdist(flat.astype(np.float64)) / np.sqrt(flat.shape[1])


def rms_across(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """float64 [N, M]: root mean square difference between one[i] and other[j].

    one: [N, C, H, W]. other: [M, C, H, W]. If one of the two has C = 1, it is compared with every channel of the other.
    Computed from products of pictures, which are exact for uint8 and much faster than differences.
    """
    channels = max(one.shape[1], other.shape[1])
    first, second = (
        np.repeat(pictures, channels // pictures.shape[1], axis=1).reshape(len(pictures), -1).astype(np.float64)
        for pictures in (one, other)
    )
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1) - 2 * first @ second.T
    return np.sqrt(squares.clip(min=0) / first.shape[1])


def feature_distances(features: np.ndarray) -> np.ndarray:
    """float64 [N (N - 1) / 2]: Euclidean distances between features [N, D]."""
    return pdist(features.astype(np.float64))


def matching_distances(points: np.ndarray) -> np.ndarray:
    """float64 [N (N - 1) / 2]: distances between drawings [N, K, P, 2], as `matched_distances` gives them.

    The strokes of two drawings are matched one to one; the drawings' distance is the mean distance of matched strokes.
    The order and direction of a drawing's strokes do not matter.
    """
    distances = np.zeros((len(points), len(points)))
    for i in range(len(points) - 1):
        distances[i, i + 1 :] = distances[i + 1 :, i] = matched_distances(points[i + 1 :], points[i])
    return squareform(distances)


def sample_points(points: np.ndarray, each: int = POINTS_A_STROKE) -> np.ndarray:
    """float64 [N, S, 2]: points on strokes [N, K, P, 2], `each` per stroke, evenly spaced in the curve's parameter.

    S is K times `each`. For P = 1, S is K: a stroke gives its single point. Raises ValueError unless P is 1, 2 or 4.
    """
    t = np.linspace(0, 1, each)
    match points.shape[2]:
        case 1:
            weights = np.ones((1, 1))
        case 2:
            weights = np.stack([1 - t, t], axis=1)
        case 4:
            weights = np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], axis=1)
        case number:
            raise ValueError(f"strokes have 1, 2 or 4 control points, not {number}")
    return np.einsum("tp,nkpc->nktc", weights, points.astype(np.float64)).reshape(len(points), -1, 2)


def chamfer_distances(samples: np.ndarray) -> np.ndarray:
    """float64 [N (N - 1) / 2]: Chamfer distances (Barrow et al. 1977) between drawings. samples: points [N, S, 2].

    The distance of two drawings is the mean distance from a point of one drawing to the nearest point of the other,
    averaged over both directions, in the unit of the points.
    """
    one_way = _to_nearest(samples, samples)
    both = (one_way + one_way.T) / 2
    np.fill_diagonal(both, 0)
    return squareform(both)


def chamfer_across(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """float64 [N, M]: Chamfer distances between one[i] [S, 2] and other[j] [T, 2]; see `chamfer_distances`."""
    return (_to_nearest(one, other) + _to_nearest(other, one).T) / 2


def _to_nearest(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """float64 [N, M]: mean distance from a point of one[i] to the nearest point of other[j]."""
    count, points = one.shape[:2]
    flat = one.reshape(-1, 2)
    nearest = [cKDTree(drawing).query(flat, workers=-1)[0].reshape(count, points).mean(axis=1) for drawing in other]
    return np.stack(nearest, axis=1)
