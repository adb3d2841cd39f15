"""Strokes thinned to a pixel."""

import sys

import numpy as np
import pytest

from learning_to_draw.datasets.skeleton import check_available, skeletonise
from learning_to_draw.errors import UsageError


def test_a_bar_becomes_its_middle_line():
    picture = np.full((20, 40), 30, dtype=np.uint8)
    picture[8:13, 5:35] = 200
    thinned = skeletonise(picture)
    assert thinned.dtype == np.uint8
    assert set(np.unique(thinned)) == {0, 255}
    columns = np.flatnonzero(thinned.any(0))
    assert columns.tolist() == list(range(columns[0], columns[-1] + 1))  # in one piece, one pixel wide,
    assert (thinned.sum(0) <= 255).all()
    assert 5 <= columns[0] <= 8  # as long as the bar but for half its width,
    assert 31 <= columns[-1] <= 34
    inner = thinned[:, 10:30]  # and in the middle one of the rows 8 to 12, but for the ends, which may bend
    assert np.flatnonzero(inner.any(1)).tolist() == [10]


def test_otsus_threshold_parts_two_levels_wherever_they_lie():
    picture = np.full((9, 9), 100, dtype=np.uint8)
    picture[4, 2:7] = 110
    assert np.argwhere(skeletonise(picture)).tolist() == [[4, column] for column in range(2, 7)]


@pytest.mark.parametrize("level", [0, 255])
def test_a_picture_of_one_level_has_no_strokes(level):
    assert not skeletonise(np.full((8, 8), level, dtype=np.uint8)).any()


def test_without_scikit_image(monkeypatch):
    check_available()
    for name in [name for name in sys.modules if name.split(".")[0] == "skimage"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "skimage", None)  # Python then finds no such package
    with pytest.raises(UsageError, match="pip install scikit-image"):
        check_available()
