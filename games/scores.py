"""The communication rate: how often the receiver's best-scored candidate is the one that was meant."""

from __future__ import annotations

import math

from torch import Tensor


def correct_guesses(scores: Tensor, targets: Tensor) -> Tensor:
    """bool [B]: scores [B, T] are highest at targets [B]. Of equal scores the first counts as the guess."""
    return scores.argmax(dim=1) == targets


def rate_interval(correct: int, games: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """The interval of a rate of `correct` in `games`, 95 % with the default z; both bounds in 0..1.

    Wilson's score interval (Wilson 1927), which stays within 0..1 and is right near both ends, too. It takes games as
    independent of each other.
    """
    if games < 1 or not 0 <= correct <= games:
        raise ValueError(f"{correct} correct of {games} games")
    rate = correct / games
    centre = rate + z * z / (2 * games)
    reach = z * math.sqrt(rate * (1 - rate) / games + z * z / (4 * games * games))
    scale = 1 + z * z / games
    # At the very ends the exact bound is 0 or 1, which rounding would just miss.
    low = 0.0 if correct == 0 else (centre - reach) / scale
    high = 1.0 if correct == games else (centre + reach) / scale
    return low, high
