"""Files that somebody else wrote: what is read of them, and what is refused."""

import logging
import os
import sys

import pytest

from learning_to_draw import console, streams
from learning_to_draw.errors import UsageError
from learning_to_draw.reading import Options, check, inside, parse_json, read_bytes, read_json, read_toml


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"epochs": 3, "epochs": 4}', "a key occurs twice"),
        ('{"invert": "\\ud834"}', "half a character"),
        ("[" * 100_000, "nested too deeply"),
        ('{"sizes": {"x": 1}}', "got `object`"),
        ('{"sizes": [[1]]}', "got `array`"),
        ('{"size": 99999999999999999999}', "Expected `int` <= 9223372036854775807"),
        ("9" * 5000, "digits"),
        ("[3]", "Expected `object`, got `array`"),
    ],
)
def test_json_that_is_refused(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_json(text, Options)


def test_a_byte_order_mark_and_the_bytes_of_a_file_name_are_read(tmp_path):
    path = tmp_path / "options.json"
    path.write_bytes(b'\xef\xbb\xbf{"name": "owl\\udcfe", "sizes": [1, 2.5, null]}')
    assert read_json(path, Options) == {"name": "owl\udcfe", "sizes": [1, 2.5, None]}


def test_what_only_looks_like_a_mapping_has_another_type():
    class Tensor:
        def __getitem__(self, index):
            return 1.0

    with pytest.raises(ValueError, match="keys"):
        check({"options": Tensor()}, dict[str, Options])


def test_toml_is_read_and_what_is_no_toml_or_has_another_type_is_refused(tmp_path):
    path = tmp_path / "options.toml"
    path.write_text('epochs = 3\nname = "owl"\nsizes = [1, 2.5]\n')
    assert read_toml(path, Options) == {"epochs": 3, "name": "owl", "sizes": [1, 2.5]}
    for text, reason in (("epochs = 3\nepochs = 4", "Cannot overwrite"), ("[sizes]\nx = 1", "got `object`")):
        path.write_text(text)
        with pytest.raises(UsageError, match=reason):
            read_toml(path, Options)


def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    for name in ("pipe", "zeros", "."):
        with pytest.raises(UsageError, match=r"cannot be read: (it is not a regular file|Is a directory)"):
            read_bytes(tmp_path / name)
    with pytest.raises(UsageError, match="No such file"):
        read_bytes(tmp_path / "gone")


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "sparse.json").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UsageError, match="it has more than 32 MiB"):
        read_json(tmp_path / "sparse.json", Options)


def test_links_may_not_lead_out_of_a_folder(tmp_path):
    run = tmp_path / "run"
    (run / "pictures").mkdir(parents=True)
    (tmp_path / "mine.txt").write_text("mine")
    (run / "near.txt").write_text("near")
    (run / "link.txt").symlink_to("near.txt")
    (tmp_path / "same run").symlink_to(run)
    for folder in (run, tmp_path / "same run"):  # a folder may itself be reached through a link
        assert inside(folder, "link.txt").read_text() == "near"
    (run / "out.txt").symlink_to("../mine.txt")
    (run / "pictures" / "up").symlink_to("../..")
    for name in ("out.txt", "../mine.txt", "pictures/up/mine.txt"):
        with pytest.raises(UsageError, match="leads out of"):
            inside(run, name)


def test_a_value_keeps_keys_that_a_schema_does_not_name():
    content = {"a": 1, "b": {"c": []}}
    assert check(content, dict[str, object]) is content


def test_control_characters_of_a_text_are_escaped_on_a_terminal(capsys):
    text = "owl\x1b[31m\x9b2J\r\u202e\u2066\tend\nnext ü✓"
    shown = r"owl\x1b[31m\x9b2J\r\u202e\u2066" + "\tend\nnext ü✓\n"
    streams.show(text)
    console.log_to(sys.stderr)
    logging.getLogger("commgame").warning(text)

    def fail():
        raise UsageError(text)

    assert console.exit_code(fail) == 2
    out, err = capsys.readouterr()
    assert out == shown
    assert err == shown + "error: " + shown.replace("\n", "\n       ").rstrip(" ")
