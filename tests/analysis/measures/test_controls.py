"""What replaces a sketch: other games, mixed strokes, dropped strokes, turned and shifted strokes."""

import numpy as np
import pytest
import torch

from learning_to_draw.analysis.measures.controls import (
    half_dropped,
    mixed_strokes,
    other_games,
    other_games_of_class,
    shifted,
    turned,
    without,
)
from learning_to_draw.rasteriser import draw_lines


def test_every_game_gets_another_one():
    for seed in range(20):
        others = other_games(7, np.random.default_rng(seed))
        assert sorted(others) == list(range(7))
        assert (others != np.arange(7)).all()
    assert other_games(2, np.random.default_rng(0)).tolist() == [1, 0]
    with pytest.raises(ValueError, match="at least two games, not 1"):
        other_games(1, np.random.default_rng(0))


def test_games_of_the_same_class():
    labels = np.array(["a", "b", "a", "c", "c", "a"])
    others = other_games_of_class(labels, np.random.default_rng(0))
    assert others[1] == -1
    paired = np.flatnonzero(others >= 0)
    assert (labels[others[paired]] == labels[paired]).all()
    assert (others[paired] != paired).all()
    assert len(set(others[paired])) == 5


def test_strokes_are_mixed_one_by_one():
    mixed = mixed_strokes(30, 4, np.random.default_rng(0))
    assert (mixed != np.arange(30)[:, None]).all()
    assert all(sorted(column) == list(range(30)) for column in mixed.T)
    assert (mixed[:, 0] != mixed[:, 1]).any()


def test_half_of_the_strokes_are_dropped():
    dropped = half_dropped(np.ones((1_000, 5), dtype=bool), np.random.default_rng(0))
    assert (dropped.sum(axis=1) == 2).all()
    assert dropped.mean(axis=0) == pytest.approx(np.full(5, 0.4), abs=0.06)
    drawn = np.tile([True, False, True, False, False], (1_000, 1))
    dropped = half_dropped(drawn, np.random.default_rng(0))
    assert (dropped.sum(axis=1) == 1).all()  # of two that are drawn
    assert not dropped[~drawn].any()
    assert not half_dropped(np.eye(5, dtype=bool), np.random.default_rng(0)).any()  # one drawn stroke stays
    inks = np.arange(1, 7, dtype=np.float32).reshape(1, 2, 3)
    assert without(np.array([[True, False]]), inks).tolist() == [[[0, 0, 0], [4, 5, 6]]]
    assert without(np.array([[False, True]]), None).tolist() == [[[1], [0]]]


def test_turned_strokes_draw_a_turned_sketch():
    points = np.random.default_rng(0).uniform(-0.7, 0.7, (3, 4, 2, 2)).astype(np.float32)
    sketch, quarter = (draw_lines(torch.from_numpy(p), 21, 0.01).numpy() for p in (points, turned(points, 90)))
    assert np.allclose(quarter, np.rot90(sketch, axes=(-2, -1)), atol=1e-5)
    assert np.allclose(turned(turned(points, 15), -15), points, atol=1e-6)
    assert turned(np.array([[[[-1.0, 0]]]]), 30).ravel() == pytest.approx([-np.sqrt(3) / 2, -0.5])  # up, then left


def test_shifted_sketches_keep_their_shape_and_go_in_all_directions():
    points = np.random.default_rng(0).uniform(-1, 1, (4_000, 3, 2, 2)).astype(np.float32)
    shifts = shifted(points, 0.1, np.random.default_rng(1)) - points
    assert np.allclose(shifts, shifts[:, :1, :1], atol=1e-6)
    assert np.allclose(np.hypot(*shifts[:, 0, 0].T), 0.1, atol=1e-6)
    assert shifts[:, 0, 0].mean(axis=0) == pytest.approx([0, 0], abs=0.005)
    assert shifts[:, 0, 0].var(axis=0) == pytest.approx([0.005, 0.005], rel=0.1)  # half of 0.1² in each coordinate
