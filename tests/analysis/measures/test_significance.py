"""Bootstraps against closed forms, McNemar's test against a worked example and scipy, Holm against one by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from learning_to_draw.analysis.measures.significance import (
    bootstrap_p,
    holm,
    interval,
    mcnemar,
    mean_of_resampled_seeds,
    resample_games,
)


def pair(both, only_first, only_second, neither):
    """The games of two runs, by which of them won."""
    counts = (both, only_first, only_second, neither)
    return np.repeat([1, 1, 0, 0], counts).astype(bool), np.repeat([1, 0, 1, 0], counts).astype(bool)


def test_mcnemar_by_hand_and_by_scipy():
    # 2 and 8 decided games: p = 2 (C(10, 0) + C(10, 1) + C(10, 2)) / 2^10 = 112 / 1024
    assert mcnemar(*pair(20, 2, 8, 5)) == (2, 8, pytest.approx(112 / 1024))
    assert mcnemar(*pair(20, 8, 2, 5))[2] == pytest.approx(112 / 1024)
    assert mcnemar(*pair(20, 4, 4, 5))[2] == 1.0
    assert mcnemar(*pair(20, 0, 0, 5)) == (0, 0, 1.0)
    # Agresti (2013, table 11.1), approval of the prime minister in two surveys: 150 and 86 changed their mind
    assert mcnemar(*pair(794, 150, 86, 570))[2] == pytest.approx(3.716e-5, rel=1e-3)
    assert mcnemar(*pair(794, 150, 86, 570))[2] == pytest.approx(2 * stats.binom.cdf(86, 236, 0.5))


def test_games_are_drawn_with_replacement():
    """The rates have the mean and variance of a binomial; runs in one group have their covariance, groups have none."""
    first, second = pair(30, 25, 5, 40)
    rates = resample_games([np.array([first, second]), first[None]], np.random.default_rng(0), draws=40_000)
    assert rates.shape == (40_000, 3)
    assert rates.mean(axis=0) == pytest.approx([0.55, 0.35, 0.55], abs=1e-3)
    covariance = np.cov(rates.T) * 100
    expected = [[0.55 * 0.45, 0.30 - 0.55 * 0.35, 0], [0.30 - 0.55 * 0.35, 0.35 * 0.65, 0], [0, 0, 0.55 * 0.45]]
    assert covariance == pytest.approx(np.array(expected), abs=0.006)


def test_games_drawn_one_by_one_give_the_same():
    """Against a bootstrap without the shortcut over patterns."""
    rng = np.random.default_rng(1)
    right = rng.random((3, 60)) < [[0.9], [0.7], [0.5]]
    rates = resample_games([right], np.random.default_rng(2), draws=20_000)
    plain = right[:, rng.integers(0, 60, (20_000, 60))].mean(axis=2).T
    assert np.cov(rates.T) == pytest.approx(np.cov(plain.T), abs=2e-4)
    for quantile in (0.025, 0.5, 0.975):
        assert np.quantile(rates, quantile, axis=0) == pytest.approx(np.quantile(plain, quantile, axis=0), abs=0.02)


def test_seeds_are_drawn_with_replacement():
    """Three rates that do not vary: the variance of the mean is the one of a draw, divided by three."""
    rates = np.tile([0.2, 0.5, 0.8], (50_000, 1))
    means = mean_of_resampled_seeds(rates, np.random.default_rng(0))
    assert means.mean() == pytest.approx(0.5, abs=2e-3)
    assert means.var() == pytest.approx(np.var([0.2, 0.5, 0.8]) / 3, rel=0.02)
    assert {round(mean, 6) for mean in means} == {round(0.2 + 0.1 * step, 6) for step in range(7)}


def test_the_interval_of_many_games_is_the_normal_one():
    right = np.arange(2000) < 1500
    low, high = interval(resample_games([right[None]], np.random.default_rng(0))[:, 0])
    reach = 1.96 * math.sqrt(0.75 * 0.25 / 2000)
    assert (low, high) == pytest.approx((0.75 - reach, 0.75 + reach), abs=1e-3)


def test_the_p_of_the_bootstrap_is_that_of_a_paired_z_test():
    first, second = pair(600, 120, 90, 190)
    rates = resample_games([np.array([first, second])], np.random.default_rng(0), draws=40_000)
    difference = first.astype(float) - second
    z = difference.mean() / (difference.std() / math.sqrt(1000))
    p = bootstrap_p(rates[:, 0] - rates[:, 1], difference.mean())
    assert p == pytest.approx(2 * stats.norm.sf(z), abs=0.006)
    assert bootstrap_p(np.zeros(99), 0.0) == 1.0
    assert bootstrap_p(np.full(99, 0.5), 0.5) == 0.01


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([]) == []
    p_values = np.random.default_rng(0).random(20) ** 3
    # Against the definition: the largest of the corrected p values of all smaller ones.
    ordered = sorted(p_values)
    expected = [max(min(1, (20 - rank) * ordered[rank]) for rank in range(20) if ordered[rank] <= p) for p in p_values]
    assert holm(p_values) == pytest.approx(expected)
