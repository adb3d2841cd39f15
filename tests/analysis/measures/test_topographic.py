"""Rank correlations worked out by hand, and those that are known beforehand."""

import math

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from learning_to_draw.analysis.measures.topographic import mantel_p, standardise, topographic_similarity


def test_three_items_by_hand():
    """Ranks 1, 2, 3 and 1, 3, 2: 1 - 6 (0 + 1 + 1) / (3 * 8)."""
    assert topographic_similarity(np.array([0.1, 0.2, 7.0]), np.array([5.0, 9.0, 8.0])) == pytest.approx(0.5)
    assert topographic_similarity(np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0])) == pytest.approx(-1)


def test_a_monotone_function_of_distances_is_similar_to_the_full():
    photos = pdist(np.random.default_rng(0).normal(size=(30, 5)))
    assert topographic_similarity(photos, photos**3 + 2) == pytest.approx(1)
    assert mantel_p(photos, np.sqrt(photos), np.random.default_rng(1), permutations=99) == 1 / 100


def test_independent_drawings_are_not_similar():
    rng = np.random.default_rng(0)
    photos, drawings = pdist(rng.normal(size=(200, 5))), pdist(rng.normal(size=(200, 5)))
    assert abs(topographic_similarity(photos, drawings)) < 0.1
    assert mantel_p(photos, drawings, rng, permutations=199) > 0.05


def test_ties_have_their_mean_rank():
    rng = np.random.default_rng(0)
    photos, drawings = rng.integers(0, 4, 45).astype(float), rng.integers(0, 3, 45).astype(float)
    assert topographic_similarity(photos, drawings) == pytest.approx(spearmanr(photos, drawings).statistic)


def test_where_all_are_equally_far_there_is_no_correlation():
    assert math.isnan(topographic_similarity(np.ones(6), np.arange(6.0)))
    assert math.isnan(topographic_similarity(np.arange(6.0), np.zeros(6)))


def test_equal_values_become_zeros_also_if_their_mean_is_rounded():
    assert not standardise(np.full(3, 0.1)).any()  # their mean in float64 is 0.10000000000000002


def test_the_probability_counts_every_order_that_comes_out_as_high():
    """Of the 6 orders of 3 pictures, the 2 that swap the ends, or nothing, keep these symmetric ranks as they are."""
    distances = np.array([1.0, 2.0, 1.0])
    p = mantel_p(distances, distances, np.random.default_rng(0), permutations=20_000)
    assert p == pytest.approx(2 / 6, abs=0.015)
    again = mantel_p(distances, distances, np.random.default_rng(0), permutations=20_000)
    assert p == again
