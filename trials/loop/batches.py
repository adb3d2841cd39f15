"""Turns sampled games into batches of photos on the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from learning_to_draw.datasets.augment import random_affine
from learning_to_draw.datasets.splits import Split, to_device
from learning_to_draw.games.partners import Partners
from learning_to_draw.games.sampling import GameIndices, GameSampler
from learning_to_draw.models.agents import Meeting, Play
from learning_to_draw.models.encoders.base import Features
from learning_to_draw.trials.loop.feature_cache import FeatureCache


@dataclass(frozen=True)
class PlayedBatch:
    """The result of playing a batch. terms: the loss's terms by name, scalars."""

    play: Play
    terms: Mapping[str, Tensor]


@dataclass(frozen=True)
class Batch:
    """The pictures of G games with T candidates each and B senders in total.

    photos: float [M, C, H, W] in 0..1: first the B senders' photos, then further photos that only receivers see.
    candidates: int64 [G, T], indices into photos. targets: int64 [B] in 0..T-1. items: the games as the sampler
    drew them, with indices into the split. seen: the different values of `candidates`, sorted. features: a frozen
    backbone's features of the photos, if cached. played: the result, if `DividedGames` has already played the batch.
    meeting: who plays it.
    """

    photos: Tensor
    candidates: Tensor
    targets: Tensor
    items: GameIndices
    seen: Tensor | None = None
    features: Features | None = None
    played: PlayedBatch | None = None
    meeting: Meeting = Meeting()

    @property
    def senders(self) -> int:
        return len(self.targets)

    def candidate_rows(self) -> Tensor:
        """int64 [B, T]: for every sender, the candidates of its game as indices into `photos`."""
        return self.candidates.repeat_interleave(self.senders // len(self.candidates), dim=0)


class GameBatches:
    """Iterates over the batches of one split, once per epoch; torchbearer calls this a generator.

    A picture that both sender and receiver see has one (augmented) view: this is a row of `Batch.photos`, and passes
    through a shared encoder once. With `sender_view` (see `SenderView`) the senders see their own views instead.
    `share` divides the batches equally among processes.

    In a population, `partners` draws who plays each training batch, and all `meetings` play each held-out batch.
    """

    def __init__(
        self,
        split: Split,
        sampler: GameSampler,
        *,
        device: torch.device,
        seed: int,
        sender_view: Callable[[Tensor, torch.Generator], Tensor] | None = None,
        share: tuple[int, int] = (0, 1),
    ):
        """seed: of the random views. sender_view: photos, generator -> the senders' views.

        share: (rank, world_size). This process takes every world_size-th batch, starting at rank.
        """
        self._rank, self._processes = share
        self.split, self.sampler = split, sampler
        self._device, self._seed, self._sender_view = device, seed, sender_view
        self._generator = torch.Generator().manual_seed(seed)
        self.features: FeatureCache | None = None  # cached features; None: the encoder computes them
        self.partners: Partners | None = None
        self.partners_generator: torch.Generator | None = None  # which `partners` draws from
        self.meetings: Sequence[Meeting] = (Meeting(),)

    def __len__(self) -> int:
        return len(self.sampler) // self._processes * len(self.meetings)

    def __iter__(self) -> Iterator[Batch]:
        return self.after(0)

    def after(self, batches: int) -> Iterator[Batch]:
        """Yields the batches of an epoch, except the first `batches`.

        The games of the skipped batches are sampled, so the sampler's generator advances as in a whole epoch. The
        pictures of these games are not loaded, so the generator of the views does not advance.
        """
        if self.split.name != "train":
            self._generator.manual_seed(self._seed)  # the same views in every validation and test
        sampled = iter(self.sampler)

        def next_indices() -> GameIndices:
            """The games of this process's next batch. Samples those of all processes, so generators stay equal."""
            return [next(sampled) for _ in range(self._processes)][self._rank]

        for _ in range(batches):
            next_indices()
        remaining = len(self.sampler) // self._processes - batches
        return (played for _ in range(remaining) for played in self._met(self.gather(next_indices())))

    def _met(self, batch: Batch) -> Iterator[Batch]:
        """Yields the batch once for every meeting that plays it."""
        if self.partners is not None:
            yield replace(batch, meeting=Meeting(*self.partners.draw()))
        else:
            yield from (replace(batch, meeting=meeting) for meeting in self.meetings)

    def generators(self) -> dict[str, torch.Generator]:
        """The random generators that determine the next epoch, by name."""
        partners = {} if self.partners_generator is None else {"partners": self.partners_generator}
        return {"views": self._generator, "deals": self.sampler.generator} | partners

    @property
    def pictures_stay(self) -> bool:
        """Whether a picture looks the same to sender and receiver, and in every epoch."""
        return self.split.augment is None and self._sender_view is None

    @property
    def games(self) -> int:
        """The number of games (one per sender's turn) per epoch, summed over all processes and meetings."""
        return len(self) * self._processes * self.sampler.games * self.sampler.senders

    @property
    def games_of_one(self) -> int:
        """The number of games per epoch that each meeting, one sender with one receiver, plays."""
        return self.games // len(self.meetings)

    def gather(self, indices: GameIndices) -> Batch:
        """The batch of these games. Each call draws new views if the split is augmented or `sender_view` was given."""
        features = None
        if self._sender_view is None:
            items, candidates = unique_rows(indices)
            photos = self.split.view(items, self._generator, self._device)
            if self.features is not None:
                features = self.features.take(self.split.items[items])
        else:
            extra, position = torch.unique(indices.candidates, return_inverse=True)
            candidates = position + len(indices.senders)
            photos = self.split.view(torch.cat([indices.senders, extra]), self._generator, self._device)
            views = self._sender_view(photos[: len(indices.senders)], self._generator)
            photos = torch.cat([views, photos[len(indices.senders) :]])
        candidates, targets, seen = (
            to_device(values, self._device) for values in (candidates, indices.targets, torch.unique(candidates))
        )
        return Batch(photos, candidates, targets, indices, seen, features)


def unique_rows(indices: GameIndices) -> tuple[Tensor, Tensor]:
    """(items, candidates): the M items to load, int64 [M], and the candidates as indices into `items`, int64 [G, T].

    The senders' items come first, in order. Each candidate that is not among them follows once.
    """
    pool = indices.candidates.flatten()
    matches = pool[:, None] == indices.senders[None, :]  # [G * T, B]
    seen = matches.any(dim=1)
    extra, position = torch.unique(pool[~seen], return_inverse=True)
    rows = matches.long().argmax(dim=1)
    rows[~seen] = position + len(indices.senders)
    return torch.cat([indices.senders, extra]), rows.view_as(indices.candidates)


class SenderView:
    """The sender's own random view of a photo (`--random-transform-sender`), with the official code's ranges.

    Rotation by up to 10 degrees, translation by up to 10 %, scale 0.95 to 1.01, shear up to 1 degree. Then each value's
    difference from `centre` is multiplied by a random factor from 0.95 to 1.05. Pixels outside the photo get the colour
    `centre`. As in the official code, normalisation maps it to 0: it is the mean colour with `--imagenet-norm`, and
    black without.
    """

    def __init__(self, centre: Tensor):
        """centre: float [C], the colour that normalisation maps to 0."""
        self.centre = centre

    def __call__(self, photos: Tensor, generator: torch.Generator) -> Tensor:
        """Views of photos in 0..1, both float [B, C, H, W]. Views may exceed 0..1 slightly, as in the official code."""
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
        gain = 0.95 + 0.1 * to_device(torch.rand(photos.shape, generator=generator), photos.device)
        centre = self.centre.to(photos.device).view(-1, 1, 1)
        return centre + (turned - centre) * gain
