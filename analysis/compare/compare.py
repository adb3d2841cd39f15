"""`commgame.py compare`: compares settings over seeds, with a table, paired tests, figures and a page."""

from __future__ import annotations

import logging
import shlex
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from learning_to_draw.analysis.compare.figures import figures as draw_figures
from learning_to_draw.analysis.compare.figures import swept_option
from learning_to_draw.analysis.compare.inference import PairTest, explained, pair_tests, rate_intervals, read_played
from learning_to_draw.analysis.compare.measured import read_measured
from learning_to_draw.analysis.compare.options import PHOTOS, SEED
from learning_to_draw.analysis.compare.page import page
from learning_to_draw.analysis.compare.runs import TestedRun, find_runs
from learning_to_draw.analysis.compare.settings import check_any, group, numeric_option
from learning_to_draw.analysis.compare.sketches import same_photos
from learning_to_draw.analysis.compare.table import (
    WIDTH,
    Table,
    escaped_markdown,
    latex,
    measures_csv,
    measures_table,
    pairs_table,
    plain,
    runs_csv,
    settings_csv,
    settings_table,
    tests_csv,
)
from learning_to_draw.errors import UsageError, first_line, listed, program
from learning_to_draw.trials.config.all_options import format_option
from learning_to_draw.trials.records.atomic import make_folder
from learning_to_draw.trials.records.output import check_writable
from learning_to_draw.trials.records.own_files import check_own_files, claimed_folder, replace_own_files
from learning_to_draw.trials.records.run_files import OWN_TEST

logger = logging.getLogger("commgame")

MOST_PAIRS = 15  # shown on a terminal
RECORD = "compared.json"
TABLES = ("table.md", "table.csv", "table.tex", "tests.csv", "runs.csv", "compare.html")
OF_MEASURES = ("measures.csv", "measures.tex")
PICTURES = tuple(f"{name}.{kind}" for name in ("curves", "rate", "figure", "sketches") for kind in ("png", "pdf"))


def compare(
    runs: Sequence[Path],
    test: str,
    output: Path | None,
    against: str | None,
    figures: bool | None,
    photos: int,
    seed: int,
) -> str:
    """Writes tables, figures and the page to `output`. Returns the tables of settings and of paired tests as text.

    analysis/compare/options.py describes the arguments. output: if None, compared/NAME, with the name of the first of
    `runs`; compared/NAME-TEST if `test` is given. figures: if None, they are drawn if matplotlib is installed.

    Logs a warning for everything that is left out. Raises UsageError if there is nothing to compare, if a file that
    would be replaced was not written by this command or was changed later, or if `figures` is True and matplotlib is
    not installed.
    """
    suffix = "" if test == OWN_TEST else f"-{test}"
    folder = output if output is not None else Path("compared", f"{runs[0].resolve().name or 'root'}{suffix}")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--output {folder} is a file, not a folder.\nGive another name.")
    check_own_files(folder, (*TABLES, *OF_MEASURES, *PICTURES), RECORD)
    settings, left_out = group(*find_runs(runs, test))
    check_any(settings, left_out, runs)
    command = _command(runs, test, folder, against, figures, photos, seed)
    against = swept_option(settings) if against is None else numeric_option(against, settings)
    played, missing = read_played([run for setting in settings for run in setting.runs])
    intervals, (tests, untested) = rate_intervals(settings, played, seed), pair_tests(settings, played, seed)
    notes = list(explained(tests, settings))
    if test != OWN_TEST:
        same, text = _options_of_tests([run for setting in settings for run in setting.runs], test)
        (notes if same else missing).insert(0, text)
    measured, problems = read_measured(settings)
    missing += problems
    if untested:
        missing.append(f"not tested: {listed(untested, 3)}")
    logged = [setting for setting in settings if setting.runs[0].test in played]
    sketches, pictures = None, {}
    try:
        sketches = same_photos(logged, photos, seed) if logged else None
    except UsageError as error:
        missing.append(f"no sketches: {first_line(error)}")
    if figures is not False:
        try:
            pictures = draw_figures(settings, against, sketches)
        except UsageError as error:
            if figures:
                raise
            missing.append(f"no figures: {error}".replace("\n", " "))
    for text in (*(f"left out: {entry}" for entry in left_out), *missing):
        logger.warning("%s", text)
    rates, of_measures = settings_table(settings, intervals), measures_table(settings, measured)
    tables = {"Rates": rates}
    if tests:
        tables["Differences between settings, in the same games"] = pairs_table(tests)
    if of_measures[1]:
        tables["Measures: mean ± standard deviation over seeds"] = of_measures
    title = f"Comparison of {listed(list(dict.fromkeys(path.resolve().name for path in runs)))}"
    title += f", test {test}" if suffix else ""
    texts = {
        "table.md": "\n\n".join([*(escaped_markdown(*table) for table in tables.values()), *notes, *missing]) + "\n",
        "table.csv": settings_csv(settings, intervals),
        "table.tex": latex(*rates),
        "tests.csv": tests_csv(tests),
        "runs.csv": runs_csv(settings),
        **({"measures.csv": measures_csv(settings, measured)} if measured else {}),
        **({"measures.tex": latex(*of_measures)} if of_measures[1] else {}),
        "compare.html": page(title, tables, [*notes, *missing], settings, pictures, sketches, left_out, command),
    }
    _write(folder, {name: text.encode("utf-8", "surrogateescape") for name, text in texts.items()} | pictures)
    written = f"written to {folder}: compare.html, tables{', figures' if pictures else ''}"
    paragraphs = [*_shown(rates, tests, of_measures), "\n".join(textwrap.fill(note, WIDTH) for note in notes)]
    return "\n\n".join(filter(None, [*paragraphs, written]))


def _options_of_tests(runs: Sequence[TestedRun], name: str) -> tuple[bool, str]:
    """Returns whether the tests `name` of these runs have the same options, and a sentence about these.

    Looks at the options in which a test differs from its training, and which may change the rate.
    """
    options = list(dict.fromkeys(option for run in runs for option in run.overridden))
    texts = {}
    for run in runs:
        known = [option for option in options if option in run.test_options]
        texts.setdefault(" ".join(format_option(option, run.test_options[option]) for option in known), run.test)
    if len(texts) == 1:
        [text] = texts
        return True, f"Rates of the test {name}" + (f", which has {text} in every run." if text else ".")
    (first, folder), (second, other) = list(texts.items())[:2]
    return False, f"the tests {name} have different options: {folder} has {first}, but {other} has {second}"


def _command(
    runs: Sequence[Path], test: str, folder: Path, against: str | None, figures: bool | None, photos: int, seed: int
) -> str:
    """Returns the `compare` command with these arguments. It always has --output, and other options only if they are
    not at their defaults."""
    words = [*program().split(), "compare", *map(str, runs), *([] if test == OWN_TEST else ["--test", test])]
    words += ["--output", str(folder)]
    words += [] if against is None else ["--against", against]
    words += [] if figures is None else ["--figures" if figures else "--no-figures"]
    words += [] if photos == PHOTOS else ["--photos", str(photos)]
    words += [] if seed == SEED else ["--seed", str(seed)]
    return shlex.join(words)


def _shown(table: Table, tests: Sequence[PairTest], of_measures: Table) -> Iterator[str]:
    """Yields the tables for a terminal. With more than two settings, the first table numbers them, and the other tables
    name them by these numbers."""
    headings, rows = table
    numbers = {}
    if len(rows) > 2 and (tests or of_measures[1]):
        numbers = {label: str(number) for number, (label, *_) in enumerate(rows, 1)}
        rows = [[f"{number}: {row[0]}", *row[1:]] for number, row in enumerate(rows, 1)]
    yield plain(headings, rows)
    if tests:
        headings, pairs = pairs_table(tests, numbers)
        yield plain(headings, pairs[:MOST_PAIRS])
    if len(tests) > MOST_PAIRS:
        yield f"These are {MOST_PAIRS} of {len(tests)} pairs; all are in tests.csv."
    if of_measures[1]:
        names = of_measures[0][1:]
        yield plain(("measure", *(numbers.get(name, name) for name in names)), of_measures[1])


def _write(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Writes the files. Removes files of an earlier call that are not replaced: they may be about other runs."""
    make_folder(folder)
    check_writable(folder)
    with claimed_folder(folder, (*TABLES, *OF_MEASURES, *PICTURES), RECORD):
        for name in {*OF_MEASURES, *PICTURES} - set(contents):
            (folder / name).unlink(missing_ok=True)
        replace_own_files(folder, contents, RECORD)
