"""`commgame.py reproduce`: one of the paper's tables, trained and tested anew, beside the paper's numbers."""

from __future__ import annotations

import csv
import io
import itertools
import json
import shlex
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.output import check_writable
from analysis.reproduce.sheet import draw_sheet
from analysis.reproduce.tables import FULL, FULL_TRAINING, QUICK, TABLES, Row, Table
from errors import RunError, UsageError, program
from trials.pictures import save_picture
from trials.resume import take_up
from trials.resume_point import FILE as RESUME_FILE
from trials.run_folder import write_text

STDERR = 2  # a descriptor; what stands on stdout is the table
PROGRAM = Path(__file__).parents[2] / "launch.py"  # which both the file and the installed command are


@dataclass(frozen=True)
class Settings:
    """What the command line says of all runs."""

    quick: bool
    output: Path
    dataset_root: Path | None
    device: str | None


@dataclass(frozen=True)
class Job:
    """One pair of agents: a row with a seed."""

    row: Row
    seed: int
    settings: Settings

    @property
    def trained(self) -> Path:
        return self.settings.output / self.row.name / f"seed-{self.seed}"

    @property
    def tested(self) -> Path:
        return self.trained.with_name(f"{self.trained.name}-test")

    @property
    def here(self) -> list[str]:
        """Options of both commands."""
        words = []
        if self.settings.dataset_root is not None:
            words += ["--dataset-root", str(self.settings.dataset_root)]
        if self.settings.device is not None:
            words += ["--device", self.settings.device]
        return words

    @property
    def training(self) -> list[str]:
        """Options of the training."""
        own = self.row.quick if self.settings.quick else self.row.full
        common = QUICK if self.settings.quick else f"{FULL} {FULL_TRAINING}"
        words = shlex.split(f"{own} {common} {'' if self.settings.quick else self.row.full_training}")
        return [*words, "--seed", str(self.seed), *self.here, "--output", str(self.trained)]

    @property
    def commands(self) -> Iterator[list[str]]:
        """What is left to do."""
        if not (self.trained / "result.json").is_file():
            yield ["train", *self.training, "--resume", "auto"]
        if not (self.tested / "result.json").is_file():
            weights = str(self.trained / "model_final.pt")
            yield ["test", "--weights", weights, *self.here, "--output", str(self.tested)]

    def check_begun(self) -> None:
        """Raises UsageError where the training that is there, finished or not, was begun with other options."""
        if (self.trained / RESUME_FILE).is_file():
            take_up(self.training, "auto")


def reproduce(
    table: str,
    quick: bool,
    seeds: Sequence[int],
    rows: Sequence[str] | None,
    output: Path | None,
    dataset_root: Path | None,
    device: str | None,
    dry_run: bool,
) -> str:
    """The table as Markdown. It is written to `output`, too, as table.md and table.csv, with sketches of every row.

    Raises UsageError for rows that are not there and for runs that are others, RunError where a run fails or a quick
    one's rate is out of its band.
    """
    chosen = TABLES[table]
    settings = Settings(quick, output or Path("reproduced", table + "-quick" * quick), dataset_root, device)
    played = _chosen_rows(chosen, rows, quick)
    jobs = {row.name: [Job(row, seed, settings) for seed in dict.fromkeys(seeds)] for row in played}
    for job in itertools.chain.from_iterable(jobs.values()):
        job.check_begun()
    if dry_run:
        left = [
            shlex.join([*program().split(), *words]) for row in jobs.values() for job in row for words in job.commands
        ]
        return "\n".join(left) or "Nothing is left to do."
    settings.output.mkdir(parents=True, exist_ok=True)
    check_writable(settings.output)
    for number in range(len(jobs[played[0].name])):  # seed by seed, so that a table of one seed is whole early
        for row in played:
            _do(jobs[row.name][number])
    lines = [_line(row, jobs[row.name]) for row in played]
    text = _markdown(chosen, lines, settings)
    write_text(settings.output / "table.md", text + "\n")
    write_text(settings.output / "table.csv", _csv(lines, jobs))
    save_picture(settings.output / "sketches.png", draw_sheet({row.title: jobs[row.name][0].tested for row in played}))
    outside = [f"{line.row.title}: {line.text}, expected {line.expected}" for line in lines if not line.as_expected]
    if outside:
        raise RunError("\n".join([text, "", "Not what was expected:", *outside]))
    return text


def _chosen_rows(table: Table, names: Sequence[str] | None, quick: bool) -> list[Row]:
    there = [row for row in table.rows if row.quick is not None or not quick]
    unknown = set(names or ()) - {row.name for row in there}
    if unknown:
        raise UsageError(
            f"--rows {min(unknown)}: there is no such row{' that is quick' if quick else ''}.\n"
            f"Give some of {', '.join(row.name for row in there)}."
        )
    return [row for row in there if names is None or row.name in names]


def _do(job: Job) -> None:
    """Trains and tests one pair as far as that is not done."""
    for words in job.commands:
        if words[0] == "test" and job.tested.exists():  # by a run of this command that was interrupted
            shutil.rmtree(job.tested)
        print(f"\n{job.row.title}, seed {job.seed}: {shlex.join(words)}", file=sys.stderr, flush=True)
        # In a process of its own, which takes its memory with it; Ctrl-C reaches both.
        code = subprocess.run([sys.executable, str(PROGRAM), *words], stdout=STDERR).returncode
        if code in (-2, 130):
            raise KeyboardInterrupt
        if code != 0:
            raise RunError(
                f"{job.row.title}, seed {job.seed}: {words[0]} ended with exit code {code}, and said why.\n"
                "What is finished stays: the same command goes on from there."
            )


@dataclass(frozen=True)
class Line:
    """A row with what came out: a rate and minutes for each seed."""

    row: Row
    rates: tuple[float, ...]
    minutes: tuple[float, ...]
    device: str
    checked: bool

    @property
    def text(self) -> str:
        """Mean and deviation over the seeds, in per cent."""
        mean = f"{100 * statistics.mean(self.rates):.1f}"
        return mean if len(self.rates) == 1 else f"{mean} ± {100 * statistics.stdev(self.rates):.1f}"

    @property
    def expected(self) -> str:
        if not self.checked or self.row.band is None:
            return ""
        low, high = self.row.band
        return f"{100 * low:.0f} to {100 * high:.0f}"

    @property
    def as_expected(self) -> bool:
        if not self.checked or self.row.band is None:
            return True
        low, high = self.row.band
        return all(low <= rate <= high for rate in self.rates)


def _line(row: Row, jobs: Sequence[Job]) -> Line:
    results = [_read(job.tested / "result.json") for job in jobs]
    trained = [_read(job.trained / "result.json") for job in jobs]
    minutes = [(one["seconds"] + other["seconds"]) / 60 for one, other in zip(results, trained, strict=True)]
    return Line(
        row,
        tuple(result["communication_rate"] for result in results),
        tuple(minutes),
        _read(jobs[0].trained / "config.json")["device"],
        jobs[0].settings.quick,
    )


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def _markdown(table: Table, lines: Sequence[Line], settings: Settings) -> str:
    count = len(lines[0].rates)
    head = ["row", "paper, %", f"here, %{f' (mean ± deviation of {count} seeds)' if count > 1 else ''}"]
    head += ["expected, %"] * settings.quick + ["minutes", "device"]
    rows = [
        [
            line.row.title,
            "" if line.row.paper is None else f"{100 * line.row.paper:.1f}",
            line.text,
            *([line.expected] if settings.quick else ()),
            f"{statistics.mean(line.minutes):.1f}",
            line.device,
        ]
        for line in lines
    ]
    notes = [f"Left out: {row.title} ({row.note})." for row in table.rows if row.quick is None]
    notes = [note for note in (table.quick_note, *notes) if note and settings.quick]
    title = table.title + (", quick: other pictures, encoder and length than the paper's" if settings.quick else "")
    cells = [head, ["---", *["---:"] * (len(head) - 2), "---"], *rows]
    return "\n".join([title, "", *(f"| {' | '.join(row)} |" for row in cells), *([""] if notes else []), *notes])


def _csv(lines: Sequence[Line], jobs: Mapping[str, Sequence[Job]]) -> str:
    """A line for every run."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    names = ["row", "paper", "seed", "communication_rate", "expected_low", "expected_high", "minutes", "device"]
    table.writerow(names)
    for line in lines:
        band = line.row.band if line.checked and line.row.band else ("", "")
        for job, rate, minutes in zip(jobs[line.row.name], line.rates, line.minutes, strict=True):
            table.writerow([line.row.name, line.row.paper, job.seed, rate, *band, round(minutes, 2), line.device])
    return text.getvalue()
