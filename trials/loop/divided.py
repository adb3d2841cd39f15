"""Held-out games on several processes: each plays a part of them, and all know the whole."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace

from learning_to_draw.models.encoders.base import Encoding
from learning_to_draw.trials.loop import distributed
from learning_to_draw.trials.loop.batches import Batch, GameBatches, Played


class DividedGames:
    """Iterates the batches that one process would play, in its order, each with what became of it.

    Batches are the same in every process, so that results are one process's, bit for bit, wherever they are computed.
    What is exchanged is the play without its feature maps, which the losses have had by then.
    """

    def __init__(self, batches: GameBatches, play: Callable[[Batch], Played]):
        """play: the agents' turn and their loss."""
        self.batches, self.play = batches, play

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        waiting = iter(self.batches)
        while turn := list(itertools.islice(waiting, distributed.count())):
            played = None
            if distributed.rank() < len(turn):
                played = _without_maps(self.play(turn[distributed.rank()]))
            everybodys = distributed.everybodys(played, turn[0].photos.device)
            for batch, result in zip(turn, everybodys, strict=False):  # in the last turn some may have had none
                yield replace(batch, played=result)


def _without_maps(played: Played) -> Played:
    play = played.play
    drawn = None if play.drawn is None else Encoding(play.drawn.latent)
    return replace(played, play=replace(play, photo=Encoding(play.photo.latent), drawn=drawn))
