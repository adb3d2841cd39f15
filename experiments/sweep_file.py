"""Reads the TOML file of a sweep: common options, rows or a grid of values, and seeds. Does not import torch."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, TypedDict

from msgspec import Meta

from learning_to_draw.errors import UsageError
from learning_to_draw.experiments.rows import Row, canonical, check_names, check_test_names
from learning_to_draw.reading import Options, OptionValue, read_toml
from learning_to_draw.trials.records.run_files import OWN_TEST

ADVICE = "The help of sweep has an example."
MOST_ROWS = 10_000


class SweepFile(TypedDict, total=False):
    """The content of the file, with either `rows` or `grid`."""

    seeds: Annotated[list[Annotated[int, Meta(ge=0, lt=2**32)]], Meta(min_length=1)]
    common: Options
    rows: Annotated[dict[str, Options], Meta(min_length=1)]
    grid: Annotated[dict[str, Annotated[list[OptionValue], Meta(min_length=1)]], Meta(min_length=1)]
    tests: dict[str, Options]


def read_sweep(path: Path, plugin: Path | None = None) -> tuple[list[Row], list[int]]:
    """(rows, seeds) of a sweep's file; the seeds are [0] if the file has none.

    plugin: the value of --plugin for every row.
    Raises UsageError for a file that cannot be read, and for options that a training would refuse.
    """
    content: SweepFile = read_toml(path, SweepFile, ADVICE)
    if unknown := sorted(content.keys() - SweepFile.__annotations__.keys()):
        raise UsageError(
            f"{path} has {unknown[0]}, which is not part of a sweep.\n"
            f"A sweep has: seeds, [common] with options of all runs, [rows.NAME] or [grid], and [tests.NAME]. {ADVICE}"
        )
    if ("rows" in content) == ("grid" in content):
        raise UsageError(
            f"{path} has {'both [rows.NAME] and [grid]' if 'rows' in content else 'neither [rows.NAME] nor [grid]'}.\n"
            f"Give one of them: rows with options, or a grid of values. {ADVICE}"
        )
    settings = dict(_rows(content["rows"], path) if "rows" in content else _grid(content["grid"], path))
    try:
        check_names(settings)
    except UsageError as error:
        advice = "\nTo choose the names, write [rows.NAME] instead of [grid]." if "grid" in content else ""
        raise UsageError(f"{path}: {error}{advice}") from error
    common = _options(content.get("common", {}), f"{path}, [common]")
    if plugin is not None:
        common["plugin"] = str(plugin)
    tests = {name: _options(options, f"{path}, [tests.{name}]") for name, options in content.get("tests", {}).items()}
    try:
        check_test_names(tests)
    except UsageError as error:
        raise UsageError(f"{path}, {error}") from error
    rows = []
    for name, (title, options) in settings.items():
        rows.append(Row(name, title, common | options, tests={OWN_TEST: {}} | tests))
        try:
            rows[-1].check()
        except UsageError as error:
            raise UsageError(f"{path}, row {name}: {error}") from error
    return rows, list(dict.fromkeys(content.get("seeds", [0])))


def _rows(rows: Mapping[str, Options], path: Path) -> Iterator[tuple[str, tuple[str, Options]]]:
    """Yields (name, (title, options)) of each row."""
    for name, options in rows.items():
        title = options.get("title", name)
        if not isinstance(title, str) or not title.strip() or not title.isprintable():
            raise UsageError(f"{path}, row {name}: the title is {title!r}, but must be one line of text.\n{ADVICE}")
        rest = {key: value for key, value in options.items() if key != "title"}
        yield name, (title, _options(rest, f"{path}, row {name}"))


def _grid(grid: Mapping[str, list[OptionValue]], path: Path) -> Iterator[tuple[str, tuple[str, Options]]]:
    """Yields (name, (title, options)) of each combination of the grid's values."""
    if (number := math.prod(map(len, grid.values()))) > MOST_ROWS:
        raise UsageError(f"{path}: [grid] makes {number} rows, but a sweep has at most {MOST_ROWS}.\nLeave out values.")
    names: list[str] = []
    for values in itertools.product(*grid.values()):
        pairs = [(key.replace("_", "-"), _shown(value)) for key, value in zip(grid, values, strict=True)]
        names.append(
            "_".join(re.sub(r"[^\w.+=-]+", "-", f"{key}-{text}", flags=re.ASCII).strip("-") for key, text in pairs)
        )
        if names[-1] in names[:-1]:
            raise UsageError(
                f"{path}: [grid] makes two rows with the name {names[-1]}.\nLeave out a value, or use [rows.NAME]."
            )
        title = ", ".join(f"{key} {text}" for key, text in pairs)
        yield names[-1], (title, _options(dict(zip(grid, values, strict=True)), f"{path}, [grid]"))


def _options(options: Options, where: str) -> Options:
    try:
        return canonical(options)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error


def _shown(value: OptionValue) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "-".join(map(str, value)) if isinstance(value, list) else str(value)
