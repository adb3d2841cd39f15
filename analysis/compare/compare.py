"""`commgame.py compare`: compares settings, each with several seeds: a table, paired tests, figures and a page."""

from __future__ import annotations

import logging
import shlex
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from learning_to_draw.analysis.compare.figures import figures as draw_figures
from learning_to_draw.analysis.compare.figures import swept_option
from learning_to_draw.analysis.compare.inference import explained, pair_tests, rate_intervals, read_played
from learning_to_draw.analysis.compare.page import page
from learning_to_draw.analysis.compare.runs import find_runs
from learning_to_draw.analysis.compare.settings import Setting, check_any, group, numeric_options
from learning_to_draw.analysis.compare.sketches import same_photos
from learning_to_draw.analysis.compare.table import (
    HEADINGS,
    WIDTH,
    latex,
    markdown,
    plain,
    runs_csv,
    setting_rows,
    settings_csv,
    tests_csv,
    tests_table,
)
from learning_to_draw.errors import UsageError, listed, program
from learning_to_draw.trials.records.atomic import make_folder
from learning_to_draw.trials.records.output import check_writable
from learning_to_draw.trials.records.own_files import check_own_files, claimed_folder, replace_own_files

logger = logging.getLogger("commgame")

RECORD = "compared.json"
TABLES = ("table.md", "table.csv", "table.tex", "tests.csv", "runs.csv", "compare.html")
PICTURES = tuple(f"{name}.{kind}" for name in ("curves", "rate", "figure", "sketches") for kind in ("png", "pdf"))


def compare(
    runs: Sequence[Path],
    output: Path | None,
    against: str | None,
    figures: bool | None,
    photos: int,
    seed: int,
) -> str:
    """Writes tables, figures and the page to `output`. Returns the table and the tests as plain text.

    analysis/compare/options.py describes the options; figures: None for figures if matplotlib is installed. Logs a
    warning for everything that is left out. Raises UsageError if there is nothing to compare, if files would be
    overwritten, or without matplotlib if figures were asked for.
    """
    folder = output if output is not None else Path("compared", runs[0].resolve().name or "root")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--output {folder} is a file, not a folder.\nGive another name.")
    check_own_files(folder, (*TABLES, *PICTURES), RECORD)
    settings, left_out = group(*find_runs(runs))
    check_any(settings, left_out, runs)
    against = swept_option(settings) if against is None else _checked(against, settings)
    played, missing = read_played([run for setting in settings for run in setting.runs])
    intervals, (tests, untested) = rate_intervals(settings, played, seed), pair_tests(settings, played, seed)
    notes = list(explained(tests, settings))
    sketches = same_photos([setting for setting in settings if setting.runs[0].test in played], photos, seed)
    if sketches is None:
        missing.append("no sketches are shown: the logs have no photo in common")
    if untested:
        missing.append(f"not tested: {listed(untested, 3)}")
    pictures: Mapping[str, bytes] = {}
    if figures is not False:
        try:
            pictures = draw_figures(settings, against, sketches)
        except UsageError as error:
            if figures:
                raise
            missing.append(f"no figures: {error}".replace("\n", " "))
    for text in (*(f"left out: {entry}" for entry in left_out), *missing):
        logger.warning("%s", text)
    tables = [(HEADINGS, setting_rows(settings, intervals)), *([tests_table(tests)] if tests else ())]
    names = dict.fromkeys(path.resolve().name for path in runs)
    command = shlex.join([*program().split(), "compare", *map(str, runs), "--output", str(folder)])
    texts = {
        "table.md": "\n\n".join([*(markdown(*table) for table in tables), *notes, *missing]) + "\n",
        "table.csv": settings_csv(settings, intervals),
        "table.tex": latex(*tables[0]),
        "tests.csv": tests_csv(tests),
        "runs.csv": runs_csv(settings),
        "compare.html": page(
            f"Comparison of {listed(list(names))}",
            tables,
            [*notes, *missing],
            settings,
            pictures,
            sketches,
            left_out,
            command,
        ),
    }
    _write(folder, {name: text.encode("utf-8", "surrogateescape") for name, text in texts.items()} | pictures)
    parts = [*(plain(*table) for table in tables), "\n".join(textwrap.fill(note, WIDTH) for note in notes)]
    return "\n\n".join(
        [*filter(None, parts), f"written to {folder}: compare.html, tables{', figures' if pictures else ''}"]
    )


def _checked(against: str, settings: Sequence[Setting]) -> str:
    """The option's name. Raises UsageError if it is not a number in all settings, or the same in all."""
    name, numeric = against.lstrip("-").replace("-", "_"), numeric_options(settings)
    if name not in numeric:
        raise UsageError(
            f"--against {against}: this is not a numeric option in which the settings differ.\n"
            + (f"Choose from {', '.join(numeric)}." if numeric else "There is none: leave it out.")
        )
    return name


def _write(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Writes the files. Removes pictures of an earlier call that are not among them: they would show other runs."""
    make_folder(folder)
    check_writable(folder)
    with claimed_folder(folder, (*TABLES, *PICTURES), RECORD):
        for name in set(PICTURES) - set(contents):
            (folder / name).unlink(missing_ok=True)
        replace_own_files(folder, contents, RECORD)
