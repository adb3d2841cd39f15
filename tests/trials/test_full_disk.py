"""A disk that is full, or a quota: the system's limit on the size of a file, which fails a write in the same way."""

import contextlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from learning_to_draw import commgame
from learning_to_draw.trials.records.atomic import write_atomically, write_json, write_text
from learning_to_draw.trials.records.checkpoints import save_tensors
from learning_to_draw.trials.records.gamelog_writer import Unfinished
from learning_to_draw.trials.records.output import whole_folder
from learning_to_draw.trials.records.pictures import save_picture

ROOT = Path(commgame.__file__).parent
NOISE = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)


@contextlib.contextmanager
def room(size):
    """Context in which a file can have at most `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


WRITERS = {
    "model_00.pt": lambda path: save_tensors(path, {"model": torch.rand(100, 100)}),
    "small.pt": lambda path: save_tensors(path, {"epoch": list(range(900))}),
    "strokes.npz": lambda path: write_atomically(path, lambda temporary: np.savez(temporary, points=NOISE)),
    "points.npy": lambda path: write_atomically(path, lambda temporary: np.save(temporary, NOISE)),
    "sketch.png": lambda path: save_picture(path, Image.fromarray(NOISE)),
    "sketch.gif": lambda path: save_picture(path, Image.fromarray(NOISE)),
    "result.json": lambda path: write_json(path, {"rates": list(range(2000))}),
    "table.md": lambda path: write_text(path, "a line of a table\n" * 500),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("size", [0, 1000, 3000])
def test_the_file_is_named_and_the_old_one_stays(name, size, tmp_path):
    path = tmp_path / name
    path.write_bytes(b"old")
    with room(size), pytest.raises(OSError, match=r"File too large|requested and \d+ written") as raised:
        WRITERS[name](path)
    assert raised.value.filename == str(path)
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [(name, b"old")]
    WRITERS[name](path)  # there is room again
    assert path.stat().st_size > 3000


def test_an_error_that_is_no_failed_write_stays_what_it_is(tmp_path):
    def wrong(_):
        raise RuntimeError("a tensor of another shape")

    with pytest.raises(RuntimeError, match="another shape"):
        write_atomically(tmp_path / "model_00.pt", wrong)


def test_a_list_of_games_is_named_and_removed(tmp_path):
    games = Unfinished(tmp_path / "games.jsonl")
    with room(1000):
        with pytest.raises(OSError, match="File too large") as raised:
            games.write("a game, with its sketch and its candidates\n" * 1000)
        games.discard()
    assert raised.value.filename == str(tmp_path / "games.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_a_tool_writes_is_named_and_removed(tmp_path):
    output = tmp_path / "svgs"
    with room(1000), pytest.raises(OSError, match="File too large") as raised, whole_folder(output) as folder:
        (folder / "0.svg").write_text("<svg>" * 1000)
    assert raised.value.filename == str(output)
    assert list(tmp_path.iterdir()) == []


def test_a_training_that_finds_no_room_says_which_file_and_keeps_what_it_has(tmp_path):
    """Room for the texts and pictures of the run, and not for the state after the first epoch."""
    words = ["train", "--quiet", "--epochs", "2", "--batch-size", "150", "--device", "cpu", "--output"]
    command = [sys.executable, ROOT / "commgame.py", *words, tmp_path / "run"]
    limit = 4_000_000  # resume.pt is smaller until the optimiser has moments
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first.startswith("failed: [Errno 27] File too large: '")
    assert Path(first.split("'")[1]).parent == tmp_path / "run"
    assert second.strip() == "Everything saved before is complete."
    assert json.loads((tmp_path / "run" / "config.json").read_text())["command"] == "train"
    assert [path.name for path in (tmp_path / "run").glob("*.pt")] == ["resume.pt"]
    assert torch.load(tmp_path / "run" / "resume.pt", weights_only=True)["history"] == []
    assert not [path.name for path in (tmp_path / "run").iterdir() if path.name.startswith(".")]
