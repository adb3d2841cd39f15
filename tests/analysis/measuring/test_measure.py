"""The command from log to table: what a log can give, what it cannot, several logs, samples, and wrong calls."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from learning_to_draw.analysis.measure import MEASURES
from learning_to_draw.analysis.measure.class_rows import prototype_accuracy
from learning_to_draw.analysis.measure.material import LogData, Settings, draw_sample
from learning_to_draw.analysis.measure.measure import measure
from learning_to_draw.analysis.measure.options import add_measure_options
from learning_to_draw.components import load
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records.gamelog import read_log
from learning_to_draw.trials.tool import Tool

TOOL = Tool("analysis.measure.measure:measure", "", "", add_measure_options)


def run(*words):
    return TOOL.run("measure", [*map(str, words), "--device", "cpu", "--markdown"])


def numbers(path):
    """label -> row, of all measures of the first log and of all logs."""
    content = json.loads(path.read_text())
    parts = [content["logs"][0]["measures"], content["all_logs"]]
    return {row["label"]: row for part in parts for found in part.values() for row in found["rows"]}


def test_every_measure_that_can_be_named_is_made():
    assert len({load(entry.target) for entry in MEASURES.values()}) == len(MEASURES)


@pytest.mark.parametrize("columns", ["80", "300"])
def test_what_is_printed_fits_the_terminal_and_100_columns(columns, make_full_log, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    said = TOOL.run("measure", [str(make_full_log(tmp_path)), "--device", "cpu"])
    assert max(map(len, said.splitlines())) <= min(int(columns), 100)
    assert "|" not in said
    assert "  erasure: give --weights" in said


def test_a_log_of_this_program(make_full_log, tmp_path):
    log = make_full_log(tmp_path)
    games = read_log(log).games
    said = run(log, "--json", tmp_path / "out.json")
    found, classes = numbers(tmp_path / "out.json"), "abcd"
    won = sum(game.correct for game in games)
    assert found["communication rate"]["value"] == won / len(games)
    assert found["communication rate"]["chance"] == 0.25
    assert 8 <= won < 16
    content = json.loads((tmp_path / "out.json").read_text())["logs"][0]
    assert (content["log"], content["games"]) == (str(log), 16)
    bytes_of_the_log = (log / "games.json").read_bytes() + (log / "games.jsonl").read_bytes()
    assert content["digest"] == hashlib.sha256(bytes_of_the_log).hexdigest()
    of_class = {name: [game.correct for game in games if game.photo_class == name] for name in classes}
    measures = content["measures"]
    assert {name: entry["value"] for name, entry in measures["classes"]["classes"].items()} == {
        name: np.mean(right) for name, right in of_class.items()
    }
    counts = np.array(measures["confusion"]["counts"])
    assert counts.sum() == 16
    assert np.trace(counts) == won  # one candidate of each class
    assert found["share of distinct sketches"]["value"] == 1
    assert found["dead strokes"]["value"] == 0
    assert found["strokes drawn per sketch"]["value"] == 3
    similarity = found["topographic similarity: photos (pixels), drawings (Chamfer)"]
    assert similarity["note"].startswith("8 photos; one-sided p = ")
    assert "on black paper, guessed" in found["mean ink of a sketch"]["note"]  # this card does not say
    assert found["erasure"]["note"] == "not measured: give --weights"
    assert found["legibility"]["note"].startswith("not measured: give --clip")
    assert found["consistency"]["note"].startswith("not measured: give two logs")
    table = said.splitlines()
    assert len({len(line) for line in table}) == 1
    assert len(table) == 2 + len(found)


def test_an_official_log_gives_what_it_can_and_says_what_it_cannot(make_log, random_games, tmp_path):
    log = make_log(tmp_path / "log", random_games(12))
    run(log, "--json", tmp_path / "out.json")
    found = numbers(tmp_path / "out.json")
    assert found["communication rate"]["value"] == 0.5
    assert found["communication rate"]["chance"] == pytest.approx(1 / 3)
    photos = len({game.target_picture for game in read_log(log).games})
    pixels = found["topographic similarity: photos (pixels), drawings (pixels)"]
    assert pixels["note"].startswith(f"{photos} photos; ")
    assert -1 <= pixels["value"] <= 1
    assert found["mean distance of sketches"]["value"] > 0
    for label in ("classes", "confusion", "prototypes", "legibility"):
        assert "has no classes" in found[label]["note"]
        assert found[label]["value"] is None
    for label in ("strokes", "topographic similarity: photos (pixels), drawings (matched strokes)"):
        assert "has no strokes" in found[label]["note"]


def test_drawings_that_follow_the_photos_are_similar_to_the_full(make_log, tmp_path):
    """Grey levels 0, 10, 30, 70, 150 are drawn as 0, 5, 15, 35, 75."""
    levels = [0, 10, 30, 70, 150]
    flat = [np.full((4, 4), level, dtype=np.uint8) for level in levels]
    log = make_log(tmp_path / "log", [(0, k, flat[k] // 2, flat) for k in range(5)])
    run(log, "--json", tmp_path / "out.json", "--only", "topographic", "rate")
    found = numbers(tmp_path / "out.json")
    assert found["topographic similarity: photos (pixels), drawings (pixels)"]["value"] == pytest.approx(1)
    assert found["communication rate"]["value"] == 0.2
    assert not any("ink" in label for label in found)
    blank = make_log(tmp_path / "blank", [(0, k, flat[0], flat) for k in range(5)])
    assert "equally far" in run(blank, "--only", "topographic")


def test_ink_by_hand(make_log, tmp_path):
    """A quarter of a black sheet drawn white, and nothing."""
    drawn, blank = np.zeros((8, 8), dtype=np.uint8), np.zeros((8, 8), dtype=np.uint8)
    drawn[2:6, 2:6] = 255
    photos = [blank, blank + 9]
    log = make_log(tmp_path / "log", [(0, 0, drawn, photos), (0, 1, blank, photos)])
    run(log, "--only", "ink", "diversity", "--json", tmp_path / "out.json")
    found = numbers(tmp_path / "out.json")
    assert found["mean ink of a sketch"]["value"] == 0.125
    assert found["mean distance of sketches"]["value"] == pytest.approx(np.sqrt(0.25))


def test_runs_that_draw_alike_and_runs_that_do_not(make_log, make_full_log, tmp_path):
    log = make_full_log(tmp_path / "one")
    said = run(log, log, "--only", "consistency", "rate", "--json", tmp_path / "same.json")
    assert [line for line in said.splitlines() if line.startswith("#")] == [f"### {log}"] * 2 + ["### all 2 logs"]
    found = numbers(tmp_path / "same.json")
    assert found["difference of runs (pixels)"]["value"] == 0
    assert found["difference of runs (Chamfer)"]["value"] == pytest.approx(0, abs=1e-6)

    flat = [np.full((4, 4), level, dtype=np.uint8) for level in range(4)]
    one = make_log(tmp_path / "a", [(0, k, flat[k] * 10, flat[:3]) for k in range(3)])
    other = make_log(tmp_path / "b", [(0, k, flat[2 - k] * 10, flat[:3]) for k in range(3)])
    run(one, other, "--only", "consistency", "--json", tmp_path / "apart.json")
    found = numbers(tmp_path / "apart.json")
    # 0, 10, 20 and 20, 10, 0: 20, 0 and 20 for the same photo; 10, 0, 10, 10, 0 and 10 for different photos
    assert found["difference of runs (pixels)"]["value"] == pytest.approx((40 / 3) / (40 / 6))
    assert found["difference of runs (pixels)"]["note"].endswith("one-sided p = 1.000 (photos permuted)")
    assert "not available for all logs" in found["difference of runs (Chamfer)"]["note"]
    stranger = make_log(tmp_path / "c", [(0, 0, flat[0], [flat[3]])])
    assert "0 photos in common" in run(one, stranger, "--only", "consistency")


def test_runs_on_white_and_on_black_paper_are_compared_by_their_ink(make_log, tmp_path):
    rng = np.random.default_rng(0)
    photos = [np.full((6, 6), level, dtype=np.uint8) for level in range(3)]
    sketches = np.zeros((3, 6, 6), dtype=np.uint8)
    sketches[:, 1:5, 1:5] = rng.integers(0, 256, (3, 4, 4))
    black = make_log(tmp_path / "black", [(0, k, sketches[k], photos) for k in range(3)])
    white = make_log(tmp_path / "white", [(0, k, 255 - sketches[k], photos) for k in range(3)])
    run(black, white, "--only", "consistency", "--json", tmp_path / "out.json")
    assert numbers(tmp_path / "out.json")["difference of runs (pixels)"]["value"] == 0


def test_a_sample_has_a_photo_of_its_own_for_each_game(make_full_log, tmp_path):
    log = read_log(make_full_log(tmp_path, batches=3))  # the same 8 photos three times
    material = LogData(log, Settings(sample=5, seed=1))
    assert len(log.games) == 24
    assert material.sampled_photos.shape[0] == material.sampled_strokes.points.shape[0] == 5
    assert len({log.games[number].photo for number in material.sample}) == 5
    assert material.sample.tolist() == sorted(material.sample.tolist())
    assert np.array_equal(material.sampled_strokes.points, log.strokes().points[material.sample])
    assert material.sample.tolist() == LogData(log, Settings(sample=5, seed=1)).sample.tolist()
    others = [LogData(log, Settings(sample=5, seed=seed)).sample.tolist() for seed in range(5)]
    assert len(set(map(tuple, others))) > 1
    assert len(LogData(log, Settings(sample=9)).sample) == 8


def test_a_photo_that_is_drawn_again_does_not_give_its_class_away(make_log, tmp_path):
    """Classes say nothing about these sketches. Each class has two; every game is logged once, or four times."""
    sketches = np.random.default_rng(0).integers(0, 256, (70, 6, 6), dtype=np.uint8)
    photos = [np.full((6, 6), level, dtype=np.uint8) for level in range(70)]
    log = read_log(make_log(tmp_path, [(0, 0, sketches[k], [photos[k], photos[k - 1]]) for k in range(70)]))
    games = tuple(replace(game, photo_class=f"class {k % 35}") for k, game in enumerate(log.games))
    [once], [often] = (
        prototype_accuracy(LogData(replace(log, games=played), Settings())).rows for played in (games, games * 4)
    )
    assert often == once
    assert once.interval[0] < once.chance == 1 / 35 < once.interval[1]


def test_ten_thousand_games_are_brought_to_the_sample():
    chosen = draw_sample(range(10_000), 500, seed=0)
    assert len(chosen) == len(set(chosen.tolist())) == 500
    assert chosen.max() > 9_000
    assert draw_sample(range(7), 500, seed=0).tolist() == list(range(7))


def test_ten_thousand_games_are_measured(make_log, tmp_path):
    """Only as many as are asked for are compared in pairs."""
    flat = [np.full((2, 2), level, dtype=np.uint8) for level in range(40)]
    log = make_log(tmp_path / "log", [(k % 2, 0, flat[k % 37], [flat[k], flat[39 - k]]) for k in range(40)])
    (log / "games.json").write_text(json.dumps(json.loads((log / "games.json").read_text()) * 250))
    run(log, "--sample", 20, "--json", tmp_path / "out.json")
    found = numbers(tmp_path / "out.json")
    assert found["communication rate"]["note"] == "5000 of 10000 games"
    assert found["topographic similarity: photos (pixels), drawings (pixels)"]["note"].startswith("20 photos")
    assert found["mean ink of a sketch"]["note"].startswith("10000 sketches")


def test_what_clip_sees(make_full_log, tmp_path, tiny_clip):
    log = make_full_log(tmp_path)

    def legible(name, **changes):
        arguments = {
            "logs": [log],
            "weights": None,
            "trust_weights": False,
            "plugin": None,
            "features": "pixels",
            "sample": 500,
            "seed": 0,
            "only": ["legibility"],
            "json": tmp_path / name,
            "device": "cpu",
            "clip": True,
            "clip_model": tiny_clip,
            "classes": None,
            "classes_file": None,
        }
        torch.manual_seed(0)
        measure(**(arguments | changes), pretrained=False)
        return json.loads((tmp_path / name).read_text())["logs"][0]["measures"]["legibility"]

    found = legible("all.json")
    sketches, photos = found["rows"]
    assert sketches["label"].endswith("sees the class of sketches")
    assert sketches["chance"] == photos["chance"] == 0.25
    assert found["told_apart"] == list("abcd")
    seen = found["classes"]["sketches"]
    assert sum(entry["of"] for entry in seen.values()) == 8  # photos; each is drawn twice
    assert sum(entry["of"] * entry["value"] for entry in seen.values()) == pytest.approx(8 * sketches["value"])

    (tmp_path / "names.txt").write_text("a\nb\nx\n")
    some = legible("some.json", classes_file=tmp_path / "names.txt")
    assert some["told_apart"] == ["a", "b", "x"]
    assert some["rows"][0]["note"].endswith("of 4 sketches; 4 of other classes left out")
    none = legible("none.json", classes=["x", "y"])
    assert "no photo has one of the given classes; a class of this log, as an example: 'a'" in none["rows"][0]["note"]


def test_wrong_calls(make_full_log, tmp_path):
    log = make_full_log(tmp_path)
    for words, told in (
        (["--features", "encoder"], "--weights"),
        (["--classes", "a"], "Add --clip"),
        (["--sample", "2"], "--sample 2: .* at least 3 games"),
        (["--only", "beauty"], "invalid choice: 'beauty'"),
        (["--features", "shape"], "invalid choice"),
        (["--json", log], "already exists"),
    ):
        with pytest.raises(UsageError, match=told):
            run(log, *words)
    with pytest.raises(UsageError, match="no game log"):
        run(tmp_path / "nothing")
    (log / "sketch-images").rename(log / "moved")
    with pytest.raises(UsageError, match="no such file"):
        run(log, "--json", tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()


def test_strokes_too_many_to_compare_in_pairs_are_left_out(make_full_log, tmp_path):
    path = make_full_log(tmp_path) / "strokes.npz"
    np.savez(path, points=np.zeros((16, 2001, 1, 2), np.float32), sigma2=0.01)
    table = run(tmp_path, "--only", "topographic", "--sample", "3")
    assert table.count("2001 strokes per sketch are too many: the limit is 2000") == 2
    table = run(tmp_path, "--only", "strokes", "--sample", "3")
    assert "2001 strokes per sketch are too many: the limit is 2000" in table
