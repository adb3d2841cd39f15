"""Semanticity: closed forms, the correlation of numpy, and a bootstrap over classes."""

import numpy as np
import pytest
from scipy.spatial.distance import squareform

from learning_to_draw.analysis.measures.semanticity import (
    class_means,
    cosines,
    resample_semanticity,
    semanticity,
    semanticity_p,
)


def test_means_and_cosines_by_hand():
    names, means = class_means(np.array([[1.0, 0], [3, 2], [0, 5]]), np.array(["b", "b", "a"]))
    assert names.tolist() == ["a", "b"]
    assert means.tolist() == [[0, 5], [2, 1]]
    assert cosines(np.array([[1.0, 0], [1, 1], [0, 2]])) == pytest.approx([0.5**0.5, 0, 0.5**0.5])


def test_the_value_is_pearsons_r():
    rng = np.random.default_rng(0)
    first, second = rng.random(45), rng.random(45)
    assert semanticity(first, second) == pytest.approx(np.corrcoef(first, second)[0, 1])
    assert semanticity(first, 3 * first - 1) == pytest.approx(1)
    assert semanticity(first, -first) == pytest.approx(-1)
    assert np.isnan(semanticity(first, np.full(45, 0.3)))
    assert np.isnan(semanticity(cosines(np.arange(1.0, 11)[:, None] * [0.1, 0.7]), first))  # all parallel


def test_p_is_small_only_for_classes_that_match():
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((12, 20))
    near = vectors + 0.1 * rng.standard_normal((12, 20))
    assert semanticity_p(cosines(near), cosines(vectors), np.random.default_rng(0)) == 1 / 1000
    swapped = cosines(near[rng.permutation(12)])
    assert semanticity_p(swapped, cosines(vectors), np.random.default_rng(0)) > 0.05


def test_the_bootstrap_is_that_of_classes_drawn_one_by_one():
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((9, 6))
    first, second = cosines(vectors), cosines(vectors + rng.standard_normal((9, 6)))
    draws = resample_semanticity(first, second, np.random.default_rng(0), draws=4_000)
    squares, slow = (squareform(first), squareform(second)), []
    for _ in range(2_000):
        chosen = rng.integers(0, 9, 9)
        pairs = [(i, j) for a, i in enumerate(chosen) for j in chosen[:a] if i != j]
        slow.append(np.corrcoef([[square[pair] for pair in pairs] for square in squares])[0, 1])
    assert np.quantile(draws, [0.025, 0.5, 0.975]) == pytest.approx(np.quantile(slow, [0.025, 0.5, 0.975]), abs=0.05)
    assert np.allclose(resample_semanticity(first, first, np.random.default_rng(0), draws=50), 1)
