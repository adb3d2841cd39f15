"""One step: plays a batch of games and computes the loss and, in training, its gradients.

Through trial.py, torchbearer calls `train_step` for each training batch; for each held-out batch, it calls `GameModule`
and then `total_loss`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from learning_to_draw.games.losses.terms import TotalLoss
from learning_to_draw.models.population import Community
from learning_to_draw.trials.loop import distributed
from learning_to_draw.trials.loop.batches import Batch, PlayedBatch


class ForwardError(BaseException):
    """Carries an exception through torchbearer, which would catch it, rerun the model and lose the traceback."""


class GameModule(nn.Module):
    """Maps a `Batch` to a `PlayedBatch`; holds agents and loss, so both change device and train/eval mode together."""

    def __init__(self, agents: Community, loss: TotalLoss, *, gather_candidates: bool = False):
        """gather_candidates: whether training pools the candidates of all processes."""
        super().__init__()
        self.agents = agents
        self.loss = loss
        self.gather_candidates = gather_candidates

    def forward(self, batch: Batch, state: Any = None) -> PlayedBatch:
        """Plays a batch and computes the loss's terms. state: passed by torchbearer, not used."""
        if batch.played is not None:  # `DividedGames` has already played it
            return batch.played
        try:
            play = self.agents.meeting(batch.meeting)(
                batch.photos,
                batch.candidates,
                batch.senders,
                feature_layers=self.loss.needed_layers,
                features=batch.features,
                targets=batch.targets,
                seen=batch.seen,
                pooled=distributed.all_gather_own_first if self.gather_candidates and self.training else None,
            )
            return PlayedBatch(play, self.loss(play, batch.targets))
        except Exception as error:
            raise ForwardError from error


def total_loss(played: PlayedBatch) -> Tensor:
    """The sum of the loss's terms, a scalar."""
    return torch.stack([term.reshape(()) for term in played.terms.values()]).sum()


def adam(weights: Iterable[Any], rate: float, weight_decay: float = 0.0) -> torch.optim.Adam:
    """Adam over parameters, or over groups of parameters as torch takes them.

    It is fused: a few kernels update all weights. With small agents, one kernel per weight and operation would cost a
    tenth of a step's time.
    """
    return torch.optim.Adam(weights, lr=rate, weight_decay=weight_decay, fused=True)


def train_step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Batch) -> tuple[PlayedBatch, Tensor]:
    """Plays a batch and computes the gradients of the loss. Returns the result and the loss, a scalar.

    The caller updates the weights. model: a `GameModule`; if there are several processes, a DistributedDataParallel
    around it, which averages the gradients.
    """
    optimizer.zero_grad()
    played = model(batch)
    loss = total_loss(played)
    loss.backward()
    return played, loss
