"""Games of a log and what is counted over them, of logs whose numbers are worked out by hand."""

import json

import numpy as np
import pytest

from learning_to_draw.analysis.report.games import ranking
from learning_to_draw.analysis.report.lexicon import rate_of
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records.gamelog import Turn


def test_an_official_log_has_no_classes_and_no_scores(tmp_path, make_log, random_games, make_report):
    (tmp_path / "eval_cmd.txt").write_text("commgame.py eval --dataset STL10")
    (tmp_path / "log.csv").write_text("epoch,test_loss,test_commrate,test_commrate_std\n0,1,0.5,0.5\n")
    make_log(tmp_path / "gamelogs", list(random_games(10)))
    content = make_report(tmp_path)
    (log,) = content["logs"]
    assert (content["kind"], content["curves"], content["sketches"]) == ("test run", None, None)
    assert log["classes"] is None
    assert log["scored"] is False
    assert [game["right"] for game in log["games"]] == [False] * 5 + [True] * 5
    assert [game["number"] for game in log["games"]] == [1, 3, 5, 7, 9, 0, 2, 4, 6, 8]
    assert [len(game["guesses"]) for game in log["games"]] == [2] * 5 + [1] * 5  # guess and target, once if the same
    assert content["results"] == [
        {
            "label": f"test: {tmp_path.name}",
            "rate": 0.5,
            "low": rate_of(5, 10)["low"],
            "high": rate_of(5, 10)["high"],
            "chance": pytest.approx(1 / 3),
            "games": 10,
            "candidates": "3",
        }
    ]


def test_counts_of_a_log_by_hand(small_log, tmp_path, make_report, nasty):
    content = make_report(small_log, tmp_path / "page.html")
    assert (content["title"], content["kind"], content["status"]) == ("Digits, same game", "game log", "")
    (log,) = content["logs"]
    assert log["result"]["right"] == 3
    assert log["result"]["games"] == 5
    assert log["result"]["among_best"] is None  # there are only three candidates
    assert [(one["name"], one["right"], one["games"]) for one in log["classes"]["lexicon"]] == [
        ("b", 1, 3),
        (nasty, 1, 1),
        ("a", 1, 1),
    ]
    # Wilson's interval of 1 in 3: (1/3 + z^2/6 -+ z sqrt(2/27 + z^2/36)) / (1 + z^2/3), z = 1.96
    assert log["classes"]["lexicon"][0]["low"] == pytest.approx(0.0615, abs=1e-4)
    assert log["classes"]["lexicon"][0]["high"] == pytest.approx(0.7923, abs=1e-4)
    assert log["classes"]["matrix"] == {
        "names": ["b", nasty, "a"],
        "counts": [[1, 1, 1], [0, 1, 0], [0, 0, 1]],
        "played": [3, 1, 1],
        "whole": True,
    }
    assert log["classes"]["confused"] == 2
    assert log["classes"]["same_class"] == 0


def test_a_games_guesses_come_best_first(small_log, tmp_path, make_report, flat, pixels, nasty):
    content = make_report(small_log, tmp_path / "page.html")
    game = content["logs"][0]["games"][0]
    assert (game["number"], game["right"], game["class"]) == (3, False, "b")
    assert [(one["class"], one["rank"]) for one in game["guesses"]] == [("a", 1), ("b", 2), (nasty, 3)]
    # Scores 4, 2 and 0: 1 / (1 + e^-2 + e^-4) is 0.866813.
    assert [one["probability"] for one in game["guesses"]] == [0.866813, 0.117310, 0.015876]
    assert [(one["guess"], one["target"]) for one in game["guesses"]] == [(True, False), (False, True), (False, False)]
    assert (pixels(content, game["photo"]) == flat(10)).all()
    assert (pixels(content, game["sketch"]) == flat(99)).all()
    assert len(content["pictures"]) == 4  # three candidates and a sketch, in five games


def test_the_sender_may_have_seen_another_picture(small_log, tmp_path, make_report, flat, pixels):
    """In `different` games."""
    lines = [json.loads(line) for line in (small_log / "games.jsonl").read_text().splitlines()]
    rows = json.loads((small_log / "games.json").read_text())
    lines[0]["sender_image"] = rows[0]["images"][1]
    lines[0]["sender_class"] = "a"
    (small_log / "games.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    content = make_report(small_log, tmp_path / "page.html")
    (log,) = content["logs"]
    assert log["other_photo"] is True
    [game] = [game for game in log["games"] if game["number"] == 0]
    assert (pixels(content, game["photo"]) == flat(20)).all()
    assert (game["class"], game["photo_class"]) == ("b", "a")
    assert (pixels(content, game["guesses"][0]["picture"]) == flat(10)).all()


def test_a_target_that_is_far_behind_is_shown_all_the_same(tmp_path, make_scored_log, make_report, flat):
    pool = [flat(level) for level in range(10, 90, 10)]
    log = make_scored_log(tmp_path / "log", [(0, 7, flat(99), pool)], [(list("abcdefgh"), [8, 7, 6, 5, 4, 3, 2, 1])])
    (log,) = make_report(log, tmp_path / "page.html")["logs"]
    assert [one["rank"] for one in log["games"][0]["guesses"]] == [1, 2, 3, 4, 5, 8]
    assert log["result"]["among_best"] == {"of": 5, "rate": 0}


def test_of_many_classes_only_the_most_confused_are_in_the_matrix(tmp_path, make_scored_log, make_report, flat):
    names = [f"class {number:02d}" for number in range(40)]
    pool = [flat(5 * number) for number in range(40)]
    pairs = [(number, number) for number in range(40)] + [(1, 0)] * 3 + [(2, 39)] * 2 + [(5, 4)]
    games = [(guess, target, flat(250), pool) for guess, target in pairs]
    scores = [[1.0 if place == guess else 0.0 for place in range(40)] for guess, _ in pairs]
    log = make_scored_log(tmp_path / "log", games, [(names, score) for score in scores], {"classes": names})
    classes = make_report(log, tmp_path / "page.html")["logs"][0]["classes"]
    assert [(pair["target"], pair["guess"], pair["count"], pair["played"]) for pair in classes["pairs"]] == [
        ("class 00", "class 01", 3, 4),
        ("class 39", "class 02", 2, 3),
        ("class 04", "class 05", 1, 2),
    ]
    assert classes["matrix"]["names"] == [names[number] for number in (0, 1, 2, 4, 5, 39)]
    assert classes["matrix"]["counts"][0] == [1, 3, 0, 0, 0, 0]
    assert classes["matrix"]["whole"] is False
    assert len(classes["lexicon"]) == 40


def test_wrong_games_come_first_and_all_are_shown_if_there_is_room(tmp_path, make_log, make_report):
    pictures = [np.full((4, 4), shade, np.uint8) for shade in range(30)]
    games = [(int(number in (3, 17)), 0, pictures[number], pictures[28:]) for number in range(20)]
    log = make_log(tmp_path / "log", games)
    shown = [game["number"] for game in make_report(log, tmp_path / "page.html", max_games=6)["logs"][0]["games"]]
    assert shown[:2] == [3, 17]
    assert len(shown) == 6
    assert shown[2:] == sorted(shown[2:])
    games = [(int(number > 3), 0, pictures[number], pictures[28:]) for number in range(20)]
    log = make_log(tmp_path / "lost", games)
    for most, wrong, right in ((4, 2, 2), (5, 3, 2), (10, 6, 4), (1, 1, 0), (200, 16, 4)):
        games = make_report(log, tmp_path / "lost.html", max_games=most)["logs"][0]["games"]
        assert [game["right"] for game in games] == [False] * wrong + [True] * right


def test_a_score_that_is_not_finite_has_no_probability(small_log, tmp_path, make_report):
    lines = (small_log / "games.jsonl").read_text().replace("4.0", "Infinity")
    (small_log / "games.jsonl").write_text(lines)
    game = make_report(small_log, tmp_path / "page.html")["logs"][0]["games"][0]
    assert [one["probability"] for one in game["guesses"]] == [None] * 3


def test_the_sample_is_drawn_by_its_seed_and_counts_are_of_all(tmp_path, make_log, random_games, make_report):
    log = make_log(tmp_path / "log", list(random_games(40)))
    content = make_report(log, tmp_path / "page.html", max_games=10, seed=5)
    numbers = [game["number"] for game in content["logs"][0]["games"]]
    assert len(set(numbers)) == 10
    assert numbers[:5] == sorted(numbers[:5])
    assert numbers[5:] == sorted(numbers[5:])
    assert content["logs"][0]["total"] == 40
    assert content["logs"][0]["result"]["right"] == 20
    again, other = (make_report(log, tmp_path / "page.html", max_games=10, seed=seed) for seed in (5, 6))
    assert again["logs"][0]["games"] == content["logs"][0]["games"]
    assert [game["number"] for game in other["logs"][0]["games"]] != numbers


def test_pictures_of_games_not_shown_are_not_opened(tmp_path, make_log, random_games, make_report):
    log = make_log(tmp_path / "log", list(random_games(20)))
    shown = make_report(log, tmp_path / "page.html", max_games=1)["logs"][0]["games"][0]["number"]
    rows = json.loads((log / "games.json").read_text())
    kept = {rows[shown]["sketch"], *rows[shown]["images"]}
    for path in log.glob("*/*.png"):
        if str(path.relative_to(log)) not in kept:
            path.unlink()
    make_report(log, tmp_path / "page.html", max_games=1)
    with pytest.raises(UsageError, match="no such file"):
        make_report(log, tmp_path / "page.html", max_games=2)


def test_of_equal_scores_the_guess_comes_first():
    assert ranking(Turn(2, 0, "s", ("a", "b", "c"), scores=(1.0, 1.0, 1.0))) == [2, 0, 1]
    assert ranking(Turn(1, 0, "s", ("a", "b", "c"), scores=(1.0, 3.0, 2.0))) == [1, 2, 0]


def test_chance_is_the_mean_over_games_of_any_size(tmp_path, make_log, make_report):
    pictures = [np.full((4, 4), 20 * shade, np.uint8) for shade in range(5)]
    log = make_log(tmp_path / "log", [(0, 0, pictures[4], pictures[:2]), (0, 1, pictures[4], pictures[:4])])
    assert make_report(log)["logs"][0]["result"]["chance"] == 0.375
    assert dict(make_report(log)["facts"])["candidates"] == "2 to 4"
