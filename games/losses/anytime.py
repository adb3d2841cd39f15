"""The game's loss over the guesses after every step of a sketch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from learning_to_draw.models.anytime import Guesses

PRIOR_COEF = 0.01  # as in PonderNet (Banino et al. 2021)


def anytime_loss(game: Callable[[Tensor, Tensor], Tensor], guesses: Guesses, targets: Tensor) -> Tensor:
    """The game's loss, a scalar: the mean of `game` over the steps of a sketch, weighted by `Guesses.weights`.

    Learned halting adds PRIOR_COEF times the Kullback-Leibler divergence of the weights from a uniform distribution
    over the steps, so that the receiver does not always decide after the same step.
    """
    if guesses.halting is None:
        return torch.stack([game(scores, targets) for scores in guesses.scores]).mean()
    weights, steps = guesses.weights, len(guesses.scores)
    losses = [
        torch.stack([game(row[None], target[None]) for row, target in zip(scores, targets, strict=True)])
        for scores in guesses.scores
    ]
    divergence = (weights * (weights.clamp(min=1e-8) * steps).log()).sum(dim=0).mean()
    return (weights * torch.stack(losses)).sum(dim=0).mean() + PRIOR_COEF * divergence
