"""The results of `commgame.py measure` as a Markdown table and as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from learning_to_draw.games.scores import rate_interval

HEADINGS = ("measure", "value", "95 % interval", "chance", "note")
NUMBERS = (1, 2, 3)  # right-aligned columns


class NotMeasured(Exception):
    """Raised for a measure that is not available for a log; the message says why."""


@dataclass(frozen=True)
class Row:
    """One row of the table. value: None if not measured (`note` says why). interval: lower and upper bound.
    chance: the value expected by chance."""

    label: str
    value: float | None
    interval: tuple[float, float] | None = None
    chance: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Measured:
    """The rows of one measure. details: further numbers for the JSON file."""

    rows: tuple[Row, ...]
    details: Mapping[str, Any] = field(default_factory=dict)


def share(label: str, some: int, of: int, *, of_what: str, chance: float | None = None) -> Row:
    """Returns the row of the rate `some` / `of`, with its Wilson interval. of_what: what is counted, and any notes."""
    return Row(label, int(some) / int(of), rate_interval(int(some), int(of)), chance, f"{some} of {of} {of_what}")


def not_measured(label: str, reason: object) -> Row:
    return Row(label, None, note=f"not measured: {reason}")


def markdown(measured: Mapping[str, Measured]) -> str:
    """Returns all rows as an aligned Markdown table."""
    lines = [_cells(row) for measure in measured.values() for row in measure.rows]
    widths = [max(map(len, column)) for column in zip(HEADINGS, *lines, strict=True)]
    rule = [f"{'-' * (width - 1)}{':' if column in NUMBERS else '-'}" for column, width in enumerate(widths)]
    return "\n".join(_line(cells, widths) for cells in (HEADINGS, rule, *lines))


def as_json(measured: Mapping[str, Measured]) -> dict[str, Any]:
    """Returns name -> {"rows": [...], **details} of each measure."""
    return {
        name: {"rows": [vars(row) for row in measure.rows], **measure.details} for name, measure in measured.items()
    }


def _cells(row: Row) -> tuple[str, ...]:
    return (
        _as_text(row.label),
        "-" if row.value is None else f"{row.value:.4f}",
        "" if row.interval is None else "{:.4f} to {:.4f}".format(*row.interval),
        "" if row.chance is None else f"{row.chance:.4f}",
        _as_text(row.note),
    )


def _as_text(words: str) -> str:
    """Escapes Markdown and removes line breaks: the name of a class may contain both."""
    printable = "".join(letter if letter.isprintable() else " " for letter in words)
    return re.sub(r"([\\|*_<`\[])", r"\\\1", printable)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    aligned = (
        cell.rjust(width) if column in NUMBERS else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return f"| {' | '.join(aligned)} |"
