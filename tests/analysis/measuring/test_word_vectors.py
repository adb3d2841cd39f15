"""Word vectors of classes, from a text file."""

import numpy as np
import pytest

from learning_to_draw.analysis.measure.word_vectors import read_word_vectors, words_of
from learning_to_draw.errors import UsageError


def test_words_of_a_class():
    assert words_of("Faces_easy") == ["faces", "easy"]
    assert words_of("wildCat-2") == ["wild", "cat"]
    assert words_of("n02 GPU") == ["n", "gpu"]
    assert words_of("été") == ["été"]


def test_vectors_of_whole_names_and_of_words(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("4 2\ngrand_piano 9 9\npiano 1 2\ngrand 3 4\nunused x\nsea 0 1e1\n", encoding="utf-8")
    found = read_word_vectors(path, ["grand_piano", "Grand-Piano", "sea_horse", "ibis"])
    assert {name: vector.tolist() for name, vector in found.items()} == {
        "grand_piano": [9, 9],
        "Grand-Piano": [2, 3],
        "sea_horse": [0, 10],
    }


@pytest.mark.parametrize(
    ("lines", "line"),
    [("cat 1 2\ndog 1 2 3\n", 2), ("bird 1 2\ncat 1 two\n", 2), ("cat 1 nan\n", 1), ("cat\ndog\n", 1)],
)
def test_files_that_are_none(tmp_path, lines, line):
    (tmp_path / "vectors.txt").write_text(lines)
    with pytest.raises(UsageError, match=rf"--word-vectors .* cannot be read: line {line}\b"):
        read_word_vectors(tmp_path / "vectors.txt", ["cat", "dog"])
    with pytest.raises(UsageError, match=r"cannot be read: Is a directory\.\n"):
        read_word_vectors(tmp_path, ["cat"])
    assert np.array(list(read_word_vectors(_file(tmp_path), ["cat"]).values())).size == 0


def _file(folder):
    (folder / "other.txt").write_text("bird 1 2\n")
    return folder / "other.txt"
