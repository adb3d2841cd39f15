"""Losses and callbacks of a plugin that have a state of their own go on with it when a training resumes."""

import torch

from learning_to_draw import commgame

SMALL = "--batch-size 150 --image-size 16 --encoder SimpleMLPEncoder --nlines 2"
TRAIN = f"train --plugin parts.py {SMALL} --quiet --output"


def call(words):
    return commgame.main(words.split())


DRAWS = """
import torch
from torch import nn
from learning_to_draw.plugins import auxiliary_loss

class Draws(nn.Module):
    def __init__(self, seed):
        super().__init__()
        self.numbers = torch.Generator().manual_seed(seed)

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
    assert call(f"{TRAIN} whole --draws-loss --epochs 2") == 0
    assert call(f"{TRAIN} more --draws-loss --epochs 1") == 0
    saved = torch.load("more/resume.pt", weights_only=True)
    assert call("train --resume more --epochs 2 --quiet") == 0
    assert (folder / "more" / "log.csv").read_bytes() == (folder / "whole" / "log.csv").read_bytes()
    for name in ("draws loss source", "draws.inner loss numbers"):  # which earlier versions did not save
        del saved["random"][0]["generators"][name]
    torch.save(saved, "whole/resume.pt")
    assert call("train --resume whole --epochs 2 --quiet") == 0
