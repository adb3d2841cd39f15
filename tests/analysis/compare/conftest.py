"""Trainings and tests written by hand, with numbers to compute with, and four real ones."""

import json

import numpy as np
import pytest

from learning_to_draw import commgame

GAMES = 10
WON = [True] * 7 + [False] * 3


@pytest.fixture
def make_run(make_log):
    """make_run(folder, right=WON, seed=0, curve=(0.5, 0.75), **options) -> folder of a training, with its test.

    right: whether each game of the test is won; all tests play the same games of four candidates, in which the photo
    of game g has the colour (g, 0, 0).
    """

    def make(folder, right=WON, seed=0, curve=(0.5, 0.75), **options):
        options = {"dataset": "Digits", "seed": seed, "data_seed": 1234, "epochs": len(curve)} | options
        options |= {"output": str(folder)}
        test = folder.with_name(f"{folder.name}-test")
        write(folder / "config.json", {"command": "train", "options": options, "arguments": ["commgame.py", "train"]})
        lines = [f"{epoch},{rate}\n" for epoch, rate in enumerate(curve)]
        (folder / "log.csv").write_text("".join(["epoch,val_commrate\n", *lines]))
        write(folder / "result.json", {"communication_rate": curve[-1], "epochs": len(curve), "seconds": 90.0})
        given = {"weights": str(folder / "model_final.pt")}
        options |= given | {"output": str(test)}
        write(test / "config.json", {"command": "test", "options": options, "arguments": ["commgame.py", "test"]})
        result = {"communication_rate": float(np.float32(np.mean(right))), "games": len(right), "candidates": 4}
        write(test / "result.json", result | given | {"chance": 0.25, "seconds": 30.0, "epoch": len(curve) - 1})
        photos = [np.full((6, 6, 3), (number % 256, number // 256, 0), np.uint8) for number in range(len(right) + 3)]
        sketch = np.full((6, 6, 3), 200 + seed, np.uint8)
        (test / "gamelogs").mkdir()
        make_log(
            test / "gamelogs",
            [(0 if won else 1, 0, sketch, photos[number : number + 4]) for number, won in enumerate(right)],
        )
        return folder

    return make


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture
def change():
    """change(path, **values) sets values in a JSON file; a dict is merged into the one that is there."""

    def edit(path, **values):
        content = json.loads(path.read_text())
        for key, value in values.items():
            content[key] = content[key] | value if isinstance(value, dict) else value
        path.write_text(json.dumps(content))

    return edit


@pytest.fixture(scope="session")
def real_runs(tmp_path_factory):
    """OUTPUT/lines-2 and OUTPUT/lines-8 of Digits, each with seeds 0 and 1, trained for two epochs and tested."""
    folder = tmp_path_factory.mktemp("sweep")
    for lines in (2, 8):
        for seed in (0, 1):
            run = folder / f"lines-{lines}" / f"seed-{seed}"
            train = ["train", "--nlines", lines, "--seed", seed, "--epochs", 2, "--batch-size", 90, "--output", run]
            test = ["test", "--weights", run / "model_final.pt", "--output", f"{run}-test"]
            for words in (train, test):
                assert commgame.main([*map(str, words), "--quiet"]) == 0
    return folder
