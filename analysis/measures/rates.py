"""What the communication rate is compared with, the rate class by class, and which class is taken for which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def mean_chance(candidates: Sequence[int]) -> float:
    """The rate of blind guesses in games of so many candidates each."""
    return float(np.mean([1 / number for number in candidates]))


def class_counts(right: Sequence[bool], classes: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Class -> (how many of its games are right, how many there are), classes in alphabetical order.

    right, classes: [N], of each game.
    """
    counts = {name: [0, 0] for name in sorted(set(classes))}
    for was_right, name in zip(right, classes, strict=True):
        counts[name][0] += bool(was_right)
        counts[name][1] += 1
    return {name: (won, games) for name, (won, games) in counts.items()}


def confusion(shown: Sequence[str], guessed: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """int64 [C, C]: how many games have the sender's class names[row] and the guessed picture's class names[column].

    shown, guessed: [N], class names, all of them among the C names.
    """
    place = {name: index for index, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    for one, other in zip(shown, guessed, strict=True):
        counts[place[one], place[other]] += 1
    return counts
