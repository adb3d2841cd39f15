"""Training refuses options that would change nothing, and leaves a log and a checkpoint of every loss it was given."""

import csv
import json
import logging
import shlex

import pytest
import torch
from PIL import Image

from learning_to_draw.errors import UsageError
from learning_to_draw.trials.config.parse import parse
from learning_to_draw.trials.train import train

PERCEPTUAL = "--encoder SqueezeNetBackbone --feature-layer fire3 --sort-of-perceptual-loss"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("--sop-coef 2", "--sop-coef belongs to the perceptual loss and the dog loss, which this run does not have"),
        ("--sop-weights 2 1", r"--sop-weights belongs to .*\nAdd --sort-of-perceptual-loss or --like-a-dog-loss"),
        ("--learn-sop-weights", r"--learn-sop-weights belongs to .*\nAdd --sort-of-perceptual-loss"),
        (f"{PERCEPTUAL} --learn-sop-weights --sop-weights 1 2", "that --sop-weights sets"),
        ("--like-a-dog-loss", r"none is given.\nAdd --like-a-dog-image FILE"),
        ("--like-a-dog-image dog.png", r"--like-a-dog-image belongs to the dog loss.*\nAdd --like-a-dog-loss"),
        ("--CLIP-coef 2", r"--CLIP-coef belongs to the CLIP loss.*\nAdd --CLIP-loss"),
        ("--sigma2-step 1 --sigma2-factor 2", "would not fall from"),
        ("--sigma2-step 1 --sigma2 0.02 --sigma2-factor 1", "would not fall from"),
        ("--sigma2-step 1 --sigma2 0.01 --sigma2-factor 0.5", "would not fall from"),
    ],
)
def test_options_that_would_change_nothing(tmp_path, arguments, told):
    words = [*arguments.split(), "--output", str(tmp_path / "run")]
    with pytest.raises(UsageError, match=told) as error:
        train(parse("train", words), words)
    assert len(str(error.value).splitlines()) <= 5
    assert not (tmp_path / "run").exists()


def test_a_run_with_every_loss(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (20, 30), "red").save("dog.png")
    arguments = f"{PERCEPTUAL} --learn-sop-weights --sop-coef 0.5 --like-a-dog-loss --like-a-dog-image dog.png"
    arguments += " --CLIP-loss --reconstruct-loss --freeze-backbone --epochs 1 --batch-size 120 --image-size 24"
    arguments += " --device cpu --output run"
    train(parse("train", arguments.split()), arguments.split())

    row = next(csv.DictReader((tmp_path / "run" / "log.csv").read_text().splitlines()))
    terms = [float(row[f"{term}_loss"]) for term in ("game", "perceptual", "dog", "CLIP", "reconstruct")]
    assert float(row["loss"]) == pytest.approx(sum(terms), rel=1e-4)
    assert min(terms) > 0

    saved = torch.load(tmp_path / "run" / "model_final.pt", weights_only=True)
    (values,) = saved["loss"].values()
    logged = [float(row[f"sop_weight_{layer}"]) for layer in ("relu1", "fire3")]
    assert values.tolist() == pytest.approx(logged)
    assert values.norm().item() == pytest.approx(1)
    trained = saved["optimizer"]["param_groups"][0]["params"]
    assert saved["optimizer"]["state"][trained[-1]]["exp_avg"].shape == (2,)  # the weights come last, as officially
    assert saved["options"]["like_a_dog_image"] == [str(tmp_path / "dog.png")]
    assert json.loads((tmp_path / "run" / "config.json").read_text())["sources"]["like_a_dog_image"] == "command line"


def test_the_decoder_may_learn_faster_than_the_rest(tmp_path):
    words = "--epochs 2 --batch-size 120 --learning-rate 0.004*0.5@[1] --decoder-lr-factor 3 --device cpu --quiet"
    words = [*words.split(), "--output", str(tmp_path / "run")]
    train(parse("train", words), words)
    saved = torch.load(tmp_path / "run" / "model_final.pt", weights_only=True)
    rest, decoder = saved["optimizer"]["param_groups"]
    assert (rest["lr"], decoder["lr"]) == pytest.approx((0.002, 0.006))  # after both epochs
    shapes = [saved["optimizer"]["state"][number]["exp_avg"].shape for number in decoder["params"]]
    assert shapes == [weight.shape for name, weight in saved["model"].items() if "latent_to_linecoord" in name]
    assert not set(rest["params"]) & set(decoder["params"])
    rows = list(csv.DictReader((tmp_path / "run" / "log.csv").read_text().splitlines()))
    assert [float(row["lr"]) for row in rows] == [0.004, 0.002]


@pytest.mark.parametrize("given", [True, False])
def test_a_path_written_in_full_keeps_its_source(tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    for part in ("train", "val", "test"):
        for name in ("cat", "dog"):
            (tmp_path / "data" / part / name).mkdir(parents=True)
            for number in range(2):
                Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / "data" / part / name / f"{number}.png")
    words = "--dataset ImageFolder --encoder SmallCNNEncoder --image-size 16 --batch-size 2 --object-oriented same"
    words = [*words.split(), "--epochs", "1", "--device", "cpu", "--output", "run"]
    words += ["--dataset-root", "data", "--num-targets", "2"] if given else []
    train(parse("train", words), words)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["options"]["dataset_root"] == str(tmp_path / "data")
    assert config["options"]["num_targets"] == 2
    assert config["sources"]["dataset_root"] == ("command line" if given else "default")
    assert config["sources"]["num_targets"] == ("command line" if given else "settled by the run")


def test_the_command_that_tests_a_run_can_be_pasted(tmp_path, caplog):
    caplog.set_level(logging.INFO, "commgame")
    folder = tmp_path / "Tom's run & more"
    words = ["--epochs", "1", "--device", "cpu", "--image-size", "16", "--output", str(folder)]
    train(parse("train", words), words)
    said = caplog.messages[-1].splitlines()[-1]
    assert shlex.split(said) == ["python", "commgame.py", "test", "--weights", str(folder / "model_final.pt")]
