"""How much drawings differ between photos of one run, and between runs for one photo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

Between = Callable[[np.ndarray, np.ndarray], np.ndarray]
Within = Callable[[np.ndarray], np.ndarray]


def consistency(runs: Sequence[np.ndarray], between: Between, within: Within) -> float:
    """Mean distance between runs, divided by the mean distance within runs.

    Between runs: of two runs' drawings of the same photo. Within runs: of one run's drawings of different photos.
    0: all runs draw alike; 1: they agree no more than drawings of different photos do. NaN if the drawings of each run
    are all equal. runs: two or more arrays [N, ...], the drawings of the same N photos in the same order. between:
    distances of two arrays element by element; within: of all pairs in one array; both as in `distances.py`.
    """
    same_photo = np.mean([between(first, second).mean() for first, second in combinations(runs, 2)])
    same_run = np.mean([within(drawings).mean() for drawings in runs])
    return float(same_photo / same_run) if same_run > 0 else float("nan")


def distinct_share(drawings: Sequence[str]) -> float:
    """Share of distinct drawings, above 0 and up to 1. drawings: N names; equal names mean equal drawings."""
    return len(set(drawings)) / len(drawings)
