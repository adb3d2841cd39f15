"""A training that is killed at any moment, or whose disk is full, loses nothing that was finished, and can be resumed
by the same command: it ends with the same log as one that nobody disturbed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from learning_to_draw import commgame

ROOT = Path(__file__).parents[2]
TRAIN = ["train", "--batch-size", "150", "--epochs", "3", "--snapshot-interval", "1", "--keep-last", "2"]
# Runs the program. argv: a folder, a number N and a size. Before the N-th time (from 0) that a file in the folder is
# opened, renamed or removed, the process is killed. With a size > 0 it continues instead, and is killed when a file
# that it writes gets larger than that. Nothing is caught or closed.
DISTURBED = """
import os, resource, signal, sys
from learning_to_draw import commgame
folder, moment, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
count = 0
def note(event, arguments):
    global count
    if event not in ("open", "os.rename", "os.link", "os.remove", "os.mkdir"):
        return
    if not isinstance(arguments[0], (str, os.PathLike)) or not os.fspath(arguments[0]).startswith(folder):
        return
    if count == moment and not size:
        os.kill(os.getpid(), signal.SIGKILL)
    if count == moment:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    count += 1
sys.addaudithook(note)
code = commgame.main(sys.argv[4:])
print("moments", count)
sys.exit(code)
"""


def call(*arguments):
    return commgame.main([str(word) for word in arguments])


def disturb(folder, moment, size=0):
    """Runs the training until it is killed. Returns its exit code and output."""
    command = [sys.executable, "-c", DISTURBED, folder, moment, size, *TRAIN, "--output", folder, "--resume", "auto"]
    done = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def check_whole(folder):
    """Every file that has its final name can be read to its end."""
    for path in folder.iterdir() if folder.exists() else ():
        if path.name.startswith("."):
            continue
        if path.suffix == ".pt":
            assert torch.load(path, weights_only=True)["versions"]
        elif path.suffix == ".json":
            assert json.loads(path.read_text())
        elif path.suffix == ".jsonl":
            assert all(map(json.loads, path.read_text().splitlines()))
        elif path.suffix == ".png":
            Image.open(path).load()
        elif path.suffix == ".npz":
            with np.load(path) as arrays:
                assert all(arrays[name].size for name in arrays)
        else:
            assert path.read_text()


def check_resumed(folder, whole):
    """The same command ends as the undisturbed run did, and leaves no hidden file."""
    assert call(*TRAIN, "--output", folder, "--resume", "auto") == 0
    assert (folder / "log.csv").read_bytes() == (whole / "log.csv").read_bytes()
    assert sorted(os.listdir(folder)) == sorted({*os.listdir(whole), *({"resumed.json"} & set(os.listdir(folder)))})
    check_whole(folder)
    for path in whole.glob("model_*.pt"):
        weights = [torch.load(run / path.name, weights_only=True)["model"] for run in (whole, folder)]
        assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items()), path.name


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert call(*TRAIN, "--output", folder) == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("moment", [0, 2, 3, 5, 7, 9, 12, 14, 17, 21, 40, 70, 100, 140, 180])
def test_killed_at_any_moment_a_run_resumes_with_the_same_command(moment, whole, tmp_path):
    folder = tmp_path / "run"
    code, text = disturb(folder, moment)
    assert code == -signal.SIGKILL, text
    check_whole(folder)
    check_resumed(folder, whole)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moment", "size"), [(0, 100), (0, 3000), (0, 1_000_000), (60, 3_000_000), (100, 4_000_000), (150, 4_800_000)]
)
def test_killed_while_a_file_is_written_a_run_resumes_with_the_same_command(moment, size, whole, tmp_path):
    folder = tmp_path / "run"
    code, text = disturb(folder, moment, size)
    assert code == -signal.SIGXFSZ, text
    assert any(0 < path.stat().st_size <= size for path in folder.glob(".*.tmp*"))  # the part that was written
    check_whole(folder)
    check_resumed(folder, whole)


@pytest.fixture
def disk(tmp_path):
    """disk(size) -> a folder on a disk of so many kB; disk(size) again makes that disk larger."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(size):
        options = f"{'remount,' * folder.is_mount()}size={size}k"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True)
        if done.returncode != 0:
            pytest.skip("only root can mount a small disk")
        return folder

    yield mount
    if folder.is_mount():
        subprocess.run(["umount", folder], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("size", [4, 8, 12, 16, 20, 24, 40, 1000, 2200, 2500, 4000, *range(6000, 34_000, 4000)])
def test_a_disk_that_is_full_at_any_moment_ends_the_run_which_resumes_when_there_is_room(size, whole, disk, capsys):
    folder = disk(size) / "run"
    code = call(*TRAIN, "--output", folder, "--resume", "auto")
    err = capsys.readouterr().err
    assert (code, "No space left on device" in err) == (1, True), err
    assert "Traceback" not in err
    check_whole(folder)
    assert not (folder / "result.json").exists()
    disk(100_000)
    check_resumed(folder, whole)
