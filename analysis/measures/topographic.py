"""Topographic similarity (Brighton & Kirby 2006): whether photos that are alike are drawn alike."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

PERMUTATIONS = 999


def topographic_similarity(photos: np.ndarray, drawings: np.ndarray) -> float:
    """Spearman's rank correlation, -1..1, of condensed distances between N photos and between their drawings.

    NaN where all photos, or all drawings, are equally far from each other.
    """
    one, other = _standard_ranks(photos), _standard_ranks(drawings)
    return float(one @ other) if one.any() and other.any() else float("nan")


def mantel_p(
    photos: np.ndarray, drawings: np.ndarray, generator: np.random.Generator, permutations: int = PERMUTATIONS
) -> float:
    """How probable a similarity as high or higher is if drawings have nothing to do with photos, 0..1.

    The pairs of a picture are not independent, so whole pictures are permuted (Mantel 1967): the share of permutations
    that come out as high, the true order being counted as one of them.
    """
    one, other = _standard_ranks(photos), squareform(_standard_ranks(drawings))
    count = len(other)
    upper = np.triu_indices(count, k=1)
    observed = one @ other[upper]
    as_high = 1
    for _ in range(permutations):
        order = generator.permutation(count)
        # Rounding must not tell apart what is equal.
        as_high += one @ other[order[upper[0]], order[upper[1]]] >= observed - 1e-12
    return as_high / (permutations + 1)


def _standard_ranks(distances: np.ndarray) -> np.ndarray:
    """Ranks, the mean one of those that tie, less their mean and scaled to length 1; zeros where all tie."""
    ranks = rankdata(distances)
    ranks -= ranks.mean()
    length = np.linalg.norm(ranks)
    return ranks / length if length else ranks
