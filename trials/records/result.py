"""What a run returns and writes to result.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from learning_to_draw.games.scores import rate_interval
from learning_to_draw.reading import Count, Finite, Share, inside, read_json


class Best(TypedDict):
    epoch: Count
    communication_rate: Share


class SavedResult(TypedDict, total=False):
    """What result.json may hold, of train, test and crossplay."""

    communication_rate: Share
    interval: tuple[Share, Share]
    chance: Share
    games: Count
    candidates: Count
    loss: Finite
    split: str
    seconds: Finite
    epochs: Count
    best: Best


class FinishedTraining(TypedDict):
    """What the result.json of a finished training always holds."""

    communication_rate: Share
    interval: tuple[Share, Share]
    chance: Share
    games: Count
    candidates: Count
    loss: Finite
    epochs: Count


@dataclass(frozen=True)
class Result:
    """What `train` and `test` return.

    folder: of the run. communication_rate, interval, chance, games, candidates, loss: of the last validation of a
    training, or of a test (see `result_entry`). content: everything in result.json.
    """

    folder: Path
    communication_rate: float
    interval: tuple[float, float]
    chance: float
    games: int
    candidates: int
    loss: float
    content: Mapping[str, Any]

    @property
    def weights(self) -> Path:
        """The checkpoint of a training after its last epoch."""
        return self.folder / "model_final.pt"


def result_of(folder: Path, content: Mapping[str, Any]) -> Result:
    names = ("communication_rate", "chance", "games", "candidates", "loss")
    low, high = content["interval"]
    return Result(folder, interval=(low, high), content=content, **{name: content[name] for name in names})


def read_result(folder: Path) -> Result:
    """The result of a training that has ended. Raises UsageError if its result.json is missing or damaged."""
    return result_of(folder, read_json(inside(folder, "result.json"), FinishedTraining))


def result_entry(split: str, games: int, candidates: int, *, rate: float, loss: float) -> dict[str, Any]:
    """The communication rate of one pass over a split, its 95 % interval, and chance.

    games: senders' turns in the pass. candidates: per game.
    """
    return {
        "communication_rate": rate,
        "interval": rate_interval(round(rate * games), games),
        "chance": 1 / candidates,
        "games": games,
        "candidates": candidates,
        "loss": loss,
        "split": split,
    }
