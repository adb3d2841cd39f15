"""Runs the jobs of a sweep on this machine, one or several at a time.

Each command runs in its own process, so its memory is freed when it ends.
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from learning_to_draw.console import import_torch
from learning_to_draw.errors import Terminated
from learning_to_draw.experiments.jobs import Job
from learning_to_draw.trials.loop.interrupts import Interrupts

logger = logging.getLogger("commgame")

PROGRAM = Path(__file__).parents[1] / "commgame.py"
STDERR = 2  # file descriptor; stdout is for the table
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
SECONDS_BETWEEN_LOOKS = 0.1
WITHOUT_DEVICE = "dump-hashes-classes"


def run_jobs(jobs: Iterable[Job], finished: Iterable[Job], at_once: int) -> list[str]:
    """Runs the unfinished commands of the jobs, `at_once` jobs at a time. Returns one message per failed job.

    A failed job does not stop the others. If at_once > 1, each job has its own output file; an equal share of the
    memory for cached features; an equal share of the cores, unless the environment sets the number of threads; and one
    of the GPUs, if there are several and its row names no device. Ctrl-C and SIGTERM are passed on to all processes,
    and trainings save their state; then KeyboardInterrupt or Terminated is raised. finished: jobs whose durations
    predict the remaining time.
    """
    runner = _Runner([job for job in jobs if job.left], finished, at_once)
    with Interrupts() as interrupts:
        try:
            while runner.goes_on(interrupts):
                time.sleep(SECONDS_BETWEEN_LOOKS)
        except BaseException:
            _stop([one.process for one in runner.running], interrupts.noted or signal.SIGTERM)
            raise
    return runner.failures


class _Runner:
    """The state of `run_jobs`. running: the jobs that run now. failures: one message per failed job."""

    def __init__(self, jobs: Sequence[Job], finished: Iterable[Job], at_once: int):
        self._waiting, self._total, self._at_once = deque(jobs), len(jobs), at_once
        self._minutes: dict[str, list[float]] = {}  # row -> durations of its finished jobs
        for job in finished:
            self._note_minutes(job)
        self._environment, self._devices = _environment(at_once), _devices() if jobs and at_once > 1 else []
        self.running: list[_Running] = []
        self.failures: list[str] = []

    def goes_on(self, interrupts: Interrupts) -> bool:
        """Handles ended commands and starts waiting jobs. Returns whether a job runs. Raises on Ctrl-C or SIGTERM."""
        for one in list(self.running):
            if (code := one.process.poll()) is None:
                continue
            if interrupts.noted is not None:
                interrupts.obey()  # the process may have ended because of the same signal
            if code == 0 and one.starts_next():
                continue
            self.running.remove(one)
            self._say_ended(one, code)
        while interrupts.noted is None and self._waiting and len(self.running) < self._at_once:
            self._start(self._waiting.popleft())
        if interrupts.noted is not None:
            interrupts.obey()
        return bool(self.running)

    def _start(self, job: Job) -> None:
        slot = min(set(range(self._at_once)) - {one.slot for one in self.running})
        device = self._devices[slot % len(self._devices)] if self._devices and "device" not in job.row.options else None
        log = job.log if self._at_once > 1 else None
        what = f"output in {log}" if log else shlex.join(job.left[0].words)
        self._say(f"{job.title} ({self._total - len(self._waiting)} of {self._total}): {what}")
        self.running.append(_Running(job, slot, self._environment, device, log))

    def _say_ended(self, one: _Running, code: int) -> None:
        if code == 0:
            self._note_minutes(one.job)
            run, left = one.job.run(), [*self._waiting, *(other.job for other in self.running)]
            time_left = f", about {duration(self._prediction(left))}" if left else ""
            took = f"{100 * run.rate:.1f} %, {duration(run.minutes)}"
            self._say(f"{one.job.title}: {took}; {len(left)} of {self._total} runs left{time_left}")
            return
        reason = f"was killed by signal {-code}" if code < 0 else f"failed with exit code {code}"
        where = f"the error message is in {one.log}" if one.log else "the error message is above"
        self.failures.append(f"{one.job.title}: {one.command} {reason}; {where}.")
        self._say(self.failures[-1])

    def _say(self, text: str) -> None:
        logger.info("%s%s", "" if self._at_once > 1 else "\n", text)  # a blank line after a command's output

    def _note_minutes(self, job: Job) -> None:
        self._minutes.setdefault(job.row.name, []).append(job.run().minutes)

    def _prediction(self, left: Sequence[Job]) -> float:
        """Returns the expected minutes to run these jobs, at_once at a time.

        A job takes as long as its row's finished jobs, on average. If the row has none yet, all finished jobs count.
        """
        everything = [minutes for row in self._minutes.values() for minutes in row]
        each = [statistics.mean(self._minutes.get(job.row.name, everything)) for job in left]
        return sum(each) / min(self._at_once, len(left))


class _Running:
    """A running job, and the process of its current command.

    slot: a number below at_once, unique among running jobs. device: added as --device to the commands that have this
    option; None: nothing is added. log: the file for the commands' output; None: stderr.
    """

    def __init__(self, job: Job, slot: int, environment: Mapping[str, str], device: str | None, log: Path | None):
        self.job, self.slot, self.log = job, slot, log
        self._steps, self._environment, self._device = deque(job.left), environment, device
        self.starts_next()

    def starts_next(self) -> bool:
        """Starts the next command in a new process. Returns False if no command is left."""
        if not self._steps:
            return False
        words = self._steps.popleft().words
        self.command = words[0]
        if self._device is not None and self.command != WITHOUT_DEVICE:
            words = [*words, "--device", self._device]
        command = [sys.executable, str(PROGRAM), *words]
        if self.log is None:
            self.process = subprocess.Popen(command, stdout=STDERR, env=self._environment)
            return True
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            output.write(f"\n{shlex.join(words)}\n".encode(errors="surrogateescape"))
            output.flush()
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=self._environment
            )
        return True


def _stop(processes: Sequence[subprocess.Popen], number: int) -> None:
    """Sends a signal to the processes and waits until they end; sends it again if a signal interrupts the wait."""
    for process in processes:
        process.send_signal(number)
    try:
        for process in processes:
            process.wait()
    except (KeyboardInterrupt, Terminated):
        for process in processes:
            process.send_signal(number)
        for process in processes:
            process.wait()
        raise


def _environment(at_once: int) -> dict[str, str]:
    """The environment variables of the processes.

    If several jobs run at once, each gets a number of threads, and COMMGAME_JOBS: `memory_budget` in loop/memory.py
    divides the memory by it.
    """
    environment = dict(os.environ)
    if at_once > 1:
        environment["COMMGAME_JOBS"] = str(at_once)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        for name in THREADS:
            environment.setdefault(name, str(max(1, cores // at_once)))
    return environment


def _devices() -> list[str]:
    """The GPUs to divide among the jobs; empty if there are fewer than two."""
    import_torch()
    import torch

    count = torch.cuda.device_count()
    return [f"cuda:{number}" for number in range(count)] if count > 1 else []


def duration(minutes: float) -> str:
    """The duration as text: 40 s, 12 min or 3.5 h."""
    if minutes < 1:
        return f"{60 * minutes:.0f} s"
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"
