"""From a deal to pictures: the photos of a batch of games, gathered once each, on the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from learning_to_draw.datasets.augment import random_affine
from learning_to_draw.datasets.splits import Split
from learning_to_draw.games.sampling import Deal, Game
from learning_to_draw.models.agents import Play
from learning_to_draw.models.encoders.base import Features
from learning_to_draw.trials.loop.feature_cache import FeatureCache


@dataclass(frozen=True)
class Played:
    """A batch as it was played, and the loss's terms by name, scalars."""

    play: Play
    terms: Mapping[str, Tensor]


@dataclass(frozen=True)
class Batch:
    """The pictures of G games of T candidates with B senders in all.

    photos: float [M, C, S, S] in 0..1; the first B are the senders' own, the receivers' further ones follow.
    candidates: int64 [G, T], rows of photos. targets: int64 [B] in 0..T-1. items: the deal, as items of the split.
    features: what a frozen backbone makes of the photos, where the run has kept that. played: what became of it, where
    that is known already.
    """

    photos: Tensor
    candidates: Tensor
    targets: Tensor
    items: Deal
    features: Features | None = None
    played: Played | None = None

    @property
    def senders(self) -> int:
        return len(self.targets)

    def candidate_rows(self) -> Tensor:
        """int64 [B, T]: for every sender, the rows of its game's candidates."""
        return self.candidates.repeat_interleave(self.senders // len(self.candidates), dim=0)


class GameBatches:
    """Iterates the batches of one split once an epoch; what torchbearer calls a generator.

    A picture that sender and receiver both see is the same view of it, augmentation included, and one row of `photos`:
    so it passes a shared encoder once. With `sender_view` (see `SenderView`) the senders see views of their own. Of
    several processes, each iterates its own share of the dealer's batches, all of them as many.
    """

    def __init__(
        self,
        split: Split,
        dealer: Game,
        *,
        device: torch.device,
        seed: int,
        sender_view: Callable[[Tensor, torch.Generator], Tensor] | None = None,
        share: tuple[int, int] = (0, 1),
    ):
        """share: which of how many processes this is; its batches are each so many-th one, from that on."""
        self._rank, self._processes = share
        self.split, self.dealer = split, dealer
        self._device, self._seed, self._sender_view = device, seed, sender_view
        self._generator = torch.Generator().manual_seed(seed)
        self.features: FeatureCache | None = None  # what is looked up instead of being computed

    def __len__(self) -> int:
        return len(self.dealer) // self._processes

    def __iter__(self) -> Iterator[Batch]:
        return self.after(0)

    def after(self, batches: int) -> Iterator[Batch]:
        """An epoch's batches from that number on; those before it are dealt, which moves the dealer's generator on."""
        if self.split.name != "train":
            self._generator.manual_seed(self._seed)  # validation and test see the same views every time
        deals = iter(self.dealer)

        def mine() -> Deal:
            """Each process deals all of them, so that all generators stay alike."""
            return [next(deals) for _ in range(self._processes)][self._rank]

        for _ in range(batches):
            mine()
        return (self._gather(mine()) for _ in range(len(self) - batches))

    def generators(self) -> dict[str, torch.Generator]:
        """Where its random numbers come from: what the next epoch will be depends on them."""
        return {"views": self._generator, "deals": self.dealer.generator}

    @property
    def pictures_stay(self) -> bool:
        """Whether a picture looks the same every time, to everybody."""
        return self.split.augment is None and self._sender_view is None

    @property
    def games(self) -> int:
        """Games an epoch of all processes, counting one for every sender that draws and is guessed."""
        return len(self) * self._processes * self.dealer.games * self.dealer.senders

    def _gather(self, deal: Deal) -> Batch:
        features = None
        if self._sender_view is None:
            items, candidates = unique_rows(deal)
            photos = self.split.view(items, self._generator, self._device)
            if self.features is not None:
                features = self.features.take(self.split.items[items])
        else:
            extra, position = torch.unique(deal.candidates, return_inverse=True)
            candidates = position + len(deal.senders)
            photos = self.split.view(torch.cat([deal.senders, extra]), self._generator, self._device)
            seen = self._sender_view(photos[: len(deal.senders)], self._generator)
            photos = torch.cat([seen, photos[len(deal.senders) :]])
        return Batch(photos, candidates.to(self._device), deal.targets.to(self._device), deal, features)


def unique_rows(deal: Deal) -> tuple[Tensor, Tensor]:
    """(items int64 [M], candidates int64 [G, T] as rows of items): the senders' items in order, then the others."""
    pool = deal.candidates.flatten()
    matches = pool[:, None] == deal.senders[None, :]  # [G * T, B]
    seen = matches.any(dim=1)
    extra, position = torch.unique(pool[~seen], return_inverse=True)
    rows = matches.long().argmax(dim=1)
    rows[~seen] = position + len(deal.senders)
    return torch.cat([deal.senders, extra]), rows.view_as(deal.candidates)


class SenderView:
    """The sender's own random view of a photo (`--random-transform-sender`), with the official code's ranges.

    Turned by up to 10 degrees, shifted by up to 10 %, scaled by 0.95 to 1.01, sheared by up to 1 degree, then every
    value's distance from `centre` multiplied by 0.95 to 1.05. The official code does this after normalisation, so what
    comes in from outside is the mean colour with `--imagenet-norm`, and black without.
    """

    def __init__(self, centre: Tensor):
        """centre: float [C], the colour that normalisation makes 0."""
        self.centre = centre

    def __call__(self, photos: Tensor, generator: torch.Generator) -> Tensor:
        """photos: float [B, C, S, S] in 0..1. The result may leave that range a little, as officially."""
        turned = random_affine(
            photos,
            generator,
            degrees=10,
            translate=0.1,
            scale=(0.95, 1.01),
            shear=1,
            fill=self.centre,
            interpolation="nearest",
        )
        gain = 0.95 + 0.1 * torch.rand(photos.shape, generator=generator).to(photos.device)
        centre = self.centre.to(photos.device).view(-1, 1, 1)
        return centre + (turned - centre) * gain
