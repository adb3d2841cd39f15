"""What a trained receiver guesses from drawings: the agents' own strokes, drawn by a hand, give the logged guesses."""

import json
import math
from copy import deepcopy

import numpy as np
import pytest
import torch

from learning_to_draw import commgame
from learning_to_draw.analysis.study.answers import read_answers
from learning_to_draw.analysis.study.guesses import _strokes
from learning_to_draw.analysis.study.page import SENDER, study_content
from learning_to_draw.analysis.study.results import study_results
from learning_to_draw.errors import UsageError
from learning_to_draw.models.decoders.base import Decoder
from learning_to_draw.models.decoders.config import DecoderConfig
from learning_to_draw.trials.records.gamelog import read_log

GAMES = range(0, 352, 9)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder with the runs first and second, and their tests first-test and second-test."""
    folder = tmp_path_factory.mktemp("drawings")
    for seed, name in enumerate(("first", "second")):
        words = ["--epochs", "2", "--quiet", "--seed", str(seed), "--output", str(folder / name)]
        assert commgame.main(["train", *words]) == 0
        weights = str(folder / name / "model_final.pt")
        words = ["--weights", weights, "--quiet", "--output", str(folder / f"{name}-test")]
        assert commgame.main(["test", *words]) == 0
    return folder


def drawing(log, game, number=None, name=None):
    """The drawing of `game` in which a hand follows the agents' strokes of the game `number`, by default the same."""
    points = log.strokes().points[game if number is None else number]
    paths = [[[float(row), float(col), 100.0 * k] for k, (row, col) in enumerate(stroke)] for stroke in points]
    entry = {"game": game, "paths": paths, "straight": [True] * len(paths), "seconds": 2.5, "interrupted": False}
    return entry if name is None else {"log": name, **entry}


def saved(participant, drawings, **logs):
    return {
        "format": "learning-to-draw study drawings 1",
        "study": "0123456789abcdef",
        "title": "title",
        "logs": [{"log": name, "digest": log.digest()} for name, log in logs.items()],
        "participant": participant,
        "started": "2026-01-01T10:00:00.000Z",
        "finished": "2026-01-01T10:05:00.000Z",
        "drawings": drawings,
    }


@pytest.fixture
def files(tmp_path):
    def write(*contents):
        paths = [tmp_path / f"drawings-{number}.json" for number in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        return paths

    return write


def test_a_hand_that_draws_like_the_agents_is_understood_like_them(trained, files, tmp_path):
    log = read_log(trained / "first-test")
    shifted = [drawing(log, game, (game + 9) % 352) for game in GAMES]  # the strokes of another game
    paths = files(saved("Anna", [drawing(log, game) for game in GAMES], log=log), saved("Bert", shifted, log=log))
    words = [*map(str, paths), "--logs", str(trained / "first-test"), "--weights", str(trained / "first")]
    assert commgame.main(["study-results", *words, "--json", str(tmp_path / "numbers.json")]) == 0
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    guesses = {"Anna": [], "Bert": []}
    for guess in numbers["guesses"]:
        guesses[guess["participant"]].append(guess["choice"])
    assert guesses["Anna"] == [log.games[game].guess for game in GAMES]
    right = sum(log.games[game].correct for game in GAMES)
    assert len(GAMES) / 4 < right < len(GAMES)
    anna, bert = numbers["participants"]
    assert (anna["right"], anna["answers"]) == (right, len(GAMES))
    assert (numbers["agents"]["right"], numbers["role"]) == (right, "sender")
    classes = [log.games[game] for game in GAMES]
    assert anna["right_class"] == sum(game.guessed_class == game.photo_class for game in classes)
    assert bert["right"] == sum(g == log.games[game].target for g, game in zip(guesses["Bert"], GAMES, strict=True))
    assert bert["right"] < right / 2
    assert numbers["chance"]["rate"] == pytest.approx(1 / 32)
    assert anna["seconds"] == 2.5
    study_results(paths[:1], tmp_path / "anna.json", [trained / "first"], [trained / "first-test"])
    assert json.loads((tmp_path / "anna.json").read_text())["agreement"] == {"kappa": 1.0, "interval": None}


def test_strokes_of_different_widths_are_drawn_with_the_width_that_the_page_shows(tmp_path, make_full_log):
    folder = make_full_log(tmp_path)
    strokes = dict(np.load(folder / "strokes.npz"))
    strokes["sigma2"] = np.array([[0.001, 0.004, 0.009]] * len(strokes["points"]), np.float32)
    np.savez(folder / "strokes.npz", **strokes)
    log = read_log(folder)
    decoder = Decoder(DecoderConfig(sigma2=0.05), latent_size=0, image_size=12)
    assert _strokes(log.strokes(), decoder, [drawing(log, 3)]).sigma2 == pytest.approx(0.004)
    (shown,) = study_content({"log": log}, 1, 0, 0, "title", SENDER)["rounds"]
    assert (shown["pen"]["width"] / 2) ** 2 == pytest.approx(0.004 * math.log(2), rel=1e-3)


def test_games_of_two_runs_each_with_its_own_receiver(trained, files):
    logs = {name: read_log(trained / f"{name}-test") for name in ("first", "second")}
    entries = [drawing(log, game, name=name) for game in range(8) for name, log in logs.items()]
    paths = files(saved("Anna", entries, **logs))
    runs, tests = [[trained / f"{name}{end}" for name in ("second", "first")] for end in ("", "-test")]
    printed = study_results(paths, None, runs, tests)
    for name, log in logs.items():
        right = sum(game.correct for game in log.games[:8])
        line = next(line.split() for line in printed.splitlines() if line.startswith(f"{name} "))
        assert (line[1], line[2], line[6], line[7]) == ("8", f"{right / 8:.3f}", "8", f"{right / 8:.3f}")
    with pytest.raises(UsageError, match=r"did not play the log in .*: they repeat only \d+ of 352 guesses"):
        study_results(paths, None, runs[::-1], tests)
    with pytest.raises(UsageError, match="--weights has 2 values, and --logs has 1"):
        study_results(paths, None, runs, tests[:1])
    with pytest.raises(UsageError, match="made from the log first, which is not among those in --logs"):
        study_results(paths, None, runs[:1], tests[:1])
    with pytest.raises(UsageError, match=r"not made from the log .*second-test.\nLeave it out"):
        study_results(files(saved("A", [drawing(logs["first"], 0)], first=logs["first"])), None, runs[:1], tests)


def test_agents_that_trained_further_or_have_other_weights_are_refused(trained, files, tmp_path):
    log = read_log(trained / "first-test")
    paths = files(saved("Anna", [drawing(log, game) for game in range(12)], log=log))
    content = torch.load(trained / "first" / "model_final.pt", weights_only=True)
    torch.manual_seed(0)
    model = content["model"]
    noisy = {name: weight + 0.003 * torch.randn_like(weight) for name, weight in model.items() if "receiver." in name}
    for changes, told in (
        ({"epoch": 3}, "they are of epoch 4, and those that played it are of epoch 2"),
        ({"model": model | noisy}, r"they repeat only 3[234]\d of 352 guesses"),
    ):
        torch.save(content | changes, tmp_path / "other.pt")
        with pytest.raises(UsageError, match=told):
            study_results(paths, None, [tmp_path / "other.pt"], [trained / "first-test"])


def test_what_drawings_need(trained, files, tmp_path, capsys):
    log = read_log(trained / "first-test")
    (path,) = files(saved("Anna", [drawing(log, 0)], log=log))
    given = [str(path), "--json", str(tmp_path / "numbers.json")]
    assert commgame.main(["study-results", *given, "--logs", str(trained / "first-test")]) == 2
    assert "Give the agents whose receiver guesses, with --weights." in capsys.readouterr().err
    assert commgame.main(["study-results", *given, "--weights", str(trained / "first")]) == 2
    assert "Give the logs that the page was made from, with --logs." in capsys.readouterr().err
    answers = {
        **{"format": "learning-to-draw study answers 1", "study": "0123456789abcdef", "participant": "Bert"},
        "answers": [
            {
                **{"game": 0, "choice": 0, "target": 0, "candidates": 2, "right": True, "right_class": None},
                **{"candidates_of_class": None, "seconds": 1, "interrupted": False, "agents_choice": 0},
                **{"agents_right": True, "agents_right_class": None},
            }
        ],
    }
    (tmp_path / "answers.json").write_text(json.dumps(answers))
    with pytest.raises(UsageError, match=r"drawings-0.json holds drawings, and .*answers.json holds answers"):
        study_results([tmp_path / "answers.json", path], None)
    with pytest.raises(UsageError, match="--weights and --logs are for drawings"):
        study_results([tmp_path / "answers.json"], None, [trained / "first"], [trained / "first-test"])
    with pytest.raises(UsageError, match=r"Invalid enum value .*study drawings 1"):
        read_answers([path])
    assert not (tmp_path / "numbers.json").exists()


def changed(content, **fields):
    content = deepcopy(content)
    content["drawings"][0] |= fields
    return content


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"paths": []}, r"Expected `array` of length >= 1 - at `\$\.drawings\[0\]\.paths`"),
        ({"paths": [[]]}, "Expected `array` of length >= 1"),
        ({"paths": [[[0, 0, 0]] * 10_001], "straight": [False]}, "Expected `array` of length <= 10000"),
        ({"paths": [[[0, 0, 0]]] * 1001, "straight": [True] * 1001}, "Expected `array` of length <= 1000"),
        ({"paths": [[[0, 0, 0]]] * 9, "straight": [True] * 9}, "game 0 has 9 paths, but the page allows 8"),
        ({"paths": [[[0, 2.1, 0]]], "straight": [True]}, "Expected `float` <= 2"),
        ({"paths": [[[0, float("nan"), 0]]], "straight": [True]}, "Expected `float`"),
        ({"paths": [[[0, 0]]], "straight": [True]}, "Expected `array` of length 3"),
        ({"paths": [[[0, 0, -1]]], "straight": [True]}, "Expected `float` >= 0"),
        ({"straight": [True]}, "drawing 0 .* has 8 paths, but 1 values in straight"),
        ({"game": 352}, r"for a game or log that is not in the study \(game 352\)"),
        ({"game": -1}, "Expected `int` >= 0"),
        ({"log": "other"}, r"for a game or log that is not in the study \(game 0\)"),
        ({"seconds": -1}, "Expected `float` >= 0"),
        ({"game": 1}, "it has two drawings for one game"),
    ],
)
def test_damaged_drawings_are_named(fields, told, trained, files):
    log = read_log(trained / "first-test")
    content = saved("Anna", [drawing(log, 0), drawing(log, 1)], log=log)
    paths = files(changed(content, **fields))
    with pytest.raises(UsageError, match=told) as error:
        study_results(paths, None, [trained / "first"], [trained / "first-test"])
    assert str(paths[0]) in str(error.value)


def test_files_that_name_different_logs(trained, files):
    log = read_log(trained / "first-test")
    content = saved("Anna", [drawing(log, 0)], log=log)
    other = {**content, "participant": "Bert", "logs": [{"log": "log", "digest": "0" * 64}]}
    with pytest.raises(UsageError, match=r"drawings-1.json and .*drawings-0.json name different logs"):
        study_results(files(content, other), None, [trained / "first"], [trained / "first-test"])
