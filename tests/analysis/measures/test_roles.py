"""Stroke roles by hand, and the intervals of their variances."""

import numpy as np
import pytest

from learning_to_draw.analysis.measures.jackknife import jackknife_interval
from learning_to_draw.analysis.measures.roles import stroke_roles, unbiased_roles


def test_roles_by_hand():
    """Two strokes in two drawings. Stroke 0 moves from (-1, 0) to (-0.6, 0.2); stroke 1 stays at (1, 1)."""
    centres = np.array([[[-1, 0], [1, 1]], [[-0.6, 0.2], [1, 1]]])
    points = centres[:, :, None] + np.array([[0.3, -0.1], [-0.3, 0.1]])  # lines about these centres
    found = stroke_roles(points)
    assert found.within == pytest.approx([(0.2**2 + 0.1**2) / 2, 0])
    assert np.allclose(found.centres, [[-0.8, 0.1], [1, 1]])
    assert found.between == pytest.approx((0.9**2 + 0.45**2) / 2)


def test_variances_within_and_between_add_up():
    points = np.random.default_rng(0).uniform(-1, 1, (50, 6, 4, 2))
    found = stroke_roles(points)
    total = points.mean(axis=2).reshape(-1, 2).var(axis=0).mean()
    assert found.within.mean() + found.between == pytest.approx(total)


def test_strokes_that_are_not_drawn_do_not_count():
    """As if only the drawn strokes existed: stroke 0 in three drawings, at -1, 0 and 1; stroke 1 in two, at 0 and 2."""
    nan = np.nan
    points = np.array([[[-1, 0], [nan, nan]], [[0, 0], [0, 0]], [[1, 0], [2, 0]]])[:, :, None]
    found = stroke_roles(points)
    assert found.within == pytest.approx([2 / 3 / 2, 1 / 2])
    assert np.allclose(found.centres, [[0, 0], [1, 0]])
    assert found.between == pytest.approx(1 / 4 / 2)


def test_unbiased_variances_by_hand():
    """In `numpy` the variance with the denominator N - 1; the mean centres scatter by a part of it."""
    rng = np.random.default_rng(1)
    points = rng.standard_normal((12, 3, 2, 2)) + rng.standard_normal((12, 1, 1, 2))  # strokes that move together
    points += np.array([-2, 0, 2])[:, None, None]
    centres = points.mean(axis=2)
    roles, _ = unbiased_roles(points)
    assert roles.within == pytest.approx(centres.var(axis=0, ddof=1).mean(axis=1))
    about_the_drawing = centres - centres.mean(axis=1, keepdims=True)
    scatter = about_the_drawing.var(axis=0, ddof=1).mean() / 12
    assert roles.between == pytest.approx(centres.mean(axis=0).var(axis=0).mean() - scatter)


def test_rarely_drawn_strokes_have_no_bias():
    """Strokes in 2, 3, 5 and 20 of 20 drawings, that move together in part; the mean over 1,000 sets of drawings."""
    rng, places = np.random.default_rng(2), np.array([-0.6, -0.2, 0.2, 0.6])
    within, between = np.zeros(4), 0.0
    for _ in range(1000):
        points = places[:, None, None] + rng.normal(0, 0.06, (20, 4, 1, 2)) + rng.normal(0, 0.08, (20, 1, 1, 2))
        for stroke, drawn in enumerate((2, 3, 5, 20)):
            points[rng.permutation(20)[drawn:], stroke] = np.nan
        roles, _ = unbiased_roles(points)
        within += roles.within / 1000
        between += roles.between / 1000
    assert within == pytest.approx(0.06**2 + 0.08**2, rel=0.1)
    assert between == pytest.approx(places.var(), rel=0.02)


@pytest.mark.parametrize("count", [10, 20, 50])
def test_intervals_hold_the_true_variances(count):
    """20 independent strokes with places of their own, in 100 sets of drawings: about 95 intervals hold the truth."""
    rng, held = np.random.default_rng(0), np.zeros(3)
    places = rng.uniform(-0.7, 0.7, (1, 20, 1, 2))
    between = places[0, :, 0].var(axis=0).mean()
    truth = (0.01, between, 0.01 / (0.01 + between))
    for _ in range(100):
        roles, errors = unbiased_roles(rng.normal(0, 0.1, (count, 20, 1, 2)) + places)
        within = roles.within.mean()
        for k, value in enumerate((within, roles.between, within / (within + roles.between))):
            low, high = jackknife_interval(value, errors[k], count, 0, np.inf)
            held[k] += low <= truth[k] <= high
    assert held.min() >= 88  # of 100 at 95 %, fewer than 89 have a probability of 0.4 %


def test_drawings_that_are_all_alike_have_no_spread():
    points = np.broadcast_to(np.random.default_rng(0).uniform(-1, 1, (5, 2, 2)), (8, 5, 2, 2))
    roles, errors = unbiased_roles(points)
    assert np.allclose(roles.within, 0)
    assert roles.between == pytest.approx(stroke_roles(points).between)
    assert np.allclose(errors, 0)
