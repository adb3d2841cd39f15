"""The results that runs return and write to result.json."""

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
    """The entries that result.json may have, for train, test and crossplay."""

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
    """The entries that the result.json of a finished training always has."""

    communication_rate: Share
    interval: tuple[Share, Share]
    chance: Share
    games: Count
    candidates: Count
    loss: Finite
    epochs: Count


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What games came to: see `result_entry`. interval: of the communication rate, 95 %."""

    communication_rate: float
    interval: tuple[float, float]
    chance: float
    games: int
    candidates: int
    loss: float


@dataclass(frozen=True, kw_only=True)
class Result(Outcome):
    """What `train` and `test` return: the outcome of the last validation of a training, or of a test.

    folder: of the run. content: everything in result.json.
    """

    folder: Path
    content: Mapping[str, Any]

    @property
    def weights(self) -> Path:
        """The path of the checkpoint that a training saves after its last epoch."""
        return self.folder / "model_final.pt"


def outcome_of(content: Mapping[str, Any]) -> Outcome:
    """The outcome in a result.json, or in the result of `result_entry`."""
    return Outcome(**_outcome(content))


def result_of(folder: Path, content: Mapping[str, Any]) -> Result:
    return Result(folder=folder, content=content, **_outcome(content))


def _outcome(content: Mapping[str, Any]) -> dict[str, Any]:
    names = ("communication_rate", "chance", "games", "candidates", "loss")
    low, high = content["interval"]
    return {"interval": (low, high)} | {name: content[name] for name in names}


def read_result(folder: Path) -> Result:
    """The result of a training that has ended. Raises UsageError if its result.json is missing or damaged."""
    return result_of(folder, read_json(inside(folder, "result.json"), FinishedTraining))


def result_entry(split: str, games: int, candidates: int, *, rate: float, loss: float) -> dict[str, Any]:
    """The entries of result.json for one pass over a split, with the 95 % interval of `rate` and the chance level.

    games: the number of senders' turns in the pass. candidates: the number per game.
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
