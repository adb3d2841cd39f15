"""Runs the program as a user does, every command end to end on real files. All tests share one training."""

import numpy as np
import pytest
from PIL import Image

from learning_to_draw import commgame


@pytest.fixture
def call(capsys):
    """call(*arguments) -> (exit code, stdout, stderr) of one call, in this process."""

    def call_main(*arguments):
        code = commgame.main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call_main


@pytest.fixture
def train(call):
    """train(folder, *arguments) -> stdout of a training on the CPU, of one epoch unless the arguments override it."""

    def train_into(folder, *arguments):
        code, out, err = call("train", "--output", folder, "--epochs", "1", "--device", "cpu", *arguments)
        assert code == 0, err
        return out

    return train_into


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A folder in which Digits was trained for two epochs. Many tests read it; none may write to it."""
    folder = tmp_path_factory.mktemp("run")
    assert commgame.main(["train", "--output", str(folder), "--epochs", "2", "--snapshot-interval", "1"]) == 0
    return folder


@pytest.fixture(scope="session")
def tested(trained, tmp_path_factory):
    """The run folder of a test with the trained agents, which holds a game log. No test may write to it."""
    folder = tmp_path_factory.mktemp("tested")
    assert commgame.main(["test", "--weights", str(trained / "model_final.pt"), "--output", str(folder)]) == 0
    return folder


@pytest.fixture
def picture_folder():
    """picture_folder(root, classes=..., pictures=12) -> root, with random pictures in a folder for each class."""
    rng = np.random.default_rng(0)

    def fill(root, classes=("cat", "dog", "owl"), pictures=12):
        for name in classes:
            (root / name).mkdir(parents=True)
            for number in range(pictures):
                pixels = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / name / f"{number}.png")
        return root

    return fill
