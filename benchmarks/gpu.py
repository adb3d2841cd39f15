"""Everything that needs a GPU, in one command of at most eight minutes: tests, measurements, and a report.

    python -m benchmarks.gpu                # one GPU; needs the packages of requirements.txt, and pytest
    python -m benchmarks.gpu --dry-run      # no GPU: tiny sizes on the CPU, to see that it runs; runs no tests

Runs these parts, each in a process of its own with a time limit: the tests marked gpu, and the benchmarks kernels,
step, rasteriser and scaling. A part that fails, crashes or hangs does not stop the others. --minutes limits all parts
together: a part is stopped when this time is over, and left out if less than 20 seconds of it remain; the report names
these parts. Writes report.md (what was found, which aims were met, and tables for benchmarks/README.md), results.jsonl
(the lines of JSON that the benchmarks print), tests.txt and tests.xml (the output of pytest), log.txt (all output of
the benchmarks), and the files of benchmarks.scaling. The report is rewritten after every part. Exit code: 0 if every
part finished and no test failed, otherwise 1; 2 if a GPU is needed but missing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import torch

from benchmarks.gpu_report import WHOLE_LOOP, report_text
from benchmarks.measure import device_name

ROOT = Path(__file__).parents[1]
LEAST = 20  # seconds: a part is left out if less time remains
TESTS = ("-m", "pytest", "-o", "addopts=", "--import-mode=importlib", "-p", "no:cacheprovider", "-m", "gpu")


@dataclass(frozen=True)
class Part:
    """One part. command: Python's arguments. limit: the time limit in seconds. variables: added to the environment."""

    name: str
    command: Sequence[str]
    limit: float
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What became of a part.

    problem: why it did not finish, in words; empty if it did. lines: the lines of JSON that it printed. output,
    warnings: its standard output and standard error.
    """

    part: str
    seconds: float
    problem: str
    lines: list[dict[str, Any]]
    output: str
    warnings: str


def parts(folder: Path, dry_run: bool) -> list[Part]:
    """Returns the parts, the most important ones first. folder: for the files that parts write."""
    files = [str(path) for path in sorted((ROOT / "tests").rglob("test_*.py")) if "mark.gpu" in path.read_text()]
    pytest = [*TESTS, *files]
    if dry_run:
        on_cpu = ["--device", "cpu", "--small"]
        return [
            Part("tests", [*pytest, "--collect-only", "-q"], 60),
            Part("kernels", ["-m", "benchmarks.kernels", *on_cpu], 60, {"TRITON_INTERPRET": "1"}),
            Part("step", ["-m", "benchmarks.step", *on_cpu, "--perceptual", "without"], 60),
            Part("rasteriser", ["-m", "benchmarks.rasteriser", *on_cpu], 60),
            Part("step with the perceptual loss", ["-m", "benchmarks.step", *on_cpu, "--perceptual", "with"], 60),
            Part("scaling", ["-m", "benchmarks.scaling", *on_cpu, "--output", str(folder)], 60),
        ]
    on_gpu = ["--device", "cuda"]
    return [
        Part("tests", [*pytest, "-v", "--tb=short", f"--junitxml={folder / 'tests.xml'}"], 120),
        Part("kernels", ["-m", "benchmarks.kernels", *on_gpu], 60),
        Part("step", ["-m", "benchmarks.step", *on_gpu, *WHOLE_LOOP], 90),
        Part("rasteriser", ["-m", "benchmarks.rasteriser", *on_gpu], 90),
        Part("step with the perceptual loss", ["-m", "benchmarks.step", *on_gpu, "--perceptual", "with"], 60),
        Part("scaling", ["-m", "benchmarks.scaling", *on_gpu, "--output", str(folder)], 90),
    ]


def run_part(part: Part, left: float) -> Outcome:
    """Runs a part for at most its limit, and for at most `left` seconds, the rest of the budget."""
    if left < LEAST:
        return Outcome(part.name, 0, f"was left out: only {max(0, left):.0f} s of the budget remained", [], "", "")
    limit, start = min(part.limit, left), time.monotonic()
    # The output goes into files: a pipe could keep this program waiting for a process that the part has started.
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        try:
            code = subprocess.run(
                [sys.executable, *part.command],
                cwd=ROOT,
                env=os.environ | {"PYTHONUNBUFFERED": "1"} | part.variables,
                stdout=stdout,
                stderr=stderr,
                timeout=limit,
            ).returncode
        except subprocess.TimeoutExpired:
            code = None
        output, warnings = _content(stdout), _content(stderr)
    if code is None:
        problem = f"was stopped after {limit:.0f} s; the last line of its output: {_last_line(output)}"
    elif code == 0 or (part.name == "tests" and code == 1):  # 1: a test failed
        problem = ""
    else:
        problem = f"failed with exit code {code}: {_last_line(warnings or output)}"
    lines = [] if part.name == "tests" else _measured(output)
    return Outcome(part.name, time.monotonic() - start, problem, lines, output, warnings)


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _measured(output: str) -> list[dict[str, Any]]:
    """Returns the lines of JSON in the output. Leaves out an incomplete last line of a program that was stopped."""
    lines = []
    for line in output.splitlines():
        if line.startswith("{"):
            with contextlib.suppress(json.JSONDecodeError):
                lines.append(json.loads(line))
    return lines


def _last_line(text: str) -> str:
    return next((line.strip()[:300] for line in reversed(text.splitlines()) if line.strip()), "(nothing)")


def write(folder: Path, outcomes: Sequence[Outcome]) -> None:
    """Writes what the parts measured and printed."""
    lines = [json.dumps({"part": outcome.part} | line) for outcome in outcomes for line in outcome.lines]
    (folder / "results.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    logs = {"tests.txt": "", "log.txt": ""}
    for outcome in outcomes:
        name = "tests.txt" if outcome.part == "tests" else "log.txt"
        logs[name] += f"== {outcome.part}: {outcome.problem or 'finished'}\n{outcome.output}{outcome.warnings}\n"
    for name, text in logs.items():
        (folder / name).write_text(text, encoding="utf-8")


def main(words: Sequence[str]) -> int:
    """Runs the parts and prints the report. Returns the exit code."""
    start = time.monotonic()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("benchmarks-gpu"), help="folder for the report")
    parser.add_argument("--minutes", type=float, default=8, help="the most minutes that everything may take")
    parser.add_argument("--dry-run", action="store_true", help="tiny sizes on the CPU; tests are counted, not run")
    arguments = parser.parse_args(words)
    if not (arguments.dry_run or torch.cuda.is_available()):
        print("error: torch finds no GPU here. To see that this program runs, add --dry-run.", file=sys.stderr)
        return 2
    device = device_name(torch.device("cpu" if arguments.dry_run else "cuda"))
    folder = arguments.output.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tests.xml").unlink(missing_ok=True)  # of an earlier run
    outcomes: list[Outcome] = []
    todo = parts(folder, arguments.dry_run)
    for number, part in enumerate(todo):
        outcomes.append(run_part(part, arguments.minutes * 60 - (time.monotonic() - start)))
        print(f"{part.name}: {outcomes[-1].problem or f'{outcomes[-1].seconds:.0f} s'}", file=sys.stderr, flush=True)
        write(folder, outcomes)
        waiting = [later.name for later in todo[number + 1 :]]
        seconds = time.monotonic() - start
        report = report_text(outcomes, waiting, folder / "tests.xml", device, arguments.dry_run, seconds)
        (folder / "report.md").write_text(report.text, encoding="utf-8")
    print(report.text)
    return 0 if report.all_well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
