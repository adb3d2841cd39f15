"""clip-analysis.json: its entries worked out by hand, and files that do not belong to a log."""

import json

import pytest

from learning_to_draw.analysis.official.clip_entries import Seen, entries, read_entries
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records.gamelog import Turn


def test_entries_of_two_games():
    games = [Turn(0, 1, "s/x", ("t/a", "t/b")), Turn(1, 1, "s/y", ("t/b", "t/a"))]
    seen = {
        "s/x": Seen("cat", "drawing"),
        "s/y": Seen("dog", "photo"),
        "t/a": Seen("ship", "photo"),
        "t/b": Seen("cat", "photo"),
    }
    assert entries(games, seen, ["cat", "ship"]) == [
        {
            "sketch_class": "cat",
            "sketch_template": "drawing",
            "correct_class": "cat",
            "correct_template": "photo",
            "guessed_class": "ship",
            "guessed_template": "photo",
            "true_class": "cat",
        },
        {
            "sketch_class": "dog",
            "sketch_template": "photo",
            "correct_class": "ship",
            "correct_template": "photo",
            "guessed_class": "ship",
            "guessed_template": "photo",
            "true_class": "ship",
        },
    ]


def test_files_of_another_log(tmp_path):
    path = tmp_path / "clip-analysis.json"
    roles = ("sketch", "correct", "guessed")
    entry = {f"{role}_{what}": "x" for role in roles for what in ("class", "template")} | {"true_class": "x"}
    path.write_text(json.dumps([entry, entry]))
    assert read_entries(path, 2) == [entry, entry]
    with pytest.raises(UsageError, match="number of entries is 2, but the log's number of games is 3"):
        read_entries(path, 3)
    for content in ([entry, {"true_class": "x"}], [entry, 7], {"games": 2}):
        path.write_text(json.dumps(content))
        with pytest.raises(UsageError, match=r"missing required field|Expected `(object|array)`"):
            read_entries(path, 2)
    with pytest.raises(UsageError, match="No such file"):
        read_entries(tmp_path / "none.json", 2)
