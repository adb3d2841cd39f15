"""Ink on white and on black paper, strokes that nobody sees, and dots."""

import numpy as np
import pytest

from learning_to_draw.analysis.measures import ink
from learning_to_draw.analysis.measures.ink import dots, ink_shares, paper_is_white, visible_strokes


def sketch(*levels):
    return np.array(levels, dtype=np.uint8).reshape(1, 1, 2, 2)


def test_ink_is_what_is_not_paper():
    sketches = np.concatenate([sketch(0, 0, 0, 0), sketch(255, 51, 0, 0)])
    assert np.allclose(ink_shares(sketches, white_paper=False), [0, 0.3])
    assert np.allclose(ink_shares(255 - sketches, white_paper=True), [0, 0.3])


def test_paper_is_guessed_from_the_corners():
    drawn = np.full((3, 1, 5, 5), 255, dtype=np.uint8)
    drawn[:, :, 1:4, 1:4] = 0  # most of the sketch is ink
    drawn[0, :, 0, 0] = 0
    assert paper_is_white(drawn)
    assert not paper_is_white(255 - drawn)


def test_strokes_that_leave_no_ink():
    """d2 of 2 ^ 2 over 0.5 leaves exp(-8) = 1/2981, of 1.5 ^ 2 exp(-4.5) = 1/90."""
    points = np.array([[[[0, 0], [0.5, 0]], [[0, 3], [0, 4]], [[0, 2.5], [0, 4]], [[1, 1], [1, 1]]]], dtype=np.float32)
    how = {"contrast": 1.0, "image_size": 9}
    assert visible_strokes(points, 0.5, None, **how).tolist() == [[True, False, True, True]]
    # With 15 times the contrast, what was 1/2981 is 1/199.
    assert visible_strokes(points, 0.5, None, contrast=15.0, image_size=9).all()
    inks = np.array([[[0.0, 0, 0], [1, 1, 1], [1, 1, 1], [0, 0.01, 0]]], dtype=np.float32)
    assert visible_strokes(points, 0.5, inks, **how).tolist() == [[False, False, True, True]]
    # A narrower third stroke leaves exp(-1.5 ^ 2 / 0.3) = 1/1808, a wider second one exp(-2 ^ 2 / 0.8) = 1/148.
    sigma2 = np.array([[0.5, 0.8, 0.3, 0.5]], dtype=np.float32)
    assert visible_strokes(points, sigma2, None, **how).tolist() == [[True, True, False, True]]


@pytest.mark.parametrize("control_points", [1, 2, 4])
def test_drawing_strokes_in_portions_changes_nothing(control_points, monkeypatch):
    rng = np.random.default_rng(0)
    points = rng.uniform(-1.5, 1.5, (7, 3, 1, 2)) + rng.uniform(-0.1, 0.1, (7, 3, control_points, 2))
    how = {"contrast": 1.0, "image_size": 8}
    whole = visible_strokes(points.astype(np.float32), 0.005, None, **how)
    monkeypatch.setattr(ink, "CHUNK", 256)  # four strokes
    assert np.array_equal(visible_strokes(points.astype(np.float32), 0.005, None, **how), whole)
    assert 0 < whole.mean() < 1


def test_dots_are_shorter_than_the_length_given():
    lines = np.array([[[[0, 0], [0, 0]], [[0.5, 0], [0.5, 0.09]], [[0, 0], [0.1, 0.1]]]])
    assert dots(lines, 0.1).tolist() == [[True, True, False]]
    loop = np.array([[[[0, 0], [0, 1], [1, 0], [0, 0]]]])  # comes back to where it began
    assert dots(loop, 0.1).tolist() == [[False]]
