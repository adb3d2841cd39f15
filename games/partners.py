"""Chooses which sender and which receiver of a population meet, that is, play the next batch together."""

from __future__ import annotations

import csv
from pathlib import Path

import torch
from torch import Tensor

from learning_to_draw.errors import UsageError, listed

PATTERNS = ("random", "ring", "fixed")


def meeting_weights(partners: str, senders: int, receivers: int) -> Tensor:
    """float64 [senders, receivers]: how often every sender meets every receiver, relative to the other meetings.

    partners: "random": everyone meets everyone. "ring": sender k meets receivers k and k + 1; receiver 0 follows the
    last receiver. "fixed": sender k meets receiver k only. If there are more agents in one role, the numbers of the
    other role start again from 0: with "fixed", 3 senders and 2 receivers, sender 2 meets receiver 0.

    Any other value is the path of a file with one line per sender, or the lines themselves, separated by semicolons
    (see `as_lines`). Each line has one number per receiver, separated by commas: how often the two meet. Raises
    UsageError if the file cannot be read, if it has too many or too few numbers, if a number is negative or not finite,
    or if an agent would never play.
    """
    if partners == "random":
        return torch.ones(senders, receivers, dtype=torch.float64)
    if partners not in PATTERNS:
        return _checked(_read(Path(partners)), senders, receivers, partners)
    weights = torch.zeros(senders, receivers, dtype=torch.float64)
    for k in range(max(senders, receivers)):
        weights[k % senders, k % receivers] = 1
        if partners == "ring":
            weights[k % senders, (k + 1) % receivers] = 1
    return weights


def as_lines(path: Path) -> str:
    """The content of a file of partners on one line, such as "1.0,0.0;0.5,1.0;": a run records it instead of the path.

    Raises UsageError if the file cannot be read.
    """
    return "".join(f"{','.join(map(str, row))};" for row in _read(path))


def _read(path: Path) -> list[list[float]]:
    try:
        if ";" in str(path):
            return [[float(value) for value in row.split(",")] for row in str(path).split(";") if row]
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [[float(value) for value in row] for row in csv.reader(file) if row]
    except (OSError, UnicodeError, csv.Error, ValueError) as error:
        raise UsageError(
            f"--partners {path} cannot be read: {error}.\n"
            f"Give {', '.join(PATTERNS)}, or a file with one line of numbers per sender."
        ) from error


def _checked(rows: list[list[float]], senders: int, receivers: int, source: str) -> Tensor:
    lengths = [len(row) for row in rows]
    if lengths != [receivers] * senders:
        found = f"has this many per line: {listed([*map(str, lengths)])}" if rows else "is empty"
        raise UsageError(
            f"--partners {source} needs {senders} x {receivers} numbers (senders x receivers), but {found}.\n"
            "Give one line per sender, with one number per receiver."
        )
    weights = torch.tensor(rows, dtype=torch.float64)
    if not (torch.isfinite(weights).all() and (weights >= 0).all()):
        raise UsageError(f"--partners {source}: a number is below 0 or not finite.\nGive numbers that are 0 or more.")
    for role, sums in (("sender", weights.sum(dim=1)), ("receiver", weights.sum(dim=0))):
        if (sums == 0).any():
            raise UsageError(
                f"--partners {source}: {role} {int((sums == 0).nonzero()[0])} would never play.\n"
                "Each line (sender) and each column (receiver) needs a number above 0."
            )
    return weights


class Partners:
    """Chooses a sender and a receiver for every batch at random, independently of earlier batches."""

    def __init__(self, weights: Tensor, generator: torch.Generator):
        """weights: from `meeting_weights`. generator: the source of randomness, in the same state in all processes."""
        self.weights, self.generator = weights, generator

    def draw(self) -> tuple[int, int]:
        """(sender, receiver), as numbers from 0."""
        place = int(torch.multinomial(self.weights.flatten(), 1, generator=self.generator))
        return divmod(place, self.weights.shape[1])
