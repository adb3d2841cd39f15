"""`commgame.py reproduce`: trains and tests the rows of a paper's table, and compares their rates with the paper's."""

from __future__ import annotations

import io
import statistics
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from learning_to_draw.components import load
from learning_to_draw.errors import RunError, UsageError
from learning_to_draw.experiments.jobs import Job, Run
from learning_to_draw.experiments.rows import choose
from learning_to_draw.experiments.sheet import draw_sheet
from learning_to_draw.experiments.sweep import Sweep, Way, failed
from learning_to_draw.experiments.tables import TABLES, PaperRow, Table
from learning_to_draw.packages import import_optional
from learning_to_draw.streams import show
from learning_to_draw.text_tables import as_csv, markdown, mean_and_deviation
from learning_to_draw.trials.records.own_files import replace_own_files

# Functions that take the finished jobs and return the text below a table. Loaded when needed: they import torch.
FURTHER = {
    "human": "experiments.people:beside_people",
    "shared": "experiments.clip_counters:what_clip_sees",
    "tradeoff": "experiments.tradeoff:rate_and_cost",
}


def reproduce(
    table: str,
    quick: bool,
    seeds: Sequence[int],
    rows: Collection[str] | None,
    output: Path | None,
    dataset_root: Path | None,
    device: str | None,
    jobs: int | None,
    cluster: str | None,
    slurm: Sequence[str],
    dry_run: bool,
) -> str:
    """Runs the missing trainings and tests. Returns the table of all finished runs as Markdown.

    Also writes the table to `output` as table.md and table.csv, and sketches of every row as sketches.png. With
    dry_run, only returns the remaining commands. If `cluster` is "slurm" and jobs remain, only submits them and returns
    a message. options.py describes the arguments. Raises UsageError if a row is unknown, if a row's folder holds a run
    with other options, or if a file that this command did not write would be overwritten. Raises RunError if a run
    fails, or if the rate of a quick run is outside the range expected for its row.
    """
    way, chosen = Way(jobs, cluster, slurm), TABLES[table]
    here = {"dataset_root": dataset_root and str(dataset_root), "device": device}
    here = {name: value for name, value in here.items() if value is not None}
    papers = {paper.name: paper for paper in chosen.rows if paper.quick is not None or not quick}
    known = [paper.row(quick, here) for paper in papers.values()]
    if quick:
        _check_quick(chosen, rows)
    folder = output or Path("reproduced", (chosen.folder or table) + "-quick" * quick)
    plan = Sweep(known, choose(known, rows), seeds, folder)
    plan.check()
    if dry_run:
        return plan.commands_left()
    if any(row.clip for row in plan.chosen):
        import_optional("open_clip", f"reproduce {table}", "open_clip_torch")  # check now, not after days of training
    with plan.claimed():
        failures, submitted = plan.carry_out(way)
        if submitted is not None:
            return submitted
        finished = plan.finished()
        if not finished:
            raise failed(failures)
        lines = [_line(paper, runs, quick) for paper in papers.values() if (runs := _of(paper, finished))]
        text, sketches = _markdown(chosen, lines, quick), io.BytesIO()
        if table in FURTHER and (further := load(FURTHER[table])(finished)):
            text += f"\n\n{further}"
        draw_sheet({line.paper.title: line.runs[0].job.tested for line in lines}).save(sketches, "PNG")
        contents = {"table.md": f"{text}\n".encode(), "table.csv": _csv(lines).encode()}
        replace_own_files(plan.output, contents | {"sketches.png": sketches.getvalue()})
    outside = [message for line in lines for message in line.outside]
    if failures or outside:
        show(text)
        raise failed(failures) if failures else RunError("\n".join(["rates outside the expected range:", *outside]))
    return text


def _check_quick(table: Table, names: Collection[str] | None) -> None:
    """Raises UsageError if a row in `names` has no quick run."""
    for paper in table.rows:
        if paper.quick is None and paper.name in (names or ()):
            raise UsageError(f"--rows {paper.name} has no quick run: {paper.note}.\nLeave out this row, or --quick.")


def _of(paper: PaperRow, jobs: Sequence[Job]) -> list[Job]:
    return [job for job in jobs if job.row.name == paper.name]


@dataclass(frozen=True)
class Line:
    """A row with the rates of its runs, one run per seed. checked: whether the rates must lie in `paper.band`."""

    paper: PaperRow
    rates: tuple[float, ...]
    checked: bool
    runs: tuple[Run, ...] = ()

    @property
    def text(self) -> str:
        """Mean ± standard deviation over the seeds, in per cent."""
        return mean_and_deviation(self.rates)

    @property
    def expected(self) -> str:
        if not self.checked or self.paper.band is None:
            return ""
        low, high = self.paper.band
        return f"{100 * low:.0f} to {100 * high:.0f}"

    @property
    def outside(self) -> list[str]:
        """One message for each run whose rate is outside the band."""
        if not self.checked or self.paper.band is None:
            return []
        low, high = self.paper.band
        expected = f"expected {100 * low:.2f} to {100 * high:.2f}"
        return [
            f"{self.paper.title}, seed {run.job.seed}: {100 * run.rate:.2f}, {expected}"
            for run in self.runs
            if not low <= run.rate <= high
        ]


def _line(paper: PaperRow, jobs: Sequence[Job], quick: bool) -> Line:
    runs = tuple(job.run() for job in jobs)
    return Line(paper, tuple(run.rate for run in runs), quick, runs)


def _markdown(table: Table, lines: Sequence[Line], quick: bool) -> str:
    head = ["row", "paper, %", "here, %", *["expected, %"] * quick]
    head += ["seeds", "candidates", "chance, %", "minutes", "device"]
    rows = [
        [
            line.paper.title,
            "" if line.paper.paper is None else f"{100 * line.paper.paper:.1f}",
            line.text,
            *([line.expected] if quick else ()),
            " ".join(str(run.job.seed) for run in line.runs),
            str(line.runs[0].candidates),
            f"{100 / line.runs[0].candidates:.1f}",
            f"{statistics.mean(run.minutes for run in line.runs):.1f}",
            " ".join(dict.fromkeys(run.device for run in line.runs)),
        ]
        for line in lines
    ]
    notes = [f"Left out: {row.title} ({row.note})." for row in table.rows if row.quick is None]
    notes = [*table.notes, *(note for note in (*table.quick_notes, *notes) if quick)]
    title = table.title + (f", quick: {table.quick}" if quick else "")
    if any(len(line.runs) > 1 for line in lines):
        title += "; mean ± standard deviation over the seeds"
    cells = markdown([head, *rows], text_columns=(0, len(head) - 1))
    return "\n".join([title, "", cells, *([""] if notes else []), *notes])


def _csv(lines: Sequence[Line]) -> str:
    """The table as CSV, with one line per run."""
    names = ["row", "paper", "seed", "communication_rate", "expected_low", "expected_high"]
    rows: list[list] = [[*names, "candidates", "minutes", "device"]]
    for line in lines:
        band = line.paper.band if line.checked and line.paper.band else ("", "")
        for run in line.runs:
            known = (line.paper.name, line.paper.paper, run.job.seed, run.rate, *band)
            rows.append([*known, run.candidates, round(run.minutes, 2), run.device])
    return as_csv(rows)
