"""One step: a batch of games is played and judged and, in training, the agents learn from it.

torchbearer calls these functions through trial.py: `train_step` for each training batch, `GameModule` and `total_loss`
for each held-out batch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from learning_to_draw.games.losses.terms import TotalLoss
from learning_to_draw.models.agents import Agents
from learning_to_draw.trials.loop import distributed
from learning_to_draw.trials.loop.batches import Batch, PlayedBatch


class ForwardError(BaseException):
    """Carries an exception out of torchbearer, which would catch it, rerun the model and lose the traceback."""


class GameModule(nn.Module):
    """The agents and the loss: batch -> `PlayedBatch`. They change device and train/eval mode together."""

    def __init__(self, agents: Agents, loss: TotalLoss, *, gather_candidates: bool = False):
        """gather_candidates: whether training pools the candidates of all processes."""
        super().__init__()
        self.agents = agents
        self.loss = loss
        self.gather_candidates = gather_candidates

    def forward(self, batch: Batch, state: Any = None) -> PlayedBatch:
        """Plays a batch and computes the loss's terms. state: torchbearer's, not used."""
        if batch.played is not None:  # by another process: see `DividedGames`
            return batch.played
        try:
            play = self.agents(
                batch.photos,
                batch.candidates,
                batch.senders,
                feature_layers=self.loss.needed_layers,
                features=batch.features,
                pooled=distributed.all_gather_own_first if self.gather_candidates and self.training else None,
            )
            return PlayedBatch(play, self.loss(play, batch.targets))
        except Exception as error:
            raise ForwardError from error


def total_loss(played: PlayedBatch) -> Tensor:
    """The sum of the loss's terms, a scalar."""
    return torch.stack([term.reshape(()) for term in played.terms.values()]).sum()


def train_step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Batch) -> tuple[PlayedBatch, Tensor]:
    """Plays a batch and computes the gradients of the loss. Returns the play and the loss; the caller updates weights.

    model: a `GameModule` or, with several processes, one in DistributedDataParallel, which averages the gradients.
    """
    optimizer.zero_grad()
    played = model(batch)
    loss = total_loss(played)
    loss.backward()
    return played, loss
