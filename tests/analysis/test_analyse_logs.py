"""The official counters, of games worked out by hand."""

import json

import numpy as np
import pytest

from learning_to_draw.analysis.official.analyse_logs import analyse_logs, count, table
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records.gamelog import Turn

WON, LOST = Turn(1, 1, "s", ("a", "b")), Turn(0, 1, "s", ("a", "b"))


def entry(sketch, correct, guessed, true, templates="dpp"):
    names = {"d": "drawing", "p": "photo"}
    return {
        "sketch_class": sketch,
        "sketch_template": names[templates[0]],
        "correct_class": correct,
        "correct_template": names[templates[1]],
        "guessed_class": guessed,
        "guessed_template": names[templates[2]],
        "true_class": true,
    }


GAMES = [WON, WON, LOST, LOST, LOST, WON]
ENTRIES = [
    entry("cat", "cat", "cat", "cat"),
    entry("dog", "dog", "dog", "cat", "ppp"),
    entry("cat", "dog", "cat", "cat", "dpd"),
    entry("cat", "dog", "dog", "cat", "ddd"),
    entry("dog", "cat", "dog", "cat"),
    entry("dog", "cat", "cat", "cat"),
]
EXPECTED = {
    "commrate": 3,
    "sketch_class_matches_true": 3,
    "sketch_class_matches_correct": 2,
    "sketch_class_matches_correct_and_true": 1,
    "sketch_class_matches_guess": 4,
    "sketch_class_matches_guess_and_true": 2,
    "correct_class_matches_true": 3,
    "guess_class_matches_true": 3,
    "sketch_is_drawing": 5,
    "correct_is_photo": 5,
    "guess_is_photo": 4,
}


def test_the_official_counters_in_their_order():
    assert list(count(GAMES, ENTRIES).items()) == list(EXPECTED.items())
    assert count(GAMES, None) == {"commrate": 3}


def test_the_table_is_aligned():
    assert table({"commrate": 2, "sketch_is_drawing": 14}, 16).splitlines() == [
        "of 16 games        count    mean",
        "commrate               2  0.1250",
        "sketch_is_drawing     14  0.8750",
    ]


@pytest.fixture
def log(tmp_path, make_log):
    pixels = [np.full((2, 2), level, dtype=np.uint8) for level in (1, 2)]
    return make_log(tmp_path / "log", [(game.guess, game.target, pixels[0], pixels) for game in GAMES])


def test_a_log_with_an_analysis(log, tmp_path):
    (log / "clip-analysis.json").write_text(json.dumps(ENTRIES))
    printed = analyse_logs(log, None, tmp_path / "numbers.json")
    lines = [line.split() for line in printed.splitlines()[1:]]
    assert {name: int(number) for name, number, _ in lines} == EXPECTED
    assert [float(mean) for *_, mean in lines] == [round(number / 6, 4) for number in EXPECTED.values()]
    written = json.loads((tmp_path / "numbers.json").read_text())
    assert written["games"] == 6
    assert written["counters"]["guess_is_photo"] == {"count": 4, "mean": 4 / 6}
    assert list(written["counters"]) == list(EXPECTED)
    with pytest.raises(UsageError, match="already exists"):
        analyse_logs(log, None, tmp_path / "numbers.json")


def test_a_log_without_one_and_one_elsewhere(log, tmp_path):
    assert analyse_logs(log, None, None).splitlines()[1:] == ["commrate      3  0.5000"]
    with pytest.raises(UsageError, match="No such file"):
        analyse_logs(log, tmp_path / "mine.json", None)
    (tmp_path / "mine.json").write_text(json.dumps(ENTRIES))
    assert len(analyse_logs(log, tmp_path / "mine.json", None).splitlines()) == 12
