"""A plugin that somebody else's folder names is run only if the user gives it, or has run the same content before."""

import importlib.util
import json
import logging
import py_compile
import shutil
import subprocess
import sys
import traceback

import numpy as np
import pytest
import torch
from PIL import Image

from learning_to_draw import commgame, plugins
from learning_to_draw.allowed_plugins import allow, is_allowed, list_file
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.config.configure import configure
from learning_to_draw.trials.trained import configure_test

# It leaves a file where it has run.
PLUGIN = """
from pathlib import Path
from learning_to_draw.games.losses.terms import HingeLoss
from learning_to_draw.plugins import loss

Path(__file__).with_name("has-run").touch()

@loss("Theirs")
class Theirs(HingeLoss):
    pass
"""
COMMANDS = {
    "test": "test --weights run/model_final.pt --dry-run",
    "draw": "draw photo.png --weights run/model_final.pt --dry-run",
    "measure": "measure tested --weights run/model_final.pt --only rate",
    "crossplay": "crossplay run/model_00.pt run/model_final.pt --dry-run",
    "train --config": "train --config run/config.json --dry-run",
    "train --resume": "train --resume run --epochs 3 --dry-run",
}


def call(command):
    """The exit code of a command, with no plugin loaded before: as in a process of its own."""
    try:
        return commgame.main(command.split())
    finally:
        forget()


def forget():
    plugins._unregister(list(plugins._registered))
    plugins._loaded.clear()


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    """A folder with a plugin, and a training and a test with it, by somebody with other settings than this user."""
    folder = tmp_path_factory.mktemp("strangers")
    (folder / "parts.py").write_text(PLUGIN)
    Image.fromarray(np.zeros((32, 32), np.uint8)).save(folder / "photo.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("settings")))
        assert (
            call(
                "train --plugin parts.py --loss Theirs --nlines 2 --epochs 2 --snapshot-interval 1 --quiet --output run"
            )
            == 0
        )
        assert call("test --weights run/model_final.pt --quiet --output tested") == 0
    return folder


@pytest.fixture(autouse=True)
def new_user(tmp_path, monkeypatch):
    """A user who has run no plugin on this machine."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def marker(strangers, monkeypatch):
    """The file that the plugin leaves, in the current folder."""
    monkeypatch.chdir(strangers)
    marker = strangers / "has-run"
    marker.unlink(missing_ok=True)
    return marker


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_plugin_is_refused_until_the_user_gives_it_and_then_runs_without_being_given(command, marker, capsys):
    assert call(command) == 2
    told = capsys.readouterr().err
    assert f"needs the plugin {marker.with_name('parts.py')}. A plugin is code, and you have not run this one" in told
    assert f"add --plugin {marker.with_name('parts.py')} to this command" in told
    assert not marker.exists()
    assert not list_file().exists()

    assert call(f"{command} --plugin parts.py") == 0, capsys.readouterr().err
    assert marker.exists()
    marker.unlink()
    assert call(command) == 0, capsys.readouterr().err
    assert marker.exists()


@pytest.mark.parametrize("command", ["list --plugin parts.py", "check parts.py"])
def test_list_and_check_allow_a_plugin(command, marker):
    assert call(command) == 0
    marker.unlink()
    assert call(COMMANDS["train --config"]) == 0
    assert marker.exists()


def test_plugin_in_python_allows_it(marker):
    with pytest.raises(UsageError, match="you have not run this one on this machine"):
        configure_test("run/model_final.pt")
    assert not marker.exists()
    assert configure("train", plugin="parts.py", loss="Theirs").loss.name == "Theirs"
    marker.unlink()
    forget()
    assert configure_test("run/model_final.pt").loss.name == "Theirs"
    assert marker.exists()


def test_the_copy_in_a_run_s_folder_is_no_proof(strangers, tmp_path, monkeypatch, capsys):
    shutil.copytree(strangers / "run", tmp_path / "sent")
    for name in ("model_final.pt", "resume.pt"):
        content = torch.load(tmp_path / "sent" / name, weights_only=True)
        content["options"]["plugin"] = "plugin.py"
        torch.save(content, tmp_path / "sent" / name)
    monkeypatch.chdir(tmp_path / "sent")
    for command in ("test --weights model_final.pt --dry-run", "train --resume . --epochs 3 --dry-run"):
        assert call(command) == 2
        assert "needs the plugin plugin.py. A plugin is code" in capsys.readouterr().err
    assert not (tmp_path / "sent" / "has-run").exists()


def test_an_allowed_plugin_that_has_changed_is_not_run(marker, capsys):
    assert call("list --plugin parts.py") == 0
    marker.unlink()
    parts = marker.with_name("parts.py")
    try:
        parts.write_text(PLUGIN + "# changed")
        assert call(COMMANDS["test"]) == 2
        assert "parts.py, which has changed since" in capsys.readouterr().err
        assert not marker.exists()
    finally:
        parts.write_text(PLUGIN)


@pytest.mark.parametrize(
    ("versions", "told"),
    [
        (None, "Expected `object`, got `null`"),
        ([], "Expected `object`, got `array`"),
        ({"plugin": None}, "Expected `str`, got `null`"),
        ({"plugin": 64 * "0"}, "parts.py, which has changed since"),
    ],
)
def test_a_configuration_with_another_hash_runs_nothing(versions, told, marker, tmp_path, capsys):
    assert call("list --plugin parts.py") == 0
    marker.unlink()
    config = json.loads(marker.with_name("run").joinpath("config.json").read_text())
    (tmp_path / "sent.json").write_text(json.dumps(config | {"versions": versions}))
    assert call(f"train --config {tmp_path / 'sent.json'} --dry-run") == 2
    assert told in capsys.readouterr().err
    assert not marker.exists()


def test_a_plugin_that_fails_is_not_remembered(tmp_path):
    (tmp_path / "half.py").write_text(PLUGIN + "raise RuntimeError('half')")
    with pytest.raises(UsageError, match="half"):
        plugins.load(tmp_path / "half.py")
    assert not list_file().exists()


def test_compiled_code_next_to_a_plugin_is_not_run(tmp_path):
    """Python's own import would run such a .pyc file without looking at the plugin."""
    plugin, compiled = tmp_path / "parts.py", importlib.util.cache_from_source(str(tmp_path / "parts.py"))
    (tmp_path / "other.py").write_text(PLUGIN.replace("has-run", "other-has-run"))
    never = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(tmp_path / "other.py"), compiled, invalidation_mode=never)
    plugin.write_text(PLUGIN)
    plugins.load(plugin)
    assert (tmp_path / "has-run").exists()
    assert not (tmp_path / "other-has-run").exists()


def test_a_traceback_shows_the_lines_that_were_run(tmp_path):
    plugin = tmp_path / "parts.py"
    plugin.write_text(PLUGIN + "    def __call__(self, scores, targets):\n        return 'first' / 2\n")
    plugins.load(plugin)
    plugin.write_text("# another file\n" * 30)
    with pytest.raises(TypeError) as told:
        plugins.LOSSES["Theirs"].target.__call__(None, None, None)
    assert "return 'first' / 2" in "".join(traceback.format_exception(told.value))


def test_the_run_s_copy_is_the_content_that_was_run(tmp_path):
    """Lines may end in other ways, and a file has the encoding that it declares."""
    content = PLUGIN.replace("\n", "\r\n").encode() + b"# caf\xe9\r\n"
    (tmp_path / "parts.py").write_bytes(b"# -*- coding: latin-1 -*-" + content)
    run = f"--quiet --epochs 1 --nlines 2 --output {tmp_path / 'run'}"
    assert call(f"train --plugin {tmp_path / 'parts.py'} --loss Theirs {run}") == 0
    assert (tmp_path / "run" / "plugin.py").read_bytes() == (tmp_path / "parts.py").read_bytes()


def test_a_list_that_cannot_be_written_is_one_line_in_the_log(tmp_path, monkeypatch, caplog, marker):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    with caplog.at_level(logging.INFO):
        plugins.load(marker.with_name("parts.py"))
    assert [record.getMessage() for record in caplog.records] == [
        f"{marker.with_name('parts.py')} cannot be added to the list of plugins that you have run (Not a directory): "
        "give --plugin with every command that uses this plugin"
    ]
    forget()
    assert call(COMMANDS["test"]) == 2


def test_a_list_in_the_current_folder_is_not_believed(tmp_path, monkeypatch, caplog):
    """Without a home folder, as in a container, ~ may be taken for the name of a folder."""
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~" / ".config" / "learning-to-draw").mkdir(parents=True)
    (tmp_path / "~" / ".config" / "learning-to-draw" / "plugins.txt").write_text("a" * 64 + "\n")
    assert not is_allowed("a" * 64)
    allow("b" * 64, tmp_path / "parts.py")
    assert "there is no home folder" in caplog.text


def test_the_list_holds_each_hash_once_and_no_file_name_can_add_another(tmp_path):
    name = tmp_path / f"parts\n{'b' * 64}\u2028{'c' * 64}\n.py"
    for _ in range(2):
        allow("a" * 64, name)
    title, line = list_file().read_text(encoding="utf-8").splitlines()
    assert title.startswith("# SHA-256")
    assert line == f"{'a' * 64}  # {str(name)!r}"
    assert [is_allowed(letter * 64) for letter in "abc"] == [True, False, False]


def test_a_line_that_was_cut_short_does_not_hide_the_next(tmp_path):
    allow("a" * 64, tmp_path / "a.py")
    with list_file().open("a") as file:
        file.write("b" * 63)
    allow("d" * 64, tmp_path / "d.py")
    assert [is_allowed(text) for text in ("a" * 64, "b" * 63 + "d", "d" * 64)] == [True, False, True]


ADD = """
import sys
from pathlib import Path
from learning_to_draw.allowed_plugins import allow
for number in range(40):
    allow(f"{sys.argv[1]}{number:063}", Path("p" * 300))
"""


def test_processes_that_add_at_once_lose_nothing(program):
    arguments = [[sys.executable, "-c", ADD, letter] for letter in "abc"]
    started = [subprocess.Popen(words, cwd=program.parent) for words in arguments]
    assert [process.wait() for process in started] == [0, 0, 0]
    assert all(is_allowed(f"{letter}{number:063}") for letter in "abc" for number in range(40))
