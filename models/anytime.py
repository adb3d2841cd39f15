"""The receiver's guesses after every step of a sketch, and the step after which it decides."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

SURE = 0.9  # without learned halting, the receiver decides once a candidate has this probability


@dataclass(frozen=True)
class Guesses:
    """The receiver's scores after every step of a sketch.

    scores: float [K, B, T], the scores of T candidates for each of B sketches, after each of K steps. halting: float
    [K, B], the probability that the receiver decides after step k if it has not decided before; None if halting is not
    learned.
    """

    scores: Tensor
    halting: Tensor | None = None

    @property
    def weights(self) -> Tensor:
        """float [K, B]: the share of each step in the loss; the shares of all steps sum to 1.

        With learned halting, a step's share is the probability that the receiver decides after this step (Banino et al.
        2021); it decides after the last step at the latest. Without learned halting, the share is 1 / K.
        """
        steps, batch = self.scores.shape[:2]
        if self.halting is None:
            return self.scores.new_full((steps, batch), 1 / steps)
        going_on = torch.cumprod(1 - self.halting[:-1], dim=0)
        before = torch.cat([torch.ones_like(going_on[:1]), going_on])
        return before * torch.cat([self.halting[:-1], torch.ones_like(self.halting[:1])])

    @property
    def decided(self) -> Tensor:
        """int64 [B]: the step, from 0, after which the receiver decides.

        With learned halting: the first step k for which the `weights` of steps 0 to k sum to at least one half.
        Without learned halting: the first step after which the softmax probability of a candidate is at least SURE; the
        last step if no probability is that high.
        """
        if self.halting is None:
            enough = torch.softmax(self.scores, dim=2).amax(dim=2) >= SURE
        else:
            enough = torch.cumsum(self.weights, dim=0) >= 0.5
        enough[-1] = True
        return enough.long().argmax(dim=0)


class Halting(nn.Module):
    """Scores [K, B, T] -> [K, B], the probability that the receiver decides after a step if it has not decided before.

    A logistic regression on three numbers: the highest softmax probability of a candidate, the entropy of the softmax
    probabilities (divided by log T), and the share of steps that have been drawn.
    """

    def __init__(self):
        super().__init__()
        self.decide = nn.Linear(3, 1)

    def forward(self, scores: Tensor) -> Tensor:
        steps, batch, candidates = scores.shape
        logarithms = torch.log_softmax(scores, dim=2)
        entropy = -(logarithms.exp() * logarithms).sum(dim=2) / math.log(candidates)
        drawn = (torch.arange(1, steps + 1, device=scores.device, dtype=scores.dtype) / steps)[:, None]
        belief = torch.stack([logarithms.amax(dim=2).exp(), entropy, drawn.expand(steps, batch)], dim=2)
        return torch.sigmoid(self.decide(belief)).squeeze(2)
