"""Losses as named terms: the game's own, and the perceptual loss between photo and sketch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from errors import UsageError
from models.agents import Play


class HingeLoss:
    """mean over B of (1/T) sum_{j != y} max(0, 1 - s_y + s_j); the paper's equation 3, divided by T as officially.

    1 - 1/T when all scores are equal: nothing is being communicated then.
    """

    def __call__(self, scores: Tensor, targets: Tensor) -> Tensor:
        """scores [B, T], targets int64 [B], each row a game of its own -> scalar."""
        return functional.multi_margin_loss(scores, targets)


class CELoss:
    """Cross-entropy of a softmax over the candidates of each game; log T when all scores are equal."""

    def __call__(self, scores: Tensor, targets: Tensor) -> Tensor:
        """scores [B, T], targets int64 [B] -> scalar."""
        return functional.cross_entropy(scores, targets)


class NoLoss:
    """Always 0: the game is played but not learned from, so that only the other losses train the sender."""

    def __call__(self, scores: Tensor, targets: Tensor) -> Tensor:
        """scores [B, T], targets int64 [B] -> 0, with a gradient of 0."""
        return (scores * 0).sum()


class PerceptualLoss:
    """Distance between photo and sketch over the sender encoder's feature maps; the paper's equation 4.

    coef * mean over B of sum over layers of weight * the spatial mean of |f(photo) - f(sketch)|^2, each location's
    feature vector f having been divided by its length.
    """

    perceives = True  # needs the feature maps of photos and sketches

    def __init__(self, feature_layers: Sequence[str], weights: Sequence[float] | None = None, coef: float = 1.0):
        """feature_layers: the encoder's, in order. weights: one for each, None for 1 each.

        Raises UsageError for an encoder without feature layers, or another number of weights.
        """
        if not feature_layers:
            raise UsageError(
                "--sort-of-perceptual-loss compares an encoder's feature layers, and this encoder has none.\n"
                "Choose VGG16BackboneExtended or SqueezeNetBackbone."
            )
        if weights is not None and len(weights) != len(feature_layers):
            raise UsageError(
                f"--sop-weights gives {len(weights)} weight(s), but this encoder has {len(feature_layers)} feature "
                f"layer(s): {', '.join(feature_layers)}.\n"
                "Give one for each, or choose another --feature-layer."
            )
        self.weights = dict(zip(feature_layers, weights or [1.0] * len(feature_layers), strict=True))
        self.coef = coef

    def __call__(self, play: Play) -> Tensor:
        """The loss, a scalar. `play` must have been played with feature maps kept."""
        total = torch.zeros((), device=play.scores.device)
        for layer, weight in self.weights.items():
            if weight:
                total = total + weight * map_distance(play.photo.feature_maps[layer], play.drawn.feature_maps[layer])
        return self.coef * total


def map_distance(one: Tensor, other: Tensor) -> Tensor:
    """Mean over B and locations of |u - v|^2 for unit vectors u, v along the channels of [B, C, H, W] maps.

    A location where nothing is active stays the zero vector; its gradient is finite (the official code's is NaN).
    """
    return (_unit(one) - _unit(other)).pow(2).sum(dim=1).mean()


def _unit(maps: Tensor) -> Tensor:
    return maps / (torch.linalg.vector_norm(maps, dim=1, keepdim=True) + 1e-10)


class TotalLoss:
    """The game's loss plus the auxiliary losses, each under its name.

    `game` takes scores and targets; each of `auxiliary` takes the whole play.
    """

    def __init__(
        self,
        game: Callable[[Tensor, Tensor], Tensor],
        auxiliary: dict[str, Callable[[Play], Tensor]] | None = None,
    ):
        self.game = game
        self.auxiliary = auxiliary or {}

    @property
    def perceives(self) -> bool:
        """Whether a term needs the feature maps of photos and sketches."""
        return any(getattr(term, "perceives", False) for term in self.auxiliary.values())

    def __call__(self, play: Play, targets: Tensor) -> dict[str, Tensor]:
        """Every term by name, `game` first; their sum is what is trained on."""
        return {"game": self.game(play.scores, targets)} | {name: term(play) for name, term in self.auxiliary.items()}
