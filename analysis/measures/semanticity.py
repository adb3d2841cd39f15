"""Semanticity (Qiu et al. 2022): whether classes with similar meanings have similar sketches."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import pdist, squareform

from learning_to_draw.analysis.measures.jackknife import standard_errors
from learning_to_draw.analysis.measures.topographic import PERMUTATIONS, permutation_p, standardise


def class_means(features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(labels, means): the labels of the C classes, ascending, and the mean features of each class, float64 [C, D].

    features: [N, D]. labels: int [N].
    """
    names, places = np.unique(labels, return_inverse=True)
    sums = np.zeros((len(names), features.shape[1]))
    np.add.at(sums, places, features)
    return names, sums / np.bincount(places)[:, None]


def cosines(vectors: np.ndarray) -> np.ndarray:
    """float64 [C (C - 1) / 2]: cosine similarities of all pairs of vectors [C, D], condensed.

    A pair with a zero vector has the similarity NaN.
    """
    return 1 - pdist(vectors.astype(np.float64), "cosine")


def semanticity(sketches: np.ndarray, meanings: np.ndarray) -> float:
    """Pearson's r, -1..1, of two condensed arrays of similarities. NaN if one of them is constant."""
    if min(np.ptp(sketches), np.ptp(meanings)) < 1e-9:  # cosines of equal vectors differ by rounding
        return float("nan")
    return float(standardise(sketches) @ standardise(meanings))


def semanticity_p(
    sketches: np.ndarray, meanings: np.ndarray, rng: np.random.Generator, permutations: int = PERMUTATIONS
) -> float:
    """p-value of `semanticity(sketches, meanings)` by Mantel's test (1967).

    It is the share of class permutations whose semanticity is at least the observed one; the observed order counts as
    a permutation.
    """
    return permutation_p(standardise(sketches), standardise(meanings), rng, permutations)


def semanticity_error(sketches: np.ndarray, meanings: np.ndarray) -> float:
    """The standard error of `semanticity(sketches, meanings)` by the jackknife over classes (Efron 1981).

    It tends to be too large (by about a quarter for 30 classes), because each pair belongs to two classes. Returns NaN
    if there is a class without which the semanticity is NaN.
    """
    first, second = squareform(sketches), squareform(meanings)

    def without(classes: np.ndarray) -> np.ndarray:
        i, j = np.triu_indices(len(classes), k=1)
        pairs = classes[i], classes[j]
        return np.array([semanticity(first[pairs], second[pairs])])

    return float(standard_errors(without, len(first))[0])
