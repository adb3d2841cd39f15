"""Training and test on pictures other than Digits: STL-10's own files, and folders of a user's pictures."""

import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image


def tiny_stl10(root, train=200, test=100):
    """STL-10's own files with few pictures: planes of 96 x 96, column by column; labels from 1."""
    folder = root / "stl10_binary"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part, count in (("train", train), ("test", test)):
        rng.integers(0, 256, (count, 3, 96, 96), dtype=np.uint8).tofile(folder / f"{part}_X.bin")
        (np.arange(count, dtype=np.uint8) % 10 + 1).tofile(folder / f"{part}_y.bin")
    names = "airplane bird car cat deer dog horse monkey ship truck"
    (folder / "class_names.txt").write_text(names.replace(" ", "\n"))
    return root


def test_the_number_of_workers_changes_nothing(tmp_path, train):
    logs = []
    for workers in (0, 1, 4):
        root = tiny_stl10(tmp_path / f"data {workers}", train=120, test=32)  # each decoded anew
        arguments = ["--dataset", "STL10", "--dataset-root", root, "--num-workers", workers, "--image-size", "32"]
        arguments += ["--encoder", "SmallCNNEncoder", "--valset-size-per-class", "4", "--batch-size", "16"]
        arguments += ["--random-transform-sender"]
        train(tmp_path / f"{workers}", *arguments)
        logs.append((tmp_path / f"{workers}" / "log.csv").read_bytes())
    assert logs[0] == logs[1] == logs[2]


def tiny_imagenet_weights(folder):
    """VGG16 weights under the name that torchvision looks for, with a classifier of one weight."""
    from torchvision.models.vgg import cfgs, make_layers

    path = folder / "hub" / "checkpoints" / "vgg16-397923af.pth"
    path.parent.mkdir(parents=True)
    torch.save({f"features.{name}": value for name, value in make_layers(cfgs["D"]).state_dict().items()}, path)


def test_a_paper_command_on_stl10s_own_format(tmp_path, call, train, monkeypatch):
    """Original game with the perceptual loss, as printed in commands.md but for root, batch size and epochs."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    tiny_imagenet_weights(tmp_path / "home")
    root = tiny_stl10(tmp_path / "data", train=40, test=16)
    model = (
        f"--dataset STL10 --dataset-root {root} --imagenet-weights --freeze-vgg --imagenet-norm --invert "
        "--feature-layer relu5_3 --sigma2 5e-4 --nlines 20 --data-seed 0 --batch-size 8 --loss HingeLoss "
        "--sort-of-perceptual-loss --sop-weights 1 1 1 1 1"
    ).split()
    run = tmp_path / "run"
    held_out = ["--valset-size-per-class", "1"]
    train(run, *model, *held_out, "--learning-rate", "0.0001")
    row = next(csv.DictReader((run / "log.csv").read_text().splitlines()))
    assert float(row["loss"]) == pytest.approx(float(row["game_loss"]) + float(row["perceptual_loss"]), abs=1e-5)
    assert 0 < float(row["perceptual_loss"]) < 5 * 2 * 2
    sketches = np.asarray(Image.open(run / "val_reconstruction_samples_00.png"))
    assert sketches[3:90, 3:90].mean() > 128  # black on white

    (tmp_path / "home" / "hub" / "checkpoints" / "vgg16-397923af.pth").unlink()  # a test does not need it any more
    code, _, err = call("eval", *model, *held_out, "--weights", run / "model_final.pt", "--output", tmp_path / "eval")
    assert code == 0, err
    result = json.loads((tmp_path / "eval" / "result.json").read_text())
    assert (result["games"], result["candidates"]) == (16, 8)


def test_a_users_own_pictures(tmp_path, call, train, picture_folder):
    root = picture_folder(tmp_path / "mine", pictures=20)
    own = ["--dataset", "ImageFolder", "--dataset-root", root, "--image-size", "16", "--encoder", "SmallCNNEncoder"]
    train(tmp_path / "run", *own, "--object-oriented", "different", "--batch-size", "6")
    assert call("test", "--weights", tmp_path / "run" / "model_final.pt", "--output", tmp_path / "t")[0] == 0
    assert json.loads((tmp_path / "t" / "result.json").read_text())["candidates"] == 3


@pytest.mark.parametrize("kind", ["different", "mixed"])
def test_classes_of_one_picture_are_played_and_counted(kind, tmp_path, call, train, picture_folder):
    for part, pictures in (("train", 2), ("val", 3), ("test", 1)):
        picture_folder(tmp_path / "mine" / part, pictures=pictures)
    own = ["--dataset", "ImageFolder", "--dataset-root", tmp_path / "mine", "--image-size", "16", "--batch-size", "3"]
    out = train(tmp_path / "run", *own, "--encoder", "SmallCNNEncoder", "--object-oriented", kind)
    assert "one picture only: 3 of test;" in out
    code, out, err = call("test", "--weights", tmp_path / "run" / "model_final.pt", "--output", tmp_path / "t")
    assert code == 0, err
    assert "one picture only: 3 of test;" in out
    games = json.loads((tmp_path / "t" / "gamelogs" / "games.json").read_text())
    assert len({game["images"][game["correct_image"]] for game in games}) == len(games) == 3
