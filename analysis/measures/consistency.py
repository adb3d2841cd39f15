"""How much drawings differ between photos of one run, and between runs for one photo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

Between = Callable[[np.ndarray, np.ndarray], np.ndarray]
Within = Callable[[np.ndarray], np.ndarray]


def consistency(runs: Sequence[np.ndarray], between: Between, within: Within) -> float:
    """Mean distance between two runs' drawings of one photo, divided by that between one run's drawings of two photos.

    0: all runs draw alike; 1: they agree no more than drawings of different photos do. NaN if the drawings of each run
    are all equal. runs: two or more arrays [N, ...], the drawings of the same N photos in the same order. between,
    within: distances as in `distances.py`, element by element and pairwise.
    """
    same_photo = np.mean([between(first, second).mean() for first, second in combinations(runs, 2)])
    same_run = np.mean([within(drawings).mean() for drawings in runs])
    return float(same_photo / same_run) if same_run > 0 else float("nan")


def distinct_share(drawings: Sequence[str]) -> float:
    """Number of distinct names divided by N, above 0 to 1, for N names that are equal if their drawings are equal."""
    return len(set(drawings)) / len(drawings)
