"""`test`, which is also called `eval`, as a user runs it on trained agents."""

import json
import os

import pytest


def test_a_test_needs_only_the_checkpoint(trained, tmp_path, call):
    code, out, err = call("test", "--weights", trained / "model_final.pt", "--output", tmp_path / "test")
    assert code == 0, err
    result = json.loads((tmp_path / "test" / "result.json").read_text())
    assert result["games"] == 352
    assert f"communication rate {result['communication_rate']:.4f}" in out
    games = json.loads((tmp_path / "test" / "gamelogs" / "games.json").read_text())
    assert len(games) == 352
    right = sum(game["reciever_guess_correct"] for game in games)
    assert right / 352 == pytest.approx(result["communication_rate"], abs=1e-6)
    log = (tmp_path / "test" / "log.csv").read_text().splitlines()
    assert log[0] == "epoch,test_loss,test_commrate,test_commrate_std"
    assert float(log[1].split(",")[2]) == result["communication_rate"]
    assert {"test_sketch_samples.png", "test_samples.png", "test_games.png", "eval_cmd.txt", "model-info.txt"} <= set(
        os.listdir(tmp_path / "test")
    )


def test_eval_is_test_and_options_override_the_checkpoint(trained, tmp_path, call):
    code, _, err = call(
        "eval", "--weights", trained / "model_best.pt", "--output", tmp_path / "t", "--batch-size", "20"
    )
    assert code == 0, err
    assert json.loads((tmp_path / "t" / "result.json").read_text())["candidates"] == 20
    sources = json.loads((tmp_path / "t" / "config.json").read_text())["sources"]
    assert sources["batch_size"] == "command line"
    assert sources["nlines"] == "model_best.pt"


@pytest.mark.parametrize("kind", ["same", "different", "mixed"])
@pytest.mark.parametrize("extra", [[], ["--num-targets", "4", "--separate-encoders", "--loss", "CELoss"]])
def test_object_oriented_games(kind, extra, tmp_path, call, train):
    out = train(tmp_path / "run", "--object-oriented", kind, *extra)
    assert f"({kind})" in out
    weights = tmp_path / "run" / "model_final.pt"
    code, _, err = call("test", "--weights", weights, "--output", tmp_path / "test")
    assert code == 0, err
    result = json.loads((tmp_path / "test" / "result.json").read_text())
    assert result["candidates"] == (4 if extra else 10)
