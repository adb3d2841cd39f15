"""The results that runs return and write to result.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from learning_to_draw.components import flag_of
from learning_to_draw.games.scores import rate_interval
from learning_to_draw.reading import Count, Finite, Options, Share, inside, read_json
from learning_to_draw.trials.config.configure import changed_options
from learning_to_draw.trials.config.run import RunConfig
from learning_to_draw.trials.records.folder import plain

FEW = 100  # games; with this number, the interval is up to 20 percentage points wide


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
    seed: Count | list[Count | None] | None
    options: Options | list[Options]
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
    """The outcome of games. interval: the 95 % interval of the communication rate. chance: its chance level.

    games: the number of senders' turns. candidates: the number per game.
    """

    communication_rate: float
    interval: tuple[float, float]
    chance: float
    games: int
    candidates: int
    loss: float


@dataclass(frozen=True, kw_only=True)
class Result(Outcome):
    """What `train` and `test` return: the outcome of a training's last validation, or of a test.

    folder: the run's folder. content: everything in result.json.
    """

    folder: Path
    content: Mapping[str, Any]

    @property
    def weights(self) -> Path:
        """The path of the checkpoint that a training saves after its last epoch."""
        return self.folder / "model_final.pt"


def outcome_of(content: Mapping[str, Any]) -> Outcome:
    """The outcome in the content of a result.json, or in what `result_entry` returns."""
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


def options_entry(config: RunConfig, saved: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The seed of the training, and its options that are not at their defaults.

    saved: the options in the checkpoint whose agents play; None in a training. The seed is None if a checkpoint, such
    as one of the official code, does not have it.
    """
    trained = config.values() if saved is None else saved
    seed = trained.get("data_seed") if trained.get("seed") is None else trained["seed"]
    return {"seed": seed, "options": plain(changed_options(config, saved))}


def few_games_note(result: Mapping[str, Any], config: RunConfig, fraction: str) -> str:
    """A line that says how wide the interval of a result with few games is; "" if there are enough games.

    fraction: the option that sets the split's size. The line suggests a larger value if the data set has this option.
    """
    if result["games"] >= FEW:
        return ""
    low, high = result["interval"]
    share = config.dataset.config.values().get(fraction)
    hint = (
        ""
        if share is None
        else f", or train with a larger {flag_of(fraction)} than {share} if the folder has no such split of its own"
    )
    return (
        f"only {result['games']} games: the 95% interval is {100 * (high - low):.0f} percentage points wide; use more "
        f"pictures{hint}"
    )
