"""The entries of result.json for the games that were played, in training and in tests."""

from __future__ import annotations

from typing import Any

from learning_to_draw.games.scores import rate_interval


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
