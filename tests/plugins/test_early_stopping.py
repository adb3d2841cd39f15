"""A callback of a plugin that sets torchbearer's STOP_TRAINING ends the training; the run then counts as finished."""

import csv
import json

import pytest
import torch

from learning_to_draw import commgame
from learning_to_draw.analysis.compare.settings import read_settings

SMALL = "--batch-size 150 --image-size 16 --encoder SimpleMLPEncoder --nlines 2"
STOPS = """
import torchbearer
from torchbearer.callbacks import Callback
from learning_to_draw.plugins import callback

@callback("stops")
class Stops(Callback):
    def __init__(self, folder, agents):
        super().__init__()

    def METHOD(self, state):
        if state[torchbearer.EPOCH] == 1:
            state[torchbearer.STOP_TRAINING] = True
"""
MOMENTS = ("on_step_training", "on_end_training", "on_step_validation", "on_end_epoch", "on_checkpoint")


def call(words):
    return commgame.main(words.split())


@pytest.fixture
def stopping(folder):
    """stopping(method): writes a plugin whose callback stops a training in the second epoch."""
    return lambda method="on_end_epoch": (folder / "stops.py").write_text(STOPS.replace("METHOD", method))


def train(more):
    return call(f"train --plugin stops.py --callbacks stops {SMALL} {more}")


def epochs_of(run):
    """The number of epochs in result.json, which is also that of the log and of model_final.pt."""
    epochs = json.loads((run / "result.json").read_text())["epochs"]
    assert len((run / "log.csv").read_text().splitlines()) == 1 + epochs
    assert torch.load(run / "model_final.pt", weights_only=True)["epoch"] == epochs - 1
    return epochs


def times(run):
    return {path.name: path.stat().st_mtime_ns for path in run.iterdir()}


@pytest.mark.parametrize("method", MOMENTS)
def test_the_epoch_of_the_stop_is_the_last_one_and_whole(method, stopping, folder):
    stopping(method)
    assert train("--epochs 3 --output run --quiet") == 0
    assert epochs_of(folder / "run") == 2
    with (folder / "run" / "log.csv").open(newline="") as file:
        assert all(float(row["val_loss"]) > 0 for row in csv.DictReader(file))


def test_a_stopped_run_is_finished_until_it_gets_more_epochs(stopping, folder, capsys):
    stopping()
    words, run = "--epochs 3 --output run --resume auto", folder / "run"
    assert train(words) == 0
    assert "a callback has stopped the training after epoch 2 of 3\n" in capsys.readouterr().out
    before, result = times(run), (run / "result.json").read_text()
    assert train(words) == 0
    assert "nothing left to do" in capsys.readouterr().out
    for more in ("", "--epochs 3"):
        assert call(f"train --resume run {more}") == 2
        assert (
            "--epochs is 3, but the run has already finished epoch 2 of 3, where a callback stopped it.\n"
            "       Give an --epochs larger than 3, or start a new run.\n"
        ) in capsys.readouterr().err
    assert times(run) == before
    (run / "result.json").unlink()  # as if killed before it was written
    assert train(words) == 0
    assert json.loads((run / "result.json").read_text()) | {"seconds": 0} == json.loads(result) | {"seconds": 0}
    assert call("train --resume run --epochs 4 --quiet") == 0
    assert epochs_of(run) == 4


def test_a_stop_within_an_epoch_is_kept_if_a_signal_stops_the_run_first(folder):
    (folder / "stops.py").write_text(
        STOPS.replace(
            "    def METHOD(self, state):\n        if state[torchbearer.EPOCH] == 1:\n",
            "    def on_step_training(self, state):\n"
            "        if state[torchbearer.EPOCH] == 1 and not Path('once').exists():\n"
            "            Path('once').touch()\n"
            "            os.kill(os.getpid(), signal.SIGTERM)\n",
        ).replace("import torchbearer", "import os, signal\nfrom pathlib import Path\nimport torchbearer", 1)
    )
    words = "--epochs 3 --output run --resume auto --quiet"
    assert train(words) == 143
    assert train(words) == 0
    assert epochs_of(folder / "run") == 2


def test_other_commands_take_a_stopped_run_for_a_finished_one(folder, capsys):
    (folder / "stops.py").write_text(
        STOPS.replace("METHOD", "on_end_epoch")
        .replace("super().__init__()", "super().__init__()\n        self.last = int(folder.name[-1])")
        .replace("state[torchbearer.EPOCH] == 1", "state[torchbearer.EPOCH] == self.last")
    )
    for seed in (0, 1):
        run = f"runs/one/seed-{seed}"
        assert train(f"--epochs 3 --seed {seed} --output {run} --quiet") == 0
        assert epochs_of(folder / run) == seed + 1
        assert call(f"test --weights {run}/model_final.pt --output {run}-test --quiet") == 0
    (setting,) = read_settings([folder / "runs"])
    assert [len(run.curve) for run in setting.runs] == [1, 2]
    assert setting.options["epochs"] == 3
    assert call(f"report {run}") == 0
    assert '"status":"finished"' in (folder / run / "report.html").read_text()
    (folder / "sweep.toml").write_text(
        'seeds = [0, 1]\n[common]\nepochs = 3\ncallbacks = ["stops"]\nbatch_size = 150\nimage_size = 16\n'
        'encoder = "SimpleMLPEncoder"\nnlines = 2\n[rows.one]\ntitle = "one"\n'
    )
    capsys.readouterr()
    assert call("sweep sweep.toml --plugin stops.py --output runs --dry-run") == 0
    assert "Nothing is left to do." in capsys.readouterr().out
