"""The examples of docs/extending.md, and a clean slate: components of plugins are forgotten after each test."""

import re
from pathlib import Path

import pytest

from learning_to_draw import plugins

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _forget_afterwards():
    """Other tests go through all components there are."""
    yield
    plugins._unregister(list(plugins._registered))
    plugins._loaded.clear()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def page():
    """Pairs: a file of docs/extending.md, and the commands for it, as printed."""
    text = (ROOT / "docs" / "extending.md").read_text()
    files, commands = (re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL) for language in ("python", "sh"))
    return list(zip(files, map(str.splitlines, commands), strict=True))


@pytest.fixture(scope="module")
def written(tmp_path_factory, page):
    """A folder with the file of the example of a game and a decoder."""
    folder = tmp_path_factory.mktemp("example")
    (folder / "my_parts.py").write_text(page[1][0])
    return folder


@pytest.fixture(scope="session")
def program():
    """The file commgame.py, for a process of its own."""
    return ROOT / "commgame.py"
