"""Game logs on disk, as written by the official code and by this program, and a CLIP small enough for tests."""

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
from learning_to_draw.models.decoders.base import Strokes
from learning_to_draw.models.encoders.base import Encoding
from learning_to_draw.rasteriser import draw_lines
from learning_to_draw.trials.loop.batches import Batch, PlayedBatch
from learning_to_draw.trials.loop.gamelog import GameLogWriter


@pytest.fixture
def make_log():
    """make_log(folder, games) -> folder; a game is (guess, target, sketch, candidates), pictures uint8 [H, W(, 3)]."""

    def save(folder, kind, pixels):
        name = f"{kind}/{hashlib.md5(pixels.tobytes()).hexdigest()}.png"
        (folder / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / name)
        return name

    def make(folder, games):
        rows = [
            {
                "reciever_guess": guess,
                "reciever_guess_correct": guess == target,
                "sketch": save(folder, "sketch-images", sketch),
                "correct_image": target,
                "images": [save(folder, "target-images", pixels) for pixels in candidates],
            }
            for guess, target, sketch, candidates in games
        ]
        (folder / "games.json").write_text(json.dumps(rows))
        with (folder / "games.csv").open("w", newline="") as file:
            table = csv.DictWriter(file, list(rows[0]))
            table.writeheader()
            table.writerows(rows)
        return folder

    return make


@pytest.fixture
def random_games():
    """random_games(count) -> games of three candidates out of six, 4 x 4 in one colour; every second one is won."""

    def flat(rng):
        return np.tile(rng.integers(0, 256, (1, 1, 3), dtype=np.uint8), (4, 4, 1))

    def games(count):
        rng = np.random.default_rng(0)
        pool = [flat(rng) for _ in range(6)]
        for number in range(count):
            target = int(rng.integers(3))
            guess = target if number % 2 == 0 else (target + 1) % 3
            yield guess, target, flat(rng), [pool[i] for i in rng.permutation(6)[:3]]

    return games


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory):
    """The name of a CLIP with a few thousand weights for 32 x 32 pixels, registered in open_clip."""
    open_clip = pytest.importorskip("open_clip")
    config = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    }
    folder = tmp_path_factory.mktemp("clip")
    (folder / "ViT-analysis.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)
    return "ViT-analysis"


@pytest.fixture
def make_full_log():
    """make_full_log(folder, batches=2) -> folder/gamelogs as this program writes it. Every batch has two games of four
    candidates, one of each class "a" to "d", each with its own sender. Pictures have 12 px, sketches three lines. Every
    second turn is won, the others by chance."""

    def make(folder, batches=2):
        generator = torch.Generator().manual_seed(0)
        pixels = torch.randint(0, 256, (8, 1, 12, 12), dtype=torch.uint8, generator=generator)
        split = Split("test", pixels, torch.arange(8) % 4, tuple("abcd"), torch.arange(8))
        log = GameLogWriter(
            folder, split, 0, {"classes": list("abcd"), "candidates": 4, "chance": 0.25, "image_size": 12}
        )
        log.on_start_validation({})
        for _ in range(batches):
            items = torch.arange(8)
            pools = torch.stack([torch.randperm(4, generator=generator), torch.randperm(4, generator=generator) + 4])
            targets = torch.cat([pools[0].argsort(), pools[1].argsort()])
            scores = torch.rand(8, 4, generator=generator)
            scores[::2] += 2 * torch.nn.functional.one_hot(targets[::2], 4)
            strokes = Strokes(torch.rand(8, 3, 2, 2, generator=generator) * 2 - 1, 0.01)
            sketches, photos = draw_lines(strokes.points, 12, 0.01), pixels.float() / 255
            play = Play(scores, sketches, strokes, photos, Encoding(torch.zeros(8, 1)), None)
            batch = Batch(photos, pools, targets, GameIndices(items, pools, targets))
            log.on_step_validation({torchbearer.X: batch, torchbearer.Y_PRED: PlayedBatch(play, {})})
        log.on_end_validation({})
        return folder / "gamelogs"

    return make
