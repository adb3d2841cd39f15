"""Sweeps that train: killed, stopped, several at once, on a cluster; each ends as one left alone."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from learning_to_draw.experiments import run_jobs
from learning_to_draw.experiments.jobs import Job
from learning_to_draw.experiments.sweep_file import read_sweep

ROOT = Path(__file__).parents[2]
# The last digits of a run depend on the number of threads.
ONE_THREAD = os.environ | dict.fromkeys(run_jobs.THREADS, "1")
SMALL = """
[common]
batch-size = 150
epochs = 2
quiet = true
[rows.one]
nlines = 1
[rows.three]
nlines = 3
"""
RUNS = [f"{row}/seed-0{test}" for row in ("one", "three") for test in ("", "-test")]


def start(file, *arguments):
    command = [sys.executable, str(ROOT / "commgame.py"), "sweep", str(file), *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, start_new_session=True, env=ONE_THREAD, text=True, **pipes)


def check_same(output, alone):
    """All runs are finished, and what can be reproduced is the same, byte for byte."""
    for run in RUNS:
        results = [json.loads((folder / run / "result.json").read_text()) for folder in (output, alone)]
        assert results[0]["communication_rate"] == results[1]["communication_rate"]
        for name in ("log.csv", "gamelogs/games.jsonl"):
            assert (alone / run / name).exists() == (output / run / name).exists()
            if (alone / run / name).exists():
                assert (output / run / name).read_bytes() == (alone / run / name).read_bytes(), (run, name)
    assert (output / "sweep.json").read_bytes() == (alone / "sweep.json").read_bytes()


def wait_until(reached, process, seconds=300):
    end = time.monotonic() + seconds
    while not reached():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A sweep that nobody disturbed."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "small.toml").write_text(SMALL)
    process = start(folder / "small.toml", "--output", folder / "out")
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert "one, seed 0 (1 of 2): train --batch-size 150" in err
    assert "1 of 2 runs left, about" in err
    return folder / "out"


@pytest.mark.slow
def test_a_sweep_killed_twice_at_random_ends_as_one_left_alone(alone, written, tmp_path):
    random_times, file, output = random.Random(0), written(SMALL), tmp_path / "out"
    for run in ("one/seed-0", "three/seed-0"):
        process = start(file, "--output", output)
        wait_until((output / run / "config.json").exists, process)
        time.sleep(random_times.uniform(0, 4))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    process = start(file, "--output", output)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["one", "three"]
    check_same(output, alone)


@pytest.mark.slow
def test_two_jobs_are_stopped_by_a_signal_and_resume(alone, written, tmp_path):
    file, output = written(SMALL), tmp_path / "out"
    process = start(file, "--output", output, "--jobs", "2")
    logs = [output / row / "seed-0" / "log.csv" for row in ("one", "three")]
    wait_until(lambda: all(log.exists() for log in logs), process)
    process.terminate()  # this process only
    process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    for row in ("one", "three"):
        assert (output / row / "seed-0" / "resume.pt").exists() or (output / row / "seed-0" / "result.json").exists()
        assert "train --batch-size 150" in (output / row / "seed-0.log").read_text()
    process = start(file, "--output", output, "--jobs", "2")
    _, err = process.communicate()
    assert process.returncode == 0, err
    check_same(output, alone)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_job_that_fails_does_not_stop_the_others(jobs, written, tmp_path):
    rows = "[rows.broken]\ngame = 'same'\nnum-targets = 50\n[rows.one]\nnlines = 1\n"
    process = start(written(f"[common]\nbatch-size = 150\nepochs = 1\n{rows}"), "--output", tmp_path, "--jobs", jobs)
    out, err = process.communicate()
    assert process.returncode == 1
    where = "above" if jobs == 1 else f"in {tmp_path}/broken/seed-0.log"
    assert f"failed: broken, seed 0: train failed with exit code 2; the error message is {where}." in err
    assert [line.split()[0] for line in out.splitlines()] == ["row", "one"]
    said = err if jobs == 1 else (tmp_path / "broken" / "seed-0.log").read_text()
    assert "error: --num-targets 50" in said


@pytest.mark.slow
def test_submitit_on_this_machine(alone, written, tmp_path):
    pytest.importorskip("submitit")
    file, output = written(SMALL + "[rows.broken]\ngame = 'same'\nnum-targets = 50\n"), tmp_path / "out"
    process = start(file, "--output", output, "--cluster", "local")
    out, err = process.communicate()
    assert process.returncode == 1
    assert "failed: broken, seed 0: failed; the error message is in " in err
    assert [line.split()[0] for line in out.splitlines()] == ["row", "one", "three"]
    process = start(written(SMALL), "--output", output, "--cluster", "local")  # nothing is left
    assert process.communicate()[0].splitlines() == out.splitlines()
    check_same(output, alone)


# As submitit does with USR2, which SLURM sends before it stops a job.
ELEMENT = """
import pickle, signal, sys
from learning_to_draw.experiments.cluster import Element
element = Element(*pickle.load(sys.stdin.buffer))
def queue_again(*_):
    again = element.checkpoint().function
    assert (again.folder, again.steps) == (element.folder, element.steps)
    sys.exit(3)
signal.signal(signal.SIGUSR2, queue_again)
element()
"""


@pytest.mark.slow
def test_an_element_of_an_array_that_runs_out_of_time_saves_and_resumes(alone, written, tmp_path):
    import pickle

    pytest.importorskip("submitit")
    row = next(row for row in read_sweep(written(SMALL))[0] if row.name == "three")
    job = Job(row, 0, tmp_path / "out")
    steps = [(str(step.result), [sys.executable, str(run_jobs.PROGRAM), *step.words]) for step in job.steps]
    for code in (3, 0):
        process = subprocess.Popen([sys.executable, "-c", ELEMENT], cwd=ROOT, stdin=subprocess.PIPE, env=ONE_THREAD)
        process.stdin.write(pickle.dumps((str(tmp_path), steps)))
        process.stdin.close()
        if code == 3:
            wait_until((job.trained / "log.csv").exists, process)
            os.kill(process.pid, signal.SIGUSR2)
        assert process.wait() == code
    for run in ("three/seed-0/log.csv", "three/seed-0-test/gamelogs/games.jsonl"):
        assert (tmp_path / "out" / run).read_bytes() == (alone / run).read_bytes()
