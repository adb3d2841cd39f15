"""The communication rate of random guesses, the communication rate of each class, and confusions between classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def mean_chance(candidates: Sequence[int]) -> float:
    """Expected rate of random guesses. candidates: the number of candidates in each game."""
    return float(np.mean([1 / number for number in candidates]))


def class_counts(right: Sequence[bool], classes: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Class -> (games guessed right, games), in alphabetical order.

    right, classes: [N], one entry per game.
    """
    counts = {name: [0, 0] for name in sorted(set(classes))}
    for was_right, name in zip(right, classes, strict=True):
        counts[name][0] += bool(was_right)
        counts[name][1] += 1
    return {name: (won, games) for name, (won, games) in counts.items()}


def confusion(shown: Sequence[str], guessed: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """int64 [C, C]: numbers of games, by class of the sender's photo (row) and class of the guessed picture (column).

    shown, guessed: [N] class names, all of them in `names`. Rows and columns are in the order of `names`.
    """
    index_of = {name: index for index, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    for sender_class, guessed_class in zip(shown, guessed, strict=True):
        counts[index_of[sender_class], index_of[guessed_class]] += 1
    return counts
