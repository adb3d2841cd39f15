"""How much drawings of one photo differ between runs, and how many distinct drawings a run has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

from learning_to_draw.analysis.measures.topographic import PERMUTATIONS

Across = Callable[[np.ndarray, np.ndarray], np.ndarray]


def consistency(
    runs: Sequence[np.ndarray], across: Across, rng: np.random.Generator, permutations: int = PERMUTATIONS
) -> tuple[float, float]:
    """(ratio, p): how much two runs' drawings of the same photo differ, relative to drawings of different photos.

    The ratio is the mean distance between two runs' drawings of the same photo, divided by the mean distance between
    two runs' drawings of different photos. It is 0 if all runs draw alike, about 1 if they do not agree at all (even if
    every run has its own style), and NaN if the drawings of different photos are equal. Each permutation
    shuffles the drawings of each run separately. p is the share of permutations in which the mean distance between two
    runs' drawings at the same position is at most the observed one; the observed order counts as one permutation
    (Mantel 1967). p is one-sided: it is small if runs agree more than by chance.

    runs: two or more arrays [N, ...], the drawings of the same N photos in the same order; N is 2 or more. across:
    returns the distances [N, N] between two such arrays, like `rms_across` and `chamfer_across` in distances.py.
    """
    pairs = list(combinations(range(len(runs)), 2))
    distances = [across(runs[first], runs[second]) for first, second in pairs]
    count = len(runs[0])
    same = float(np.mean([square.diagonal().mean() for square in distances]))
    different = float(np.mean([(square.sum() - square.trace()) / (count * (count - 1)) for square in distances]))
    as_near = 1
    for _ in range(permutations):
        orders = [rng.permutation(count) for _ in runs]
        means = [square[orders[i], orders[j]].mean() for square, (i, j) in zip(distances, pairs, strict=True)]
        as_near += np.mean(means) <= same + 1e-12  # equal means can differ by rounding
    return same / different if different > 0 else float("nan"), as_near / (permutations + 1)


def distinct_share(drawings: Sequence[str]) -> float:
    """The number of distinct drawings, divided by N. drawings: N names; equal names mean equal drawings."""
    return len(set(drawings)) / len(drawings)
