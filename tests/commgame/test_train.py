"""`train` as a user runs it: what it leaves, what it learns, and what its options change."""

import csv
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

from learning_to_draw.models.agents import Agents
from learning_to_draw.models.decoders.base import Decoder, Strokes
from learning_to_draw.models.decoders.config import DecoderConfig
from learning_to_draw.trials.records.gamelog import read_log


def test_training_leaves_a_complete_folder(trained):
    assert sorted(path.name for path in trained.iterdir()) == [
        "config.json",
        "log.csv",
        "metrics.jsonl",
        "model-info.txt",
        "model_00.pt",
        "model_01.pt",
        "model_best.pt",
        "model_final.pt",
        "result.json",
        "resume.pt",
        "resume_previous.pt",
        "train_cmd.txt",
        "val_games.png",
        "val_reconstruction_samples_00.png",
        "val_reconstruction_samples_01.png",
        "val_samples.png",
        "val_samples_targets_gameorder.png",
        "val_samples_targets_matchedorder.png",
        "val_strokes_00.npz",
        "val_strokes_01.npz",
    ]
    rows = list(csv.DictReader((trained / "log.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    lines = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert all(line.pop("seconds") > 0 < line.pop("games_per_second") for line in lines)  # in no log.csv
    assert [{name: str(value) for name, value in line.items()} for line in lines] == rows
    result = json.loads((trained / "result.json").read_text())
    assert result["communication_rate"] == float(rows[-1]["val_commrate"])
    assert result["best"]["communication_rate"] == max(float(row["val_commrate"]) for row in rows)
    assert result["chance"] == 1 / 32
    assert (result["games"], result["candidates"], result["split"]) == (160, 32, "valid")
    low, high = result["interval"]
    assert low <= result["communication_rate"] <= high
    assert {"loss", "seconds", "games_per_second", "train", "epochs"} <= set(result)


def test_the_same_command_writes_the_same_log(trained, tmp_path, train):
    train(tmp_path / "again", "--epochs", "2")
    assert (trained / "log.csv").read_bytes() == (tmp_path / "again" / "log.csv").read_bytes()


def test_agents_learn_and_their_sketches_differ(tmp_path, call, train):
    """Four epochs are enough to be far above chance, on pictures that were never trained on."""
    train(tmp_path / "run", "--epochs", "4")
    weights = tmp_path / "run" / "model_final.pt"
    assert call("test", "--weights", weights, "--output", tmp_path / "test")[0] == 0
    assert json.loads((tmp_path / "test" / "result.json").read_text())["interval"][0] > 3 / 32
    grid = np.asarray(Image.open(tmp_path / "test" / "test_sketch_samples.png").convert("L"), dtype=float)
    first, second = grid[2:34, 2:34], grid[2:34, 36:68]
    assert first.max() > 200
    assert np.abs(first - second).mean() > 5


def test_switches_that_no_other_training_has_play(tmp_path, call, train):
    """That every encoder, decoder and receiver plays and learns is shown by trials/test_combinations.py."""
    train(tmp_path / "mlp", "--encoder", "SimpleMLPEncoder", "--invert", "--contrast", "0.9", "--image-size", "28")
    train(
        tmp_path / "more",
        *("--random-transform-sender", "--freeze-encoders", "--sender-images-per-iter", "8", "--weight-decay", "0.01"),
        *("--learning-rate", "0.001*0.5@plateau"),
    )
    assert call("test", "--weights", tmp_path / "more" / "model_best.pt", "--output", tmp_path / "t")[0] == 0


def test_schedules_annealing_and_snapshots_take_place(tmp_path, call, train):
    folder = tmp_path / "run"
    annealing = ["--sigma2", "0.02", "--sigma2-step", "1", "--sigma2-factor", "0.5", "--final-sigma2", "0.006"]
    schedule = ["--epochs", "4", "--learning-rate", "0.001*0.5@[1,3]", "--snapshot-interval", "2"]
    train(folder, *annealing, *schedule)
    rows = list(csv.DictReader((folder / "log.csv").read_text().splitlines()))
    assert [float(row["sigma2"]) for row in rows] == pytest.approx([0.02, 0.01, 0.006, 0.006])
    assert [float(row["lr"]) for row in rows] == pytest.approx([0.001, 0.0005, 0.0005, 0.00025])
    numbered = {path.name for path in folder.glob("model_*.pt")}
    assert numbered == {"model_01.pt", "model_03.pt", "model_best.pt", "model_final.pt"}
    call("test", "--weights", folder / "model_01.pt", "--output", tmp_path / "t")
    assert json.loads((tmp_path / "t" / "config.json").read_text())["options"]["sigma2"] == pytest.approx(0.01)


def test_strokes_that_cost_and_widths_that_are_chosen_from_training_to_drawing(tmp_path, call, train):
    """Resumed after the first of two epochs, it is the same training."""
    style = ["--stroke-gates", "--stroke-widths", "chosen", "--ink-price", "1", "--stroke-price", "0.05"]
    style += ["--learning-rate", "0.003", "--batch-size", "60"]
    train(tmp_path / "whole", *style, "--epochs", "2")
    folder = tmp_path / "run"
    train(folder, *style)
    assert call("train", "--resume", folder, "--epochs", "2")[0] == 0
    assert (folder / "log.csv").read_bytes() == (tmp_path / "whole" / "log.csv").read_bytes()
    rows = list(csv.DictReader((folder / "log.csv").read_text().splitlines()))
    for split in ("", "val_"):
        terms = [float(rows[-1][f"{split}{term}_loss"]) for term in ("game", "ink_price", "stroke_price")]
        assert float(rows[-1][f"{split}loss"]) == pytest.approx(sum(terms), rel=1e-4)

    weights, tested = folder / "model_final.pt", tmp_path / "test"
    assert call("test", "--weights", weights, "--output", tested)[0] == 0
    log = read_log(tested)
    strokes = log.strokes()
    drawn = strokes.intensities[:, :, 0]
    assert set(np.unique(drawn)) <= {0, 1}
    assert strokes.sigma2.shape == drawn.shape
    assert strokes.sigma2.std() > 0
    read = Strokes.from_arrays(strokes.points, strokes.sigma2, strokes.intensities)
    sketches = Decoder(DecoderConfig(), latent_size=0, image_size=32).draw(read)[:, 0].numpy() * 255
    for game, sketch in zip(log.games, sketches, strict=True):
        with Image.open(log.picture(game.sketch)) as picture:
            assert np.abs(np.asarray(picture) - sketch).max() <= 0.51
    code, _, err = call("measure", tested, "--weights", weights, "--json", tmp_path / "measured.json")
    assert code == 0, err
    measures = json.loads((tmp_path / "measured.json").read_text())["logs"][0]["measures"]
    found = {row["label"]: row["value"] for measure in measures.values() for row in measure["rows"]}
    assert found["strokes drawn per sketch"] == pytest.approx(drawn.sum(axis=1).mean(), abs=0.05)
    assert found["guesses as logged, played again"] == 1
    photo = log.picture(log.games[0].photo)
    assert call("draw", photo, "--weights", weights, "--animate", "--output", tmp_path / "drawn")[0] == 0
    (svg,) = (tmp_path / "drawn").glob("*.svg")
    assert svg.read_text().count("<line") == int(drawn[0].sum())
    assert call("save-svg", tested, "--output", tmp_path / "svg")[0] == 0


@pytest.mark.slow
def test_seed_and_weight_decay_change_the_weights(tmp_path, train):
    def weights(name, *arguments):
        train(tmp_path / name, *arguments)
        return torch.load(tmp_path / name / "model_final.pt", weights_only=True)["model"]["receiver.mlp.0.weight"]

    plain, again = weights("plain"), weights("again")
    assert torch.equal(plain, again)
    assert (plain - weights("seed", "--data-seed", "7")).abs().mean() > 0.5 * plain.abs().mean()  # other first weights
    assert (plain - weights("own", "--seed", "7")).abs().mean() > 0.5 * plain.abs().mean()
    assert torch.equal(plain, weights("said", "--seed", "1234"))
    assert weights("decay", "--weight-decay", "0.1").norm() < 0.9 * plain.norm()


def test_a_computation_that_cannot_be_repeated_is_named(tmp_path, call, train, monkeypatch):
    """torch has one on CPUs, too, which nothing here computes: put_."""
    train(tmp_path / "run", "--deterministic")
    assert torch.are_deterministic_algorithms_enabled()
    put = torch.Tensor.put_
    monkeypatch.setattr(Agents, "forward", lambda *_, **__: put(torch.zeros(2), torch.tensor([0]), torch.ones(1)))
    code, _, errors = call(
        "train", "--deterministic", "--output", tmp_path / "other", "--epochs", "1", "--device", "cpu"
    )
    assert code == 1
    assert errors.startswith("failed: --deterministic: put_ has no deterministic algorithm.")
    monkeypatch.undo()
    train(tmp_path / "last")
    assert not torch.are_deterministic_algorithms_enabled()


def test_without_a_terminal_a_long_epoch_says_where_it_is(tmp_path, train, monkeypatch):
    monkeypatch.setattr("learning_to_draw.trials.loop.progress.SECONDS_BETWEEN_LINES", 0.0)
    out = train(tmp_path / "run")
    assert re.search(r"epoch 1/1: batch 20 of 39  loss \d\.\d{3}  rate 0\.\d{3}  turns/s \d+  left 00:\d\d\n", out)
    assert re.search(r"held-out games: batch 5 of 5  rate 0\.\d{3}  turns/s \d+\n", out)
