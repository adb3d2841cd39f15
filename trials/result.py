"""What result.json says of the games that were played, the same for training and for testing."""

from __future__ import annotations

from typing import Any

from learning_to_draw.games.scores import rate_interval
from learning_to_draw.trials.batches import GameBatches


def outcome(batches: GameBatches, rate: float, loss: float) -> dict[str, Any]:
    """The communication rate of one pass over `batches`, its 95 % interval, and what it has to be compared with."""
    games, candidates = batches.games, batches.dealer.candidates
    return {
        "communication_rate": rate,
        "interval": rate_interval(round(rate * games), games),
        "chance": 1 / candidates,
        "games": games,
        "candidates": candidates,
        "loss": loss,
        "split": batches.split.name,
    }
