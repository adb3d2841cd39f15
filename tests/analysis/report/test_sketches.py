"""Sketches epoch by epoch, cut out of the grids that a training leaves."""

import numpy as np
import pytest
from PIL import Image

from learning_to_draw.analysis.report.sketches import evenly, parse_grid


def test_sketches_are_cut_out_of_the_grids(training, make_report, flat, pixels):
    content = make_report(training)
    sketches = content["sketches"]
    assert sketches["epochs"] == [{"epoch": 1, "rate": 0.5}, {"epoch": 2, "rate": 0.25}, {"epoch": 3, "rate": 0.75}]
    assert len(sketches["rows"]) == 10  # and not the six empty places of the second row
    for number, row in enumerate(sketches["rows"]):
        assert (pixels(content, row["photo"]) == flat(100 + number)).all()
        for epoch, place in enumerate(row["sketches"]):
            assert (pixels(content, place) == flat(10 * epoch + number)).all()
    # No two of them are alike, and each is there once.
    assert len(content["pictures"]) == len(set(content["pictures"])) == 10 + 30


def test_what_is_no_grid_is_left_out_and_named(training, make_report):
    noise = np.random.default_rng(0).integers(0, 256, (22, 82, 3), dtype=np.uint8)  # of a grid's size, without padding
    Image.fromarray(noise).save(training / "val_reconstruction_samples_01.png")
    (training / "val_reconstruction_samples_03.png").write_bytes(b"torn")
    (training / "val_samples.png").unlink()
    sketches = make_report(training)["sketches"]
    assert [one["epoch"] for one in sketches["epochs"]] == [1, 3]
    assert sketches["unread"] == ["val_reconstruction_samples_01.png", "val_reconstruction_samples_03.png"]
    assert [row["photo"] for row in sketches["rows"]] == [None] * 10
    for epoch in (0, 2):
        (training / f"val_reconstruction_samples_{epoch:02d}.png").write_bytes(b"torn")
    assert "not grids" in make_report(training)["sketches"]["missing"]


@pytest.mark.parametrize(("count", "layout"), [(1, (6, 1, 1)), (4, (6, 4, 1)), (8, (6, 8, 1)), (11, (6, 8, 2))])
@pytest.mark.parametrize("padding", [0, 123])  # officially it is grey with --imagenet-norm
def test_grids_of_any_number(count, layout, padding, tmp_path, flat, write_grid):
    write_grid(tmp_path / "grid.png", [flat(50 + number, side=6) for number in range(count)], padding)
    grid = parse_grid(np.asarray(Image.open(tmp_path / "grid.png")))
    assert grid.layout == layout
    assert grid.filled() == count
    assert [int(grid.tile(number)[0, 0, 0]) for number in range(count)] == list(range(50, 50 + count))


def test_evenly_keeps_the_first_and_the_last():
    assert evenly([1, 2, 3], 12) == [1, 2, 3]
    assert evenly(list(range(250)), 12) == [0, 23, 45, 68, 91, 113, 136, 158, 181, 204, 226, 249]
