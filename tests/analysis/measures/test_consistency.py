"""Drawings of one photo from run to run, by hand and in the two cases that are known beforehand."""

import math

import numpy as np
import pytest

from learning_to_draw.analysis.measures.consistency import consistency, distinct_share
from learning_to_draw.analysis.measures.distances import chamfer_between, chamfer_distances, rms_between, rms_distances


def test_three_runs_of_two_photos_by_hand():
    """Runs draw (0, 8), (1, 8) and (0, 5): between runs 1, 0 or 0, 3 or 1, 3; within runs 8, 7, 5."""
    runs = [np.array(levels, dtype=np.uint8).reshape(2, 1, 1, 1) for levels in ((0, 8), (1, 8), (0, 5))]
    expected = ((1 + 0 + 0 + 3 + 1 + 3) / 6) / ((8 + 7 + 5) / 3)
    assert consistency(runs, rms_between, rms_distances) == pytest.approx(expected)


def test_runs_that_draw_alike_and_runs_that_agree_in_nothing():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 300, 20, 2))
    assert consistency([one, one], chamfer_between, chamfer_distances) == pytest.approx(0)
    assert consistency([one, other], chamfer_between, chamfer_distances) == pytest.approx(1, abs=0.03)


def test_runs_that_draw_one_and_the_same_for_all():
    blank = np.zeros((3, 1, 2, 2), dtype=np.uint8)
    assert math.isnan(consistency([blank, blank], rms_between, rms_distances))


def test_share_of_distinct_drawings():
    assert distinct_share(["a", "b", "a", "c"]) == 0.75
