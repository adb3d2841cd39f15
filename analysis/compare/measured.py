"""The measures of the compared runs: what `measure --json` wrote to the folders of their tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict

from learning_to_draw.analysis.compare.runs import TestedRun
from learning_to_draw.analysis.compare.settings import Setting
from learning_to_draw.analysis.measure.saved import measures_within
from learning_to_draw.errors import UsageError, first_line
from learning_to_draw.reading import Finite, check
from learning_to_draw.trials.records.gamelog import read_log


class _Row(TypedDict):
    """The part of a measure's row that is read."""

    label: str
    value: Finite | None
    interval: tuple[Finite, Finite] | None


@dataclass(frozen=True)
class Value:
    """One number that was measured in one run. interval: its 95 % interval; None if it has none."""

    value: float
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class MeasuredLine:
    """One number that `measure` printed, in all runs. measure: the name for --only. label: of its row in the table.

    values: for each setting, one value per run, in the order of its runs; None where it was not measured.
    """

    measure: str
    label: str
    values: tuple[tuple[Value | None, ...], ...]

    @property
    def is_complete(self) -> bool:
        """Whether every run has a value."""
        return all(value is not None for values in self.values for value in values)


def read_measured(settings: Sequence[Setting]) -> tuple[list[MeasuredLine], list[str]]:
    """Returns (the measures of the runs, messages).

    A file counts if it is in the folder of the test and was made from its game log. If several files have the same
    number, the first one counts. There is a message for a file that is damaged, and if files were made with different
    options.
    """
    problems, found, options = [], {}, {}
    for run in (run for setting in settings for run in setting.runs):
        found[run.test] = {}
        try:
            for key, value, made_with in _values_of(run):
                if found[run.test].setdefault(key, value) is value:
                    options.setdefault(key[0], {}).setdefault(made_with, run.test)
        except (UsageError, OSError) as error:
            problems.append(f"{run.test}: no measures: {first_line(error)}")
    for measure, tests in options.items():
        if len(tests) > 1:
            (first, test), (second, other) = list(tests.items())[:2]
            problems.append(f"{measure} was measured with different options: {first} in {test}, {second} in {other}")
    keys = dict.fromkeys(key for values in found.values() for key in values)
    return [
        MeasuredLine(*key, tuple(tuple(found[run.test].get(key) for run in setting.runs) for setting in settings))
        for key in keys
    ], problems


def _values_of(run: TestedRun) -> Iterator[tuple[tuple[str, str], Value, str]]:
    """Yields ((measure, label), value, options) of every number that was measured in the log of this run's test.

    options: those of `measure` that the labels do not show and that can change the number, as text.
    """
    contents = list(measures_within([run.test]))
    digest = read_log(run.test).digest() if contents else ""
    for file, log in ((content, log) for content in contents for log in content["logs"] if log["digest"] == digest):
        for measure, entry in log["measures"].items():
            made_with = f"--sample {file.get('sample')} --seed {file.get('seed')}"
            made_with += f" --judge {entry['judge']}" if "judge" in entry else ""
            try:
                rows = check(entry.get("rows"), list[_Row])
            except ValueError as error:
                raise UsageError(f"the rows of the measure {measure} are damaged: {error}") from error
            for row in rows:
                if row["value"] is not None:
                    yield (measure, row["label"]), Value(row["value"], row["interval"]), made_with
