"""`commgame.py sweep`: trains and tests every row of a TOML file with every seed."""

from __future__ import annotations

import functools
import json
import logging
import statistics
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from learning_to_draw.errors import RunError, UsageError, listed
from learning_to_draw.experiments import cluster as clusters
from learning_to_draw.experiments.jobs import Job, commands_left, finished_jobs
from learning_to_draw.experiments.rows import Row, choose
from learning_to_draw.experiments.run_jobs import duration, run_jobs
from learning_to_draw.experiments.sweep_file import read_sweep
from learning_to_draw.reading import read_json
from learning_to_draw.streams import show
from learning_to_draw.text_tables import aligned, mean_and_deviation
from learning_to_draw.trials.records.output import check_writable
from learning_to_draw.trials.records.own_files import check_own_files, claimed_folder, replace_own_files
from learning_to_draw.trials.records.run_files import OWN_TEST

logger = logging.getLogger("commgame")

ASKED = "sweep.json"


class _Asked(TypedDict):
    """The part of sweep.json that is read."""

    rows: dict[str, Any]


@dataclass(frozen=True)
class Way:
    """How to run the jobs.

    at_once: the number of jobs at a time on this machine (None: 1); must be None with a cluster. cluster: "slurm",
    "local" (to try submitit on this machine) or None (no cluster). slurm: options of sbatch, each NAME=VALUE. Raises
    UsageError for options that conflict.
    """

    at_once: int | None
    cluster: str | None
    slurm: Sequence[str]

    def __post_init__(self):
        if self.slurm and self.cluster != "slurm":
            raise UsageError(
                "--slurm has an effect only with --cluster slurm.\nAdd --cluster slurm, or leave out --slurm."
            )
        if self.at_once is not None and self.cluster is not None:
            raise UsageError(
                "--jobs cannot be used with --cluster.\n"
                "With --cluster slurm, --slurm array_parallelism=N limits the number of runs at a time."
            )
        if self.cluster is not None:
            clusters.check_cluster(self.cluster, self.slurm)


@dataclass(frozen=True)
class Sweep:
    """The jobs of a sweep, in one folder. rows: all rows. chosen: the rows to run now, each with all `seeds`."""

    rows: Sequence[Row]
    chosen: Sequence[Row]
    seeds: Sequence[int]
    output: Path

    @functools.cached_property
    def asked(self) -> list[Job]:
        """The jobs asked for, finished or not: all chosen rows with the first seed, then with the second, and so on."""
        return [Job(row, seed, self.output) for seed in dict.fromkeys(self.seeds) for row in self.chosen]

    def finished(self) -> list[Job]:
        """All finished jobs, sorted by row and seed."""
        return sorted(finished_jobs(self.rows, self.output), key=lambda job: (self.rows.index(job.row), job.seed))

    def check(self) -> None:
        """Raises UsageError if a job's folder holds a run with other options.

        Also raises it if a file that this command did not write would be overwritten. Logs a warning for finished runs
        with another version of the plugin.
        """
        if self.output.exists() and not self.output.is_dir():
            raise UsageError(f"--output {self.output} is a file, not a folder.\nGive another name.")
        jobs = list(dict.fromkeys([*self.asked, *self.finished()]))
        for job in jobs:
            job.check_begun()
        if others := [f"{job.row.name}/seed-{job.seed}" for job in jobs if job.has_other_plugin]:
            logger.warning("the plugin has changed since these runs: %s", listed(others))
        check_own_files(self.output)

    def commands_left(self) -> str:
        return commands_left(self.asked)

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Context in which no other sweep can use the folder. Creates the folder and writes sweep.json.

        Raises UsageError if another sweep uses the folder, or if the folder is not writable.
        """
        try:
            self.output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"--output {self.output} cannot be created: {error.strerror}.\nGive another name."
            ) from error
        check_writable(self.output)
        with claimed_folder(self.output):
            rows = {row.name: {"title": row.title, "options": row.options} for row in self.rows} | self._earlier_rows()
            further = {name: options for name, options in self.rows[0].tests.items() if name != OWN_TEST}
            tests = {"tests": further} if further else {}
            content = json.dumps({"rows": rows} | tests | {"seeds": list(self.seeds)}, indent=2) + "\n"
            replace_own_files(self.output, {ASKED: content.encode()})
        with claimed_folder(self.output):  # claim again: the claimed file has been replaced
            yield

    def _earlier_rows(self) -> dict[str, Any]:
        """The rows in sweep.json that this sweep lacks but that have a folder, such as rows of an earlier FILE.toml."""
        recorded = read_json(self.output / ASKED, _Asked)["rows"] if (self.output / ASKED).exists() else {}
        known = {row.name for row in self.rows}
        return {name: row for name, row in recorded.items() if name not in known and (self.output / name).is_dir()}

    def carry_out(self, way: Way) -> tuple[list[str], str | None]:
        """Runs or submits unfinished jobs. Returns one message per failed job, and the message after a submission.

        The second value is None unless jobs were submitted to SLURM.
        """
        left = [job for job in self.asked if job.left]
        if way.cluster is None or not left:
            return run_jobs(left, self.finished(), way.at_once or 1), None
        folder = self.output.absolute() / clusters.FOLDER
        submitted = clusters.submit(clusters.open_cluster(way.cluster, way.slurm, folder, self.output.name), left)
        if way.cluster == "local":
            return clusters.wait_for(submitted, left), None
        return [], clusters.say_submitted(submitted, folder)


def sweep(
    file: Path,
    output: Path | None,
    seeds: Sequence[int] | None,
    rows: Collection[str] | None,
    plugin: Path | None,
    jobs: int | None,
    cluster: str | None,
    slurm: Sequence[str],
    dry_run: bool,
) -> str:
    """Runs the missing trainings and tests. Returns a table of all finished runs.

    With dry_run, only returns the remaining commands. If `cluster` is "slurm" and jobs remain, only submits them and
    returns a message. options.py describes the arguments. Raises UsageError if the file, options or rows are not valid,
    if a row's folder holds a run with other options, or if a file that this command did not write would be overwritten.
    Raises RunError if a run fails.
    """
    way, (known, own_seeds) = Way(jobs, cluster, slurm), read_sweep(file, plugin)
    plan = Sweep(known, choose(known, rows), seeds or own_seeds, output or Path("sweeps", file.stem))
    plan.check()
    if dry_run:
        return plan.commands_left()
    with plan.claimed():
        failures, submitted = plan.carry_out(way)
    text = submitted or table(plan.finished())
    if failures:
        show(text)
        raise failed(failures)
    return text


def failed(failures: Sequence[str]) -> RunError:
    return RunError("\n".join([*failures, "Finished runs are kept: run the same command again to continue."]))


def table(finished: Sequence[Job]) -> str:
    """The rates of finished runs, as aligned text with one line per row, and one column per test."""
    further = [name for name in (finished[0].row.tests if finished else ()) if name != OWN_TEST]
    lines = [["row", "rate, %", *(f"{name}, %" for name in further), "seeds", "time per run"]]
    for row in dict.fromkeys(job.row for job in finished):
        runs = [job.run() for job in finished if job.row is row]
        seeds = " ".join(str(run.job.seed) for run in runs)
        rates = [mean_and_deviation([run.rates[name] for run in runs]) for name in (OWN_TEST, *further)]
        lines.append([row.title, *rates, seeds, duration(statistics.mean(run.minutes for run in runs))])
    return aligned(lines) if finished else "No run is finished."
