"""How much drawings differ: from photo to photo in one run, and from run to run for one photo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

Between = Callable[[np.ndarray, np.ndarray], np.ndarray]
Within = Callable[[np.ndarray], np.ndarray]


def consistency(runs: Sequence[np.ndarray], between: Between, within: Within) -> float:
    """Mean distance of two runs' drawings of one photo, over that of one run's drawings of two photos.

    0: all runs draw alike; 1: they agree no more than drawings of different photos do. NaN where no run's drawings
    differ. runs: two or more, each the drawings of the same N photos in the same order, [N, ...]. between, within:
    distances as in `distances.py`, one by one and of all pairs.
    """
    same_photo = np.mean([between(one, other).mean() for one, other in combinations(runs, 2)])
    same_run = np.mean([within(drawings).mean() for drawings in runs])
    return float(same_photo / same_run) if same_run > 0 else float("nan")


def distinct_share(drawings: Sequence[str]) -> float:
    """The share, above 0 to 1, of N drawings' names (equal for equal drawings) that are different ones."""
    return len(set(drawings)) / len(drawings)
