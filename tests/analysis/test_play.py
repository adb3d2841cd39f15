"""Playing with agents, without a browser: strokes that follow a hand, games, answers to the page, and the log."""

import json

import numpy as np
import pytest
import torch

from learning_to_draw import commgame
from learning_to_draw.analysis.play.fit import TOLERANCE, fitted
from learning_to_draw.analysis.play.games import DRAW, GUESS, Games, PlayLog
from learning_to_draw.analysis.play.server import Answers
from learning_to_draw.analysis.study.answers import read_answers
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import set_up
from learning_to_draw.trials.config.configure import configure
from learning_to_draw.trials.records.gamelog import read_log

STARTED = "2026-01-02_03-04-05"


def distance_to_lines(points, lines):
    """The distance of every point [M, 2] to the nearest of the lines [K, 2, 2], over 1000 places on each."""
    t = np.linspace(0, 1, 1000)[:, None]
    places = np.concatenate([start + t * (end - start) for start, end in lines])
    return np.linalg.norm(points[:, None] - places[None], axis=2).min(axis=1)


def on_curve(controls, count):
    """Places [count, 2] on a cubic Bezier curve with the controls [4, 2]."""
    t = np.linspace(0, 1, count)[:, None]
    a, b, c, d = controls
    return (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d


def test_a_straight_path_is_one_line():
    path = np.linspace([-0.5, 0.2], [0.7, 0.4], 30)
    np.testing.assert_allclose(fitted(path, 2, 8), path[None, [0, -1]])


def test_a_corner_is_two_lines():
    path = np.concatenate([np.linspace([0, 0], [0, 0.9], 20), np.linspace([0, 0.9], [0.8, 0.9], 20)])
    np.testing.assert_allclose(fitted(path, 2, 8), [[[0, 0], [0, 0.9]], [[0, 0.9], [0.8, 0.9]]])


@pytest.mark.parametrize(("most", "furthest"), [(20, TOLERANCE), (8, 0.06), (4, 0.3)])
def test_lines_stay_near_a_circle_as_far_as_their_number_allows(most, furthest):
    angle = np.linspace(0, 2 * np.pi, 200)
    path = 0.8 * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    lines = fitted(path, 2, most)
    assert len(lines) <= most
    assert distance_to_lines(path, lines).max() <= furthest + 0.01
    np.testing.assert_array_equal(lines[:-1, 1], lines[1:, 0])  # the pieces meet


def test_a_curve_follows_an_arc():
    angle = np.linspace(0, np.pi / 2, 100)
    path = 0.8 * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    (curve,) = fitted(path, 4, 5)
    np.testing.assert_allclose(np.linalg.norm(on_curve(curve, 200), axis=1), 0.8, atol=0.002)
    # The usual cubic Bezier curve of a quarter circle has its controls at 0.5523 of the radius along the tangents.
    expected = 0.8 * np.array([[0, 1], [0.5523, 1], [1, 0.5523], [1, 0]])
    np.testing.assert_allclose(curve, expected, atol=0.02)


def test_a_winding_path_is_several_curves_that_meet():
    t = np.linspace(0, 1, 300)
    path = np.stack([0.6 * np.sin(6 * np.pi * t), 1.6 * t - 0.8], axis=1)
    curves = fitted(path, 4, 12)
    assert 3 <= len(curves) <= 12
    np.testing.assert_array_equal(curves[:-1, 3], curves[1:, 0])
    places = np.concatenate([on_curve(curve, 300) for curve in curves])
    assert np.linalg.norm(path[:, None] - places[None], axis=2).min(axis=1).max() <= TOLERANCE
    assert len(fitted(path, 4, 2)) == 2


def test_points_lie_at_equal_distances_along_the_path():
    points = fitted(np.linspace([0, -0.75], [0, 0.75], 50), 1, 30)[:, 0]
    np.testing.assert_allclose(np.diff(points[:, 1]), 0.15)
    assert len(fitted(np.linspace([0, -0.75], [0, 0.75], 50), 1, 4)) == 4


@pytest.mark.parametrize("control_points", [1, 2, 4])
def test_a_click_is_a_stroke_without_length(control_points):
    click = np.array([[0.3, -0.2]] * 5)
    np.testing.assert_allclose(fitted(click, control_points, 8), np.full((1, control_points, 2), [0.3, -0.2]))


def games_of(most_candidates=12, seed=0, batch_size=20, **options):
    config = configure("train", batch_size=batch_size, **options)
    setup = set_up(config, ("test",))
    torch.manual_seed(0)
    agents = build_agents(config.agents, setup.pictures).eval()
    return Games(agents, setup.batches["test"], most_candidates, seed)


@pytest.mark.parametrize(
    "options",
    [
        {"decoder": "SinglePassSimpleLineDecoder", "nlines": 5},
        {"decoder": "SinglePassPointsDecoder", "npoints": 7},
        {"decoder": "SinglePassSimpleLineDecoder", "invert": True, "contrast": 1.5},
    ],
)
def test_the_receiver_understands_the_agents_own_strokes_from_a_hand_as_from_the_sender(options):
    games = games_of(**options)
    turn = games.turn(DRAW, 3)
    paths = list(turn.play.strokes.points[0].double().numpy())
    play, count = games.sketch(turn, paths)
    assert count == len(paths)
    torch.testing.assert_close(play.sketches, turn.play.sketches, atol=1e-4, rtol=0)
    torch.testing.assert_close(play.scores, turn.play.scores, atol=1e-4, rtol=1e-3)


def test_strokes_beyond_the_agents_number_are_left_out():
    games = games_of(nlines=2)
    turn = games.turn(DRAW, 0)
    lines = [np.array([[0, 0], [0, 0.5]]), np.array([[0.5, 0], [0.5, 0.5]]), np.array([[-0.5, 0], [-0.5, 0.5]])]
    (two, count), (three, most) = games.sketch(turn, lines[:2]), games.sketch(turn, lines)
    assert count == most == 2
    assert torch.equal(two.sketches, three.sketches)


def test_every_game_has_its_target_among_few_candidates_and_comes_once():
    games = games_of(most_candidates=6)
    seen = []
    for number in range(30):
        for role in (DRAW, GUESS):
            turn = games.turn(role, number)
            candidates = turn.batch.items.candidates[0].tolist()
            assert len(set(candidates)) == 6
            assert candidates[turn.target] == int(turn.batch.items.senders)
            seen.append(candidates[turn.target])
    assert len(set(seen)) == len(seen)
    again = games_of(most_candidates=6).turn(GUESS, 4).batch.items
    assert torch.equal(again.candidates, games.turn(GUESS, 4).batch.items.candidates)
    assert not torch.equal(again.candidates, games_of(6, seed=1).turn(GUESS, 4).batch.items.candidates)


@pytest.mark.parametrize(("game", "kinds"), [("same", {False}), ("different", {True}), ("mixed", {False, True})])
def test_the_page_is_told_when_the_target_is_another_picture(game, kinds, tmp_path):
    games = games_of(most_candidates=6, object_oriented=game, num_targets=9, batch_size=9)
    answers = Answers(games, PlayLog(tmp_path / "played", games.batches, 0, {"game": game}, STARTED))
    told = set()
    for _ in range(12):
        shown = answers.turn({"role": DRAW, "number": None})
        assert shown["other"] == (shown["candidates"][shown["target"]] != shown["photo"])
        told.add(shown["other"])
        # A guesser is not told about the single game.
        assert answers.turn({"role": GUESS, "number": None})["other"] == (True in kinds)
    assert told == kinds


def test_nobody_draws_the_target_of_an_earlier_guess_also_with_an_odd_number_of_games():
    games = games_of(most_candidates=2, batch_size=51)  # 7 batches: 357 targets
    targets = {role: {int(games.turn(role, k).batch.items.senders) for k in range(200)} for role in (DRAW, GUESS)}
    assert len(targets[DRAW]) + len(targets[GUESS]) == 357
    assert targets[DRAW].isdisjoint(targets[GUESS])


def test_finished_games_are_logged_once_as_those_of_a_test(tmp_path):
    games = games_of(most_candidates=4, nlines=4)
    card = {"game": "original", "invert": False, "candidates": 4}
    log = PlayLog(tmp_path / "played", games.batches, 0, card, STARTED)
    answers = Answers(games, log)
    paths = [[(0.0, -0.5), (0.0, 0.5)], [(-0.5, 0.0), (0.5, 0.0)]]
    shown = [answers.show({"number": number, "paths": paths}) for number in (0, 1, 0)]
    target = answers.turn({"role": "guess", "number": None})
    assert "target" not in target
    right = games.turn(GUESS, 0).target
    chosen = {"strokes_seen": 2, "seconds": 1.25, "interrupted": False}
    assert answers.choose({"number": 0, "choice": right, **chosen})["target"] == right
    answers.choose({"number": 0, "choice": (right + 1) % 4, **chosen})  # sent again
    answers.choose({"number": 1, "choice": (games.turn(GUESS, 1).target + 1) % 4, **chosen})
    assert (log.games, log.right[GUESS]) == ({DRAW: 2, GUESS: 2}, 1)
    log.finish()

    drawn = read_log(tmp_path / "played" / "drawn")
    assert [(game.target, game.guess) for game in drawn.games] == [(s["target"], s["guess"]) for s in shown[:2]]
    assert drawn.card["sender"] == "person"
    strokes = drawn.strokes()
    assert strokes is not None
    assert strokes.drawn.sum(axis=1).tolist() == [2, 2]
    np.testing.assert_allclose(strokes.points[0, :2], paths)
    (player,) = read_answers([tmp_path / "played" / "guessed" / "answers.json"])
    assert [answer["right"] for answer in player.answers] == [True, False]
    guessed = read_log(tmp_path / "played" / "guessed")
    assert [game.guess for game in guessed.games] == [answer["agents_choice"] for answer in player.answers]


def test_every_tab_gets_games_of_its_own(tmp_path):
    games = games_of(most_candidates=4, nlines=4)
    log = PlayLog(tmp_path / "played", games.batches, 0, {}, STARTED)
    answers = Answers(games, log)

    def begin(role, number=None):
        return answers.turn({"role": role, "number": number})["number"]

    def draw(number):
        answers.show({"number": number, "paths": [[(0.0, -0.5), (0.0, 0.5)]]})

    one, other = begin(DRAW), begin(DRAW)
    assert begin(DRAW, one) == one  # after a change of the role
    draw(one)
    draw(other)
    assert log.games[DRAW] == 2
    assert begin(GUESS) == 0
    third = begin(DRAW, one)  # it has ended
    draw(third + 1)  # from a page that was opened before the program was started
    draw(third)
    draw(begin(DRAW, third + 5))
    log.finish()
    assert len({game.photo for game in read_log(tmp_path / "played" / "drawn").games}) == 5


def test_without_a_finished_game_nothing_is_written(tmp_path):
    games = games_of()
    log = PlayLog(tmp_path / "played", games.batches, 0, {}, STARTED)
    Answers(games, log).sketch({"number": 0, "paths": [[(0.0, 0.0), (0.1, 0.1)]]})
    log.finish()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--most-candidates 1", "--most-candidates 1: a game needs 2 candidates or more."),
        ("--output {tmp}", "{tmp} already exists"),
        ("--port 99999", "99999 is not a port: the largest is 65535"),
        ("--agent 3", "there is no sender 3"),
        ("--swap-agents --weights-pair2 another.pt", "--swap-agents has no effect on play."),
    ],
)
def test_mistakes_are_told_before_anything_is_written(words, message, trained_digits, tmp_path, capsys):
    words = words.format(tmp=tmp_path).split()
    assert commgame.main(["play", str(trained_digits), "--no-browser", *words]) == 2
    assert message.format(tmp=tmp_path) in capsys.readouterr().err


@pytest.fixture(scope="module")
def trained_digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("play") / "run"
    assert commgame.main(["train", "--epochs", "1", "--batch-size", "150", "--quiet", "--output", str(folder)]) == 0
    return folder


def test_a_dry_run_serves_no_page_and_writes_nothing(trained_digits, tmp_path, capsys):
    assert commgame.main(["play", str(trained_digits), "--dry-run", "--output", str(tmp_path / "log")]) == 0
    assert f"The games would be written to {tmp_path / 'log'}." in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_the_agents_are_named_before_their_options(capsys):
    assert commgame.main(["play", "--dataset-root", "pictures", "run"]) == 2
    assert "--dataset-root is in the wrong place: RUN comes first, then the options" in capsys.readouterr().err


def test_the_folder_of_an_unfinished_training_is_refused(tmp_path, capsys):
    assert commgame.main(["play", str(tmp_path), "--no-browser"]) == 2
    assert "holds no model_final.pt" in capsys.readouterr().err


def test_the_card_describes_the_games(trained_digits, tmp_path, monkeypatch):
    from learning_to_draw.analysis.play import play as command

    def serve(games, log, port, opened):
        Answers(games, log).show({"number": 0, "paths": [[(0.0, -0.5), (0.0, 0.5)]]})
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "serve", serve)
    assert commgame.main(["play", str(trained_digits), "--no-browser", "--output", str(tmp_path / "out")]) == 0
    card = json.loads((tmp_path / "out" / "drawn" / "gamelogs" / "card.json").read_text())
    assert (card["candidates"], card["games"], card["sender"]) == (12, 1, "person")
    assert card["chance"] == pytest.approx(1 / 12)
