"""A user's own files stay as they are, and a killed command can be given again."""

import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records.claim import claimed
from learning_to_draw.trials.records.run_files import NAMES
from learning_to_draw.trials.resume import load_interrupted

ROOT = Path(__file__).parents[2]
SMALL = ["--batch-size", "150", "--epochs", "1"]


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", sorted({name.replace("NN", "00") for names in NAMES.values() for name in names}))
def test_no_run_begins_where_a_file_has_a_name_that_runs_write(name, trained, tmp_path, call):
    path = tmp_path / name.replace("MD5", "0" * 32).replace("*", "mine")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    weights = trained / "model_final.pt"
    for command in (["train"], ["test", "--weights", weights], ["crossplay", weights, weights]):
        code, _, err = call(*command, "--output", tmp_path)
        assert code == 2
        assert f"already holds {path.relative_to(tmp_path).parts[0]}, and nothing is overwritten" in err
    assert content(tmp_path) == {path: b"{}"}


@pytest.fixture
def killed(trained, tested, tmp_path, call):
    """killed(command) -> the folder and the words of a test or crossplay that was killed shortly before its end."""

    def leave(command):
        folder, weights = tmp_path / "run", trained / "model_final.pt"
        words = {"test": ["test", "--weights", weights], "crossplay": ["crossplay", weights, weights]}[command]
        words += ["--output", folder]
        if command == "test":
            shutil.copytree(tested, folder)
            (folder / "gamelogs" / "games.json").rename(folder / "gamelogs" / ".games.0123abcd.tmp.json")
        else:
            assert call(*words)[0] == 0
        (folder / "result.json").rename(folder / ".result.0123abcd.tmp.json")
        return folder, words

    return leave


@pytest.mark.parametrize("command", ["test", "crossplay"])
def test_a_killed_run_is_begun_again_by_the_same_command(command, killed, tested, call):
    folder, words = killed(command)
    assert call(*words)[0] == 0
    assert (folder / "result.json").is_file()
    assert not list(folder.rglob(".*"))
    if command == "test":
        same = (path.relative_to(tested) for path in tested.rglob("*") if path.suffix in (".png", ".csv", ".jsonl"))
        assert all((folder / path).read_bytes() == (tested / path).read_bytes() for path in same)
    assert call(*words)[0] == 2  # it is finished now


@pytest.mark.parametrize("name", ["notes.txt", "gamelogs/mine.png", "model_00.pt", ".report.tmp.html"])
def test_a_killed_run_is_not_begun_again_among_other_files(name, killed, call):
    folder, words = killed("test")
    (folder / name).write_text("mine")
    before = content(folder)
    code, _, err = call(*words)
    assert code == 2
    assert f"holds an unfinished test, and files that a test does not write: {name}" in err
    assert content(folder) == before


def test_a_link_in_a_killed_run_is_not_followed(killed, tmp_path, call):
    folder, words = killed("test")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / ("0" * 32 + ".png")).write_text("mine")
    shutil.rmtree(folder / "gamelogs" / "sketch-images")
    (folder / "gamelogs" / "sketch-images").symlink_to(tmp_path / "mine")
    assert call(*words)[0] == 2
    assert len(content(tmp_path / "mine")) == 1


@pytest.mark.parametrize("command", ["test", "train --resume"])
def test_no_other_process_enters_a_folder_where_one_is_at_work(command, killed, trained, tmp_path, call):
    folder, words = killed("test")
    if command != "test":
        folder = shutil.copytree(trained, tmp_path / "training")
        words = ["train", "--resume", folder, "--epochs", "3"]
    before = content(folder)
    with claimed(folder / "config.json"):
        code, _, err = call(*words)
    assert (code, f"another process is using {folder}" in err) == (2, True)
    assert content(folder) == before


def test_a_training_that_another_process_has_resumed_meanwhile_is_not_resumed_from_its_old_state(trained, tmp_path):
    folder = shutil.copytree(trained, tmp_path / "run")
    interrupted = load_interrupted(folder)
    interrupted.check_unchanged()
    shutil.copy(folder / "resume.pt", folder / "new")
    os.replace(folder / "new", folder / "resume.pt")
    with pytest.raises(UsageError, match="another process has resumed this run in the meantime"):
        interrupted.check_unchanged()


@pytest.fixture
def begun(tmp_path, call):
    """A training that was killed before its first save, with its log if it had not been killed."""
    folder = tmp_path / "run"
    assert call("train", *SMALL, "--nlines", "5", "--output", folder)[0] == 0
    log = (folder / "log.csv").read_bytes()
    for path in folder.iterdir():
        if path.name not in ("config.json", "train_cmd.txt"):
            path.unlink()
    (folder / ".resume.0123abcd.tmp.pt").write_text("half")
    return folder, log


@pytest.mark.parametrize("words", [["--nlines", "5", "--output"], ["--output"], []])
def test_a_training_killed_before_its_first_save_is_begun_again(words, begun, call):
    folder, log = begun
    (folder / "notes.txt").write_text("mine")
    resume = ["--resume", "auto"] if words else ["--resume"]
    assert call("train", *SMALL, *resume, *words, folder)[0] == 0
    assert (folder / "log.csv").read_bytes() == log
    assert (folder / "notes.txt").read_text() == "mine"
    assert not list(folder.glob(".*"))


def test_a_training_killed_before_its_first_save_is_not_begun_with_other_options(begun, call):
    folder, _ = begun
    before = content(folder)
    for words, told in (
        (["--nlines", "3", "--resume", "auto"], "the run was started with --nlines 5, but this command has --nlines 3"),
        ([], "or add --resume auto to resume the training"),
    ):
        code, _, err = call("train", *SMALL, *words, "--output", folder)
        assert (code, told in err) == (2, True), err
        assert content(folder) == before


def test_what_is_left_of_a_training_without_its_state_is_not_begun_again(trained, tmp_path, call):
    folder = shutil.copytree(trained, tmp_path / "run")
    for name in ("resume.pt", "resume_previous.pt", "result.json"):
        (folder / name).unlink()
    before = content(folder)
    code, _, err = call("train", "--epochs", "2", "--output", folder, "--resume", "auto")
    assert (code, "already holds log.csv, " in err) == (2, True)
    assert content(folder) == before


def test_snapshots_of_others_are_not_removed(tmp_path, call):
    folder = tmp_path / "run"
    words = ["--batch-size", "150", "--keep-last", "1"]
    assert call("train", *words, "--epochs", "4", "--snapshot-interval", "2", "--output", folder)[0] == 0
    (folder / "model_02.pt").write_text("mine")
    assert call("train", "--resume", folder, "--epochs", "5", "--snapshot-interval", "1")[0] == 0
    assert sorted(path.name for path in folder.glob("model_0*.pt")) == ["model_02.pt", "model_04.pt"]
    assert (folder / "model_02.pt").read_text() == "mine"


def test_resuming_removes_only_hidden_files_of_runs(trained, tmp_path, call):
    folder = shutil.copytree(trained, tmp_path / "run")
    for name in (".model_00.0123abcd.tmp.pt", ".log.0123abcd.tmp.csv", ".thesis.0123abcd.tmp.pdf", ".log.tmp.csv"):
        (folder / name).write_text("half")
    assert call("train", "--resume", folder, "--epochs", "3")[0] == 0
    assert sorted(path.name for path in folder.glob(".*")) == [".log.tmp.csv", ".thesis.0123abcd.tmp.pdf"]


@pytest.mark.slow
def test_of_two_commands_started_at_once_one_gets_the_folder(trained, tmp_path):
    for number in range(5):
        folder = tmp_path / str(number)
        commands = [
            ["train", "--epochs", "1", "--batch-size", "150", "--output", folder],
            ["test", "--weights", trained / "model_final.pt", "--output", folder],
        ]
        started = [
            subprocess.Popen(
                [sys.executable, "commgame.py", *map(str, words)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            for words in commands
        ]
        for process in started:
            process.communicate()
        assert sorted(process.returncode for process in started) == [0, 2]
        command = json.loads((folder / "config.json").read_text())["command"]
        assert started[["train", "test"].index(command)].returncode == 0
        assert ((folder / "log.csv").read_text().count("val_loss") > 0) == (command == "train")
        assert (folder / "gamelogs").exists() == (command == "test")


def test_without_locks_a_run_that_may_still_be_at_work_is_not_begun_again(killed, call, monkeypatch):
    """As on a network's file system: what a killed run left looks like a run that is at work."""
    folder, words = killed("test")
    before = content(folder)
    monkeypatch.setattr(fcntl, "flock", refuse)
    code, _, err = call(*words)
    assert code == 2
    assert "holds a run that may still be active: this file system has no locks" in err
    assert content(folder) == before
    assert call(*words[:-1], folder.with_name("another"))[0] == 0


def refuse(*_):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
