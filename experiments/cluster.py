"""Submits the jobs of a sweep to a cluster through submitit: one job array, with one element for each row and seed."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from learning_to_draw.errors import UsageError, first_line
from learning_to_draw.experiments.jobs import Job
from learning_to_draw.experiments.run_jobs import PROGRAM
from learning_to_draw.packages import import_optional

FOLDER = "submitit"  # subfolder of the sweep's folder, for logs and submitit's files
MOST_REQUEUES = 20
WEEK = 7 * 24 * 60  # minutes; submitit's local executor ends a job after two minutes by default


class Element:
    """Runs the commands of one job when a cluster process calls it.

    folder: working directory of the commands. steps: (file that exists once the command is done, command). The methods
    use only the standard library and submitit, because a job's Python cannot import this program from a checkout that
    is not installed.
    """

    def __init__(self, folder: str, steps: Sequence[tuple[str, Sequence[str]]]):
        self.folder, self.steps, self.pid = folder, steps, None

    def __call__(self) -> None:
        """Runs the commands that are not done yet. Raises RuntimeError if one fails."""
        for result, command in self.steps:
            if os.path.isfile(os.path.join(self.folder, result)):
                continue
            print(shlex.join(command), flush=True)
            # SLURM sends USR2 to all processes of a job before it stops them. Only submitit handles it (`checkpoint`).
            process = subprocess.Popen(
                command, cwd=self.folder, preexec_fn=lambda: signal.signal(signal.SIGUSR2, signal.SIG_IGN)
            )
            self.pid = process.pid
            try:
                # Not process.wait(), which holds a lock: `checkpoint` may be called during the wait.
                os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            except BaseException:
                process.terminate()
                process.wait()
                raise
            if process.wait() != 0:
                raise RuntimeError(f"{command[2]} ended with exit code {process.returncode}")

    def checkpoint(self) -> Any:
        """Stops the running command; a training first saves its state. Returns a copy of the element.

        submitit calls this before it stops the job, and puts the copy into the queue.
        """
        from submitit.helpers import DelayedSubmission

        if self.pid is not None:
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(self.pid, signal.SIGTERM)  # a training saves its state
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        return DelayedSubmission(type(self)(self.folder, self.steps))


def check_cluster(cluster: str, parameters: Sequence[str]) -> None:
    """Raises UsageError if submitit is not installed.

    If `cluster` is "slurm", also raises it if SLURM is not available here, if a parameter is not valid, or if there is
    no time limit.
    """
    submitit = import_optional("submitit", f"--cluster {cluster}", "submitit")
    if cluster != "slurm":
        return
    values = _parsed(parameters)
    if shutil.which("sbatch") is None or shutil.which("srun") is None:
        raise UsageError(
            "--cluster slurm: sbatch or srun is not available on this machine.\n"
            "Run the command on a machine that can submit jobs."
        )
    try:
        with tempfile.TemporaryDirectory() as folder:
            submitit.SlurmExecutor(folder).update_parameters(**values)
    except (TypeError, ValueError) as error:
        raise UsageError(f"--slurm: {first_line(error)}.\nGive NAME=VALUE, with names of sbatch options.") from error


def open_cluster(cluster: str, parameters: Sequence[str], folder: Path, name: str) -> Any:
    """Returns submitit's executor.

    parameters: NAME=VALUE for SLURM. folder: for submitit's files. name: of the job array.
    """
    import submitit

    if cluster == "local":
        executor = submitit.LocalExecutor(folder)
        executor.update_parameters(timeout_min=WEEK)
    else:
        executor = submitit.SlurmExecutor(folder, max_num_timeout=MOST_REQUEUES)
        executor.update_parameters(**{"job_name": name, **_parsed(parameters)})
    return executor


def _parsed(parameters: Sequence[str]) -> dict[str, Any]:
    """SLURM's parameters, name -> value.

    Raises UsageError if one is not NAME=VALUE, or if there is no time limit in minutes.
    """
    values: dict[str, Any] = {}
    for word in parameters:
        name, equals, text = word.lstrip("-").partition("=")
        if not name or not equals or not text:
            raise UsageError(f"--slurm {word}: this is not NAME=VALUE.\nAn example: --slurm partition=gpu time=120")
        value: Any = int(text) if text.isdecimal() else True if text == "true" else text
        name = name.replace("-", "_")
        if name in ("setup", "teardown"):
            value = [text]
        elif name in ("use_srun", "stderr_to_stdout"):  # of submitit, which takes any text for true
            value = text == "true"
        elif name == "srun_args":
            try:
                value = shlex.split(text)
            except ValueError as error:
                raise UsageError(
                    f"--slurm {word}: {first_line(error)}.\nCorrect its quotation marks and backslashes."
                ) from error
        values[name] = value
    if not isinstance(values.get("time"), int) or values["time"] < 1:
        raise UsageError(
            "--cluster slurm needs a time limit in minutes.\nAn example: --slurm time=120. A run that is not finished "
            "by then is queued again, and resumes."
        )
    from submitit import SlurmExecutor

    further = {name: values.pop(name) for name in values.keys() - SlurmExecutor._valid_parameters()}
    return {**values, "additional_parameters": further} if further else values


def submit(executor: Any, jobs: Sequence[Job]) -> list[Any]:
    """Submits the jobs as one array, whose elements skip finished commands. Returns submitit's jobs."""
    import cloudpickle  # which submitit needs

    # `Element` is pickled by value, because a job's Python cannot import it from a checkout that is not installed.
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with executor.batch():
        return [
            executor.submit(
                Element(
                    os.getcwd(),
                    [(str(step.result), [sys.executable, str(PROGRAM), *step.words]) for step in job.steps],
                )
            )
            for job in jobs
        ]


def say_submitted(submitted: Sequence[Any], folder: Path) -> str:
    """The message after a submission: the job array's number, its output folder, and what to do when it has ended."""
    number = submitted[0].job_id.partition("_")[0]
    return (
        f"submitted {len(submitted)} run{'s' * (len(submitted) > 1)} as job {number}, with output in {folder}\n"
        f"squeue -j {number} shows its state. When it has ended, run this command again: it prints the table, or "
        f"submits the runs that are not finished; --dry-run lists them."
    )


def wait_for(submitted: Sequence[Any], jobs: Sequence[Job]) -> list[str]:
    """Waits until the submitted jobs, which run on this machine, have ended. Returns one message per failed job."""
    failures = []
    try:
        for handle, job in zip(submitted, jobs, strict=True):
            if handle.exception() is not None:
                failures.append(f"{job.title}: failed; the error message is in {handle.paths.stderr}.")
    except BaseException:
        for handle in submitted:
            handle.cancel(check=False)
        raise
    return failures
