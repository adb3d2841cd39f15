"""Exported sketches, read back and compared with the log's strokes and pictures."""

import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image

from learning_to_draw.analysis.draw.save_svg import save_svg
from learning_to_draw.analysis.export.export import export
from learning_to_draw.analysis.export.formats import write_stroke3
from learning_to_draw.analysis.export.options import FORMATS, add_export_options
from learning_to_draw.datasets.config import QuickDrawConfig
from learning_to_draw.datasets.quickdraw import QuickDraw, read_drawings
from learning_to_draw.errors import UsageError
from learning_to_draw.games.scores import rate_interval
from learning_to_draw.rasteriser import cubic_bezier
from learning_to_draw.trials.records.gamelog import Turn, read_log
from learning_to_draw.trials.tool import Tool


def exported(folder, tmp_path, format, bins=32, seed=0):
    """The folder that `export` writes for the log in `folder`."""
    output = tmp_path / f"{format}-{bins}-{seed}"
    assert export(folder, format, output, bins, seed).startswith(f"{len(read_log(folder).games)} sketches written to")
    return output


def drawings(output):
    """The drawings in all ndjson files by game: lists of strokes, each int [points, 2], (x, y)."""
    found = {}
    for path in output.glob("*.ndjson"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line, drawing in zip(lines, read_drawings(path), strict=True):
            found[int(line["key_id"])] = [np.array([list(xs), list(ys)]).T for xs, ys in drawing]
    return [found[number] for number in range(len(found))]


def arrays_of(output):
    with np.load(output / "sketches.npz", allow_pickle=True) as arrays:
        return {name: list(arrays[name]) for name in arrays.files}


def messages(output):
    return [json.loads(line) for line in (output / "tokens.jsonl").read_text().splitlines()]


def decoded(message, bins):
    """float [strokes, P, 2]: the middles of the bins that the tokens name."""
    assert message[-1] == 0
    text = ",".join(map(str, message[:-1]))
    strokes = [[int(token) for token in part.split(",") if token] for part in f",{text},".split(",1,")[:-1]]
    tokens = np.array(strokes).reshape(len(strokes), -1, 2)
    return (tokens - [2, bins + 2] + 0.5) / bins * 2 - 1


def with_strokes(folder, points, intensities=None):
    """Replaces the strokes of a log."""
    arrays = {} if intensities is None else {"intensities": intensities.astype(np.float32)}
    np.savez(folder / "strokes.npz", points=points.astype(np.float32), sigma2=0.01, **arrays)
    return folder


@pytest.fixture
def random_points():
    """random_points(strokes, P) -> [16, strokes, P, 2]; a few coordinates are outside the canvas."""
    return lambda strokes, count: np.random.default_rng(0).uniform(-1.2, 1.2, (16, strokes, count, 2))


def test_quickdraw_lines_hold_the_coordinates_and_the_games(make_full_log, tmp_path):
    log = read_log(make_full_log(tmp_path / "log"))
    output = exported(log.folder, tmp_path, "ndjson")
    for number, (drawing, points) in enumerate(zip(drawings(output), log.strokes().points, strict=True)):
        assert len(drawing) == len(points)
        for stroke, ends in zip(drawing, points, strict=True):
            assert np.abs(stroke - (ends[:, ::-1] + 1) * 127.5).max() <= 0.5, number
    assert sorted(path.name for path in output.glob("*.ndjson")) == [f"{name}.ndjson" for name in "abcd"]
    for name in "abcd":
        lines = [json.loads(line) for line in (output / f"{name}.ndjson").read_text().splitlines()]
        games = [(number, game) for number, game in enumerate(log.games) if game.photo_class == name]
        facts = [{"word": name, "recognized": game.correct, "key_id": str(number)} for number, game in games]
        blank = {"countrycode": "", "timestamp": ""}
        assert [{**line, "drawing": None} for line in lines] == [{**fact, **blank, "drawing": None} for fact in facts]
    assert {game.correct for game in log.games} == {True, False}


def test_the_quickdraw_data_set_draws_the_log_s_sketches(make_full_log, tmp_path):
    log = read_log(make_full_log(tmp_path / "log", batches=8))
    (tmp_path / "data").mkdir()
    export(log.folder, "ndjson", tmp_path / "data" / "quickdraw", 32, 0)
    # 21 of 256 pixels: the width of a line where its ink is half of the maximum, 2 sqrt(0.01 ln 2) of 2.
    config = QuickDrawConfig(
        dataset_root=tmp_path / "data", group=tuple("abcd"), size=12, stroke_width=21, num_workers=0
    )
    splits = [QuickDraw(config).split(name) for name in ("train", "valid", "test")]
    pictures = np.concatenate([split.images.numpy() for split in splits]).reshape(64, -1)
    labels = np.concatenate([split.labels.numpy() for split in splits])
    sketches = np.stack([np.asarray(Image.open(log.picture(game.sketch))).ravel() for game in log.games])
    correlations = np.corrcoef(pictures, sketches)[:64, 64:]
    games = correlations.argmax(axis=1)
    assert sorted(games) == list(range(64))
    best, second = np.sort(correlations, axis=1)[:, :-3:-1].T
    assert best.mean() > 0.9
    assert (best - second).min() > 0.2
    assert ["abcd"[label] for label in labels] == [log.games[game].photo_class for game in games]


def test_curves_are_polylines_of_ten_pieces_and_points_are_strokes_of_one_point(make_full_log, random_points, tmp_path):
    folder = make_full_log(tmp_path / "log")
    curves = torch.tensor(random_points(2, 4), dtype=torch.float32)
    with_strokes(folder, curves.numpy())
    places = cubic_bezier(curves.double(), torch.linspace(0, 1, 11, dtype=torch.float64)[:, None]).numpy()
    expected = ((places.reshape(16, 2, 11, 2)[..., ::-1] + 1) * 127.5).clip(0, 255)
    assert ((expected > 0) & (expected < 255)).all(axis=(2, 3)).any()
    assert (expected == 255).any()
    drawn = np.array(drawings(exported(folder, tmp_path, "ndjson")))
    assert np.abs(drawn - expected).max() <= 0.5 + 1e-9
    with_strokes(folder, dots := random_points(5, 1))
    drawn = np.array(drawings(exported(folder, tmp_path, "ndjson", seed=1)))
    assert drawn.shape == (16, 5, 1, 2)
    assert np.abs(drawn - ((dots[..., ::-1] + 1) * 127.5).clip(0, 255)).max() <= 0.5 + 1e-4


@pytest.mark.parametrize("control_points", [1, 2, 4])
def test_the_sums_of_stroke3_are_quickdraw_s_coordinates(control_points, make_full_log, random_points, tmp_path):
    folder = with_strokes(make_full_log(tmp_path / "log"), random_points(3, control_points))
    expected = [np.concatenate(drawing) for drawing in drawings(exported(folder, tmp_path, "ndjson"))]
    arrays = arrays_of(exported(folder, tmp_path, "stroke3"))
    assert {name: len(array) for name, array in arrays.items()} == {"train": 12, "valid": 2, "test": 2}
    sketches = [sketch for array in arrays.values() for sketch in array]
    points = {1: 1, 2: 2, 4: 11}[control_points]
    assert {(sketch.dtype, sketch.shape) for sketch in sketches} == {(np.dtype(np.int16), (3 * points, 3))}
    assert all(sketch[:, 2].tolist() == ([0] * (points - 1) + [1]) * 3 for sketch in sketches)
    places = [sketch[:, :2].cumsum(axis=0) for sketch in sketches]
    assert sorted(array.tolist() for array in places) == sorted(array.tolist() for array in expected)


def test_the_seed_divides_and_equal_sketches_stay_together(make_full_log, tmp_path):
    folder = make_full_log(tmp_path / "log")
    first, second = (arrays_of(exported(folder, tmp_path, "stroke3", seed=seed)) for seed in (0, 1))
    assert any(not np.array_equal(one, other) for one, other in zip(first["train"], second["train"], strict=True))
    # 40 games with 20 different sketches: sketch k is a point in column k.
    games = [Turn(0, 0, f"sketch-images/{k % 20}.png", ("a",)) for k in range(40)]
    points = [np.array([[[0.0, k % 20 / 127.5 - 1]]]) for k in range(40)]
    write_stroke3(tmp_path / "sketches.npz", games, points, 0)
    columns = {name: [int(sketch[0, 0]) for sketch in part] for name, part in arrays_of(tmp_path).items()}
    assert {name: len(part) for name, part in columns.items()} == {"train": 32, "valid": 4, "test": 4}
    assert sorted(column for part in columns.values() for column in part) == sorted([*range(20)] * 2)
    assert not set(columns["train"]) & set(columns["valid"] + columns["test"])
    assert not set(columns["valid"]) & set(columns["test"])


@pytest.mark.parametrize(("bins", "control_points"), [(1, 2), (7, 1), (32, 2), (100, 4)])
def test_tokens_decode_to_within_half_a_bin(bins, control_points, make_full_log, random_points, tmp_path):
    points = random_points(3, control_points)
    points[0, 0] = -1
    points[0, 1] = 1
    folder = with_strokes(make_full_log(tmp_path / "log"), points)
    output = exported(folder, tmp_path, "tokens", bins=bins)
    texts = messages(output)
    for message, strokes in zip(texts, points, strict=True):
        assert np.abs(decoded(message, bins) - strokes.clip(-1, 1)).max() <= 1 / bins + 1e-6
    words = json.loads((output / "card.json").read_text())["vocabulary"]
    assert words["size"] == 2 * bins + 2 == words["columns"][1] + 1
    assert {min(map(min, texts)), max(map(max, texts))} == {0, 2 * bins + 1}
    assert (words["rows"], words["columns"][0]) == ([2, bins + 1], bins + 2)
    assert (words["end_of_sketch"], words["end_of_stroke"], words["control_points"]) == (0, 1, control_points)


def test_the_table_of_tokens_has_the_games(make_full_log, tmp_path):
    folder = make_full_log(tmp_path / "log")
    lines = [json.loads(line) for line in (folder / "games.jsonl").read_text().splitlines()]
    for line in lines:  # as in `different` games, the target is not the photo that the sender saw
        line["sender_image"] = line["candidates"][line["target"] - 1]
    (folder / "games.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    log = read_log(folder)
    output = exported(folder, tmp_path, "tokens")
    with (output / "tokens.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["game", "sender_class", "photo", "target", "guess", "right", "message"]
    for number, (row, game, message) in enumerate(zip(rows, log.games, messages(output), strict=True)):
        assert row["message"] == " ".join(map(str, message))
        assert (row["game"], row["sender_class"]) == (str(number), game.photo_class)
        for name, index in (("target", game.target), ("guess", game.guess)):
            assert f"target-images/{row[name]}.png" == game.candidates[index]
        assert f"target-images/{row['photo']}.png" == game.photo != game.target_picture
        assert row["right"] == str(row["target"] == row["guess"])


def test_svg_is_what_save_svg_writes(make_full_log, tmp_path):
    folder = make_full_log(tmp_path / "log")
    output = exported(folder, tmp_path, "svg")
    save_svg(folder, tmp_path / "saved", None)
    texts = {path.name: path.read_text() for path in (output / "sketches").iterdir()}
    assert texts == {path.name: path.read_text() for path in (tmp_path / "saved").iterdir()}
    assert len(texts) == 16


def test_strokes_that_are_not_drawn_are_left_out(make_full_log, random_points, tmp_path):
    inks = np.ones((16, 4, 3))
    inks[:, 1] = 0  # not drawn
    inks[:, 2, :2] = 0  # blue
    inks[5] = 0  # a blank sketch
    points = random_points(4, 2).clip(-1, 1)
    folder = with_strokes(make_full_log(tmp_path / "log"), points, inks)
    kept = [0 if number == 5 else 3 for number in range(16)]
    drawn = drawings(exported(folder, tmp_path, "ndjson"))
    assert [len(drawing) for drawing in drawn] == kept
    assert np.abs(drawn[0] - (points[0, [0, 2, 3], :, ::-1] + 1) * 127.5).max() <= 0.5 + 1e-4
    sketches = [sketch for part in arrays_of(exported(folder, tmp_path, "stroke3")).values() for sketch in part]
    assert sorted(len(sketch) for sketch in sketches) == sorted(2 * count for count in kept)
    output = exported(folder, tmp_path, "tokens")
    assert messages(output)[5] == [0]
    assert [message.count(1) for message in messages(output)] == kept
    assert np.abs(decoded(messages(output)[0], 32) - points[0, [0, 2, 3]]).max() <= 1 / 32 + 1e-6
    files = sorted((exported(folder, tmp_path, "svg") / "sketches").iterdir())
    assert [path.read_text().count("<line") for path in files] == kept
    assert json.loads((output / "card.json").read_text())["sketches_without_strokes"] == 1


@pytest.mark.parametrize("format", FORMATS)
def test_the_cards(format, make_full_log, tmp_path):
    folder = make_full_log(tmp_path / "log")
    card = json.loads((folder / "card.json").read_text()) | {"dataset": 'My "photos"', "split": "test"}
    paths = {"dataset_root": str(tmp_path / "photos"), "files": ["C:\\people\\me\\a.png", "b.png"]}
    options = {"encoder": "CLIPVisualEncoder", "clip_model": "ViT-B/32", "nlines": 3, "agents": None, **paths}
    weights = {"weights": str(tmp_path / "run" / "model_7.pt"), "receiver_weights": "runs/other/model_final.pt"}
    (folder / "card.json").write_text(json.dumps(card | weights | {"options": options}))
    output = exported(folder, tmp_path, format, seed=3)
    content = json.loads((output / "card.json").read_text())
    right = sum(game.correct for game in read_log(folder).games)
    assert content["communication_rate"] == right / 16
    assert content["interval"] == list(rate_interval(right, 16))
    named = {name: content[name] for name in ("log", "format", "drawn_by", "dataset", "candidates", "sketches")}
    expected = {"log": "log", "format": format, "drawn_by": "agents", "dataset": 'My "photos"', "candidates": 4}
    assert named == expected | {"sketches": 16}
    assert (content["weights"], content["receiver_weights"]) == ("model_7.pt", "model_final.pt")
    assert content["options"] == options | {"dataset_root": "photos", "files": ["a.png", "b.png"]}
    assert content.get("seed") == (3 if format == "stroke3" else None)
    assert ("vocabulary" in content) == (format == "tokens")
    text = (output / "README.md").read_text()
    _, head, body = text.split("---\n", 2)
    assert head.startswith('license: unknown\npretty_name: "Sketches of My \\"photos\\", drawn to communicate"\n')
    assert f"| communication rate | {right / 16:.3f} (95 % interval {content['interval'][0]:.3f} to" in body
    assert "The licence of the photos is that of their data set." in body
    assert "{" not in body  # every number was filled in
    named = {
        file for file in ("CLASS.ndjson", "sketches.npz", "sketches/NUMBER-MD5.svg", "tokens.jsonl") if file in text
    }
    assert len(named) == 1
    for path in (output / "card.json", output / "README.md"):
        assert str(tmp_path) not in path.read_text()
        assert "people" not in path.read_text().replace("people who", "")


def test_a_log_without_classes_or_a_card(make_full_log, tmp_path):
    folder = make_full_log(tmp_path / "log")
    (folder / "games.jsonl").unlink()
    (folder / "card.json").unlink()
    output = exported(folder, tmp_path, "ndjson")
    assert {path.name for path in output.iterdir()} == {"sketches.ndjson", "card.json", "README.md"}
    assert len(drawings(output)) == 16
    assert "| photos | unknown, unknown split |" in (output / "README.md").read_text()
    assert (exported(folder, tmp_path, "tokens") / "tokens.csv").read_text().splitlines()[1].startswith("0,,")


def test_a_class_that_is_not_a_file_name(make_full_log, tmp_path):
    folder = make_full_log(tmp_path / "log")
    lines = (
        (folder / "games.jsonl").read_text().replace('"sender_class":"a"', '"sender_class":"../Latin/50%: é\\udcff"')
    )
    (folder / "games.jsonl").write_text(lines)
    output = exported(folder, tmp_path, "ndjson")
    names = {path.name for path in output.glob("*.ndjson")}
    assert names == {"b.ndjson", "c.ndjson", "d.ndjson", "..%2FLatin%2F50%25%3A é\udcff.ndjson"}
    assert len(drawings(output)) == 16
    assert "../Latin/50%: é\\udcff" in (exported(folder, tmp_path, "tokens") / "tokens.csv").read_text("utf-8")


def test_a_person_who_drew_is_not_called_a_network(make_full_log, tmp_path):
    folder = make_full_log(tmp_path / "log")
    by_agents = (exported(folder, tmp_path, "tokens") / "README.md").read_text()
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"sender": "person"}))
    by_person = (exported(folder, tmp_path, "tokens", seed=1) / "README.md").read_text()
    assert "was drawn by a neural network, the sender, from a photo" in by_agents
    assert "was drawn by a person from a photo" in by_person


@pytest.mark.parametrize("format", FORMATS)
def test_an_official_log_has_no_strokes_to_export(format, make_log, random_games, tmp_path):
    make_log(tmp_path / "log", random_games(2))
    with pytest.raises(UsageError, match=r"no strokes\.npz.*\n.*official code"):
        export(tmp_path / "log", format, tmp_path / "out", 32, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_the_log_of_a_population(make_full_log, tmp_path):
    folder = make_full_log(tmp_path / "log")
    lines = [json.loads(line) for line in (folder / "games.jsonl").read_text().splitlines()]
    met = [line | {"sender": 0, "receiver": number % 2} for number, line in enumerate(lines)]
    (folder / "games.jsonl").write_text("".join(json.dumps(line) + "\n" for line in met))
    with pytest.raises(UsageError, match=r"every sketch once for each receiver\.\nTest one pair with --agent"):
        export(folder, "tokens", tmp_path / "out", 32, 0)
    assert not (tmp_path / "out").exists()


def test_from_the_command_line(make_full_log, tmp_path):
    folder = make_full_log(tmp_path / "log")
    tool = Tool("analysis.export.export:export", "", "", add_export_options, loads_torch=False)
    words = [str(tmp_path / "log"), "--output", str(tmp_path / "out"), "--format"]
    assert tool.run("export", [*words, "tokens", "--bins", "5"]).startswith("16 sketches written to")
    assert max(map(max, messages(tmp_path / "out"))) == 11
    with pytest.raises(UsageError, match="already exists"):
        tool.run("export", [*words, "ndjson"])
    with pytest.raises(UsageError, match="'0' is not a whole number from 1 to"):
        tool.run("export", [*words, "tokens", "--bins", "0"])
    with pytest.raises(UsageError, match="invalid choice: 'png'"):
        tool.run("export", [*words, "png"])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("README.md", "card.json", "tokens.csv", "tokens.jsonl")
    ]
    assert folder.is_dir()
