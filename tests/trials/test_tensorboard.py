"""What --tensorboard writes, read back by TensorBoard's own reader."""

import io
import json
import sys
from importlib.machinery import PathFinder

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


BROKEN = {
    "not installed": (None, "which is not installed in this Python"),
    "an empty folder": ({}, "which is not installed in this Python"),
    "of another year": (
        {"__init__.py": "from google.protobuf import no_such_name"},
        "which is installed but cannot be imported: cannot import name 'no_such_name'",
    ),
    "half removed": (
        {"__init__.py": "__version__ = '2.20.0'", "compat/__init__.py": "raise TypeError('Descriptors differ')"},
        "which is installed but cannot be imported: Descriptors differ",
    ),
}


class FoundIn:
    """Finds tensorboard in a folder, and nowhere else."""

    def __init__(self, folder):
        self.folder = str(folder)

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] != "tensorboard":
            return None
        spec = PathFinder.find_spec(name, path or [self.folder])
        if spec is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return spec


@pytest.mark.parametrize("kind", BROKEN)
def test_a_package_that_cannot_be_imported_is_reported_before_anything_is_written(kind, tmp_path, monkeypatch, capsys):
    files, told = BROKEN[kind]
    for name in [name for name in sys.modules if name.startswith(("tensorboard", "torch.utils.tensorboard"))]:
        monkeypatch.delitem(sys.modules, name)
    if files is not None:
        (tmp_path / "tensorboard" / "compat").mkdir(parents=True)
    for name, text in (files or {}).items():
        (tmp_path / "tensorboard" / name).write_text(text)
    monkeypatch.setattr(sys, "meta_path", [FoundIn(tmp_path), *sys.meta_path])
    assert call("train", *QUICK, "--output", tmp_path / "run") == 2
    said = capsys.readouterr().err
    assert said.startswith("error: --tensorboard needs the package tensorboard, ")
    assert told in said
    assert "pip install" in said
    assert not (tmp_path / "run").exists()
