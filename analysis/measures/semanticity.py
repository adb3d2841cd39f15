"""Semanticity (Qiu et al. 2022): whether classes with similar meanings have similar sketches."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import pdist, squareform

from learning_to_draw.analysis.measures.topographic import PERMUTATIONS, permutation_p, standardise

DRAWS = 1_000
CHUNK = 2**22  # pairs of classes at a time, to limit memory


def class_means(features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(labels of the C classes, ascending; float64 [C, D], the mean features of each).

    features: [N, D]. labels: int [N].
    """
    names, places = np.unique(labels, return_inverse=True)
    sums = np.zeros((len(names), features.shape[1]))
    np.add.at(sums, places, features)
    return names, sums / np.bincount(places)[:, None]


def cosines(vectors: np.ndarray) -> np.ndarray:
    """float64 [C (C - 1) / 2]: cosine similarities of all pairs of vectors [C, D], condensed; NaN for a vector of 0."""
    return 1 - pdist(vectors.astype(np.float64), "cosine")


def semanticity(sketches: np.ndarray, meanings: np.ndarray) -> float:
    """Pearson's r, -1..1, of two condensed arrays of similarities. NaN if one of them is constant."""
    if min(np.ptp(sketches), np.ptp(meanings)) < 1e-9:  # cosines of equal vectors differ by rounding
        return float("nan")
    return float(standardise(sketches) @ standardise(meanings))


def semanticity_p(
    sketches: np.ndarray, meanings: np.ndarray, rng: np.random.Generator, permutations: int = PERMUTATIONS
) -> float:
    """p-value of the semanticity by a permutation of classes (Mantel 1967); see `topographic.mantel_p`."""
    return permutation_p(standardise(sketches), standardise(meanings), rng, permutations)


def resample_semanticity(
    sketches: np.ndarray, meanings: np.ndarray, rng: np.random.Generator, draws: int = DRAWS
) -> np.ndarray:
    """float64 [draws or fewer]: semanticity of classes drawn with replacement (Efron 1979).

    A class that is drawn twice counts twice in its pairs with others; it makes no pair with itself, whose similarity
    would be 1 in both arrays. Draws with constant similarities are left out.
    """
    count = len(squareform(sketches))
    i, j = np.triu_indices(count, k=1)
    found = []
    size = max(1, CHUNK // len(i))
    for start in range(0, draws, size):
        times = rng.multinomial(count, np.full(count, 1 / count), size=min(size, draws - start))
        weights = (times[:, i] * times[:, j]).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            weights /= weights.sum(axis=1, keepdims=True)
            x = sketches - (weights @ sketches)[:, None]
            y = meanings - (weights @ meanings)[:, None]
            covariance = (weights * x * y).sum(axis=1)
            found.append(covariance / np.sqrt((weights * x**2).sum(axis=1) * (weights * y**2).sum(axis=1)))
    values = np.concatenate(found)
    return values[np.isfinite(values)]
