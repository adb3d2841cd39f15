"""A sample of a log is a log, and the same for the same seed."""

import ast
import csv
import json
import random
from pathlib import Path

import pytest

from learning_to_draw.analysis.official.sample_gamelogs import sample_gamelogs
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records.gamelog import read_log


@pytest.fixture
def log(tmp_path, make_log, random_games):
    return make_log(tmp_path / "gamelogs", random_games(40))


def test_a_sample_is_a_log_with_its_pictures_only(log, tmp_path):
    said = sample_gamelogs(log, tmp_path / "few", 7, 1)
    whole, few = read_log(log), read_log(tmp_path / "few")
    drawn = sorted(random.Random(1).sample(range(40), 7))
    assert few.games == tuple(whole.games[number] for number in drawn)
    assert few.rows(range(7)) == whole.rows(drawn)
    named = {name for game in few.games for name in game.pictures}
    assert {str(path.relative_to(few.folder)) for path in few.folder.rglob("*.png")} == named
    for name in named:
        assert (few.folder / name).read_bytes() == (log / name).read_bytes()
    with (few.folder / "games.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [ast.literal_eval(row["images"]) for row in table] == [row["images"] for row in few.rows(range(7))]
    assert [row["reciever_guess_correct"] for row in table] == [str(game.correct) for game in few.games]
    assert said == f"7 of 40 games, with {len(named)} pictures, written to {tmp_path / 'few'}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["few", "gamelogs"]


def test_the_seed_decides(log, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        sample_gamelogs(log, tmp_path / name, 7, seed)
    text = {name: (tmp_path / name / "games.json").read_text() for name in "abc"}
    assert text["a"] == text["b"] != text["c"]


def test_keys_of_other_programs_are_kept(log, tmp_path):
    rows = [row | {"note": "mine"} for row in json.loads((log / "games.json").read_text())]
    (log / "games.json").write_text(json.dumps(rows))
    sample_gamelogs(log, tmp_path / "few", 3, 1)
    assert all(row["note"] == "mine" for row in read_log(tmp_path / "few").rows(range(3)))


def test_keys_that_only_some_games_have_are_columns_too(log, tmp_path):
    rows = json.loads((log / "games.json").read_text())
    rows = [row | ({"note": "\udcff mine"} if number == 39 else {"sum": 7}) for number, row in enumerate(rows)]
    (log / "games.json").write_text(json.dumps(rows))
    sample_gamelogs(log, tmp_path / "all", 40, 1)
    with (tmp_path / "all" / "games.csv").open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [(row["sum"], row["note"]) for row in table] == [("7", "")] * 39 + [("", "\\udcff mine")]
    assert json.loads((tmp_path / "all" / "games.json").read_text()) == rows


def test_the_sample_lies_beside_the_log_from_wherever_that_is_named(log, tmp_path, monkeypatch):
    monkeypatch.chdir(log / "sketch-images")
    sample_gamelogs(Path(".."), None, 2, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gamelogs", "gamelogs-sampled"]
    assert sorted(path.name for path in log.iterdir()) == ["games.csv", "games.json", "sketch-images", "target-images"]


def test_its_name_where_none_is_given(log, tmp_path, monkeypatch):
    sample_gamelogs(log, None, 2, 0)
    assert len(read_log(tmp_path / "gamelogs-sampled").games) == 2
    monkeypatch.chdir(log)
    with pytest.raises(UsageError, match="gamelogs-sampled already exists"):
        sample_gamelogs(log.relative_to(log), None, 2, 0)


def test_all_games_can_be_drawn_but_no_more(log, tmp_path):
    with pytest.raises(UsageError, match=r"has fewer games\.\nGive at most 40"):
        sample_gamelogs(log, tmp_path / "few", 41, 0)
    assert not (tmp_path / "few").exists()
    sample_gamelogs(log, tmp_path / "few", 40, 0)
    assert read_log(tmp_path / "few").games == read_log(log).games


def test_nothing_is_left_where_a_picture_is_missing(log, tmp_path):
    for path in (log / "sketch-images").iterdir():
        path.unlink()
    with pytest.raises(UsageError, match="no such file"):
        sample_gamelogs(log, tmp_path / "few", 3, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["gamelogs"]


def test_a_sample_has_scores_strokes_and_a_card_too(tmp_path, make_full_log):
    whole = read_log(make_full_log(tmp_path / "run"))
    sample_gamelogs(tmp_path / "run", tmp_path / "few", 5, 3)
    drawn, few = sorted(random.Random(3).sample(range(16), 5)), read_log(tmp_path / "few")
    assert few.games == tuple(whole.games[number] for number in drawn)
    assert (few.strokes().points == whole.strokes().points[drawn]).all()
    assert few.card["games"] == 5
    assert few.card["communication_rate"] == sum(game.correct for game in few.games) / 5
    assert few.card["classes"] == list("abcd")
