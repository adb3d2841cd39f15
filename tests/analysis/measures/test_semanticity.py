"""Semanticity: closed forms, the correlation of numpy, and a jackknife over classes."""

import numpy as np
import pytest

from learning_to_draw.analysis.measures.jackknife import jackknife_interval
from learning_to_draw.analysis.measures.semanticity import (
    class_means,
    cosines,
    semanticity,
    semanticity_error,
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


def test_the_error_is_that_of_classes_left_out_one_by_one():
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((9, 6))
    others = vectors + rng.standard_normal((9, 6))
    kept = [np.delete(np.arange(9), k) for k in range(9)]
    slow = np.array([np.corrcoef(cosines(vectors[k]), cosines(others[k]))[0, 1] for k in kept])
    expected = np.sqrt(8 / 9 * ((slow - slow.mean()) ** 2).sum())
    assert semanticity_error(cosines(vectors), cosines(others)) == pytest.approx(expected)
    assert semanticity_error(cosines(vectors), cosines(vectors)) == pytest.approx(0, abs=1e-9)


def test_intervals_hold_the_true_value_and_are_not_far_too_wide():
    """Classes with 20 features; sketches and meanings add noise of their own to them."""
    rng = np.random.default_rng(0)

    def draw(count):
        vectors = rng.normal(size=(count, 20))
        return [cosines(vectors + 0.7 * rng.normal(size=(count, 20))) for _ in range(2)]

    truth, values, bounds = semanticity(*draw(1000)), [], []
    for _ in range(100):
        similarities = draw(30)
        values.append(semanticity(*similarities))
        bounds.append(jackknife_interval(values[-1], semanticity_error(*similarities), 30, -1, 1))
    low, high = np.array(bounds).T
    assert ((low <= truth) & (truth <= high)).sum() >= 90
    assert (high - low).mean() < 1.6 * 2 * 1.96 * np.std(values)
