"""Files and folders that systems leave in a data set are not part of it."""

from learning_to_draw.datasets.listing import visible


def test_hidden_files_and_the_contents_of_system_folders_are_passed_over(tmp_path):
    for name in (
        *("b/2.png", "a/1.png", "a/deeper/3.png", "a/._1.png", "a/.DS_Store", ".trash/1.png", "a/.thumbs/1.png"),
        *("a/@eaDir/1.png/large.png", "__MACOSX/a/1.png", "$RECYCLE.BIN/1.png", "a/notes.txt"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    names = [str(path.relative_to(tmp_path)) for path in visible(tmp_path, "**/*.png")]
    assert names == ["a/1.png", "a/deeper/3.png", "b/2.png"]
    assert [path.name for path in visible(tmp_path, "*")] == ["a", "b"]


def test_a_data_set_in_a_hidden_folder_is_listed(tmp_path):
    (tmp_path / ".data" / "a").mkdir(parents=True)
    (tmp_path / ".data" / "a" / "1.png").write_bytes(b"")
    assert visible(tmp_path / ".data", "*/*.png") == [tmp_path / ".data" / "a" / "1.png"]
