"""The SLURM script of docs/cluster.md requeues a run that saves progress, and no other."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = re.search(
    r"^```bash\n(#!/bin/bash\n.*?)^```$", (ROOT / "docs/cluster.md").read_text(), re.MULTILINE | re.DOTALL
)[1]
RUN = "runs/stl10-original"
SAVE = f"""
save() (
    mkdir -p {RUN}; cd {RUN}
    [ ! -e resume.pt ] || mv resume.pt resume_previous.pt
    echo > resume.pt
)"""


@pytest.fixture
def job(tmp_path):
    """Runs the script in a folder with a command `srun`, given as lines of bash. Returns (exit code, requeued)."""

    def start(srun, script=SCRIPT, restarts=0):
        requeued = tmp_path / "requeued"
        requeued.unlink(missing_ok=True)
        commands = {"srun": srun, "scontrol": f'[ "$*" = "requeue 4711" ] && touch {requeued}'}
        (tmp_path / "bin").mkdir(exist_ok=True)
        for name, lines in commands.items():
            (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{lines}\n")
            (tmp_path / "bin" / name).chmod(0o700)
        environment = os.environ | {
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "SLURM_JOB_ID": "4711",
            "SLURM_RESTART_COUNT": str(restarts),
        }
        job = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
        return job.returncode, requeued.exists()

    return start


@pytest.mark.parametrize(
    ("before", "session", "restarts", "outcome"),
    [
        ("true", "save; save; exit 143", 0, (143, True)),  # stopped within the first epoch
        ("save; save", "save; exit 1", 19, (1, True)),  # torchrun, after a signal
        ("save; save", "save; exit 1", 20, (1, False)),
        ("save; save", "save; exit 0", 0, (0, False)),  # finished
        ("true", "save; exit 1", 0, (1, False)),  # NaN in the first epoch: only the save before it
        ("save; save", "exit 1", 1, (1, False)),  # NaN before a resumed run has saved anything
        ("save; save", "exit 2", 0, (2, False)),  # refused
        ("true", "exit 2", 0, (2, False)),
    ],
)
def test_a_job_is_requeued_if_it_has_saved_progress(job, before, session, restarts, outcome):
    assert job(f"{SAVE}\n({before})\nexit 0") == (0, False)
    assert job(f"{SAVE}\n{session}", restarts=restarts) == outcome


@pytest.mark.slow
def test_a_training_that_fails_for_good_is_not_requeued_and_one_that_is_stopped_goes_on(job, tmp_path):
    def training(run, options):
        train = f"srun {sys.executable} {ROOT}/commgame.py train {options} --output $run --resume auto"
        script, count = re.subn(r"^srun .*?--resume auto$", train, SCRIPT, flags=re.MULTILINE | re.DOTALL)
        assert count == 1
        return script.replace(RUN, run)

    assert job('exec "$@"', training("nan", "--batch-size 150 --epochs 2 --learning-rate 1e20")) == (1, False)
    assert (tmp_path / "nan" / "resume.pt").exists()

    # SIGTERM comes as soon as the first epoch is in the log.
    stop = '"$@" & while ! grep -qs "^[0-9]" good/log.csv; do sleep 0.05; done; kill -TERM $!; wait $!'
    assert job(stop, training("good", "--batch-size 150 --epochs 3")) == (143, True)
    assert job('exec "$@"', training("good", "--batch-size 150 --epochs 3 --learning-rate 0.1")) == (2, False)
    assert job('exec "$@"', training("good", "--batch-size 150 --epochs 3"), restarts=1) == (0, False)
    assert (tmp_path / "good" / "result.json").exists()
