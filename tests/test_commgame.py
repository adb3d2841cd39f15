"""The program as a user runs it: every command end to end on real files, and every mistake answered."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import commgame
from models.agents import Agents

ROOT = Path(commgame.__file__).parent
QUICK = ["--epochs", "1", "--device", "cpu"]


def call(capsys, *arguments):
    """(exit code, stdout, stderr) of one call, in this process."""
    code = commgame.main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def train(capsys, folder, *arguments):
    code, out, err = call(capsys, "train", "--output", folder, *QUICK, *arguments)
    assert code == 0, err
    return out


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder in which Digits was trained for two epochs."""
    folder = tmp_path_factory.mktemp("run")
    assert commgame.main(["train", "--output", str(folder), "--epochs", "2", "--snapshot-interval", "1"]) == 0
    return folder


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


def test_a_test_needs_only_the_checkpoint(trained, tmp_path, capsys):
    code, out, err = call(capsys, "test", "--weights", trained / "model_final.pt", "--output", tmp_path / "test")
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


def test_eval_is_test_and_options_override_the_checkpoint(trained, tmp_path, capsys):
    code, _, err = call(
        capsys, "eval", "--weights", trained / "model_best.pt", "--output", tmp_path / "t", "--batch-size", "20"
    )
    assert code == 0, err
    assert json.loads((tmp_path / "t" / "result.json").read_text())["candidates"] == 20
    sources = json.loads((tmp_path / "t" / "config.json").read_text())["sources"]
    assert sources["batch_size"] == "command line"
    assert sources["nlines"] == "model_best.pt"


def test_the_same_command_writes_the_same_log(trained, tmp_path, capsys):
    train(capsys, tmp_path / "again", "--epochs", "2")
    assert (trained / "log.csv").read_bytes() == (tmp_path / "again" / "log.csv").read_bytes()


def test_names_that_are_no_text_are_read_back_by_other_commands(tmp_path, capsys):
    root, run, tested = tmp_path / "pictures", tmp_path / "no\udcff", tmp_path / "test\udcff"
    for name in ("cat\udcfe", "dog"):
        (root / name).mkdir(parents=True)
        for number in range(8):
            Image.new("L", (32, 32), 30 * number).save(root / name / f"{number}.png")
    pictures = ["--dataset", "ImageFolder", "--dataset-root", root, "--encoder", "SmallCNNEncoder", "--batch-size", "2"]
    train(capsys, run, *pictures, "--image-size", "32", "--val-fraction", "0.25", "--test-fraction", "0.25")
    assert call(capsys, "test", "--weights", run / "model_final.pt", "--output", tested)[0] == 0
    lines = [json.loads(line) for line in (tested / "gamelogs" / "games.jsonl").read_text().splitlines()]
    assert {line["sender_class"] for line in lines} == {"cat\udcfe", "dog"}
    for command in (["report", run], ["report", tested], ["measure", tested], ["train", "--dry-run", "--config"]):
        last = [run / "config.json"] if command[-1] == "--config" else []
        assert call(capsys, *command, *last)[0] == 0, command


def test_quiet_runs_print_nothing(tmp_path, capsys):
    assert train(capsys, tmp_path / "run", "--quiet") == ""
    weights = tmp_path / "run" / "model_final.pt"
    for command in (["test", "--weights", weights], ["crossplay", weights, weights]):
        assert call(capsys, *command, "--quiet", "--output", tmp_path / command[0]) == (0, "", "")
    assert "communication rate" in call(capsys, "test", "--weights", weights, "--output", tmp_path / "loud")[1]
    code, out, errors = call(capsys, "train", "--quiet", "--output", tmp_path / "run")
    assert (code, out) == (2, "")
    assert "already holds a run" in errors


def test_agents_learn_and_their_sketches_differ(tmp_path, capsys):
    """Four epochs are enough to be far above chance, on pictures that were never trained on."""
    train(capsys, tmp_path / "run", "--epochs", "4")
    weights = tmp_path / "run" / "model_final.pt"
    assert call(capsys, "test", "--weights", weights, "--output", tmp_path / "test")[0] == 0
    assert json.loads((tmp_path / "test" / "result.json").read_text())["interval"][0] > 3 / 32
    grid = np.asarray(Image.open(tmp_path / "test" / "test_sketch_samples.png").convert("L"), dtype=float)
    first, second = grid[2:34, 2:34], grid[2:34, 36:68]
    assert first.max() > 200
    assert np.abs(first - second).mean() > 5


@pytest.mark.parametrize("kind", ["same", "different", "mixed"])
@pytest.mark.parametrize("extra", [[], ["--num-targets", "4", "--separate-encoders", "--loss", "CELoss"]])
def test_object_oriented_games(kind, extra, tmp_path, capsys):
    out = train(capsys, tmp_path / "run", "--object-oriented", kind, *extra)
    assert f"({kind})" in out
    weights = tmp_path / "run" / "model_final.pt"
    code, _, err = call(capsys, "test", "--weights", weights, "--output", tmp_path / "test")
    assert code == 0, err
    result = json.loads((tmp_path / "test" / "result.json").read_text())
    assert result["candidates"] == (4 if extra else 10)


def test_every_small_encoder_and_the_other_switches_play(tmp_path, capsys):
    for encoder in ("BetterCNNEncoder", "SimpleCNNEncoder", "SimpleMLPEncoder"):
        train(capsys, tmp_path / encoder, "--encoder", encoder, "--invert", "--contrast", "0.9", "--image-size", "28")
    train(
        capsys,
        tmp_path / "more",
        *("--random-transform-sender", "--freeze-encoders", "--sender-images-per-iter", "8", "--weight-decay", "0.01"),
        *("--learning-rate", "0.001*0.5@plateau"),
    )
    assert call(capsys, "test", "--weights", tmp_path / "more" / "model_best.pt", "--output", tmp_path / "t")[0] == 0


def test_schedules_annealing_and_snapshots_take_place(tmp_path, capsys):
    folder = tmp_path / "run"
    annealing = ["--sigma2", "0.02", "--sigma2-step", "1", "--sigma2-factor", "0.5", "--final-sigma2", "0.006"]
    schedule = ["--epochs", "4", "--learning-rate", "0.001*0.5@[1,3]", "--snapshot-interval", "2"]
    train(capsys, folder, *annealing, *schedule)
    rows = list(csv.DictReader((folder / "log.csv").read_text().splitlines()))
    assert [float(row["sigma2"]) for row in rows] == pytest.approx([0.02, 0.01, 0.006, 0.006])
    assert [float(row["lr"]) for row in rows] == pytest.approx([0.001, 0.0005, 0.0005, 0.00025])
    numbered = {path.name for path in folder.glob("model_*.pt")}
    assert numbered == {"model_01.pt", "model_03.pt", "model_best.pt", "model_final.pt"}
    call(capsys, "test", "--weights", folder / "model_01.pt", "--output", tmp_path / "t")
    assert json.loads((tmp_path / "t" / "config.json").read_text())["options"]["sigma2"] == pytest.approx(0.01)


def test_seed_and_weight_decay_change_the_weights(tmp_path, capsys):
    def weights(name, *arguments):
        train(capsys, tmp_path / name, *arguments)
        return torch.load(tmp_path / name / "model_final.pt", weights_only=True)["model"]["receiver.mlp.0.weight"]

    plain, again = weights("plain"), weights("again")
    assert torch.equal(plain, again)
    assert (plain - weights("seed", "--data-seed", "7")).abs().mean() > 0.5 * plain.abs().mean()  # other first weights
    assert (plain - weights("own", "--seed", "7")).abs().mean() > 0.5 * plain.abs().mean()
    assert torch.equal(plain, weights("said", "--seed", "1234"))
    assert weights("decay", "--weight-decay", "0.1").norm() < 0.9 * plain.norm()


def test_a_computation_that_cannot_be_repeated_is_named(tmp_path, capsys, monkeypatch):
    """torch has one on CPUs, too, which nothing here computes: put_."""
    train(capsys, tmp_path / "run", "--deterministic")
    assert torch.are_deterministic_algorithms_enabled()
    put = torch.Tensor.put_
    monkeypatch.setattr(Agents, "forward", lambda *_, **__: put(torch.zeros(2), torch.tensor([0]), torch.ones(1)))
    code, _, errors = call(capsys, "train", "--deterministic", "--output", tmp_path / "other", *QUICK)
    assert code == 1
    assert errors.startswith("failed: --deterministic: put_ has no way to give the same bits every time.")
    monkeypatch.undo()
    train(capsys, tmp_path / "last")
    assert not torch.are_deterministic_algorithms_enabled()


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


def test_the_number_of_workers_changes_nothing(tmp_path, capsys):
    logs = []
    for workers in (0, 1, 4):
        root = tiny_stl10(tmp_path / f"data {workers}", train=120, test=32)  # each decoded anew
        arguments = ["--dataset", "STL10", "--dataset-root", root, "--num-workers", workers, "--image-size", "32"]
        arguments += ["--encoder", "SmallCNNEncoder", "--valset-size-per-class", "4", "--batch-size", "16"]
        arguments += ["--random-transform-sender"]
        train(capsys, tmp_path / f"{workers}", *arguments)
        logs.append((tmp_path / f"{workers}" / "log.csv").read_bytes())
    assert logs[0] == logs[1] == logs[2]


def tiny_imagenet_weights(folder):
    """VGG16 weights under the name that torchvision looks for, with a classifier of one weight."""
    from torchvision.models.vgg import cfgs, make_layers

    path = folder / "hub" / "checkpoints" / "vgg16-397923af.pth"
    path.parent.mkdir(parents=True)
    torch.save({f"features.{name}": value for name, value in make_layers(cfgs["D"]).state_dict().items()}, path)


def test_a_paper_command_on_stl10s_own_format(tmp_path, capsys, monkeypatch):
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
    train(capsys, run, *model, *held_out, "--learning-rate", "0.0001")
    row = next(csv.DictReader((run / "log.csv").read_text().splitlines()))
    assert float(row["loss"]) == pytest.approx(float(row["game_loss"]) + float(row["perceptual_loss"]), abs=1e-5)
    assert 0 < float(row["perceptual_loss"]) < 5 * 2 * 2
    sketches = np.asarray(Image.open(run / "val_reconstruction_samples_00.png"))
    assert sketches[3:90, 3:90].mean() > 128  # black on white

    (tmp_path / "home" / "hub" / "checkpoints" / "vgg16-397923af.pth").unlink()  # a test does not need it any more
    code, _, err = call(
        capsys, "eval", *model, *held_out, "--weights", run / "model_final.pt", "--output", tmp_path / "eval"
    )
    assert code == 0, err
    result = json.loads((tmp_path / "eval" / "result.json").read_text())
    assert (result["games"], result["candidates"]) == (16, 8)


def test_dry_run_writes_nothing(tmp_path, capsys, trained, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for arguments in (["train"], ["test", "--weights", trained / "model_final.pt"]):
        code, out, err = call(capsys, *arguments, "--dry-run")
        assert code == 0, err
        for part in (
            "chance level   0.0312",
            "in 11 batches of 32 senders",
            "trained",
            "memory",
            "nothing was written",
        ):
            assert part in out
    assert list(tmp_path.iterdir()) == []


def picture_folder(root, classes=("cat", "dog", "owl"), pictures=12):
    rng = np.random.default_rng(0)
    for name in classes:
        (root / name).mkdir(parents=True)
        for number in range(pictures):
            pixels = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


def test_a_users_own_pictures(tmp_path, capsys):
    root = picture_folder(tmp_path / "mine", pictures=20)
    own = ["--dataset", "ImageFolder", "--dataset-root", root, "--image-size", "16", "--encoder", "SmallCNNEncoder"]
    train(capsys, tmp_path / "run", *own, "--object-oriented", "different", "--batch-size", "6")
    assert call(capsys, "test", "--weights", tmp_path / "run" / "model_final.pt", "--output", tmp_path / "t")[0] == 0
    assert json.loads((tmp_path / "t" / "result.json").read_text())["candidates"] == 3


@pytest.mark.parametrize("kind", ["different", "mixed"])
def test_classes_of_one_picture_are_played_and_counted(kind, tmp_path, capsys):
    for part, pictures in (("train", 2), ("val", 3), ("test", 1)):
        picture_folder(tmp_path / "mine" / part, pictures=pictures)
    own = ["--dataset", "ImageFolder", "--dataset-root", tmp_path / "mine", "--image-size", "16", "--batch-size", "3"]
    out = train(capsys, tmp_path / "run", *own, "--encoder", "SmallCNNEncoder", "--object-oriented", kind)
    assert "one picture only: 3 of test;" in out
    code, out, err = call(capsys, "test", "--weights", tmp_path / "run" / "model_final.pt", "--output", tmp_path / "t")
    assert code == 0, err
    assert "one picture only: 3 of test;" in out
    games = json.loads((tmp_path / "t" / "gamelogs" / "games.json").read_text())
    assert len({game["images"][game["correct_image"]] for game in games}) == len(games) == 3


def broken_checkpoint(tmp_path):
    path = tmp_path / "cut.pt"
    torch.save({"model": torch.rand(1000)}, path)
    path.write_bytes(path.read_bytes()[:1500])
    return path


def damaged_pictures(tmp_path):
    root = picture_folder(tmp_path / "mine")
    (root / "cat" / "0.png").write_bytes(b"not a picture")
    return root


FOLDER = "--dataset ImageFolder --encoder SmallCNNEncoder --image-size 16 --batch-size 3 --dataset-root"
MISTAKES = {
    "unknown option": (lambda tmp: "train --nlinez 3", "no option --nlinez"),
    "option of another part": (lambda tmp: "train --encoder-hidden 3", "belongs to the encoder SimpleMLPEncoder"),
    "no weights": (lambda tmp: f"test --weights {tmp}/none.pt", "no such file"),
    "weights not given": (lambda tmp: "test", "required: --weights"),
    "truncated checkpoint": (lambda tmp: f"test --weights {broken_checkpoint(tmp)}", "cut short, damaged"),
    "unreadable picture": (lambda tmp: f"train {FOLDER} {damaged_pictures(tmp)}", "cat/0.png"),
    "no pictures": (lambda tmp: f"train {FOLDER} {tmp}/nowhere", "nowhere"),
    "too many targets": (lambda tmp: "train --object-oriented same --num-targets 11", "10 classes"),
    "batch above split": (lambda tmp: "train --batch-size 2000", "1257 pictures"),
    "bad learning rate": (lambda tmp: "train --learning-rate 0.1*every3", "needs the factor"),
    "bad device": (lambda tmp: "train --device cuda:77", "cuda:77 cannot be used"),
    "annealing that never comes": (lambda tmp: "train --sigma2-step 1", "never gets down to"),
    "weights of no loss": (lambda tmp: "train --sop-coef 2", "weighs the perceptual loss"),
    "two hyphens for a value": (lambda tmp: "train --nlines=--", "--nlines=-- gives no value"),
    "a value for a switch": (lambda tmp: f"test --weights {tmp}/no --trust-weights=yes", "no such file"),
    "nearly no name": (lambda tmp: f"test --weights {tmp}/no --=3", "--plugin 3 cannot be read"),
    "empty output": (lambda tmp: "train --output=", "is empty"),
    "nothing to train": (lambda tmp: "train --loss NoLoss", "teaches nothing"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gives_one_clear_message_and_changes_nothing(mistake, tmp_path, capsys):
    build, told = MISTAKES[mistake]
    arguments = build(tmp_path).split()
    if "--output=" not in arguments:
        arguments += ["--output", str(tmp_path / "out")]
    code, _, err = call(capsys, *arguments)
    assert code == 2
    assert told in err
    assert err.startswith("error: ")
    assert len(err.strip().splitlines()) <= 6
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_a_run_is_left_alone(trained, capsys):
    before = {path.name: path.stat().st_mtime_ns for path in trained.iterdir()}
    for arguments in (["train"], ["test", "--weights", trained / "model_final.pt"]):
        code, _, err = call(capsys, *arguments, "--output", trained)
        assert code == 2
        assert "already holds a run" in err
    assert before == {path.name: path.stat().st_mtime_ns for path in trained.iterdir()}


def test_a_loss_of_nan_fails_with_code_1(tmp_path, capsys):
    code, _, err = call(capsys, "train", "--learning-rate", "1e30", "--epochs", "1", "--output", tmp_path / "run")
    assert code == 1
    assert "not numbers any more" in err
    assert "Traceback" not in err


def test_a_disk_that_fails_is_said(tmp_path, capsys, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    code, _, err = call(capsys, "train", "--epochs", "1", "--output", tmp_path / "run")
    assert code == 1
    assert "No space left on device" in err
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["train_cmd.txt"]


def test_an_interrupt_leaves_with_130_and_whole_files(tmp_path):
    command = [sys.executable, str(ROOT / "commgame.py"), "train", "--output", "run", "--snapshot-interval", "1"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith("epoch  2"):
            process.send_signal(signal.SIGINT)
            break
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err
    torch.load(tmp_path / "run" / "model_00.pt", weights_only=True)
    assert not list((tmp_path / "run").glob(".*"))


def test_without_a_terminal_a_long_epoch_says_where_it_is(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("trials.progress.SECONDS_BETWEEN_LINES", 0.0)
    out = train(capsys, tmp_path / "run")
    assert re.search(r"epoch 1/1: batch 20 of 39  loss \d\.\d{3}  rate 0\.\d{3}  games/s \d+\n", out)
    assert re.search(r"held-out games: batch 5 of 5  rate 0\.\d{3}  games/s \d+\n", out)


@pytest.mark.parametrize("name", ["sample \u2713", "sample \udcff"])
def test_a_name_that_cannot_be_shown_is_shown_escaped(name, tested, tmp_path, monkeypatch):
    shown = {stream: io.TextIOWrapper(io.BytesIO(), encoding="ascii") for stream in ("stdout", "stderr")}
    for stream, wrapper in shown.items():
        monkeypatch.setattr(sys, stream, wrapper)
    arguments = ["sample-gamelogs", "-inp", str(tested), "-n", "1", "-out", str(tmp_path / name)]
    codes = [commgame.main(arguments), commgame.main(arguments)]  # the second time the folder is there
    said = {}
    for stream, wrapper in shown.items():
        wrapper.flush()
        said[stream] = wrapper.buffer.getvalue().decode("ascii")
    assert codes == [0, 2]
    escaped = name.encode("ascii", "backslashreplace").decode("ascii")
    assert f"written to {tmp_path / escaped}" in said["stdout"]
    assert f"{tmp_path / escaped} is there already" in said["stderr"]


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["paint"], 2), (["--help"], 0), (["-h"], 0)])
def test_calls_without_a_command(arguments, code, capsys):
    assert call(capsys, *arguments)[0] == code


def test_the_help_lists_every_command_by_group(capsys):
    _, page, _ = call(capsys, "--help")
    play, afterwards = page.split("\nafterwards\n")
    assert all(f"\n  {name} " in play for name in ("train", "test"))
    listed = [line.split()[0] for line in afterwards.splitlines() if line.startswith("  ")]
    assert listed == [
        "reproduce",
        "report",
        "draw",
        "save-svg",
        "measure",
        "study",
        "study-results",
        "list",
        "check",
        "sample-gamelogs",
        "render-game",
        "render-sketches-seeds",
        "dump-hashes-classes",
        "clip-analysis",
        "analyse-logs",
    ]


def test_help_and_mistakes_load_no_torch(tmp_path):
    """In a fresh process each, with torch made impossible to import."""
    (tmp_path / "torch.py").write_text("raise RuntimeError('torch was imported')")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    helps = [([name, "--help"], 0) for name in commgame.COMMANDS]
    for arguments, code in ((["--help"], 0), *helps, (["train", "--x"], 2), (["clip-analysis", "--x"], 2)):
        done = subprocess.run(
            [sys.executable, str(ROOT / "commgame.py"), *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stderr


@pytest.fixture(scope="module")
def tested(trained, tmp_path_factory):
    """The run folder of a test with the trained agents, which holds a game log."""
    folder = tmp_path_factory.mktemp("tested")
    assert commgame.main(["test", "--weights", str(trained / "model_final.pt"), "--output", str(folder)]) == 0
    return folder


def test_the_tools_work_on_a_real_log_under_their_official_names(tested, tmp_path, capsys):
    def tool(*arguments):
        code, out, err = call(capsys, *arguments)
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
    code, out, err = call(capsys, "render-game", "--input", few, "--output", page)
    assert (code, out) == (2, "")
    assert "there already" in err


def test_hashes_are_the_names_of_the_logs_pictures(tested, capsys):
    code, out, _ = call(capsys, "dump-hashes-classes", "--dataset", "Digits")
    assert code == 0
    classes = dict(line.split(",") for line in out.splitlines())
    assert len(out.splitlines()) == 360
    assert {path.stem for path in (tested / "gamelogs" / "target-images").iterdir()} <= set(classes)
    assert set(classes.values()) == {str(digit) for digit in range(10)}


def test_whoever_reads_the_output_may_stop():
    """As `| head` does: no traceback, and nothing else to say."""
    command = [sys.executable, str(ROOT / "commgame.py"), "dump-hashes-classes"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=60) == 1
    process.stderr.close()


@pytest.mark.parametrize("size", [("--latent-size", "2000000000"), ("--image-size", "2147483647")])
def test_too_much_for_the_memory_is_said(size, capsys):
    code, _, errors = call(capsys, "train", "--dry-run", *size)
    assert code == 1
    assert errors.startswith("failed: there is not enough memory")
