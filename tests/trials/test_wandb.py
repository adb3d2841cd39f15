"""What --wandb keeps with WANDB_MODE=offline, read from the file that `wandb sync` uploads. Nothing needs a network."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
QUICK = ["--batch-size", "150", "--wandb", "my-drawings"]
BLOCK, HEADER = 32768, 7  # bytes, of the file's format


def train(folder, *words, **variables):
    command = [sys.executable, ROOT / "commgame.py", "train", *map(str, words)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")} | variables
    done = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def records(path):
    """The records of a file run-ID.wandb, in wandb's messages. A record is divided where a block ends."""
    from wandb.proto import wandb_internal_pb2 as messages

    content, place, parts = path.read_bytes(), HEADER, b""
    while place + HEADER <= len(content):
        if BLOCK - place % BLOCK < HEADER:
            place += BLOCK - place % BLOCK
        _, size, kind = struct.unpack("<IHB", content[place : place + HEADER])
        parts += content[place + HEADER : place + HEADER + size]
        place += HEADER + size
        if kind in (1, 4):  # whole, or the last part
            yield messages.Record.FromString(parts)
            parts = b""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One epoch, and then another, in a folder whose settings name another server."""
    folder = tmp_path_factory.mktemp("here")
    (folder / "wandb").mkdir()
    (folder / "wandb" / "settings").write_text("[default]\nbase_url = http://127.0.0.1:1\n")
    for words in ([*QUICK, "--epochs", "1", "--output", "run"], ["--resume", "run", "--epochs", "2"]):
        said = train(folder, *words, WANDB_MODE="offline")
        assert "--wandb" not in said.split("writing to")[-1].split("resuming")[-1]  # no warning
        assert "Loading settings" not in said
    return folder / "run"


@pytest.mark.slow
def test_both_sessions_belong_to_one_run_with_every_number_of_the_log(run):
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    files = sorted((run / "wandb").glob("offline-run-*/*.wandb"))
    assert len(files) == 2
    for file, row in zip(files, rows, strict=True):
        found = list(records(file))
        [begun] = [record.run for record in found if record.WhichOneof("record_type") == "run"]
        assert (begun.run_id, begun.project) == ((run / "wandb" / "id.txt").read_text(), "my-drawings")
        options = {item.key or item.nested_key[0]: json.loads(item.value_json) for item in begun.config.update}
        saved = json.loads((run / "config.json").read_text())["options"]
        assert {name: options[name] for name in ("nlines", "batch_size", "wandb")} == {
            name: saved[name] for name in ("nlines", "batch_size", "wandb")
        }
        [logged] = [record.history for record in found if record.WhichOneof("record_type") == "history"]
        values = {item.key or item.nested_key[0]: json.loads(item.value_json) for item in logged.item}
        assert values["_step"] == row["epoch"] + 1
        assert {name: values[name] for name in row if name != "epoch"} == pytest.approx(
            {name: value for name, value in row.items() if name != "epoch"}
        )


@pytest.mark.slow
def test_the_games_are_the_picture_in_the_folder(run):
    [last] = sorted((run / "wandb").glob("offline-run-*"))[-1].rglob("games_*.png")
    with Image.open(last) as kept, Image.open(run / "val_games.png") as games:
        assert np.array_equal(np.asarray(kept.convert("RGB")), np.asarray(games.convert("RGB")))


@pytest.mark.slow
def test_a_service_that_cannot_be_used_is_told_once_and_ends_no_training(tmp_path):
    said = train(tmp_path, *QUICK, "--epochs", "2", "--output", "run", HOME=str(tmp_path))  # without a key
    assert said.count("--wandb: nothing more is sent to Weights & Biases: ") == 1
    assert json.loads((tmp_path / "run" / "result.json").read_text())["epochs"] == 2
    plain = train(tmp_path, *QUICK[:2], "--epochs", "2", "--output", "plain")
    assert "Weights & Biases" not in plain
    assert (tmp_path / "plain" / "log.csv").read_bytes() == (tmp_path / "run" / "log.csv").read_bytes()
