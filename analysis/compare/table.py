"""Formats the settings, the tests and the runs as tables: plain text, Markdown, CSV and LaTeX."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from typing import Any

from learning_to_draw.analysis.compare.inference import PairTest
from learning_to_draw.analysis.compare.measured import MeasuredLine
from learning_to_draw.analysis.compare.settings import Setting
from learning_to_draw.games.scores import rate_interval
from learning_to_draw.text_tables import aligned, as_csv, escape_markdown, markdown, mean_and_deviation, p_text
from learning_to_draw.trials.config.all_options import as_text

WIDTH = 100  # columns of a terminal
HEADINGS = ("setting", "rate, %", "95 % interval", "seeds", "games", "chance, %", "minutes")
TEST_HEADINGS = ("first - second", "difference", "95 %, games", "95 %, seeds and games", "p", "p (Holm)")
LATEX = str.maketrans(
    {letter: f"\\{letter}" for letter in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$"}
    | {"<": r"$<$", ">": r"$>$", "|": r"$|$"}
)
Interval = tuple[float, float]
Table = tuple[Sequence[str], list[list[str]]]  # headings, and the cells of each row


def settings_table(settings: Sequence[Setting], intervals: Sequence[Interval]) -> Table:
    """Returns the table of settings, one row per setting: rates in per cent, minutes per run."""
    return HEADINGS, [
        [
            setting.label,
            mean_and_deviation(setting.rates),
            _range(interval),
            str(len(setting.runs)),
            _distinct(run.games for run in setting.runs),
            f"{100 * setting.chance:.1f}",
            f"{statistics.fmean(run.minutes for run in setting.runs):.1f}",
        ]
        for setting, interval in zip(settings, intervals, strict=True)
    ]


def pairs_table(tests: Sequence[PairTest], names: Mapping[str, str] | None = None) -> Table:
    """Returns the table of tests, one row per pair; differences in percentage points.

    names: label -> the name to show instead of the label.
    """
    names = names or {}
    rows = [
        [
            f"{names.get(test.first, test.first)} - {names.get(test.second, test.second)}",
            f"{100 * test.difference:+.1f}",
            _range(test.games_interval, "+"),
            _range(test.seeds_interval, "+") if test.seeds_interval else "",
            p_text(test.p),
            p_text(test.corrected_p),
        ]
        for test in tests
    ]
    shown = [True] * 3 + [any(test.seeds_interval for test in tests), True, len(tests) > 1]
    return tuple(compress(TEST_HEADINGS, shown)), [[*compress(row, shown)] for row in rows]


def measures_table(settings: Sequence[Setting], measured: Sequence[MeasuredLine]) -> Table:
    """Returns the table of the measures that all runs have: one row per measure, one column per setting."""
    return ("measure", *(setting.label for setting in settings)), [
        [line.label, *(_over_seeds([value.value for value in values if value]) for values in line.values)]
        for line in measured
        if line.is_complete
    ]


def _over_seeds(values: Sequence[float]) -> str:
    mean = f"{statistics.fmean(values):.3f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.3f}"


def plain(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns an aligned table. If it is wider than WIDTH, shortens its first column, but not below 12 characters."""
    others = [max(map(len, column)) for column in zip(headings[1:], *(row[1:] for row in rows), strict=True)]
    room = max(12, WIDTH - sum(others) - 2 * len(others))
    names = [row[0] if len(row[0]) <= room else f"{row[0][: room - 3]}..." for row in (headings, *rows)]
    return aligned([[name, *row[1:]] for name, row in zip(names, (headings, *rows), strict=True)], rule=True)


def escaped_markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return markdown([headings, *([*map(escape_markdown, row)] for row in rows)])


def latex(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a LaTeX tabular that needs the package booktabs."""
    lines = [" & ".join(cell.translate(LATEX) for cell in cells) + r" \\" for cells in (headings, *rows)]
    columns = "l" + "r" * (len(headings) - 1)
    begin = ["% \\usepackage{booktabs}", f"\\begin{{tabular}}{{{columns}}}", r"\toprule", lines[0], r"\midrule"]
    return "\n".join([*begin, *lines[1:], r"\bottomrule", r"\end{tabular}", ""])


def settings_csv(settings: Sequence[Setting], intervals: Sequence[Interval]) -> str:
    """Returns CSV with one line per setting: unrounded rates in 0..1, and the options in which the settings differ."""
    options = list(settings[0].differing)
    head = ["setting", "rate", "standard_deviation", "low", "high", "seeds", "games", "chance", "minutes"]
    rows = [
        [
            *(setting.label, setting.mean, setting.deviation, *interval, len(setting.runs)),
            *(_distinct(run.games for run in setting.runs), setting.chance),
            statistics.fmean(run.minutes for run in setting.runs),
            *map(_value, setting.differing.values()),
        ]
        for setting, interval in zip(settings, intervals, strict=True)
    ]
    return as_csv([[*head, *_columns(options, head)], *rows])


def runs_csv(settings: Sequence[Setting]) -> str:
    """Returns CSV with one line per run: unrounded rates in 0..1; low and high are the bounds of Wilson's interval."""
    options = list(settings[0].differing)
    head = ["setting", "seed", "data_seed", "rate", "low", "high", "right", "games", "candidates", "chance", "minutes"]
    head += ["folder", "test"]
    rows = [
        [
            *(setting.label, *run.seed, run.rate, *rate_interval(run.right, run.games), run.right, run.games),
            *(run.candidates, run.chance, run.minutes, run.folder, run.test),
            *map(_value, setting.differing.values()),
        ]
        for setting in settings
        for run in setting.runs
    ]
    return as_csv([[*head, *_columns(options, head)], *rows])


def measures_csv(settings: Sequence[Setting], measured: Sequence[MeasuredLine]) -> str:
    """Returns CSV with one line per measure and run: unrounded values, with their 95 % intervals."""
    head = ["setting", "seed", "data_seed", "measure", "number", "value", "low", "high", "test"]
    rows = [
        [setting.label, *run.seed, line.measure, line.label, value.value, *(value.interval or (None, None)), run.test]
        for line in measured
        for setting, values in zip(settings, line.values, strict=True)
        for run, value in zip(setting.runs, values, strict=True)
        if value
    ]
    return as_csv([head, *rows])


def tests_csv(tests: Sequence[PairTest]) -> str:
    """Returns CSV with one line per pair. Differences are between -1 and 1, not in per cent."""
    head = ["first", "second", "games", "difference", "low_games", "high_games", "low_seeds", "high_seeds", "test"]
    head += ["only_first_right", "only_second_right", "p", "p_holm"]
    rows = [
        [
            *(test.first, test.second, test.games, test.difference, *test.games_interval),
            *(test.seeds_interval or (None, None)),
            *(test.test, test.only_first, test.only_second, test.p, test.corrected_p),
        ]
        for test in tests
    ]
    return as_csv([head, *rows])


def _range(interval: Interval, sign: str = "") -> str:
    return " to ".join(f"{100 * bound:{sign}.1f}" for bound in interval)


def _distinct(numbers: Iterable[int]) -> str:
    ordered = sorted(set(numbers))
    return str(ordered[0]) if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}"


def _columns(options: Sequence[str], head: Sequence[str]) -> list[str]:
    """Returns column names for options: their names, with _option added to those that are in `head`."""
    return [f"{name}_option" if name in head else name for name in options]


def _value(value: Any) -> Any:
    return as_text(value) if isinstance(value, list | tuple) else value
