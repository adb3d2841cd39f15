"""Lists of true classes read back, and files that are none."""

import pytest

from learning_to_draw.analysis.official.hash_classes import read_hash_classes
from learning_to_draw.errors import UsageError

A, B = "a" * 32, "b" * 32


def test_names_may_hold_commas_and_the_first_class_counts(tmp_path):
    path = tmp_path / "classes.csv"
    path.write_text(f'{A},"cat, tame"\n{B},dog\n{B},wolf\n')
    assert read_hash_classes(path) == {A: "cat, tame", B: "dog"}


def test_blank_lines_are_skipped(tmp_path):
    path = tmp_path / "classes.csv"
    path.write_text(f"\n{A},cat\n\n{B},dog\n\n\n")
    assert read_hash_classes(path) == {A: "cat", B: "dog"}


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path):
    path = tmp_path / "classes.csv"
    path.write_text(f"{A},Käfer\r\n{B},dog\r\n", encoding="utf-8-sig", newline="")
    assert read_hash_classes(path) == {A: "Käfer", B: "dog"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "it is empty"),
        (b"\n\n", "it is empty"),
        (b"loading data\n", "line 1 is not md5,class"),
        (f"{A},cat\n{B}\n".encode(), "line 2 is not md5,class"),
        (b"short,cat\n", "line 1 is not md5,class"),
        (b"\xff\xfe\n", "decode"),
        (None, "No such file"),
    ],
)
def test_what_is_no_list(content, told, tmp_path):
    path = tmp_path / "classes.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=told) as error:
        read_hash_classes(path)
    assert "dump-hashes-classes --name" in str(error.value)
