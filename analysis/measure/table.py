"""What `commgame.py measure` found, as a Markdown table and as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from learning_to_draw.games.scores import rate_interval

HEADINGS = ("measure", "value", "95 % interval", "chance", "note")
NUMBERS = (1, 2, 3)  # the columns that are aligned to the right


class NotMeasured(Exception):
    """A measure that a log cannot give; the message says why."""


@dataclass(frozen=True)
class Row:
    """A line of the table. value: None where it was not measured, and the note says why. interval: low and high bound.
    chance: the value that nothing but luck would give."""

    label: str
    value: float | None
    interval: tuple[float, float] | None = None
    chance: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Measured:
    """One measure's rows; details: further numbers for the JSON file."""

    rows: tuple[Row, ...]
    details: Mapping[str, Any] = field(default_factory=dict)


def share(label: str, some: int, of: int, *, of_what: str, chance: float | None = None) -> Row:
    """The row of a rate, with Wilson's interval. of_what: what is counted, with whatever else there is to note."""
    return Row(label, int(some) / int(of), rate_interval(int(some), int(of)), chance, f"{some} of {of} {of_what}")


def not_measured(label: str, reason: object) -> Row:
    return Row(label, None, note=f"not measured: {reason}")


def markdown(measured: Mapping[str, Measured]) -> str:
    """A table with pipes, aligned, of all rows."""
    lines = [_cells(row) for found in measured.values() for row in found.rows]
    widths = [max(map(len, column)) for column in zip(HEADINGS, *lines, strict=True)]
    rule = [f"{'-' * (width - 1)}{':' if column in NUMBERS else '-'}" for column, width in enumerate(widths)]
    return "\n".join(_line(cells, widths) for cells in (HEADINGS, rule, *lines))


def as_json(measured: Mapping[str, Measured]) -> dict[str, Any]:
    """Every measure by name: {"rows": [...], ...} with its further numbers."""
    return {name: {"rows": [vars(row) for row in found.rows], **found.details} for name, found in measured.items()}


def _cells(row: Row) -> tuple[str, ...]:
    return (
        _as_text(row.label),
        "-" if row.value is None else f"{row.value:.4f}",
        "" if row.interval is None else "{:.4f} to {:.4f}".format(*row.interval),
        "" if row.chance is None else f"{row.chance:.4f}",
        _as_text(row.note),
    )


def _as_text(words: str) -> str:
    """Escaped, as the name of a class may hold what is a sign in Markdown, or the end of a line."""
    printable = "".join(letter if letter.isprintable() else " " for letter in words)
    return re.sub(r"([\\|*_<`\[])", r"\\\1", printable)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    aligned = (
        cell.rjust(width) if column in NUMBERS else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return f"| {' | '.join(aligned)} |"
