"""The communication rate: how often the receiver scores the target highest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # reading results needs no torch
    from torch import Tensor


def correct_guesses(scores: Tensor, targets: Tensor) -> Tensor:
    """bool [B]: whether scores [B, T] are highest at targets [B]. If several are highest, the first is the guess."""
    return scores.argmax(dim=1) == targets


def rate_interval(correct: float, games: float, z: float = 1.959963984540054) -> tuple[float, float]:
    """The confidence interval of the rate `correct` / `games`, 95 % with the default z; both bounds are in 0..1.

    Wilson's score interval (Wilson 1927), which is also accurate for rates near 0 and 1. It assumes that games are
    independent. The numbers need not be integers: `games` may be an effective number of games. Raises ValueError if
    `games` is below 1, or `correct` is not in 0..games.
    """
    if games < 1 or not 0 <= correct <= games:
        raise ValueError(f"{correct} correct of {games} games: games must be 1 or more, and correct from 0 to games")
    rate = correct / games
    centre = rate + z * z / (2 * games)
    reach = z * math.sqrt(rate * (1 - rate) / games + z * z / (4 * games * games))
    scale = 1 + z * z / games
    # In these two cases the exact bound is 0 or 1, which rounding would miss.
    low = 0.0 if correct == 0 else (centre - reach) / scale
    high = 1.0 if correct == games else (centre + reach) / scale
    return low, high
