"""gamelogs/ against the schema of the reference, read back as another program would."""

import ast
import csv
import hashlib
import json

import numpy as np
import torch
import torchbearer
from PIL import Image

from games.sampling import Deal
from models.agents import Play
from models.decoding import Strokes
from models.encoding import Encoding
from trials.batches import Batch
from trials.gamelog import GameLog


def states():
    """Two batches of two games of three candidates with two senders each; colours are all different."""
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (12, 3, 4, 4), dtype=torch.uint8)
    for batch in range(2):
        photos = pixels[6 * batch : 6 * batch + 6].float() / 255
        candidates = torch.tensor([[0, 1, 4], [5, 3, 2]])
        targets = torch.tensor([0, 1, 2, 1])
        scores = torch.tensor([[3.0, 1, 2], [0, 1, 2], [1, 2, 3], [3, 1, 2]])
        sketches = torch.rand(4, 3, 4, 4)
        play = Play(
            scores, sketches, Strokes(torch.zeros(4, 1, 2, 2), 0.1), sketches, Encoding(torch.zeros(4, 1)), None
        )
        items = Deal(torch.arange(4) + 6 * batch, candidates + 6 * batch, targets)
        yield {torchbearer.X: Batch(photos, candidates, targets, items), torchbearer.Y_PRED: play}, pixels


def test_a_log_is_complete_and_true(tmp_path):
    log = GameLog(tmp_path)
    log.on_start_validation({})
    for state, _ in states():
        log.on_step_validation(state)
        assert not (tmp_path / "gamelogs" / "games.json").exists()  # only once it is whole
    log.on_end_validation({})

    folder = tmp_path / "gamelogs"
    rows = json.loads((folder / "games.json").read_text())
    assert len(rows) == 8
    assert [list(row) for row in rows] == [
        ["reciever_guess", "reciever_guess_correct", "sketch", "correct_image", "images"]
    ] * 8
    assert [row["reciever_guess"] for row in rows] == [0, 2, 2, 0] * 2
    assert [row["reciever_guess_correct"] for row in rows] == [True, False, True, False] * 2
    assert [row["correct_image"] for row in rows] == [0, 1, 2, 1] * 2

    for number, (state, pixels) in enumerate(states()):
        batch = state[torchbearer.X]
        for turn in range(4):
            row = rows[4 * number + turn]
            for slot, name in enumerate(row["images"]):
                stored = np.asarray(Image.open(folder / name))
                true = pixels[batch.items.candidates[turn // 2, slot]].permute(1, 2, 0).numpy()
                assert np.array_equal(stored, true)
                assert name == f"target-images/{hashlib.md5(true.tobytes()).hexdigest()}.png"
            assert (folder / row["sketch"]).is_file()

    assert len(list((folder / "target-images").iterdir())) == 12
    assert len(list((folder / "sketch-images").iterdir())) == 8
    with (folder / "games.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["reciever_guess_correct"] for row in table[:2]] == ["True", "False"]
    assert [ast.literal_eval(row["images"]) for row in table] == [row["images"] for row in rows]
    assert sorted(path.name for path in folder.iterdir()) == [
        "games.csv",
        "games.json",
        "sketch-images",
        "target-images",
    ]


def test_an_interrupted_log_leaves_no_half_lists(tmp_path):
    log = GameLog(tmp_path)
    log.discard_unfinished()  # interrupted before the pass began
    assert list(tmp_path.iterdir()) == []
    log.on_start_validation({})
    log.on_step_validation(next(states())[0])
    log.discard_unfinished()
    assert sorted(path.name for path in (tmp_path / "gamelogs").iterdir()) == ["sketch-images", "target-images"]
