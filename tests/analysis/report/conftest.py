"""Runs and game logs with numbers worked out by hand, and the content of a report, read from its page."""

import base64
import io
import json
import re
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from learning_to_draw.analysis.report.report import report

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def read_report():
    """read_report(path) -> the content stored in the page."""

    def read(path):
        held = re.search(r'<script type="application/json" id="content">(.*?)</script>', path.read_text(), re.S)
        return json.loads(held[1])

    return read


@pytest.fixture
def make_report(read_report):
    """make_report(run, output=None, logs=(), max_games=200, seed=1234, measures=()) -> the content of the report."""

    def make(run, output=None, logs=(), max_games=200, seed=1234, measures=()):
        said = report(run, logs, output, max_games, seed, measures)
        path = output or run / "report.html"
        assert str(path) in said
        return read_report(path)

    return make


@pytest.fixture
def pixels():
    """pixels(content, place) -> a picture of the report, uint8 [H, W, 3]."""

    def read(content, place):
        kind, data = content["pictures"][place].split(",")
        assert kind == "data:image/webp;base64"
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))

    return read


@pytest.fixture
def flat():
    """flat(level, side=8) -> a grey picture, uint8 [side, side, 3]."""

    def fill(level, side=8):
        return np.full((side, side, 3), level, dtype=np.uint8)

    return fill


@pytest.fixture
def write_grid():
    """write_grid(path, tiles, padding=0) with the layout of torchvision's make_grid: 8 in a row, 2 pixels between."""

    def write(path, tiles, padding=0):
        side, columns = tiles[0].shape[0], min(8, len(tiles))
        step, rows = side + 2, -(-len(tiles) // 8)
        grid = np.full((rows * step + 2, columns * step + 2, 3), padding, dtype=np.uint8)
        for number, tile in enumerate(tiles):
            row, column = divmod(number, 8)
            grid[row * step + 2 : (row + 1) * step, column * step + 2 : (column + 1) * step] = tile
        Image.fromarray(grid).save(path)

    return write


@pytest.fixture
def lines_of():
    """lines_of(content, place) -> the lines of a vector graphic, float64 [N, 4] as x1, y1, x2, y2, and its paper."""

    def read(content, place):
        kind, _, text = content["pictures"][place].partition(",")
        assert kind == "data:image/svg+xml"
        root = ElementTree.fromstring(unquote(text))
        ends = [[float(line.get(name)) for name in ("x1", "y1", "x2", "y2")] for line in root.iter(f"{SVG}line")]
        return np.array(ends), root.find(f"{SVG}rect").get("fill")

    return read


@pytest.fixture
def nasty():
    """The name of a class that a page must never interpret as HTML."""
    return "<script>alert(1)</script>"


@pytest.fixture
def training(tmp_path, flat, write_grid):
    """The folder of a finished training of three epochs. Its ten validation photos have the level 100 + number."""
    run = tmp_path / "run"
    run.mkdir()
    options = {"dataset": "Digits", "object_oriented": "none", "batch_size": 4, "epochs": 3, "invert": False}
    sources = {"dataset": "default", "object_oriented": "default", "batch_size": "data set Digits"}
    config = {
        "command": "train",
        "arguments": ["commgame.py", "train", "--output", "my run"],
        "started": "2026-01-02T03:04:05+0000",
        "device": "cpu",
        "options": options,
        "sources": sources,
        "versions": {"python": "3.11.7"},
    }
    (run / "config.json").write_text(json.dumps(config))
    (run / "log.csv").write_text(
        "epoch,lr,loss,commrate,val_loss,val_commrate,game_loss,perceptual_loss,val_game_loss,sigma2\n"
        "0,0.1,40,0.25,50,0.5,1,39,2,0.01\n"
        "1,0.1,4,0.5,5,0.25,1,3,2,0.01\n"
        "2,0.1,2,0.75,nan,0.75,1,1,2,0.01\n"
    )
    times = [{"epoch": epoch, "games_per_second": 100 + 10 * epoch, "seconds": 90} for epoch in range(3)]
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in times))
    result = {"communication_rate": 0.75, "interval": [0.3, 0.95], "chance": 0.25, "games": 4, "candidates": 4}
    result |= {"split": "valid", "best": {"epoch": 2, "communication_rate": 0.75}, "seconds": 272.4}
    (run / "result.json").write_text(json.dumps(result))
    (run / "train_cmd.txt").write_text("commgame.py train --output 'my run'")
    (run / "model-info.txt").write_text("Agents()")
    write_grid(run / "val_samples.png", [flat(100 + number) for number in range(10)])
    for epoch in range(3):
        tiles = [flat(10 * epoch + number) for number in range(10)]
        write_grid(run / f"val_reconstruction_samples_{epoch:02d}.png", tiles)
    return run


@pytest.fixture
def make_scored_log(make_log):
    """make_scored_log(folder, games, classes): like `make_log`, with classes and scores for each game."""

    def make(folder, games, classes, card=None):
        make_log(folder, games)
        rows = json.loads((folder / "games.json").read_text())
        with (folder / "games.jsonl").open("w") as lines:
            for number, (row, (names, scores)) in enumerate(zip(rows, classes, strict=True)):
                line = {"format": 1, "game": number, "sender_image": row["images"][row["correct_image"]]}
                line |= {"sender_class": names[row["correct_image"]], "sketch": row["sketch"], "scores": scores}
                line |= {"candidates": row["images"], "candidate_classes": names}
                line |= {"guess": row["reciever_guess"], "target": row["correct_image"]}
                lines.write(json.dumps(line) + "\n")
        (folder / "card.json").write_text(json.dumps(card or {}))
        return folder

    return make


@pytest.fixture
def small_log(tmp_path, make_scored_log, flat, nasty):
    """Five games of three candidates, of classes b, a and `nasty`; three are won."""
    pool, sketch = [flat(10), flat(20), flat(30)], flat(99)
    names = ["b", "a", nasty]
    games = [
        (0, 0, sketch, pool),
        (1, 1, sketch, pool),
        (2, 2, sketch, pool),
        (1, 0, sketch, pool),
        (2, 0, sketch, pool),
    ]
    scores = [[3.0, 2.0, 1.0], [0.0, 5.0, 1.0], [0.0, 1.0, 2.0], [2.0, 4.0, 0.0], [0.5, 0.0, 1.0]]
    card = {"dataset": "Digits", "game": "same", "split": "test", "classes": ["b", nasty, "a"]}
    return make_scored_log(tmp_path / "log", games, [(names, score) for score in scores], card)
