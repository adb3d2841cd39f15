"""A linear probe: known accuracies, scikit-learn's solution, and measures by hand."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression

from learning_to_draw.analysis.measures.probe import (
    DECAY,
    class_mean,
    class_mean_interval,
    cross_validated,
    fit_probe,
    ranks,
)
from learning_to_draw.games.scores import rate_interval


@pytest.mark.parametrize("distance", [0.5, 1.0, 2.0])
def test_gaussians_are_told_apart_as_often_as_is_possible(distance):
    """Two classes N(-d, 1) and N(d, 1) along one of 5 directions: the best accuracy of all is Phi(d)."""
    rng = np.random.default_rng(1)

    def draw(count):
        labels = rng.integers(0, 2, count)
        features = rng.standard_normal((count, 5))
        features[:, 3] += np.where(labels == 1, distance, -distance)
        return (features * 7 + 100).astype(np.float32), labels

    probe = fit_probe(*draw(4_000), 2)
    features, labels = draw(20_000)
    right = (probe.scores(features).argmax(axis=1) == labels).mean()
    assert right == pytest.approx(norm.cdf(distance), abs=0.012)


def test_the_probe_is_the_minimum_that_scikit_learn_finds():
    rng = np.random.default_rng(2)
    features, labels = rng.standard_normal((120, 4)), rng.integers(0, 3, 120)
    features[:, 0] += labels
    probe = fit_probe(features, labels, 3)
    standard = (features - features.mean(0)) / features.std(0)
    best = LogisticRegression(C=1 / (DECAY * len(labels)), tol=1e-10, max_iter=10_000).fit(standard, labels)
    assert np.allclose(probe.scores(features), best.decision_function(standard), atol=0.02)


def test_a_class_without_features_and_a_constant_feature():
    features = np.array([[0.0, 5], [1, 5], [0, 5], [1, 5]])
    scores = fit_probe(features, np.array([0, 2, 0, 2]), 3).scores(features)
    assert scores.argmax(axis=1).tolist() == [0, 2, 0, 2]
    assert np.isfinite(scores).all()


def test_a_feature_that_hardly_varies_does_not_decide():
    """Feature 1 varies by 1e-4 in the photos and by 1 in the sketches, where it says nothing about the class."""
    rng = np.random.default_rng(4)
    labels = np.arange(60) % 2
    photos = np.stack([labels + 0.3 * rng.standard_normal(60), 1e-4 * rng.standard_normal(60), *rng.random((2, 60))], 1)
    sketches = np.stack([labels + 0.3 * rng.standard_normal(60), rng.standard_normal(60), *rng.random((2, 60))], 1)
    guesses = fit_probe(photos.astype(np.float32), labels, 2).scores(sketches).argmax(axis=1)
    assert (guesses == labels).mean() > 0.85  # the best is Phi(0.5 / 0.3) = 0.95


def test_the_interval_of_equal_classes_is_wilson_s():
    """Classes of the same size: the effective number of pictures is their number."""
    labels = np.repeat(np.arange(5), 8)
    right = np.arange(40) % 4 == 0
    assert class_mean_interval(right, labels) == pytest.approx(rate_interval(10, 40))


def test_the_interval_covers_the_rate_also_when_few_are_right():
    """Classes of 2 to 40 pictures, each picture right with probability 0.03."""
    rng = np.random.default_rng(5)
    labels = np.repeat(np.arange(20), np.arange(2, 42, 2))
    bounds = [class_mean_interval(rng.random(len(labels)) < 0.03, labels) for _ in range(1000)]
    assert np.mean([low <= 0.03 <= high for low, high in bounds]) >= 0.94
    pictures, z = 20**2 / sum(1 / n for n in range(2, 42, 2)), 1.96
    low, high = class_mean_interval(np.zeros(len(labels), bool), labels)
    assert (low, high) == (0, pytest.approx(z * z / (pictures + z * z), abs=1e-5))


def test_a_memory_of_single_items_is_no_symbol():
    """One feature for each item: a probe knows all items that it was fitted on, and nothing about others."""
    features, labels = np.eye(40), np.arange(40) % 2
    probe = fit_probe(features, labels, 2)
    assert (probe.scores(features).argmax(axis=1) == labels).all()
    guesses = cross_validated(features, labels, np.random.default_rng(0))
    assert abs((guesses == labels).mean() - 0.5) <= 0.25
    of_class = cross_validated(np.eye(2)[labels], labels, np.random.default_rng(0))
    assert (of_class == labels).all()


def test_two_items_of_a_class_are_in_different_parts():
    labels = np.repeat(np.arange(6), 2)
    assert (cross_validated(np.eye(6)[labels], labels, np.random.default_rng(3)) == labels).all()


def test_ranks_and_means_by_hand():
    scores = np.array([[3.0, 2, 1], [3, 2, 1], [1, 1, 1], [0, 5, 0]])
    assert ranks(scores, np.array([0, 2, 1, 0])).tolist() == [0, 2, 2, 2]
    assert class_mean(np.array([1, 1, 0, 1]), np.array([7, 7, 7, 9])) == pytest.approx((2 / 3 + 1) / 2)
