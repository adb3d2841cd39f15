"""Formats tables of text: aligned for a terminal, as Markdown and as CSV. Also formats numbers for their cells.

A table is a sequence of rows of cells; the first row has the headings.
"""

from __future__ import annotations

import csv
import io
import re
import statistics
from collections.abc import Collection, Iterable, Sequence
from typing import Any

Rows = Sequence[Sequence[str]]


def aligned(rows: Rows, *, rule: bool = False) -> str:
    """The table with its first column aligned to the left, the others to the right. rule: dashes below the headings."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows]
    if rule:
        lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def markdown(rows: Rows, text_columns: Collection[int] = (0,)) -> str:
    """A Markdown table. text_columns: columns to align to the left, counted from 0; the others align to the right."""
    rule = ["---" if column in text_columns else "---:" for column in range(len(rows[0]))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (rows[0], rule, *rows[1:]))


def escape_markdown(text: str) -> str:
    """The text with everything escaped that Markdown would read as markup or as the end of a cell."""
    return re.sub(r"([\\|*_~<&`\[])", r"\\\1", text)


def as_csv(rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def p_text(p: float) -> str:
    """A p-value with three decimals; "< 0.001" for smaller ones, because no p-value is 0."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def mean_and_deviation(rates: Sequence[float]) -> str:
    """Mean ± standard deviation of rates (0..1), in per cent; only the mean if there is one rate."""
    mean = f"{100 * statistics.mean(rates):.1f}"
    return mean if len(rates) == 1 else f"{mean} ± {100 * statistics.stdev(rates):.1f}"
