"""The jackknife (Efron 1981): the standard error of a statistic of N items.

It is computed from the N values that the statistic has when each item in turn is left out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import stdtrit

FEWEST = 10  # smallest number of items for an interval; with fewer, it would be several times too wide


def standard_errors(statistic: Callable[[np.ndarray], np.ndarray], count: int) -> np.ndarray:
    """The standard errors of M numbers, float64 [M].

    statistic: takes the indices of N - 1 of the N items, int64 [N - 1], and returns the M numbers computed from these
    items. count: N, 2 or more.
    """
    everything = np.arange(count)
    without = np.stack([statistic(np.delete(everything, thing)) for thing in everything])
    return np.sqrt((count - 1) * without.var(axis=0))


def jackknife_interval(
    value: float, error: float, count: int, lowest: float, highest: float
) -> tuple[float, float] | None:
    """The 95 % interval of `value` by Student's t with `count` - 1 degrees of freedom, cut to lowest..highest.

    Returns None if `count` < FEWEST. error: the standard error of `value`.
    """
    if count < FEWEST:
        return None
    reach = float(stdtrit(count - 1, 0.975)) * float(error)
    return max(lowest, value - reach), min(highest, value + reach)
