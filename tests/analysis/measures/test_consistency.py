"""Drawings of one photo from run to run, by hand and in the cases that are known beforehand."""

import math
from itertools import permutations

import numpy as np
import pytest

from learning_to_draw.analysis.measures.consistency import consistency, distinct_share
from learning_to_draw.analysis.measures.distances import chamfer_across, rms_across


def compare(runs, across=rms_across, permutations=0):
    return consistency(runs, across, np.random.default_rng(0), permutations)


def test_three_runs_of_two_photos_by_hand():
    """Runs draw (0, 8), (1, 8) and (0, 5): same photo 1, 0, 0, 3, 1, 3; different photos 8, 7, 5, 8, 4, 8."""
    runs = [np.array(levels, dtype=np.uint8).reshape(2, 1, 1, 1) for levels in ((0, 8), (1, 8), (0, 5))]
    assert compare(runs)[0] == pytest.approx((1 + 0 + 0 + 3 + 1 + 3) / (8 + 7 + 5 + 8 + 4 + 8))


def test_p_is_that_of_all_orders():
    """Two runs of five photos have 120 orders, which are all tried here."""
    one, other = np.random.default_rng(3).normal(size=(2, 5, 1, 2, 2))
    other += one
    distances = rms_across(one, other)
    sums = [sum(distances[k, order[k]] for k in range(5)) for order in permutations(range(5))]
    expected = np.mean(np.array(sums) <= sums[0] + 1e-9)
    assert 1 / 120 < expected < 0.5
    assert compare([one, other], permutations=4_000)[1] == pytest.approx(expected, abs=0.02)


def test_runs_that_draw_alike_and_runs_that_agree_in_nothing():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 300, 20, 2))
    assert compare([one, one], chamfer_across, 99) == (pytest.approx(0), 0.01)
    assert compare([one, other], chamfer_across)[0] == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("style", [0, 1, 3])
def test_a_style_of_its_own_is_no_disagreement(style):
    """Every run adds its own constant, with a standard deviation of `style`, to all of its drawings.

    If the drawings have nothing in common, the ratio is 1 for any style. If they are otherwise the same, with a
    standard deviation of 1, the squared distance of runs is 2 style^2, and that of different photos 2 more.
    """
    rng = np.random.default_rng(1)
    styles = rng.normal(0, style, (2, 1, 1, 32, 32))
    own, shared = rng.normal(size=(2, 60, 1, 32, 32)), rng.normal(size=(60, 1, 32, 32))
    ratio, p = compare(styles + own, permutations=199)
    assert ratio == pytest.approx(1, abs=0.01)
    assert p > 0.05
    ratio, p = compare(styles + shared, permutations=199)
    assert ratio == pytest.approx(style / np.sqrt(style**2 + 1), abs=0.05)
    assert p == 1 / 200


def test_runs_that_draw_one_and_the_same_for_all():
    blank = np.zeros((3, 1, 2, 2), dtype=np.uint8)
    assert math.isnan(compare([blank, blank])[0])
    assert compare([blank, blank + 9], permutations=9) == (1, 1)


def test_share_of_distinct_drawings():
    assert distinct_share(["a", "b", "a", "c"]) == 0.75
