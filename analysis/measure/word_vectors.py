"""Reads the word vectors of classes from a file, and splits the name of a class into words."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import numpy as np

from learning_to_draw.errors import UsageError, first_line


def read_word_vectors(path: Path, names: Collection[str]) -> dict[str, np.ndarray]:
    """Returns class -> float64 [D], for those of the classes `names` that have a word in the file.

    path: a text file with one word per line, followed by D numbers, as from word2vec (Mikolov et al. 2013) or GloVe
    (Pennington et al. 2014). A first line with two numbers is a header. A class has the vector of its whole name in
    lower case or, if that is not in the file, the mean vector of its words that are in the file. Raises UsageError if
    the file cannot be read, or if the lines that are used differ in the number of values or have values that are not
    finite.
    """
    wanted = {word for name in names for word in (name.lower(), *words_of(name))}
    vectors: dict[str, np.ndarray] = {}
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, start=1):
                word, _, numbers = line.rstrip().partition(" ")
                if word not in wanted or (number == 1 and len(numbers.split()) == 1):
                    continue
                try:
                    vector = vectors.setdefault(word, np.array(numbers.split(), dtype=np.float64))
                except ValueError as error:
                    raise ValueError(f"line {number}: {first_line(error)}") from error
                if not 0 < len(vector) == len(next(iter(vectors.values()))) or not np.isfinite(vector).all():
                    raise ValueError(f"line {number} does not hold as many finite numbers as other lines")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else first_line(error)
        raise UsageError(
            f"--word-vectors {path} cannot be read: {reason}.\n"
            "Give a text file with one word per line, followed by its numbers, such as glove.6B.50d.txt."
        ) from error
    found = {}
    for name in names:
        parts = [name.lower()] if name.lower() in vectors else [word for word in words_of(name) if word in vectors]
        if parts:
            found[name] = np.mean([vectors[part] for part in parts], axis=0)
    return found


def words_of(name: str) -> list[str]:
    """Returns the words of a class's name, in lower case: ["faces", "easy"] for "Faces_easy", ["wild", "cat"] for
    "wildCat"."""
    return [word.lower() for word in re.findall(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+", name)]
