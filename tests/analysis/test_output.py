"""Nothing is overwritten, and it is said where nothing can be written."""

import importlib
from pathlib import Path

import pytest

from learning_to_draw import commgame
from learning_to_draw.commands import TOOLS as COMMANDS
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records import output as output_module
from learning_to_draw.trials.records.output import check_new, check_writable, whole_folder


def test_only_a_new_name_in_a_folder_will_do(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    check_new(tmp_path / "new")
    for taken in ("file", "dangling", "."):
        with pytest.raises(UsageError, match="already exists"):
            check_new(tmp_path / taken)
    check_new(tmp_path / "sub" / "sub" / "new")  # the folders are created later
    assert not (tmp_path / "sub").exists()
    for taken in ("file", "dangling"):
        with pytest.raises(UsageError, match="is not a folder"):
            check_new(tmp_path / taken / "new")


def test_missing_parent_folders_are_created(tmp_path, make_log, random_games):
    log = make_log(tmp_path / "log", random_games(4))
    for words in (
        f"study {log} --games 2 --practice 0 --output {tmp_path}/a/b/study.html",
        f"measure {log} --only ink --json {tmp_path}/c/ink.json",
        f"render-game --input {log} --output {tmp_path}/d/game.html --game 0",
    ):
        assert commgame.main(words.split()) == 0
        assert Path(words.split(" --output ")[-1].split(" --json ")[-1].split()[0]).is_file()


def test_a_folder_that_appears_meanwhile_is_not_replaced(tmp_path):
    def overtaken(path, theirs):
        with whole_folder(path) as folder:
            (folder / "ours").touch()
            theirs.parent.mkdir(exist_ok=True)
            theirs.touch()

    for name, theirs in (("file", "file"), ("folder", "folder/theirs")):
        with pytest.raises(UsageError, match="already exists"):
            overtaken(tmp_path / name, tmp_path / theirs)
    assert [path.name for path in sorted(tmp_path.rglob("*"))] == ["file", "folder", "theirs"]


TOOLS = {  # the words of a call, with OUTPUT for the file that it writes
    "study": "study LOG --games 2 --practice 0 --output OUTPUT.html",
    "measure": "measure LOG --only ink --json OUTPUT.json",
    "render-game": "render-game --input LOG --output OUTPUT.html --game 0",
    "analyse-logs": "analyse-logs --input LOG --json OUTPUT.json",
    "report": "report LOG --output OUTPUT.html",
    "render-sketches-seeds": "render-sketches-seeds LOG LOG --output OUTPUT.png",
}


@pytest.mark.parametrize("tool", TOOLS)
def test_of_two_calls_at_once_the_second_does_not_replace_the_file_of_the_first(
    tool, make_log, random_games, tmp_path, monkeypatch, capsys
):
    make_log(tmp_path / "log", random_games(4))
    words = TOOLS[tool].replace("LOG", str(tmp_path / "log")).replace("OUTPUT", str(tmp_path / "new"))
    output = Path(next(word for word in words.split() if "/new." in word))
    look = output_module.check_new

    def look_and_be_overtaken(path):
        look(path)
        output.write_text("of the first")

    module = importlib.import_module("learning_to_draw." + COMMANDS[tool].target.split(":")[0])
    monkeypatch.setattr(module, "check_new", look_and_be_overtaken)
    assert commgame.main(words.split()) == 2, capsys.readouterr()
    assert f"{output} already exists, and nothing is overwritten" in capsys.readouterr().err
    assert output.read_text() == "of the first"
    assert not list(tmp_path.glob(".*"))


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that nobody can write to")
def test_a_folder_that_cannot_be_written_to():
    for check in (lambda: check_writable(Path("/proc")), lambda: check_new(Path("/proc/page.html"))):
        with pytest.raises(UsageError, match="/proc cannot be written to"):
            check()


def test_a_folder_is_there_whole_or_not_at_all(tmp_path):
    with whole_folder(tmp_path / "new") as folder:
        (folder / "file").write_text("all")
        assert not (tmp_path / "new").exists()
    assert (tmp_path / "new" / "file").read_text() == "all"

    def interrupted():
        with whole_folder(tmp_path / "other") as folder:
            (folder / "file").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
