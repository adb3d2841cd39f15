"""Held-out games on several processes: each process plays a share of the batches and gets the results of all."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace

from learning_to_draw.models.encoders.base import Encoding
from learning_to_draw.trials.loop import distributed
from learning_to_draw.trials.loop.batches import Batch, GameBatches, PlayedBatch


class DividedGames:
    """Iterates over the batches that a single process would play, in the same order, each with its result.

    Every process iterates over all batches, so its metrics are bit-identical to those of a single process. The plays
    are exchanged without feature maps, which are not needed once the losses are computed.
    """

    def __init__(self, batches: GameBatches, play: Callable[[Batch], PlayedBatch]):
        """play: plays one batch and computes its loss."""
        self.batches, self.play = batches, play

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        remaining = iter(self.batches)
        while turn := list(itertools.islice(remaining, distributed.world_size())):
            played = None
            if distributed.rank() < len(turn):
                played = _without_maps(self.play(turn[distributed.rank()]))
            results = distributed.all_gather_object(played, turn[0].photos.device)
            for batch, result in zip(
                turn, results, strict=False
            ):  # the last turn may have fewer batches than processes
                yield replace(batch, played=result)


def _without_maps(played: PlayedBatch) -> PlayedBatch:
    play = played.play
    photo, sketch = play.photo_encoding, play.sketch_encoding
    encodings = {
        "photo_encoding": Encoding(photo.latent),
        "sketch_encoding": None if sketch is None else Encoding(sketch.latent),
    }
    return replace(played, play=replace(play, **encodings))
