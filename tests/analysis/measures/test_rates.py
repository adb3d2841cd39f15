"""Counts by class, worked out by hand."""

import numpy as np
import pytest

from learning_to_draw.analysis.measures.rates import class_counts, confusion


def test_games_are_counted_by_class():
    right = [True, False, True, True]
    assert class_counts(right, ["owl", "cat", "owl", "cat"]) == {"cat": (1, 2), "owl": (2, 2)}
    assert list(class_counts(right, ["owl", "cat", "owl", "cat"])) == ["cat", "owl"]


def test_rows_are_what_was_shown_and_columns_what_was_guessed():
    shown, guessed = ["cat", "cat", "dog", "owl"], ["dog", "cat", "dog", "cat"]
    counts = confusion(shown, guessed, ["cat", "dog", "owl"])
    assert np.array_equal(counts, [[1, 1, 0], [0, 1, 0], [1, 0, 0]])
    with pytest.raises(KeyError):
        confusion(["ant"], ["cat"], ["cat"])
