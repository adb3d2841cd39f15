"""Cohen's kappa and its interval, compared with cases worked out by hand and with scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from learning_to_draw.analysis.study.agreement import RESAMPLES, agreement, cohen_kappa, interval_of, resamples


def test_kappa_of_a_case_worked_out_by_hand():
    # 20 + 15 of 50 agree: 0.7. By chance: 25 / 50 * 30 / 50 + 25 / 50 * 20 / 50 = 0.5. (0.7 - 0.5) / (1 - 0.5) = 0.4.
    assert cohen_kappa(np.array([[20, 5], [10, 15]])) == pytest.approx(0.4)
    assert cohen_kappa(np.array([[7, 0], [0, 3]])) == pytest.approx(1)
    assert cohen_kappa(np.array([[0, 5], [5, 0]])) == pytest.approx(-1)
    assert np.isnan(cohen_kappa(np.array([[0, 0], [0, 4]])))  # both were always right


def test_kappa_and_its_interval_are_those_of_scikit_learn():
    rng = np.random.default_rng(1)
    agents = rng.random((7, 30)) < 0.7
    people = np.where(rng.random((7, 30)) < 0.5, agents, rng.random((7, 30)) < 0.4)
    found = agreement(people.tolist(), agents.tolist())
    assert found["kappa"] == pytest.approx(cohen_kappa_score(people.ravel(), agents.ravel()))
    drawn = resamples(7)
    assert drawn.shape == (RESAMPLES, 7)
    expected = [cohen_kappa_score(people[numbers].ravel(), agents[numbers].ravel()) for numbers in drawn[:300]]
    tables = np.stack([confusion_matrix(*rights, labels=[False, True]) for rights in zip(people, agents, strict=True)])
    np.testing.assert_allclose(cohen_kappa(tables[drawn].sum(1))[:300], expected)
    np.testing.assert_allclose(found["interval"], np.quantile(cohen_kappa(tables[drawn].sum(1)), [0.025, 0.975]))
    assert found["interval"][0] < found["kappa"] < found["interval"][1]
    assert agreement(people.tolist(), agents.tolist()) == found


def test_what_is_not_defined_is_none():
    assert agreement([[True, True]], [[True, True]]) == {"kappa": None, "interval": None}
    assert agreement([[True], [True]], [[True], [True]]) == {"kappa": None, "interval": None}
    assert agreement([[True, False]], [[True, False]]) == {"kappa": 1.0, "interval": None}
    # Resamples with the first participant only are not defined, and left out.
    assert agreement([[True], [False]], [[True], [False]]) == {"kappa": 1.0, "interval": (1.0, 1.0)}
    assert interval_of(np.array([np.nan, np.nan])) is None
