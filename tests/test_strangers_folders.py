"""Commands that are called in somebody else's folder run nothing of it (plugins: plugins/test_allowed_plugins.py)."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from learning_to_draw.datasets import decoded_cache
from learning_to_draw.errors import UsageError
from learning_to_draw.models.encoders.pretrained import load_stylized_imagenet_weights
from learning_to_draw.trials.records import folder as run_folder
from learning_to_draw.trials.records.gamelog import GameLog
from learning_to_draw.trials.resume import load_interrupted

ROOT = Path(__file__).parents[1]


@pytest.fixture
def strangers(tmp_path):
    folder = tmp_path / "strangers"
    folder.mkdir()
    return folder


def call(folder, *words, **variables):
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=folder, env=os.environ | variables, capture_output=True, text=True)


# It stands in for torch, and says in which folder it is imported.
TORCH = "import os, sys\nsys.exit('imported in ' + os.getcwd())\n"
PLUGIN = "import torch"
CONFIG = '{"command": "train", "options": {}}'


@pytest.mark.parametrize(
    "words",
    [
        *("train", "train --config config.json", "train --resume .", "test --weights m.pt", "crossplay a.pt b.pt"),
        *("draw a.png --weights m.pt", "measure log", "report run", "list --plugin plugin.py"),
    ],
)
def test_torch_is_not_imported_in_the_current_folder(words, strangers, tmp_path):
    """One of the libraries that torch loads takes libcuda.so.1 from the current folder."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "torch.py").write_text(TORCH)
    (strangers / "config.json").write_text(CONFIG)
    (strangers / "plugin.py").write_text(PLUGIN)
    called = call(strangers, ROOT / "commgame.py", *words.split(), PYTHONPATH=str(tmp_path / "packages"))
    assert f"imported in {Path(strangers.anchor)}\n" in called.stderr or "SystemExit: imported in /." in called.stderr


def test_modules_in_the_current_folder_are_not_imported(strangers):
    for name in ("learning_to_draw", "commgame", "plugins", "numpy", "torch", "platformdirs", "json", "sitecustomize"):
        (strangers / f"{name}.py").write_text("from pathlib import Path\nPath('has-run').touch()\n")
    called = call(strangers, ROOT / "commgame.py", "save-svg", "no-log", "--output", "svg")
    assert "there is no game log in no-log" in called.stderr
    assert not (strangers / "has-run").exists()


NUMBA = """
from learning_to_draw.commgame import main
main(["--version"])
from numba import config
print([config.CACHE_DIR, getattr(config, "CACHE_LOCATOR_CLASSES", ""), config.DEVELOPER_MODE])
"""


def test_numba_takes_no_cache_from_the_current_folder(strangers):
    """Its cache holds pickles. It still reads its other settings."""
    pytest.importorskip("yaml")
    (strangers / ".numba_config.yaml").write_text(
        "cache_dir: cache\ncache_locator_classes: this.That\ndeveloper_mode: 1\n"
    )
    called = call(strangers, "-c", NUMBA, PYTHONPATH=str(ROOT))
    assert called.stdout.splitlines()[-1] == "['', '', 1]"


def test_git_runs_no_program_of_a_repository_around_an_installed_copy(strangers):
    """git describe runs what .git/config names as the file system's monitor."""
    installed = strangers / "env" / "learning_to_draw" / "trials" / "records" / "folder.py"
    installed.parent.mkdir(parents=True)
    installed.write_text(Path(run_folder.__file__).read_text())
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for words in (("init", "-q"), ("add", "."), (*identity, "commit", "-q", "-m", "a")):
        subprocess.run(["git", *words], cwd=strangers, check=True)
    monitor = strangers / "monitor"
    monitor.write_text(f"#!/bin/sh\ntouch '{strangers / 'has-run'}'\n")
    monitor.chmod(0o755)
    subprocess.run(["git", "config", "core.fsmonitor", str(monitor)], cwd=strangers, check=True)
    spec = importlib.util.spec_from_file_location("installed_folder", installed)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module._git_revision() == "unknown"
    assert not (strangers / "has-run").exists()
    subprocess.run(["git", "describe", "--always", "--dirty"], cwd=strangers, check=True, capture_output=True)
    assert (strangers / "has-run").exists()  # so the repository is one that could have done it


class Touch:
    """Pickled, it creates a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def save_arrays(harm, path):
    np.savez(path, points=np.array([harm], dtype=object), images=np.array([harm], dtype=object))


READERS = {
    "resume.pt": (torch.save, lambda path: load_interrupted(path.parent)),
    "weights.pth": (torch.save, lambda path: load_stylized_imagenet_weights(nn.Sequential(), str(path))),
    "strokes.npz": (save_arrays, lambda path: GameLog(path.parent, (), ()).strokes()),
}


@pytest.mark.parametrize("name", READERS)
def test_a_pickle_in_a_file_is_not_run(name, strangers):
    write, read = READERS[name]
    path, marker = strangers / name, strangers / "has-run"
    write(Touch(marker), path)
    with pytest.raises(UsageError, match="cannot be read"):
        read(path)
    assert not marker.exists()


def test_a_pickle_among_decoded_pictures_is_not_run(strangers):
    save_arrays(Touch(strangers / "has-run"), strangers / "pictures.npz")
    assert decoded_cache._read(strangers / "pictures.npz", 1) is None
    assert not (strangers / "has-run").exists()
