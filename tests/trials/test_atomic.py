"""Files are synced before they get their names, and a file that appears meanwhile is not replaced."""

import os
import shutil
from pathlib import Path

import pytest

from learning_to_draw import commgame
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records.atomic import final_name, make_folder, temporary_path, write_atomically, write_text
from learning_to_draw.trials.records.claim import claimed


@pytest.fixture
def synced(monkeypatch):
    """The inodes of the files and folders that have been synced, in order, with the names that they had by then."""
    seen, fsync = [], os.fsync

    def note(descriptor):
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        seen.append((path.stat().st_ino, os.listdir(path) if path.is_dir() else path.name))
        return fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    return seen


pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")


def test_a_file_is_synced_before_it_is_renamed_and_its_folder_afterwards(tmp_path, synced):
    write_text(tmp_path / "note.txt", "old")
    write_text(tmp_path / "note.txt", "new")
    file = (tmp_path / "note.txt").stat().st_ino
    (first, name), (folder, listed) = synced[2:]
    assert (first, final_name(name)) == (file, "note.txt")
    assert name != "note.txt"
    assert (folder, listed) == (tmp_path.stat().st_ino, ["note.txt"])


def test_a_new_folder_is_synced_with_its_parents(tmp_path, synced):
    make_folder(tmp_path / "a" / "b" / "c")
    parents = [tmp_path / "a" / "b", tmp_path / "a", tmp_path]
    assert [inode for inode, _ in synced] == [path.stat().st_ino for path in parents]


def test_everything_that_runs_leave_behind_is_synced(tmp_path, synced):
    run, tested = tmp_path / "run", tmp_path / "tested"
    assert commgame.main(["train", "--epochs", "1", "--batch-size", "150", "--output", str(run)]) == 0
    weights = str(run / "model_final.pt")
    assert commgame.main(["test", "--weights", weights, "--batch-size", "20", "--output", str(tested)]) == 0
    inodes = {inode for inode, _ in synced}
    left = [run, tested, *run.rglob("*"), *tested.rglob("*")]
    assert [path for path in left if path.stat().st_ino not in inodes] == []


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path, monkeypatch):
    def write(temporary):
        temporary.write_text("ours")
        (tmp_path / "page.html").write_text("theirs")

    def link_of_a_file_system_without_links(*_):
        raise PermissionError(1, "Operation not permitted")

    for _ in range(2):
        with pytest.raises(UsageError, match=r"page\.html already exists, and nothing is overwritten"):
            write_atomically(tmp_path / "page.html", write, new=True)
        assert (tmp_path / "page.html").read_text() == "theirs"
        write_text(tmp_path / "other.html", "new", new=True)
        assert sorted(os.listdir(tmp_path)) == ["other.html", "page.html"]
        (tmp_path / "other.html").unlink()
        monkeypatch.setattr(os, "link", link_of_a_file_system_without_links)


def test_the_file_before_keeps_its_content_under_another_name(tmp_path):
    for text in ("first", "second", "third"):
        write_atomically(
            tmp_path / "a.pt", lambda path, text=text: path.write_text(text), previous=tmp_path / "a_previous.pt"
        )
    assert (tmp_path / "a.pt").read_text() == "third"
    assert (tmp_path / "a_previous.pt").read_text() == "second"


@pytest.mark.parametrize("name", ["log.csv", "config.json", "README", "a.b.c.txt"])
def test_the_name_of_a_temporary_file_tells_the_final_one(tmp_path, name):
    temporary = temporary_path(tmp_path / name)
    assert temporary.name.startswith(".")
    assert temporary.suffix == (Path(name).suffix or ".tmp")
    assert final_name(temporary.name) == name
    assert final_name(name) == name


def test_a_claim_excludes_others_until_it_ends_also_if_the_file_is_replaced(tmp_path):
    path = tmp_path / "config.json"
    path.write_text("{}")
    with claimed(path), pytest.raises(UsageError, match=f"another process is using {tmp_path}"), claimed(path):
        pass
    with claimed(path):
        pass
    with path.open("rb"):
        shutil.copy(path, tmp_path / "copy")
        os.replace(tmp_path / "copy", path)
        with claimed(path):
            pass
