"""`commgame.py reproduce`: trains and tests one of the paper's tables, and compares the rates."""

from __future__ import annotations

import csv
import io
import shlex
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypedDict

from msgspec import Meta

from learning_to_draw.errors import RunError, UsageError, program
from learning_to_draw.experiments.sheet import draw_sheet
from learning_to_draw.experiments.tables import FULL, FULL_TRAINING, QUICK, TABLES, Row, Table
from learning_to_draw.reading import Finite, Options, Share, read_json
from learning_to_draw.streams import show
from learning_to_draw.trials.config.configure import OF_ONE_START, as_text, format_option
from learning_to_draw.trials.config.parse import parse
from learning_to_draw.trials.records.folder import check_free, check_unclaimed
from learning_to_draw.trials.records.output import check_writable
from learning_to_draw.trials.records.own_files import NAMES, check_own_files, claimed_folder, replace_own_files

REMOVE = "Remove the folder of this run, and run the command again."
# Options that may have other values when the command is run again.
ELSEWHERE = (*OF_ONE_START, "dataset_root", "device")
STDERR = 2  # file descriptor; stdout is for the table
PROGRAM = Path(__file__).parents[1] / "commgame.py"


@dataclass(frozen=True)
class Settings:
    """The options of the command that apply to all runs."""

    quick: bool
    output: Path
    dataset_root: Path | None
    device: str | None


@dataclass(frozen=True)
class Job:
    """One pair of agents to train and test: a row of the table and a seed."""

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
        """Options of both training and test."""
        words = []
        if self.settings.dataset_root is not None:
            words += ["--dataset-root", str(self.settings.dataset_root)]
        if self.settings.device is not None:
            words += ["--device", self.settings.device]
        return words

    @property
    def training(self) -> list[str]:
        """Options of the training."""
        row = self.row
        full = f"{row.full} {FULL} {FULL_TRAINING} {row.full_training}"
        words = shlex.split(f"{QUICK} {row.quick}" if self.settings.quick else full)  # the row overrides QUICK
        return [*words, "--seed", str(self.seed), *self.here, "--output", str(self.trained)]

    @property
    def commands(self) -> Iterator[list[str]]:
        """Yields the commands that still have to run."""
        if not (self.trained / "result.json").is_file():
            yield ["train", *self.training, "--resume", "auto"]
        if not (self.tested / "result.json").is_file():
            weights = str(self.trained / "model_final.pt")
            yield ["test", "--weights", weights, *self.here, "--output", str(self.tested)]

    @property
    def finished(self) -> bool:
        return not any(self.commands)

    def check_begun(self) -> None:
        """Raises UsageError if the folder of the training or test holds a run with other options, finished or not.

        Also if another process uses the folder of an unfinished test, or if that folder holds other files.
        """
        if not (self.tested / "result.json").is_file():
            check_free(self.tested, "test")
            check_unclaimed(self.tested)
        wanted = parse("train", self.training).values()
        for folder in (self.trained, self.tested):
            path = folder / "config.json"
            saved = read_json(path, _Config, REMOVE)["options"] if path.is_file() else {}
            for name, value in wanted.items():
                if name in ELSEWHERE or name not in saved or (name == "num_targets" and not value):  # 0: all classes
                    continue
                if as_text(saved[name]) != as_text(value):
                    raise UsageError(
                        f"{folder} holds a run with {format_option(name, saved[name])}, but this row"
                        f"{' of the quick table' if self.settings.quick else ''} has {format_option(name, value)}.\n"
                        "Give another --output, or move that run away."
                    )


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
    """Runs the missing trainings and tests. Returns the table of all finished runs as Markdown.

    Also writes the table to `output` as table.md and table.csv, and sketches of every row as sketches.png. After a dry
    run, returns the remaining commands instead. Raises UsageError for unknown rows, runs with other options, and files
    that would be overwritten, and RunError if a run fails or the rate of a quick run is outside its band.
    """
    chosen = TABLES[table]
    settings = Settings(quick, output or Path("reproduced", table + "-quick" * quick), dataset_root, device)
    if settings.output.exists() and not settings.output.is_dir():
        raise UsageError(f"--output {settings.output} is a file, not a folder.\nGive another name.")
    asked = [Job(row, seed, settings) for seed in dict.fromkeys(seeds) for row in _chosen_rows(chosen, rows, quick)]
    jobs = list(dict.fromkeys([*asked, *_finished(_chosen_rows(chosen, None, quick), settings)]))
    for job in jobs:
        job.check_begun()
    check_own_files(settings.output)
    if dry_run:
        left = [shlex.join([*program().split(), *words]) for job in asked for words in job.commands]
        return "\n".join(left) or "Nothing is left to do."
    settings.output.mkdir(parents=True, exist_ok=True)
    check_writable(settings.output)
    with claimed_folder(settings.output):
        for job in asked:  # seed by seed: the table of the first seed is complete early
            _do(job)
        lines = [_line(row, runs) for row in chosen.rows if (runs := [job for job in jobs if job.row is row])]
        text, sketches = _markdown(chosen, lines, settings), io.BytesIO()
        draw_sheet({line.row.title: line.runs[0].job.tested for line in lines}).save(sketches, "PNG")
        contents = (f"{text}\n".encode(), _csv(lines).encode(), sketches.getvalue())
        replace_own_files(settings.output, dict(zip(NAMES, contents, strict=True)))
    outside = [message for line in lines for message in line.outside]
    if outside:
        show(text)
        raise RunError("\n".join(["rates outside the expected range:", *outside]))
    return text


def _finished(rows: Sequence[Row], settings: Settings) -> Iterator[Job]:
    """Yields the finished jobs of these rows, with any seed."""
    for row in rows:
        for folder in (settings.output / row.name).glob("seed-*"):
            number = folder.name.removeprefix("seed-")
            if number.isdecimal() and (job := Job(row, int(number), settings)).finished:
                yield job


def _chosen_rows(table: Table, names: Sequence[str] | None, quick: bool) -> list[Row]:
    available = [row for row in table.rows if row.quick is not None or not quick]
    unknown = set(names or ()) - {row.name for row in available}
    if unknown:
        for row in table.rows:
            if row.name == min(unknown):
                raise UsageError(
                    f"--rows {row.name} has no quick run: {row.note}.\nLeave it out, or leave out --quick."
                )
        raise UsageError(
            f"--rows {min(unknown)}: there is no such row{' with a quick run' if quick else ''}.\n"
            f"Choose from {', '.join(row.name for row in available)}."
        )
    return [row for row in available if names is None or row.name in names]


def _do(job: Job) -> None:
    """Runs the remaining commands of a job."""
    for words in job.commands:
        print(f"\n{job.row.title}, seed {job.seed}: {shlex.join(words)}", file=sys.stderr, flush=True)
        # A separate process, so that its memory is freed at its end. Ctrl-C reaches both processes.
        code = subprocess.run([sys.executable, str(PROGRAM), *words], stdout=STDERR).returncode
        if code in (-2, 130):
            raise KeyboardInterrupt
        if code != 0:
            reason = (
                f"was killed by signal {-code}" if code < 0 else f"failed with exit code {code}; its message is above"
            )
            raise RunError(
                f"{job.row.title}, seed {job.seed}: {words[0]} {reason}.\n"
                "Finished runs are kept: run the same command again to continue."
            )


class _Config(TypedDict):
    """The entries of a run's config.json that are read here."""

    options: Options
    device: str


class _Result(TypedDict):
    """The entries of a run's result.json that are read here."""

    communication_rate: Share
    candidates: Annotated[int, Meta(ge=1, le=2**31)]
    seconds: Finite


@dataclass(frozen=True)
class Run:
    """The result of one job. minutes: training plus test; for a resumed training only the time since it resumed."""

    job: Job
    rate: float
    candidates: int
    minutes: float
    device: str


@dataclass(frozen=True)
class Line:
    """A row with the rates of its runs, one run per seed. checked: whether the rates must lie in the row's band."""

    row: Row
    rates: tuple[float, ...]
    checked: bool
    runs: tuple[Run, ...] = ()

    @property
    def text(self) -> str:
        """Mean ± standard deviation over the seeds, in per cent."""
        mean = f"{100 * statistics.mean(self.rates):.1f}"
        return mean if len(self.rates) == 1 else f"{mean} ± {100 * statistics.stdev(self.rates):.1f}"

    @property
    def expected(self) -> str:
        if not self.checked or self.row.band is None:
            return ""
        low, high = self.row.band
        return f"{100 * low:.0f} to {100 * high:.0f}"

    @property
    def outside(self) -> list[str]:
        """One message for each run whose rate is outside the band."""
        if not self.checked or self.row.band is None:
            return []
        low, high = self.row.band
        return [
            f"{self.row.title}, seed {run.job.seed}: {100 * run.rate:.2f}, expected {100 * low:.2f} to {100 * high:.2f}"
            for run in self.runs
            if not low <= run.rate <= high
        ]


def _line(row: Row, jobs: Sequence[Job]) -> Line:
    runs = tuple(_run(job) for job in sorted(jobs, key=lambda job: job.seed))
    return Line(row, tuple(run.rate for run in runs), jobs[0].settings.quick, runs)


def _run(job: Job) -> Run:
    trained, tested = (read_json(folder / "result.json", _Result, REMOVE) for folder in (job.trained, job.tested))
    return Run(
        job,
        tested["communication_rate"],
        tested["candidates"],
        (trained["seconds"] + tested["seconds"]) / 60,
        read_json(job.trained / "config.json", _Config, REMOVE)["device"],
    )


def _markdown(table: Table, lines: Sequence[Line], settings: Settings) -> str:
    head = ["row", "paper, %", "here, %", *["expected, %"] * settings.quick]
    head += ["seeds", "candidates", "chance, %", "minutes", "device"]
    rows = [
        [
            line.row.title,
            "" if line.row.paper is None else f"{100 * line.row.paper:.1f}",
            line.text,
            *([line.expected] if settings.quick else ()),
            " ".join(str(run.job.seed) for run in line.runs),
            str(line.runs[0].candidates),
            f"{100 / line.runs[0].candidates:.1f}",
            f"{statistics.mean(run.minutes for run in line.runs):.1f}",
            " ".join(dict.fromkeys(run.device for run in line.runs)),
        ]
        for line in lines
    ]
    notes = [f"Left out: {row.title} ({row.note})." for row in table.rows if row.quick is None]
    notes = [note for note in (*table.quick_notes, *notes) if settings.quick]
    title = table.title + (
        ", quick: with other pictures, another encoder and a shorter training than the paper" if settings.quick else ""
    )
    if any(len(line.runs) > 1 for line in lines):
        title += "; mean ± standard deviation over the seeds"
    cells = [head, ["---", *["---:"] * (len(head) - 2), "---"], *rows]
    return "\n".join([title, "", *(f"| {' | '.join(row)} |" for row in cells), *([""] if notes else []), *notes])


def _csv(lines: Sequence[Line]) -> str:
    """The table as CSV, with one line per run."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    names = ["row", "paper", "seed", "communication_rate", "expected_low", "expected_high"]
    table.writerow([*names, "candidates", "minutes", "device"])
    for line in lines:
        band = line.row.band if line.checked and line.row.band else ("", "")
        for run in line.runs:
            known = (line.row.name, line.row.paper, run.job.seed, run.rate, *band)
            table.writerow([*known, run.candidates, round(run.minutes, 2), run.device])
    return text.getvalue()
