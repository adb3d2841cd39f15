"""Stroke roles by hand, and their bootstrap."""

import numpy as np
import pytest

from learning_to_draw.analysis.measures.roles import resample_roles, stroke_roles


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


def test_the_bootstrap_has_the_right_spread():
    rng = np.random.default_rng(1)
    points = rng.standard_normal((400, 3, 1, 2)) * 0.5 + np.array([[-1, 0], [0, 0], [1, 0]])[:, None]
    draws = resample_roles(points, np.random.default_rng(2))
    found = stroke_roles(points)
    assert draws.shape == (10_000, 2)
    assert draws[:, 0].mean() == pytest.approx(found.within.mean(), rel=0.01)
    # The variance of 6 x 400 normal numbers has the standard error s^2 sqrt(2 / 2400).
    assert draws[:, 0].std() == pytest.approx(0.25 * np.sqrt(2 / 2400), rel=0.1)
    assert draws[:, 1].mean() == pytest.approx(found.between, rel=0.02)
    again = np.array(
        [
            (roles.within.mean(), roles.between)
            for roles in (stroke_roles(points[rng.integers(0, 400, 400)]) for _ in range(2_000))
        ]
    )
    assert draws.std(axis=0) == pytest.approx(again.std(axis=0), rel=0.1)


def test_drawings_that_are_all_alike_have_no_spread():
    points = np.broadcast_to(np.random.default_rng(0).uniform(-1, 1, (5, 2, 2)), (8, 5, 2, 2))
    draws = resample_roles(points, np.random.default_rng(0), draws=20)
    assert np.allclose(draws, [0, stroke_roles(points).between])
