"""What --tensorboard writes, read back by TensorBoard's own reader."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from learning_to_draw import commgame

QUICK = ["--batch-size", "150", "--tensorboard"]


def call(*arguments):
    return commgame.main([str(word) for word in arguments])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One epoch, and then another."""
    folder = tmp_path_factory.mktemp("run")
    assert call("train", *QUICK, "--epochs", "1", "--output", folder) == 0
    assert call("train", "--resume", folder, "--epochs", "2") == 0
    return folder


@pytest.fixture
def events(run):
    found = EventAccumulator(str(run / "tensorboard"))
    found.Reload()
    return found


def test_every_number_of_the_log_is_there(run, events):
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    tags = events.Tags()["scalars"]
    assert {"loss/training", "loss/validation", "commrate/training", "commrate/validation", "lr", "sigma2"} <= set(tags)
    assert len(tags) == len(rows[0]) - 1  # the epoch is the step
    for tag in tags:
        name = tag.removesuffix("/training")
        name = f"val_{name.removesuffix('/validation')}" if name.endswith("/validation") else name
        seen = events.Scalars(tag)
        assert [scalar.step for scalar in seen] == [0, 1]
        assert [scalar.value for scalar in seen] == pytest.approx([row[name] for row in rows], rel=1e-6)


def test_the_games_are_the_picture_in_the_folder(run, events):
    first, last = events.Images("games")
    assert (first.step, last.step) == (0, 1)
    shown = Image.open(io.BytesIO(last.encoded_image_string))
    with Image.open(run / "val_games.png") as games:
        assert np.array_equal(np.asarray(shown), np.asarray(games.convert("RGB")))


def test_without_the_package_it_is_said_before_anything_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("learning_to_draw.trials.loop.tensorboard.find_spec", lambda _: None)
    assert call("train", *QUICK, "--output", tmp_path / "run") == 2
    assert "--tensorboard needs the package tensorboard" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
