"""Distances of pictures, strokes and points, against cases worked out by hand and plain loops."""

from itertools import combinations, permutations, product

import numpy as np
import pytest

from learning_to_draw.analysis.measures.distances import (
    chamfer_across,
    chamfer_distances,
    feature_distances,
    matching_distances,
    rms_across,
    rms_distances,
    sample_points,
)


def test_distances_of_pixels_and_features():
    pictures = np.array([[[[0, 0]]], [[[3, 1]]], [[[255, 255]]]], dtype=np.uint8)  # one channel, 1 x 2 pixels
    expected = [np.sqrt((9 + 1) / 2), 255, np.sqrt((252**2 + 254**2) / 2)]
    assert np.allclose(rms_distances(pictures), expected)
    assert np.allclose(rms_across(pictures[:2], pictures[1:]), [expected[:2], [0, expected[2]]])
    assert rms_across(pictures, pictures).diagonal().tolist() == [0, 0, 0]
    assert np.allclose(feature_distances(np.array([[0.0, 0], [3, 4], [3, 0]])), [5, 3, 4])


def test_a_grey_picture_is_compared_with_each_channel():
    grey, coloured = np.full((1, 1, 2, 2), 10, dtype=np.uint8), np.zeros((1, 3, 2, 2), dtype=np.uint8)
    coloured[0, :2] = 10
    assert np.allclose(rms_across(grey, coloured), [[np.sqrt(100 / 3)]])
    assert np.allclose(rms_across(coloured, grey), [[np.sqrt(100 / 3)]])


@pytest.mark.parametrize("control_points", [1, 2, 4])
def test_the_order_and_the_direction_of_strokes_make_no_difference(control_points):
    rng = np.random.default_rng(0)
    drawing = rng.uniform(-1, 1, (6, control_points, 2)).astype(np.float32)
    shuffled = drawing[rng.permutation(6)]
    shuffled[::2] = shuffled[::2, ::-1]
    other = rng.uniform(-1, 1, (6, control_points, 2)).astype(np.float32)
    same, far, far_too = matching_distances(np.stack([drawing, shuffled, other]))
    assert same == pytest.approx(0, abs=1e-7)
    assert far == pytest.approx(far_too, abs=1e-6)
    assert far > 0.1


def test_lines_matched_by_hand():
    """One line is moved by 0.3 down, the other one by 0.1 to the right and turned round."""
    one = [[[0, 0], [0, 1]], [[-1, -1], [-1, 0]]]
    other = [[[-1, 0.1], [-1, -0.9]], [[0.3, 0], [0.3, 1]]]
    assert matching_distances(np.array([one, other])) == pytest.approx([(0.3 + 0.1) / 2])


def test_the_matching_is_the_best_of_all():
    drawings = np.random.default_rng(1).uniform(-1, 1, (3, 4, 4, 2))

    def stroke_distance(a, b):
        return min(np.linalg.norm(a - way, axis=1).mean() for way in (b, b[::-1]))

    def best(one, other):
        orders = permutations(range(4))
        return min(np.mean([stroke_distance(one[k], other[order[k]]) for k in range(4)]) for order in orders)

    expected = [best(one, other) for one, other in combinations(drawings, 2)]
    assert np.allclose(matching_distances(drawings), expected)


def test_points_on_strokes():
    dots = np.array([[[[0.5, -0.5]], [[1, 1]]]])
    assert np.array_equal(sample_points(dots, 5), [[[0.5, -0.5], [1, 1]]])
    line = np.array([[[[0, 0], [1, -1]]]])
    assert np.allclose(sample_points(line, 3), [[[0, 0], [0.5, -0.5], [1, -1]]])
    curve = np.array([[[[0, 0], [0, 1], [1, 1], [1, 0]]]])  # its middle is (P0 + 3 P1 + 3 P2 + P3) / 8
    assert np.allclose(sample_points(curve, 3), [[[0, 0], [0.5, 0.75], [1, 0]]])
    assert sample_points(np.zeros((2, 7, 4, 2)), 5).shape == (2, 35, 2)
    with pytest.raises(ValueError, match="not 3"):
        sample_points(np.zeros((1, 1, 3, 2)))


def test_chamfer_by_hand():
    one, other = [[0, 0], [0, 4]], [[0, 1], [3, 4]]
    # From one: 1 to (0, 1), 3 to either; back: 1 to (0, 0), and 3 to (0, 4).
    expected = ((1 + 3) / 2 + (1 + 3) / 2) / 2
    assert chamfer_distances(np.array([one, other], dtype=float)) == pytest.approx([expected])
    assert chamfer_across(np.array([one]), np.array([other])) == pytest.approx(np.array([[expected]]))
    # Of sets that differ in size: 0 and 4 there, their mean being 2; 0 back.
    assert chamfer_across(np.array([[[0, 0], [0, 4]]]), np.array([[[0, 0]]])) == pytest.approx(np.array([[1]]))


def test_chamfer_of_all_pairs_is_that_of_each():
    drawings = np.random.default_rng(2).uniform(-1, 1, (5, 9, 2))
    squares = chamfer_across(drawings, drawings)
    for i, j in product(range(5), range(5)):
        steps = np.linalg.norm(drawings[i][:, None] - drawings[j], axis=2)
        assert squares[i, j] == pytest.approx((steps.min(axis=1).mean() + steps.min(axis=0).mean()) / 2)
    assert np.allclose(chamfer_distances(drawings), squares[np.triu_indices(5, k=1)])
    assert np.allclose(chamfer_across(drawings[:2], drawings[1:]), squares[:2, 1:])
    shuffled = drawings[0][::-1]
    assert chamfer_distances(np.stack([drawings[0], shuffled])) == pytest.approx([0])
