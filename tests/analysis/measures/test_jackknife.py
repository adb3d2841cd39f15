"""The jackknife against closed forms."""

import numpy as np
import pytest
from scipy import stats

from learning_to_draw.analysis.measures.jackknife import jackknife, jackknife_interval


def test_means_and_variances():
    """The error of a mean is that of the textbook; a variance gets the denominator N - 1."""
    values = np.random.default_rng(0).exponential(size=15)
    (mean, variance), errors = jackknife(lambda some: np.array([values[some].mean(), values[some].var()]), 15)
    assert mean == pytest.approx(values.mean())
    assert variance == pytest.approx(values.var(ddof=1))
    assert errors[0] == pytest.approx(stats.sem(values))
    expected = stats.t.interval(0.95, 14, values.mean(), stats.sem(values))
    assert jackknife_interval(mean, errors[0], 15, -np.inf, np.inf) == pytest.approx(expected)
    assert jackknife_interval(mean, errors[0], 15, mean, mean) == (mean, mean)
    assert jackknife_interval(mean, errors[0], 9, -np.inf, np.inf) is None
