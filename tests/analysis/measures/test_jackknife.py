"""The jackknife against closed forms."""

import numpy as np
import pytest
from scipy import stats

from learning_to_draw.analysis.measures.jackknife import jackknife_interval, standard_errors


def test_the_error_of_a_mean_is_that_of_the_textbook():
    values = np.random.default_rng(0).exponential(size=15)
    mean, [error] = values.mean(), standard_errors(lambda some: np.array([values[some].mean()]), 15)
    assert error == pytest.approx(stats.sem(values))
    expected = stats.t.interval(0.95, 14, values.mean(), stats.sem(values))
    assert jackknife_interval(mean, error, 15, -np.inf, np.inf) == pytest.approx(expected)
    assert jackknife_interval(mean, error, 15, mean, mean) == (mean, mean)
    assert jackknife_interval(mean, error, 9, -np.inf, np.inf) is None
