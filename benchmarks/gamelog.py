"""Memory and time of writing a game log of a given number of games.

    python -m benchmarks.gamelog --games 10000       # half a minute, 100 MB on disk
    python -m benchmarks.gamelog --games 100000      # ten times as much

Prints one line of JSON. `peak_bytes` is the peak memory of the whole process, torch included; `start_bytes` is the peak
up to the end of the first batch of games. Games have 50 candidates at 32 px, all sketches are different, and the log is
written to a temporary folder.
"""

from __future__ import annotations

import argparse
import math
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
import torchbearer

from benchmarks.measure import report
from learning_to_draw.components import positive_int
from learning_to_draw.datasets.splits import Split
from learning_to_draw.games.config import GameConfig
from learning_to_draw.games.sampling import GameIndices, OriginalGame
from learning_to_draw.models.agents import Play
from learning_to_draw.models.decoders.base import Strokes
from learning_to_draw.models.encoders.base import Encoding
from learning_to_draw.rasteriser import draw_lines
from learning_to_draw.trials.loop.batches import Batch, PlayedBatch
from learning_to_draw.trials.loop.gamelog import GameLogWriter

CANDIDATES, SIZE, PICTURES = 50, 32, 1000


def states(games: int, split: Split) -> Iterator[dict]:
    """Yields torchbearer's state for each batch of a test that repeats its pictures, with new sketches each time."""
    generator = torch.Generator().manual_seed(0)
    sampler = OriginalGame(GameConfig(batch_size=CANDIDATES), split, generator=generator, shuffle=True)
    played = 0
    while played < games:
        for deal in sampler:
            photos = split.images[deal.senders].float() / 255
            strokes = Strokes(torch.rand(CANDIDATES, 10, 2, 2, generator=generator) * 2 - 1, 5e-3)
            sketches = draw_lines(strokes.points, SIZE, strokes.sigma2)
            scores = torch.rand(CANDIDATES, CANDIDATES, generator=generator)
            play = Play(scores, sketches, strokes, photos, Encoding(torch.zeros(CANDIDATES, 1)), None)
            rows = torch.argsort(deal.senders)[torch.searchsorted(deal.senders.sort().values, deal.candidates)]
            batch = Batch(photos, rows, deal.targets, GameIndices(deal.senders, deal.candidates, deal.targets))
            yield {torchbearer.X: batch, torchbearer.Y_PRED: PlayedBatch(play, {})}
            played += CANDIDATES
            if played >= games:
                return


def high_water() -> int:
    """Returns the peak memory of the process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gamelog", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--games", type=positive_int, default=10_000, help="games that are logged, rounded up to whole batches of 50"
    )
    games = math.ceil(parser.parse_args().games / CANDIDATES) * CANDIDATES
    pictures = torch.randint(0, 256, (PICTURES, 3, SIZE, SIZE), dtype=torch.uint8)
    split = Split("test", pictures, torch.zeros(PICTURES, dtype=torch.int64), ("one",), torch.arange(PICTURES))
    with tempfile.TemporaryDirectory() as folder:
        log = GameLogWriter(Path(folder), split, 0, {})
        log.on_start_validation({})
        start, began = None, time.perf_counter()
        for state in states(games, split):
            log.on_step_validation(state)
            start = start or high_water()
        log.on_end_validation({})
        seconds = time.perf_counter() - began
        on_disk = sum(path.stat().st_size for path in log.folder.rglob("*"))
    report(
        case="game log",
        games=games,
        candidates=CANDIDATES,
        seconds=round(seconds, 1),
        games_per_second=round(games / seconds),
        start_bytes=start,
        peak_bytes=high_water(),
        disk_bytes=on_disk,
    )


if __name__ == "__main__":
    main()
