"""Every mistake and every failure is answered: with one message, with its exit code, and with nothing half done."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from learning_to_draw import commgame

ROOT = Path(commgame.__file__).parent
FOLDER = "train --dataset ImageFolder --encoder SmallCNNEncoder --image-size 16 --batch-size 3 --dataset-root {tmp}"
MISTAKES = {
    "unknown option": ("train --nlinez 3", "no option --nlinez"),
    "option of another part": ("train --encoder-hidden 3", "belongs to the encoder SimpleMLPEncoder"),
    "no weights": ("test --weights {tmp}/none.pt", "no such file"),
    "weights not given": ("test", "required: --weights"),
    "truncated checkpoint": ("test --weights {tmp}/cut.pt", "cut short, damaged"),
    "unreadable picture": (f"{FOLDER}/mine", "cat/0.png"),
    "no pictures": (f"{FOLDER}/nowhere", "nowhere"),
    "too many targets": ("train --object-oriented same --num-targets 11", "10 classes"),
    "batch above split": ("train --batch-size 2000", "180 pictures"),
    "bad learning rate": ("train --learning-rate 0.1*every3", "needs the factor"),
    "bad device": ("train --device cuda:77", "cuda:77 cannot be used"),
    "annealing that never comes": ("train --sigma2-step 1", "would not fall from"),
    "weights of no loss": ("train --sop-coef 2", "--sop-coef belongs to the perceptual loss and the dog loss, which"),
    "a price that nobody can lower": ("train --stroke-price 0.1", "SinglePassSimpleLineDecoder draws all strokes"),
    "gates that a decoder lacks": ("train --decoder RNNBezierDecoder --stroke-gates", "--stroke-gates belongs to the"),
    "two hyphens for a value": ("train --nlines=--", "--nlines=-- has no value"),
    "a value for a switch": ("test --weights {tmp}/no --trust-weights=yes", "ignored explicit argument 'yes'"),
    "no name": ("test --weights {tmp}/no --=3", "--=3 does not name an option"),
    "empty output": ("train --output=", "needs the name of a folder"),
    "nothing to train": ("train --loss NoLoss", "teaches nothing"),
}


@pytest.fixture
def broken_files(tmp_path, picture_folder):
    """A checkpoint that was cut short, and pictures of which one cannot be read."""
    path = tmp_path / "cut.pt"
    torch.save({"model": torch.rand(1000)}, path)
    path.write_bytes(path.read_bytes()[:1500])
    (picture_folder(tmp_path / "mine") / "cat" / "0.png").write_bytes(b"not a picture")


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.usefixtures("broken_files")
def test_a_mistake_gives_one_clear_message_and_changes_nothing(mistake, tmp_path, call):
    line, told = MISTAKES[mistake]
    arguments = line.format(tmp=tmp_path).split()
    if "--output=" not in arguments:
        arguments += ["--output", str(tmp_path / "out")]
    code, _, err = call(*arguments)
    assert code == 2
    assert told in err
    assert err.startswith("error: ")
    assert len(err.strip().splitlines()) <= 6
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_a_run_is_left_alone(trained, call):
    before = {path.name: path.stat().st_mtime_ns for path in trained.iterdir()}
    for arguments in (["train"], ["test", "--weights", trained / "model_final.pt"]):
        code, _, err = call(*arguments, "--output", trained)
        assert code == 2
        assert "already holds config.json, " in err
    assert before == {path.name: path.stat().st_mtime_ns for path in trained.iterdir()}


def test_a_loss_of_nan_fails_with_code_1(tmp_path, call):
    code, _, err = call("train", "--learning-rate", "1e30", "--epochs", "1", "--output", tmp_path / "run")
    assert code == 1
    assert "NaN or infinite" in err
    assert "Traceback" not in err


def test_a_disk_that_fails_is_said(tmp_path, call, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    code, _, err = call("train", "--epochs", "1", "--output", tmp_path / "run")
    assert code == 1
    assert "No space left on device" in err
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["config.json"]


@pytest.mark.parametrize("option", [("--compile",), ("--cache-features", "on"), ("--precision", "bf16")])
def test_a_dry_run_too_says_that_an_encoder_has_no_backbone(option, call):
    code, _, errors = call("train", "--dry-run", *option)
    assert code == 2
    assert errors.startswith(f"error: {' '.join(option)}")
    assert "backbone" in errors


@pytest.mark.parametrize("size", [("--latent-size", "2000000000"), ("--rx-hidden", "2147483647")])
def test_too_much_for_the_memory_is_said(size, call):
    code, _, errors = call("train", "--dry-run", *size)
    assert code == 1
    assert errors.startswith("failed: there is not enough memory")


def _hear_interrupts():
    """A shell lets what it starts in the background ignore Ctrl-C, and so all that the tests start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.slow
def test_an_interrupt_leaves_with_130_and_whole_files(tmp_path):
    command = [sys.executable, str(ROOT / "commgame.py"), "train", "--output", "run", "--snapshot-interval", "1"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=_hear_interrupts
    )
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
