"""The losses of the game, the reconstruction loss over pixels, and `TotalLoss`, which computes all losses of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from learning_to_draw.components import Config
from learning_to_draw.games.losses.anytime import anytime_loss
from learning_to_draw.models.agents import Agents, Play


class GameLoss:
    """A loss of the game: a function of scores [B, T] and targets int64 [B]. Each row is one sender's turn."""

    def __init__(self, config: Config = Config()):
        pass

    def __call__(self, scores: Tensor, targets: Tensor) -> Tensor:
        raise NotImplementedError


class HingeLoss(GameLoss):
    """mean over B of (1/T) sum_{j != y} max(0, 1 - s_y + s_j): the paper's equation 3, with the official code's 1/T.

    It is 1 - 1/T if all scores are equal.
    """

    def __call__(self, scores: Tensor, targets: Tensor) -> Tensor:
        """scores [B, T], targets int64 [B] -> scalar. Each row is one sender's turn."""
        return functional.multi_margin_loss(scores, targets)


class CELoss(GameLoss):
    """Cross-entropy of a softmax over the candidates of each game; log T if all scores are equal."""

    def __call__(self, scores: Tensor, targets: Tensor) -> Tensor:
        """scores [B, T], targets int64 [B] -> scalar."""
        return functional.cross_entropy(scores, targets)


class NoLoss(GameLoss):
    """Always 0: nothing is learned from the game, so only the other losses train the agents."""

    def __call__(self, scores: Tensor, targets: Tensor) -> Tensor:
        """scores [B, T], targets int64 [B] -> 0, with a gradient of 0."""
        return (scores * 0).sum()


class ReconstructLoss(nn.Module):
    """Mean squared difference between sketch and photo, both in 0..1, over all pixels and channels.

    The official code instead compares the sketch with the preprocessed photo. There, `--imagenet-norm` gives the photo
    values from about -2 to 2.6, which no sketch can have.
    """

    def __init__(self, config: Config, agents: Agents, **seeds: int):
        super().__init__()

    def forward(self, play: Play) -> Tensor:
        """The loss, a scalar. If only one of sketch and photo has colour, the other is copied to three channels."""
        return (play.sketches - play.photos).pow(2).mean()


class TotalLoss(nn.Module):
    """Computes the terms of the total loss: the game's loss and each auxiliary loss, by name.

    game: a function of scores and targets. auxiliary: modules that take the whole play, and may have parameters.
    """

    def __init__(
        self,
        game: Callable[[Tensor, Tensor], Tensor],
        auxiliary: Mapping[str, nn.Module] | None = None,
    ):
        super().__init__()
        self.game = game
        self.auxiliary = nn.ModuleDict(auxiliary)

    @property
    def needed_layers(self) -> frozenset[str]:
        """The feature layers whose maps of photos and sketches the auxiliary losses need."""
        return frozenset(layer for term in self.auxiliary.values() for layer in getattr(term, "needed_layers", ()))

    def generators(self) -> dict[str, torch.Generator]:
        """The random generators of the losses, by name: all attributes of the game's loss, and of the modules of the
        auxiliary losses, that are generators.

        The name of an attribute `generator` is the module's name alone, as in the files of earlier versions.
        """
        owners = [("game", self.game), *self.auxiliary.named_modules()]
        return {
            f"{module} loss" if name == "generator" else f"{module} loss {name}": value
            for module, owner in owners
            for name, value in vars(owner).items()
            if isinstance(value, torch.Generator)
        }

    def forward(self, play: Play, targets: Tensor) -> dict[str, Tensor]:
        """Every term by name, `game` first; training minimises their sum."""
        if play.guesses is not None:
            game = anytime_loss(self.game, play.guesses, targets)
        else:
            game = self.game(play.scores, targets)
        return {"game": game} | {name: term(play) for name, term in self.auxiliary.items()}
