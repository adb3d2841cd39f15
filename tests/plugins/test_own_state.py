"""Losses and callbacks of a plugin that have a state of their own go on with it when a training resumes."""

import pytest
import torch

from learning_to_draw import commgame, plugins

SMALL = "--batch-size 150 --image-size 16 --encoder SimpleMLPEncoder --nlines 2"
TRAIN = f"train --plugin parts.py {SMALL} --quiet --output"


def call(words):
    return commgame.main(words.split())


DRAWS = """
import torch
from torch import nn
from learning_to_draw.games.losses.terms import HingeLoss
from learning_to_draw.plugins import auxiliary_loss, loss

class Draws(nn.Module):
    def __init__(self, seed):
        super().__init__()
        self.numbers = torch.Generator().manual_seed(seed)

@loss("Shaken")
class Shaken(HingeLoss):
    def __init__(self, config):
        super().__init__(config)
        self.draws = torch.Generator().manual_seed(1)

    def __call__(self, scores, targets):
        return super().__call__(scores, targets) * (1 + torch.rand((), generator=self.draws))

@auxiliary_loss("draws")
class DrawsLoss(nn.Module):
    def __init__(self, config, agents, *, seed, held_out_seed):
        super().__init__()
        self.generator = torch.Generator().manual_seed(seed)
        self.source = torch.Generator().manual_seed(seed + 1)
        self.inner = Draws(seed + 2)

    def forward(self, play):
        generators = (self.generator, self.source, self.inner.numbers)
        return sum(10**place * torch.randint(10, (), generator=g) for place, g in enumerate(generators)).float()
"""


def test_all_generators_of_a_loss_go_on_where_they_stopped(folder):
    (folder / "parts.py").write_text(DRAWS)
    assert call(f"{TRAIN} whole --loss Shaken --draws-loss --epochs 2") == 0
    assert call(f"{TRAIN} more --loss Shaken --draws-loss --epochs 1") == 0
    saved = torch.load("more/resume.pt", weights_only=True)
    assert call("train --resume more --epochs 2 --quiet") == 0
    assert (folder / "more" / "log.csv").read_bytes() == (folder / "whole" / "log.csv").read_bytes()
    for name in (
        "draws loss source",
        "draws.inner loss numbers",
        "game loss draws",
    ):  # which earlier versions did not save
        del saved["random"][0]["generators"][name]
    torch.save(saved, "whole/resume.pt")
    assert call("train --resume whole --epochs 2 --quiet") == 0


COUNTS = """
import os
import signal
from pathlib import Path
import numpy as np
import torch
import torchbearer
from torchbearer.callbacks import Callback
from learning_to_draw.plugins import callback

@callback("counts")
class Counts(Callback):
    def __init__(self, folder, agents):
        super().__init__()
        self.steps, self.of_epochs = 0, []

    def count(self, more):
        self.steps += more
        if Path("stop-at").exists() and self.steps == int(Path("stop-at").read_text()):
            os.kill(os.getpid(), signal.SIGTERM)

    def on_start_training(self, state):
        self.of_epochs.append(0)

    def on_step_training(self, state):
        self.of_epochs[-1] += 1
        self.count(1)

    def on_step_validation(self, state):
        self.count(100)

    def on_end_epoch(self, state):
        state[torchbearer.METRICS]["steps"] = self.steps
        state[torchbearer.METRICS]["most"] = max(self.of_epochs)

    def state_dict(self):
        return {"steps": torch.tensor(self.steps), "mean": np.float64(0.5), "of_epochs": self.of_epochs}

    def load_state_dict(self, saved):
        self.steps, self.of_epochs = int(saved["steps"]), saved["of_epochs"]
"""


@pytest.fixture
def counts(folder):
    """Writes the plugin and trains two epochs with it to the folder whole."""
    (folder / "parts.py").write_text(COUNTS)
    assert call(f"{TRAIN} whole --callbacks counts --epochs 2") == 0
    return folder


def test_a_callback_goes_on_with_its_state(counts):
    whole = (counts / "whole" / "log.csv").read_bytes()
    assert b"steps" in whole
    assert call(f"{TRAIN} more --callbacks counts --epochs 1") == 0
    assert call("train --resume more --epochs 2 --quiet") == 0
    assert (counts / "more" / "log.csv").read_bytes() == whole
    words = f"{TRAIN} stopped --callbacks counts --epochs 2 --resume auto"
    for steps in (111, 216):  # in the training of the second epoch, and in its validation, which is then repeated
        (counts / "stop-at").write_text(str(steps))
        assert call(words) == 143
    (counts / "stop-at").unlink()
    assert call(words) == 0
    assert (counts / "stopped" / "log.csv").read_bytes() == whole


def test_a_callback_without_a_saved_state_starts_anew(counts):
    content = torch.load("whole/resume.pt", weights_only=True)
    assert content["callbacks"]["counts"]["of_epochs"] == [8, 8]
    del content["callbacks"], content["stopped"]  # which earlier versions did not save
    torch.save(content, "whole/resume.pt")
    assert call("train --resume whole --epochs 3 --quiet") == 0
    assert torch.load("whole/resume.pt", weights_only=True)["callbacks"]["counts"]["steps"] == 108


def test_a_state_that_cannot_be_saved_is_one_message(folder, capsys):
    (folder / "parts.py").write_text(COUNTS.replace('"of_epochs": self.of_epochs}', '"of_epochs": {8}}'))
    assert call(f"{TRAIN} run --callbacks counts --epochs 1") == 2
    told = capsys.readouterr().err
    assert "the callback counts: its state_dict() holds a builtins.set, which resume.pt cannot hold.\n" in told


def test_a_state_that_cannot_be_loaded_is_one_message_and_the_earlier_plugin_resumes(counts, capsys):
    (counts / "parts.py").write_text(COUNTS.replace('saved["of_epochs"]', 'saved["counted"]'))
    for pattern, code in (("parts.py", 2), ("whole/plugin-*.py", 0)):
        plugins._unregister(list(plugins._registered))  # as in another process
        plugins._loaded.clear()
        (file,) = counts.glob(pattern)
        assert call(f"train --plugin {file} --resume whole --epochs 3 --quiet") == code
    assert "the callback counts cannot load the state that it saved (KeyError: 'counted').\n" in capsys.readouterr().err
