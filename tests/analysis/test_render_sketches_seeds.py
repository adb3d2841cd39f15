"""Sketches of the same targets averaged over logs: means worked out by hand, read from the pictures written."""

import numpy as np
import pytest
from PIL import Image

from learning_to_draw.analysis.official.render_sketches_seeds import render_sketches_seeds
from learning_to_draw.errors import UsageError


def flat(level, size=4):
    return np.full((size, size), level, dtype=np.uint8)


def cells(path, count):
    """The grey level of each cell of a grid of 4 x 4 pictures, ten in a row, 2 pixels between and around."""
    grid = np.asarray(Image.open(path).convert("RGB")).astype(int)
    rows, columns = -(-count // 10), min(count, 10)
    assert grid.shape == (6 * rows + 2, 6 * columns + 2, 3)
    found = []
    for number in range(count):
        top, left = 2 + 6 * (number // 10), 2 + 6 * (number % 10)
        cell = grid[top : top + 4, left : left + 4]
        assert cell.min() == cell.max()
        found.append(cell[0, 0, 0])
    return found


def logs_of_two_seeds(tmp_path, make_log):
    """Targets of level 1 and 2 are in both logs, 3 and 4 in one each; target 1 was drawn twice in the first log."""
    pool = {level: flat(level) for level in (1, 2, 3, 4)}

    def game(sketch, target, other):
        return 0, 1, flat(sketch), [pool[other], pool[target]]

    one = make_log(tmp_path / "one", [game(10, 2, 1), game(100, 1, 2), game(40, 1, 3), game(200, 3, 1)])
    two = make_log(tmp_path / "two", [game(190, 1, 2), game(50, 2, 1), game(250, 4, 1)])
    return [one, two]


def test_means_over_all_sketches_of_a_target(tmp_path, make_log):
    logs = logs_of_two_seeds(tmp_path, make_log)
    said = render_sketches_seeds(logs, tmp_path / "sketches.png", tmp_path / "targets.png", 100)
    assert said.startswith("2 of the 2 targets that all 2 logs have")
    assert cells(tmp_path / "sketches.png", 2) == [(10 + 50) / 2, (100 + 40 + 190) / 3]
    assert cells(tmp_path / "targets.png", 2) == [2, 1]  # in the first log's order


def test_a_target_has_to_be_in_all_of_three_logs(tmp_path, make_log):
    sketches = {"one": {1: 10, 2: 20, 3: 30, 5: 50}, "two": {1: 40, 2: 80, 5: 70}, "three": {5: 90, 3: 3, 1: 70}}
    logs = [
        make_log(tmp_path / name, [(0, 0, flat(sketch), [flat(target)]) for target, sketch in drawn.items()])
        for name, drawn in sketches.items()
    ]
    said = render_sketches_seeds(logs, tmp_path / "sketches.png", tmp_path / "targets.png", 100)
    assert said.startswith("2 of the 2 targets that all 3 logs have")
    assert cells(tmp_path / "sketches.png", 2) == [(10 + 40 + 70) / 3, (50 + 70 + 90) / 3]
    assert cells(tmp_path / "targets.png", 2) == [1, 5]


def test_one_log_a_row_of_ten_and_a_count(tmp_path, make_log):
    games = [(0, 0, flat(100 + level), [flat(level)]) for level in range(13)]
    log = make_log(tmp_path / "log", games)
    said = render_sketches_seeds([log], tmp_path / "all.png", None, 100)
    assert said.startswith("13 of the 13")
    assert cells(tmp_path / "all.png", 13) == list(range(100, 113))
    assert render_sketches_seeds([log], tmp_path / "few.png", None, 3).startswith("3 of the 13")
    assert cells(tmp_path / "few.png", 3) == [100, 101, 102]


def test_what_cannot_be_averaged(tmp_path, make_log):
    one = make_log(tmp_path / "one", [(0, 0, flat(1), [flat(2)])])
    other = make_log(tmp_path / "other", [(0, 0, flat(1), [flat(3)])])
    larger = make_log(tmp_path / "larger", [(0, 0, flat(1, size=5), [flat(2)])])
    out = tmp_path / "out.png"
    with pytest.raises(UsageError, match="no target is in all 2 logs"):
        render_sketches_seeds([one, other], out, None, 9)
    with pytest.raises(UsageError, match=r"4 x 4 pixels in .*\n5 x 5 pixels in .*larger"):
        render_sketches_seeds([one, larger], out, None, 9)
    with pytest.raises(UsageError, match="two names"):
        render_sketches_seeds([one], out, out, 9)
    for name in ("out", "out.psd", "out.txt", "out.xbm"):  # PSD files are read, not written, XBM has no colours
        with pytest.raises(UsageError, match="ending"):
            render_sketches_seeds([one], tmp_path / name, None, 9)
    out.touch()
    with pytest.raises(UsageError, match="already exists"):
        render_sketches_seeds([one], tmp_path / "new.png", out, 9)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["larger", "one", "other", "out.png"]
