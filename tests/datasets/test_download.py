"""Downloads that work, and downloads that do not."""

from urllib.error import URLError

import pytest

from learning_to_draw.datasets.download import download_folder
from learning_to_draw.errors import UsageError


def test_a_finished_download_is_moved_into_place(tmp_path):
    root = tmp_path / "a" / "b"

    def fetch(folder):
        (folder / "things" / "deep").mkdir(parents=True)
        (folder / "things" / "deep" / "x.txt").write_text("x")
        (folder / "archive.zip").write_text("not kept")

    download_folder(root, "things", fetch, "", "")
    assert [path.name for path in root.iterdir()] == ["things"]
    assert (root / "things" / "deep" / "x.txt").read_text() == "x"


def test_what_is_there_already_is_kept_or_replaced(tmp_path):
    (tmp_path / "things").mkdir()
    (tmp_path / "things" / "mine.txt").write_text("mine")
    (tmp_path / "things" / "broken.txt").write_text("bro")

    def fetch(folder):
        (folder / "things").mkdir()
        (folder / "things" / "broken.txt").write_text("whole")

    download_folder(tmp_path, "things", fetch, "", "")
    assert (tmp_path / "things" / "mine.txt").read_text() == "mine"
    assert (tmp_path / "things" / "broken.txt").read_text() == "whole"


@pytest.mark.parametrize("error", [URLError("no route"), RuntimeError("no route\nat all"), KeyError("no route")])
def test_a_failed_download_leaves_nothing_behind(tmp_path, error):
    def fetch(folder):
        (folder / "half.zip").write_text("ha")
        raise error

    with pytest.raises(UsageError) as caught:
        download_folder(tmp_path / "a" / "b", "things", fetch, "Things: not there.", "Do this.")
    lines = str(caught.value).splitlines()
    assert lines[0] == "Things: not there."
    assert "no route" in lines[1]
    assert ("at all" in lines[1]) == ("at all" in str(error))  # the reason may stand on a later line
    assert lines[2].strip() == "Do this."
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_nothing_behind_either(tmp_path):
    def fetch(folder):
        (folder / "half.zip").write_text("ha")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download_folder(tmp_path / "a", "things", fetch, "", "")
    assert list(tmp_path.iterdir()) == []


def test_a_root_that_is_a_file(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(UsageError, match="Things: not there"):
        download_folder(tmp_path / "a" / "b", "things", lambda folder: None, "Things: not there.", "Do this.")
