"""Nothing is overwritten, and it is said where nothing can be written."""

from pathlib import Path

import pytest

from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records.output import check_new, check_writable, whole_folder


def test_only_a_new_name_in_a_folder_will_do(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    check_new(tmp_path / "new")
    for taken in ("file", "dangling", "."):
        with pytest.raises(UsageError, match="already exists"):
            check_new(tmp_path / taken)
    with pytest.raises(UsageError, match="no folder"):
        check_new(tmp_path / "sub" / "new")
    assert not (tmp_path / "sub").exists()


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
