"""Sketches epoch by epoch: as vectors from their strokes, or as grids if a run has no strokes."""

import json

import numpy as np
import pytest
from PIL import Image

from learning_to_draw.analysis.report import sketches as module
from learning_to_draw.analysis.report.sketches import evenly


@pytest.fixture
def write_strokes():
    """write_strokes(run, epoch, points): strokes float32 [sketches, lines, 2, 2] of an epoch."""

    def write(run, epoch, points):
        np.savez(run / f"val_strokes_{epoch:02d}.npz", points=np.asarray(points, np.float32), sigma2=0.01)

    return write


def test_sketches_are_drawn_from_their_strokes(training, write_strokes, make_report, flat, pixels, lines_of):
    points = np.random.default_rng(0).uniform(-1, 1, (3, 10, 2, 2, 2))
    for epoch in range(3):
        write_strokes(training, epoch, points[epoch])
    content = make_report(training)
    sketches = content["sketches"]
    assert [(one["epoch"], one["rate"]) for one in sketches["epochs"]] == [(1, 0.5), (2, 0.25), (3, 0.75)]
    assert (sketches["whole"], sketches["all_epochs"], sketches["unread"]) == (False, 3, [])
    for number, place in enumerate(sketches["photos"]):
        assert (pixels(content, place) == flat(100 + number)).all()
    for epoch, one in enumerate(sketches["epochs"]):
        for number, place in enumerate(one["sketches"]):
            lines, paper = lines_of(content, place)
            # Photos have 8 pixels: -1 is the centre of the first one, and 1 of the last one.
            expected = (points[epoch, number, :, :, ::-1].reshape(2, 4) + 1) / 2 * 7 + 0.5
            assert lines == pytest.approx(expected, abs=1e-3)
            assert paper == "#000"
    config = json.loads((training / "config.json").read_text())
    config["options"]["invert"] = True
    (training / "config.json").write_text(json.dumps(config))
    content = make_report(training)
    assert lines_of(content, content["sketches"]["epochs"][0]["sketches"][0])[1] == "#fff"


def test_a_long_training_is_shown_in_evenly_spaced_epochs_with_its_last(training, write_strokes, make_report):
    for epoch in range(40):
        write_strokes(training, epoch, np.full((10, 100, 2, 2), epoch / 40))
    sketches = make_report(training)["sketches"]
    assert sketches["all_epochs"] == 40
    assert len(sketches["epochs"]) == module.MOST_STROKES // (10 * 100)
    assert (sketches["epochs"][0]["epoch"], sketches["epochs"][-1]["epoch"]) == (1, 40)
    assert {len(one["sketches"]) for one in sketches["epochs"]} == {10}


def test_sketches_of_very_many_strokes_are_fewer(training, write_strokes, make_report):
    for epoch in range(3):
        write_strokes(training, epoch, np.zeros((10, 2000, 2, 2)) + epoch)
    sketches = make_report(training)["sketches"]
    assert [one["epoch"] for one in sketches["epochs"]] == [1, 3]
    assert [len(one["sketches"]) for one in sketches["epochs"]] == [2, 2]
    assert len(sketches["photos"]) == 2


def test_damaged_files_are_left_out_and_named(training, write_strokes, make_report):
    for epoch in range(3):
        write_strokes(training, epoch, np.zeros((10, 1, 2, 2)))
    (training / "val_strokes_01.npz").write_bytes(b"torn")
    (training / "val_samples.png").unlink()
    sketches = make_report(training)["sketches"]
    assert [one["epoch"] for one in sketches["epochs"]] == [1, 3]
    assert (sketches["unread"], sketches["photos"]) == (["val_strokes_01.npz"], None)


def test_a_run_without_strokes_shows_its_grids_as_they_are(training, make_report, pixels):
    content = make_report(training)
    sketches = content["sketches"]
    assert sketches["whole"] is True
    assert [one["epoch"] for one in sketches["epochs"]] == [1, 2, 3]
    for epoch, one in enumerate(sketches["epochs"]):
        grid = np.asarray(Image.open(training / f"val_reconstruction_samples_{epoch:02d}.png").convert("RGB"))
        assert (pixels(content, one["sketches"][0]) == grid).all()
    (training / "val_reconstruction_samples_02.png").write_bytes(b"torn")
    (training / "val_samples.png").unlink()
    sketches = make_report(training)["sketches"]
    assert [one["epoch"] for one in sketches["epochs"]] == [1, 2]
    assert (sketches["unread"], sketches["photos"]) == (["val_reconstruction_samples_02.png"], None)
    for epoch in (0, 1):
        (training / f"val_reconstruction_samples_{epoch:02d}.png").write_bytes(b"torn")
    assert "cannot be read: val_reconstruction_samples_00.png, " in make_report(training)["sketches"]["missing"]


def test_evenly_keeps_the_first_and_the_last():
    assert evenly([1, 2, 3], 12) == [1, 2, 3]
    assert evenly(list(range(250)), 12) == [0, 23, 45, 68, 91, 113, 136, 158, 181, 204, 226, 249]
