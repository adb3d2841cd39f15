import json
import os
import re

import pytest

from learning_to_draw.errors import UsageError
from learning_to_draw.trials.config.parse import parse
from learning_to_draw.trials.records import folder as folder_module
from learning_to_draw.trials.records.atomic import write_atomically, write_text
from learning_to_draw.trials.records.folder import choose_folder, note_resumption, open_folder, versions


def config(*arguments):
    return parse("train", list(arguments))


def opened(folder, config, command):
    """What is left of a run that ends as soon as its folder has been opened."""
    with open_folder(folder, config, command, "cpu") as folder:
        return folder


def test_a_fresh_folder_under_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = choose_folder(config())
    assert re.fullmatch(r"runs/\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_train_Digits_original", first.as_posix())
    assert not first.exists()
    assert "Digits_mixed" in str(choose_folder(config("--object-oriented", "mixed")))


@pytest.mark.parametrize(
    "file",
    ["config.json", "train_cmd.txt", "model_final.pt", "gamelogs", "metrics.jsonl", "val_games.png", "plugin.py"]
    + ["resume.pt", "model_07.pt", "model_123.pt", "val_reconstruction_samples_03.png", "tensorboard", "crossplay.csv"]
    + ["val_strokes_12.npz"],
)
def test_a_folder_that_holds_a_file_of_a_run_is_refused(tmp_path, file):
    (tmp_path / file).write_text("precious")
    with pytest.raises(UsageError, match=f"already holds {file}, and nothing is overwritten"):
        choose_folder(config("--output", str(tmp_path)))
    assert (tmp_path / file).read_text() == "precious"


def test_a_folder_with_other_things_in_it_is_fine(tmp_path):
    for name in ("notes.txt", "model_7.pt", "model_mine.pt", "my_log.csv"):
        (tmp_path / name).write_text("mine")
    assert choose_folder(config("--output", str(tmp_path))) == tmp_path
    with pytest.raises(UsageError, match="is a file, not a folder"):
        choose_folder(config("--output", str(tmp_path / "notes.txt")))


def test_what_a_folder_tells_of_its_run(tmp_path):
    chosen = config("--dataset", "STL10", "--nlines", "7")
    command = ["commgame.py", "train", "--output", "a b", "--nlines", "7"]
    folder = opened(tmp_path / "deep" / "run", chosen, command)
    assert (folder / "train_cmd.txt").read_text() == "commgame.py train --output 'a b' --nlines 7"
    told = json.loads((folder / "config.json").read_text())
    assert told["options"]["nlines"] == 7
    assert told["options"]["dataset_root"] == "data"
    assert told["sources"]["nlines"] == "command line"
    assert set(told["options"]) == set(told["sources"]) == set(chosen.values())
    assert told["device"] == "cpu"
    assert {"python", "torch", "torchvision", "torchbearer", "numpy", "git"} <= set(told["versions"])
    assert versions() == told["versions"]


def test_the_hash_of_the_code_is_of_the_modules_that_train(tmp_path, monkeypatch):
    for name in ("trials/train.py", "models/a.py", "analysis/b.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    monkeypatch.setattr(folder_module, "__file__", str(tmp_path / "trials" / "records" / "folder.py"))
    first = folder_module._code_hash()
    (tmp_path / "analysis" / "b.py").write_text("x = 2\n")
    (tmp_path / "models" / ".#a.py").symlink_to("nowhere")  # as Emacs does while the file is edited
    assert folder_module._code_hash() == first
    (tmp_path / "models" / "a.py").write_text("x = 2\n")
    assert folder_module._code_hash() != first


def test_runs_that_start_at_once_do_not_share_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    chosen = choose_folder(config())  # both have chosen before either has made it
    first = opened(chosen, config(), ["first"])
    second = opened(chosen, config(), ["second"])
    assert (first / "train_cmd.txt").read_text() == "first"
    assert (second / "train_cmd.txt").read_text() == "second"
    named = config("--output", "named")
    opened(choose_folder(named), named, ["first"])
    with pytest.raises(UsageError, match=r"already holds config\.json, train_cmd\.txt"):
        opened(tmp_path / "named", named, ["second"])
    assert (tmp_path / "named" / "train_cmd.txt").read_text() == "first"


@pytest.mark.parametrize(
    ("name", "told"), [("", "needs the name of a folder"), ("x" * 300, "cannot be written to: File name too long")]
)
def test_names_that_are_no_folder(name, told):
    with pytest.raises(UsageError, match=told):
        choose_folder(config("--output", name))


def test_a_name_that_is_not_text(tmp_path):
    chosen = config("--output", str(tmp_path / "no\udcff"))
    folder = opened(choose_folder(chosen), chosen, ["commgame.py", str(chosen.output)])
    assert (folder / "config.json").is_file()


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written to"):
        opened(tmp_path / "file" / "run", config(), ["commgame.py"])


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "log.csv"
    write_text(path, "old")

    def half(temporary):
        temporary.write_text("ne")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, half)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["log.csv"]


def test_every_resumption_is_noted_after_the_earlier_ones(tmp_path):
    for epochs, batches in ((1, 3), (2, 0)):
        note_resumption(tmp_path, None, ["commgame.py", "train", "--resume", "run"], epochs, batches, "cpu")
    noted = json.loads((tmp_path / "resumed.json").read_text())
    assert [(start["after_epochs"], start["after_batches"]) for start in noted] == [(1, 3), (2, 0)]
