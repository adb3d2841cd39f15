"""Topographic similarity (Brighton & Kirby 2006): whether similar photos are drawn alike."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

PERMUTATIONS = 999


def topographic_similarity(photos: np.ndarray, drawings: np.ndarray) -> float:
    """Spearman's rank correlation, -1..1, between the condensed distances of N photos and those of their drawings.

    NaN if all photos, or all drawings, are equally far from each other.
    """
    photo_ranks, drawing_ranks = _standard_ranks(photos), _standard_ranks(drawings)
    return float(photo_ranks @ drawing_ranks) if photo_ranks.any() and drawing_ranks.any() else float("nan")


def mantel_p(
    photos: np.ndarray, drawings: np.ndarray, generator: np.random.Generator, permutations: int = PERMUTATIONS
) -> float:
    """p-value, above 0 and up to 1, of `topographic_similarity(photos, drawings)`.

    Null hypothesis: drawings do not depend on photos.
    Pairs that share a picture are not independent, so whole pictures are permuted (Mantel 1967). The p-value is the
    share of permutations whose similarity is at least the observed one; the observed order counts as a permutation.
    """
    return permutation_p(_standard_ranks(photos), _standard_ranks(drawings), generator, permutations)


def permutation_p(
    first: np.ndarray, second: np.ndarray, generator: np.random.Generator, permutations: int = PERMUTATIONS
) -> float:
    """The share of permutations of N items that give at least the observed correlation of `first` and `second`.

    The observed order counts as a permutation. first, second: from `standardise`, one number per pair of items.
    """
    square = squareform(second)
    count = len(square)
    upper = np.triu_indices(count, k=1)
    observed = first @ second
    as_high = 1
    for _ in range(permutations):
        order = generator.permutation(count)
        permuted = first @ square[order[upper[0]], order[upper[1]]]
        as_high += permuted >= observed - 1e-12  # equal similarities can differ by rounding
    return as_high / (permutations + 1)


def standardise(values: np.ndarray) -> np.ndarray:
    """Returns values [M] centred and scaled to Euclidean norm 1: the dot product of two such arrays is Pearson's r.
    Returns zeros if all values are equal."""
    if not np.ptp(values):  # the mean of equal values can differ from them by a rounding error
        return np.zeros(len(values))
    centred = values - values.mean()
    return centred / np.linalg.norm(centred)


def _standard_ranks(distances: np.ndarray) -> np.ndarray:
    """Returns the standardised ranks; ties get their mean rank."""
    return standardise(rankdata(distances))
