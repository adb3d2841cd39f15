"""The commands for afterwards, on what train and test have really left."""

import json

import numpy as np
from PIL import Image


def test_the_tools_work_on_a_real_log_under_their_official_names(tested, tmp_path, call):
    def tool(*arguments):
        code, out, err = call(*arguments)
        assert code == 0, err
        return out

    few, page = tmp_path / "few", tmp_path / "game.html"
    tool("sample_gamelogs", "-inp", tested / "gamelogs", "-out", few, "-n", "20")
    tool("render_game", "-inp", few, "-out", page, "-id", "19")
    assert "Game 19 of 20" in page.read_text()
    sketches, targets = tmp_path / "sketches.png", tmp_path / "targets.png"
    tool("render_sketches_seeds", few, tested, "-out", sketches, "-tout", targets, "-num", "12")
    for path in (sketches, targets):
        assert np.asarray(Image.open(path)).shape == (2 * 34 + 2, 10 * 34 + 2, 3)
    games = json.loads((few / "games.json").read_text())
    right = sum(game["reciever_guess_correct"] for game in games)
    assert tool("analyse_logs", "-inp", few).split()[-3:] == ["commrate", str(right), f"{right / 20:.4f}"]
    code, out, err = call("render-game", "--input", few, "--output", page)
    assert (code, out) == (2, "")
    assert "already exists" in err


def test_hashes_are_the_names_of_the_logs_pictures(tested, call):
    code, out, _ = call("dump-hashes-classes", "--dataset", "Digits")
    assert code == 0
    classes = dict(line.split(",") for line in out.splitlines())
    assert len(out.splitlines()) == 360
    assert {path.stem for path in (tested / "gamelogs" / "target-images").iterdir()} <= set(classes)
    assert set(classes.values()) == {str(digit) for digit in range(10)}


def test_names_that_are_no_text_are_read_back_by_other_commands(tmp_path, call, train):
    root, run, tested = tmp_path / "pictures", tmp_path / "no\udcff", tmp_path / "test\udcff"
    for name in ("cat\udcfe", "dog"):
        (root / name).mkdir(parents=True)
        for number in range(8):
            Image.new("L", (32, 32), 30 * number).save(root / name / f"{number}.png")
    pictures = ["--dataset", "ImageFolder", "--dataset-root", root, "--encoder", "SmallCNNEncoder", "--batch-size", "2"]
    train(run, *pictures, "--image-size", "32", "--val-fraction", "0.25", "--test-fraction", "0.25")
    assert call("test", "--weights", run / "model_final.pt", "--output", tested)[0] == 0
    lines = [json.loads(line) for line in (tested / "gamelogs" / "games.jsonl").read_text().splitlines()]
    assert {line["sender_class"] for line in lines} == {"cat\udcfe", "dog"}
    for command in (["report", run], ["report", tested], ["measure", tested], ["train", "--dry-run", "--config"]):
        last = [run / "config.json"] if command[-1] == "--config" else []
        assert call(*command, *last)[0] == 0, command
