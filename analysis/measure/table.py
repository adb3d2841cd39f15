"""The results of `commgame.py measure` as text for a terminal, as a Markdown table and as JSON."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from learning_to_draw.games.scores import rate_interval
from learning_to_draw.text_tables import escape_markdown, p_text

HEADINGS = ("measure", "value", "95 % interval", "chance", "note")
NUMBERS = (1, 2, 3)  # right-aligned columns


NOT_MEASURED = "not measured: "


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
    """The rows of one measure. details: further numbers for the JSON file. brief: the rows that a terminal shows; None
    for all."""

    rows: tuple[Row, ...]
    details: Mapping[str, Any] = field(default_factory=dict)
    brief: tuple[Row, ...] | None = None


def share(label: str, some: int, of: int, *, of_what: str, chance: float | None = None) -> Row:
    """Returns the row of the rate `some` / `of`, with its Wilson interval.

    of_what: the end of the row's note, such as "games" for the note "3 of 10 games".
    """
    return Row(label, int(some) / int(of), rate_interval(int(some), int(of)), chance, f"{some} of {of} {of_what}")


def p_note(name: str, p: float) -> str:
    """Returns "name = 0.123", or "name < 0.001". name: which p-value it is."""
    text = p_text(p)
    return f"{name} {text}" if text.startswith("<") else f"{name} = {text}"


def not_measured(label: str, reason: object) -> Row:
    return Row(label, None, note=f"{NOT_MEASURED}{reason}")


def summary(measured: Mapping[str, Measured], width: int) -> str:
    """Returns the rows as text, with three decimals, in lines of at most `width` characters; `width` is 60 or more.

    Labels and notes are wrapped. Rows without a value follow at the end, with the reasons.
    """
    rows = [row for measure in measured.values() for row in (measure.rows if measure.brief is None else measure.brief)]
    known = [row for row in rows if row.value is not None]
    numbers = [("value", "95 % interval", "chance"), *(_numbers(row) for row in known)]
    widths = [max(6, *map(len, column)) for column in zip(*numbers, strict=True)]
    room = width - sum(widths) - 2 * 4  # for label and note: without numbers and four gaps of 2
    label = min(max(len(text) for text in (HEADINGS[0], *(row.label for row in known))), round(0.55 * room))
    lines = []
    for cells, row in zip(numbers, [Row(HEADINGS[0], None), *known], strict=True):
        middle = "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
        words = (textwrap.wrap(_plain(text), size) for text, size in ((row.label, label), (row.note, room - label)))
        for number, (left, right) in enumerate(itertools.zip_longest(*words, fillvalue="")):
            lines.append(f"{left:<{label}}  {'' if number else middle:{len(middle)}}  {right}".rstrip())
    missing = [f"{row.label}: {row.note.removeprefix(NOT_MEASURED)}" for row in rows if row.value is None]
    lines += ["", "not measured"] if missing else []
    for text in missing:
        lines += textwrap.wrap(_plain(text), width, initial_indent="  ", subsequent_indent="    ")
    return "\n".join(lines)


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


def _numbers(row: Row) -> tuple[str, str, str]:
    return (
        f"{row.value:.3f}",
        "" if row.interval is None else "{:.3f} to {:.3f}".format(*row.interval),
        "" if row.chance is None else f"{row.chance:.3f}",
    )


def _plain(words: str) -> str:
    """Returns the text with spaces in place of line breaks and control characters, which class names may contain."""
    return "".join(letter if letter.isprintable() else " " for letter in words)


def _as_text(words: str) -> str:
    """Returns the text as `_plain` does, with Markdown escaped."""
    return escape_markdown(_plain(words))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    aligned = (
        cell.rjust(width) if column in NUMBERS else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return f"| {' | '.join(aligned)} |"
