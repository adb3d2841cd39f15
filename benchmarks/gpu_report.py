"""The report of `python -m benchmarks.gpu`: what was found, in words, and tables for benchmarks/README.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from benchmarks import scaling
from learning_to_draw.text_tables import escape_markdown, markdown

if TYPE_CHECKING:
    from benchmarks.gpu import Outcome

GAMES_AIM, PAPER_GAMES = 20_000, 488  # games per second at STL-10's setting: the aim on an H100; what the paper reports
DRAWING_AIM = 60  # microseconds for drawing and gradient of 100 sketches of 20 lines at 96 px
LOOP = "bf16, whole loop"
# Options of benchmarks.step; as many pictures as STL-10's training split.
WHOLE_LOOP = ("--pictures", "4900", "--perceptual", "without", "--repeats", "3")

Lines = Sequence[dict[str, Any]]  # as the programs print them


@dataclass(frozen=True)
class Report:
    """The report in Markdown. all_well: every part finished and no test failed."""

    text: str
    all_well: bool


@dataclass(frozen=True)
class Tests:
    """The outcome of the tests. failed: (test, first line of its error)."""

    passed: int
    skipped: int
    failed: list[tuple[str, str]]


def read_tests(file: Path) -> Tests | None:
    """Returns the outcome of the tests from pytest's XML file; None if pytest did not write all of this file."""
    try:
        cases = list(ElementTree.parse(file).iter("testcase"))
    except (FileNotFoundError, ElementTree.ParseError):
        return None
    failed = []
    for case in cases:
        for problem in (*case.findall("failure"), *case.findall("error")):
            message = problem.get("message", "").strip() or (problem.text or "").strip() or "no message"
            failed.append((f"{case.get('classname')}::{case.get('name')}", message.splitlines()[0][:300]))
    skipped = sum(case.find("skipped") is not None for case in cases)
    return Tests(len(cases) - skipped - len({name for name, _ in failed}), skipped, failed)


def report_text(
    outcomes: Sequence[Outcome], waiting: Sequence[str], xml: Path, device: str, dry_run: bool, seconds: float
) -> Report:
    """Returns the report on the parts run so far. waiting: the parts that are still to run. xml: pytest's results."""
    by_part = {outcome.part: outcome for outcome in outcomes}
    tests = read_tests(xml)
    findings = [*_of_tests(by_part["tests"], tests, dry_run)]
    for part, describe in FINDINGS.items():
        if part in by_part and by_part[part].lines:
            findings += describe(by_part[part].lines, dry_run)
    findings += [f"**{part}** {outcome.problem}." for part, outcome in by_part.items() if outcome.problem]
    kernel_warnings = [
        line for outcome in outcomes for line in outcome.warnings.splitlines() if "fast kernels are not used" in line
    ]
    findings += dict.fromkeys(f"Warning: {escape_markdown(line[:300])}" for line in kernel_warnings)
    if waiting:
        findings.append(f"Not run yet: {', '.join(waiting)}.")
    tables = [
        f"### {part}\n\n{table(by_part[part].lines)}"
        for part, table in TABLES.items()
        if part in by_part and by_part[part].lines
    ]
    machine = next((line for outcome in outcomes for line in outcome.lines if "torch" in line), {})
    versions = f", torch {machine['torch']}, Python {machine['python']}" if machine else ""
    sections = [
        "# The benchmarks on a GPU" + (", a dry run on the CPU" if dry_run else ""),
        f"{device}{versions}; {seconds:.0f} seconds in all.",
        *(["The sizes are tiny: these numbers say only that the program runs."] if dry_run else []),
        "## What was found",
        "\n".join(f"- {finding}" for finding in findings),
        "## Tables for benchmarks/README.md",
        *tables,
    ]
    tests_passed = dry_run or (tests is not None and not tests.failed)
    well = tests_passed and not any(outcome.problem for outcome in outcomes)
    return Report("\n\n".join(sections) + "\n", well)


def _of_tests(outcome: Outcome, tests: Tests | None, dry_run: bool) -> list[str]:
    if dry_run:
        count = sum("::" in line for line in outcome.output.splitlines())
        return [f"Tests: {count} need a GPU; they were counted, not run."]
    if tests is None:
        return ["Tests: pytest wrote no results; tests.txt has its output."]
    summary = f"Tests: {tests.passed} passed, {len(tests.failed)} failed, {tests.skipped} skipped."
    return [summary, *(f"Failed: `{name}`: {escape_markdown(message)}" for name, message in tests.failed)]


def _verdict(met: bool, dry_run: bool) -> str:
    return "not judged in a dry run" if dry_run else "met" if met else "**not met**"


def _of_kernels(lines: Lines, dry_run: bool) -> list[str]:
    findings = []
    for line in lines:
        name = f"Drawing and gradient of {line['batch']} x {line['strokes']} lines at {line['size']} px, {line['way']}"
        if "error" in line:
            findings.append(f"{name}: **failed**: {escape_markdown(line['error'][:300])}")
        elif line["way"].startswith(("both kernels", "autograd call")):
            verdict = _verdict(line["microseconds"] <= DRAWING_AIM, dry_run)
            findings.append(f"{name}: {line['microseconds']:,} µs; aim {DRAWING_AIM} µs: {verdict}.")
    return findings


def _of_step(lines: Lines, dry_run: bool) -> list[str]:
    findings = []
    for line in lines:
        if line["way"] == LOOP and "perceptual" not in line["case"]:
            games = line["games_per_second"]
            paper = f"{games / PAPER_GAMES:.1f} times the paper's {PAPER_GAMES}" if not dry_run else ""
            findings.append(
                f"Games per second, STL-10's setting, the whole loop: {games:,.0f}; aim {GAMES_AIM:,} on an H100: "
                f"{_verdict(games >= GAMES_AIM, dry_run)}{'; ' * bool(paper)}{paper}."
            )
    times = [f"{line['way'][:4]} {1000 * line['seconds']:.1f} ms" for line in lines if "kept" in line["way"]]
    return [*findings, f"One step ({lines[0]['case']}), photo features kept: {', '.join(times) or 'not measured'}."]


def _of_rasteriser(lines: Lines, dry_run: bool) -> list[str]:
    slow = [line["case"] for line in lines if not line["path"].startswith("Triton")]
    unused = [f"The Triton kernels were **not used** for: {', '.join(slow)}."] if slow and not dry_run else []
    ratios = [line["ratio"] for line in lines]
    return [f"Drawing is {min(ratios)} to {max(ratios)} times as fast as the plain functions.", *unused]


def _of_scaling(lines: Lines, dry_run: bool) -> list[str]:
    return [f"Scaling: {scaling.verdict(_growths(lines))}"]


def _growths(lines: Lines) -> list[scaling.Growth]:
    """Returns a `Growth` for each of `scaling.AXES` of which two or more sizes were measured."""
    growths = []
    for axis in scaling.AXES:
        rows = [line for line in lines if line["axis"] == axis.name and "n" in line]
        columns = ([row[name] for row in rows] for name in ("n", "seconds", "peak_extra_bytes"))
        if len(rows) > 1:
            growths.append(scaling.Growth(axis, *columns))
    return growths


def _rasteriser_table(lines: Lines) -> str:
    heading = ["case, on a GPU", "path", "seconds", "plain", "ratio"]
    rows = [
        [line["case"], line["path"].removesuffix("Polylines"), f"{line['seconds']:.2g}"]
        + [f"{line['baseline_seconds']:.2g}", f"{line['ratio']:.3g}"]
        for line in lines
    ]
    return markdown([heading, *rows], text_columns=(0, 1))


def _step_table(lines: Lines) -> str:
    rows = [
        [line["way"], f"{line['seconds']:.3g}", f"{line['times_naive']:.3g}", f"{line['games_per_second']:,.0f}"]
        for line in lines
    ]
    table = markdown([["variant, on a GPU", "seconds", "speed-up over naive", "games per second"], *rows])
    loop = [line for line in lines if line["way"] == LOOP and "perceptual" not in line["case"]]
    if not loop:
        return table
    command = f"`python -m benchmarks.step --device cuda {' '.join(WHOLE_LOOP)}`, the whole loop"
    heading = ["on a GPU, STL-10's setting, synthetic pictures", "games per second"]
    return table + "\n\n" + markdown([heading, [command, f"{loop[0]['games_per_second']:,.0f}"]])


def _kernels_table(lines: Lines) -> str:
    heading = ["drawing and gradient of 100 x 20 lines at 96 px, on a GPU", "microseconds"]
    rows = [[line["way"], f"{line['microseconds']:,}" if "microseconds" in line else "failed"] for line in lines]
    return markdown([heading, *rows])


FINDINGS: dict[str, Callable[[Lines, bool], list[str]]] = {
    "kernels": _of_kernels,
    "step": _of_step,
    "step with the perceptual loss": _of_step,
    "rasteriser": _of_rasteriser,
    "scaling": _of_scaling,
}
TABLES: dict[str, Callable[[Lines], str]] = {
    "rasteriser": _rasteriser_table,
    "kernels": _kernels_table,
    "step": _step_table,
    "step with the perceptual loss": _step_table,
    "scaling": lambda lines: scaling.table(_growths(lines)).strip(),
}
