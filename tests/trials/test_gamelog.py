"""gamelogs/ against the schema of the reference, read back as another program would."""

import ast
import csv
import hashlib
import json

import numpy as np
import pytest
import torch
import torchbearer
from PIL import Image

from learning_to_draw.datasets.splits import Split
from learning_to_draw.games.sampling import GameIndices
from learning_to_draw.models.agents import Play
from learning_to_draw.models.decoders.base import Decoder, Strokes
from learning_to_draw.models.decoders.config import DecoderConfig
from learning_to_draw.models.encoders.base import Encoding
from learning_to_draw.trials.loop.batches import Batch, PlayedBatch
from learning_to_draw.trials.loop.gamelog import GameLogWriter
from learning_to_draw.trials.records.gamelog import read_log
from learning_to_draw.trials.records.gamelog_writer import stroke_width

PIXELS = torch.randint(0, 256, (12, 3, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
STROKES = torch.rand(8, 3, 2, 2, generator=torch.Generator().manual_seed(1)) * 2 - 1
SHADES = torch.rand(8, 3, 3, generator=torch.Generator().manual_seed(2))


def states(sigma2=0.1):
    """Two batches of two games of three candidates with two senders each; colours are all different."""
    torch.manual_seed(0)
    for number in range(2):
        photos = PIXELS[6 * number : 6 * number + 6].float() / 255
        candidates = torch.tensor([[0, 1, 4], [5, 3, 2]])
        targets = torch.tensor([0, 1, 2, 1])
        scores = torch.tensor([[3.0, 1, 2], [0, 1, 2], [1, 2, 3], [3, 1, 2]])
        sketches = torch.rand(4, 3, 4, 4)
        some = slice(4 * number, 4 * number + 4)
        strokes = Strokes(STROKES[some], sigma2 if isinstance(sigma2, float) else sigma2[some], SHADES[some])
        # The senders of each game's second turn see another picture than the receiver, as in `different` games.
        seen = torch.tensor([0, 3, 2, 5])
        play = Play(scores, sketches, strokes, photos[seen], Encoding(torch.zeros(4, 1)), None)
        items = GameIndices(seen + 6 * number, candidates + 6 * number, targets)
        batch, played = Batch(photos, candidates, targets, items), PlayedBatch(play, {})
        yield {torchbearer.X: batch, torchbearer.Y_PRED: played}, PIXELS


def new_log(folder):
    """Items go through the pictures backwards; two pictures a class."""
    labels = torch.arange(12) // 2
    split = Split("test", PIXELS.flip(0), labels.flip(0), tuple("abcdef"), torch.arange(11, -1, -1))
    return GameLogWriter(folder, split, 7, {"dataset": "Colours"})


def test_a_log_is_complete_and_true(tmp_path):
    log = new_log(tmp_path)
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
        "card.json",
        "games.csv",
        "games.json",
        "games.jsonl",
        "sketch-images",
        "strokes.npz",
        "target-images",
    ]


def play_all(tmp_path, sigma2=0.1):
    log = new_log(tmp_path)
    log.on_start_validation({})
    for state, _ in states(sigma2):
        log.on_step_validation(state)
    log.on_end_validation({})
    return tmp_path / "gamelogs"


def test_lines_say_all_there_is_to_say(tmp_path):
    folder = play_all(tmp_path)
    lines = [json.loads(line) for line in (folder / "games.jsonl").read_text().splitlines()]
    rows = json.loads((folder / "games.json").read_text())
    assert [line["game"] for line in lines] == list(range(8))
    for line, row in zip(lines, rows, strict=True):
        assert (line["format"], line["seed"]) == (1, 7)
        assert (line["guess"], line["target"], line["sketch"], line["candidates"]) == (
            row["reciever_guess"],
            row["correct_image"],
            row["sketch"],
            row["images"],
        )
    # The second batch's second game has items 11, 9 and 8; its first sender saw item 8.
    assert lines[6]["candidate_classes"] == ["f", "e", "e"]
    assert lines[6]["sender_class"] == "e"
    assert lines[6]["scores"] == [1, 2, 3]
    seen = PIXELS[8].permute(1, 2, 0).numpy()
    assert lines[6]["sender_image"] == f"target-images/{hashlib.md5(seen.tobytes()).hexdigest()}.png"
    assert np.array_equal(np.asarray(Image.open(folder / lines[6]["sender_image"])), seen)
    assert np.allclose(lines[6]["strokes"]["points"], STROKES[6], atol=5e-6)
    assert np.allclose(lines[6]["strokes"]["colours"], SHADES[6], atol=5e-6)
    # Its second sender saw item 11, and the target is item 9.
    assert (lines[7]["sender_class"], lines[7]["candidate_classes"][lines[7]["target"]]) == ("f", "e")
    seen = PIXELS[11].permute(1, 2, 0).numpy()
    assert lines[7]["sender_image"] == f"target-images/{hashlib.md5(seen.tobytes()).hexdigest()}.png"
    # Half of the ink is left at half the width.
    assert np.exp(-((lines[6]["strokes"]["width"] / 2) ** 2) / 0.1) == pytest.approx(0.5, abs=1e-4)
    assert stroke_width(0.1) == pytest.approx(lines[6]["strokes"]["width"], abs=1e-5)


def test_strokes_of_all_games_are_one_array_and_the_card_counts_them(tmp_path):
    folder = play_all(tmp_path)
    with np.load(folder / "strokes.npz") as strokes:
        assert np.array_equal(strokes["points"], STROKES.numpy())
        assert np.array_equal(strokes["intensities"], SHADES.numpy())
        assert strokes["sigma2"] == 0.1
    card = json.loads((folder / "card.json").read_text())
    assert card == {"format": 1, "dataset": "Colours", "games": 8, "communication_rate": 0.5}
    log = read_log(tmp_path)
    assert [game.photo_class for game in log.games] == ["a", "b", "b", "c", "d", "e", "e", "f"]
    assert log.games[6].guessed_class == "e"
    assert log.games[7].scores == (3, 1, 2)
    assert np.array_equal(log.strokes().points, STROKES.numpy())


def test_strokes_of_several_widths_are_read_as_they_were_drawn(tmp_path):
    sigma2 = torch.rand(8, 3, generator=torch.Generator().manual_seed(3)) / 10 + 0.01
    folder = play_all(tmp_path, sigma2)
    strokes = read_log(tmp_path).strokes()
    assert strokes.sigma2.dtype == np.float32
    assert np.array_equal(strokes.sigma2, sigma2.numpy())
    assert np.array_equal(strokes[2:4].sigma2, sigma2[2:4].numpy())
    lines = [json.loads(line) for line in (folder / "games.jsonl").read_text().splitlines()]
    # Half of the ink is left at half the width.
    left = np.exp(-((np.array([line["strokes"]["width"] for line in lines]) / 2) ** 2) / sigma2.numpy())
    assert np.allclose(left, 0.5, atol=1e-3)
    decoder = Decoder(DecoderConfig(), latent_size=0, image_size=16)
    read = Strokes.from_arrays(strokes.points, strokes.sigma2, strokes.intensities)
    assert torch.equal(decoder.draw(read), decoder.draw(Strokes(STROKES, sigma2, SHADES)))


def test_an_interrupted_log_leaves_no_half_lists(tmp_path):
    log = new_log(tmp_path)
    log.discard_unfinished()  # interrupted before the pass began
    assert list(tmp_path.iterdir()) == []
    log.on_start_validation({})
    log.on_step_validation(next(states())[0])
    log.discard_unfinished()
    assert sorted(path.name for path in (tmp_path / "gamelogs").iterdir()) == ["sketch-images", "target-images"]
