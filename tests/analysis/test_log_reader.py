"""Game logs read back, and what is said of folders and files that are no logs."""

import json
import re

import numpy as np
import pytest

from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records.gamelog import find_log, read_log

GREY = np.arange(16, dtype=np.uint8).reshape(4, 4)


def test_a_log_is_read_as_it_was_written(tmp_path, make_log):
    pictures = [GREY + 10 * shift for shift in range(5)]
    folder = make_log(
        tmp_path / "run" / "gamelogs",
        [(1, 1, pictures[3], pictures[:3]), (0, 2, pictures[4], pictures[:3])],
    )
    log = read_log(folder)
    rows = json.loads((folder / "games.json").read_text())
    assert log.rows([0, 1]) == rows
    assert [(game.guess, game.target, game.correct) for game in log.games] == [(1, 1, True), (0, 2, False)]
    lost = log.games[1]
    assert lost.sketch == rows[1]["sketch"]
    assert lost.candidates == tuple(rows[1]["images"])
    assert (lost.target_picture, lost.guessed_picture) == (rows[1]["images"][2], rows[1]["images"][0])
    assert lost.pictures == (lost.sketch, *lost.candidates)
    assert log.picture(lost.sketch) == folder / lost.sketch
    assert read_log(tmp_path / "run") == log  # the run's folder will do


def test_where_there_is_no_log(tmp_path):
    with pytest.raises(UsageError, match="no such folder"):
        find_log(tmp_path / "none")
    with pytest.raises(UsageError, match="training does not write a game log"):
        find_log(tmp_path)


ROW = {
    "reciever_guess": 0,
    "reciever_guess_correct": True,
    "sketch": "s/a.png",
    "correct_image": 0,
    "images": ["t/b.png"],
}
BROKEN = {
    "not JSON": ("[{", "cannot be read"),
    "no list": ("{}", "Expected `array`, got `object`"),
    "no games": ("[]", "holds no game"),
    "no entry": (json.dumps([ROW, 7]), r"Expected `object`, got `int` - at `\$\[1\]`"),
    "a key short": (json.dumps([{key: ROW[key] for key in ROW if key != "sketch"}]), "missing required field `sketch`"),
    "a guess too far": (json.dumps([ROW | {"reciever_guess": 1}]), "reciever_guess is 1, but the number of images is"),
    "a target below 0": (json.dumps([ROW | {"correct_image": -1}]), "correct_image is -1"),
    "a guess of True": (
        json.dumps([ROW | {"reciever_guess": False}]),
        r"Expected `int`, got `bool` - at `\$\[0\].reciever_guess`",
    ),
    "no pictures": (json.dumps([ROW | {"images": None}]), r"Expected `array`, got `null` - at `\$\[0\].images`"),
    "numbers for pictures": (json.dumps([ROW | {"images": [3]}]), "Expected `str`, got `int`"),
    "a picture above": (json.dumps([ROW | {"sketch": "../a.png"}]), "'../a.png' is not a picture"),
    "a picture elsewhere": (json.dumps([ROW | {"images": ["/etc/b.png"]}]), "'/etc/b.png' is not a picture"),
    "a picture above, on Windows": (json.dumps([ROW | {"sketch": "s\\..\\a.png"}]), "a.png' is not a picture"),
    "a picture for a list": (json.dumps([ROW | {"sketch": "games.json"}]), "'games.json' is not in a folder"),
    "the same spelt otherwise": (json.dumps([ROW | {"images": ["./games.csv"]}]), "'./games.csv' is not in a folder"),
    "half a character": (json.dumps([ROW | {"sketch": "s/\ud800.png"}]), "half a character"),
    "endless brackets": ("[" * 200_000, "cannot be read"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_log_is_named_with_its_entry(what, tmp_path):
    text, told = BROKEN[what]
    (tmp_path / "games.json").write_text(text)
    with pytest.raises(UsageError, match=told) as error:
        read_log(tmp_path)
    assert str(tmp_path / "games.json") in str(error.value)


def test_bytes_that_are_no_text(tmp_path):
    (tmp_path / "games.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read"):
        read_log(tmp_path)


def test_a_missing_picture_is_named(tmp_path, make_log):
    log = read_log(make_log(tmp_path, [(0, 0, GREY, [GREY])]))
    path = tmp_path / log.games[0].sketch
    path.unlink()
    with pytest.raises(UsageError, match=path.name):
        log.picture(log.games[0].sketch)


def test_an_official_log_has_no_classes_scores_and_strokes(tmp_path, make_log):
    log = read_log(make_log(tmp_path, [(0, 1, GREY, [GREY, GREY + 1])]))
    (game,) = log.games
    assert game.photo == game.target_picture
    assert (game.photo_class, game.target_class, game.guessed_class, game.scores) == (None, None, None, None)
    assert (log.card, log.strokes()) == ({}, None)


def test_a_log_of_this_program_has_them(tmp_path, make_full_log):
    log = read_log(make_full_log(tmp_path))
    assert len(log.games) == log.card["games"] == 16
    for game in log.games:
        assert game.photo_class == game.target_class
        assert sorted(game.candidate_classes) == list("abcd")
        assert game.scores.index(max(game.scores)) == game.guess
        assert log.picture(game.photo).is_file()
    assert log.strokes().points.shape == (16, 3, 2, 2)
    assert log.games[0].candidates is log.games[3].candidates  # senders of one game have one pool


TORN = {
    "a line short": (lambda lines: lines[:-1], "line 16: it cannot be read"),
    "half a line": (lambda lines: [lines[0][:50], *lines[1:]], "line 1: it cannot be read"),
    "lines in another order": (lambda lines: lines[::-1], "line 1: it does not match games.json"),
    "a picture elsewhere": (lambda lines: [lines[0].replace("target-images/", "../", 1), *lines[1:]], "line 1: '../"),
    "other candidates": (
        lambda lines: [lines[0].replace('"candidates":[', '"candidates":["target-images/x.png",'), *lines[1:]],
        "line 1: it does not match games.json",
    ),
    "classes that are no list": (
        lambda lines: [re.sub('"candidate_classes":[^]]*]', '"candidate_classes":"abcd"', lines[0]), *lines[1:]],
        "line 1: it cannot be read .*candidate_classes",
    ),
    "a line too many": (lambda lines: [*lines, lines[0]], "line 17: games.json has no such game"),
    "endless brackets": (lambda lines: ["[" * 200_000, *lines[1:]], "line 1: it cannot be read"),
    "another format": (lambda lines: [lines[0].replace('"format":1', '"format":2'), *lines[1:]], "its format is 2"),
}


@pytest.mark.parametrize("what", TORN)
def test_details_that_do_not_fit_the_games_are_named(what, tmp_path, make_full_log):
    tear, told = TORN[what]
    path = make_full_log(tmp_path) / "games.jsonl"
    path.write_text("\n".join(tear(path.read_text().splitlines())) + "\n")
    with pytest.raises(UsageError, match=told) as error:
        read_log(tmp_path)
    assert str(path) in str(error.value)


def test_strokes_that_cannot_be_read_or_are_of_other_games(tmp_path, make_full_log):
    path = make_full_log(tmp_path) / "strokes.npz"
    np.savez(path, points=np.zeros((3, 1, 2, 2)), sigma2=0.1)
    with pytest.raises(UsageError, match=r"cannot be the strokes .* \(shapes: \[3, 1, 2, 2\]; games: 16\)"):
        read_log(tmp_path).strokes()
    points = np.zeros((16, 3, 2, 2), np.float32)
    beyond = np.full((16, 3, 1), 1.5)
    for wrong in ({"sigma2": -0.1}, *({"sigma2": 0.1, "intensities": inks} for inks in (np.ones((3, 3, 1)), beyond))):
        np.savez(path, points=points, **wrong)
        with pytest.raises(UsageError, match=r"Give an intact log"):
            read_log(tmp_path).strokes()
    path.write_bytes(b"PK not an archive")
    with pytest.raises(UsageError, match=r"strokes.npz cannot be read"):
        read_log(tmp_path).strokes()


def test_a_card_that_is_none(tmp_path, make_full_log):
    (make_full_log(tmp_path) / "card.json").write_text("[1]")
    with pytest.raises(UsageError, match=r"card.json cannot be read: Expected `object`"):
        read_log(tmp_path)


def test_links_out_of_a_log_are_not_followed(tmp_path, make_full_log):
    folder = make_full_log(tmp_path / "theirs")
    log = read_log(folder)
    mine = tmp_path / "mine.png"
    sketch = folder / log.games[0].sketch
    sketch.rename(mine)
    sketch.symlink_to(mine)
    (tmp_path / "card.json").write_text("{}")
    with pytest.raises(UsageError, match="is a link that leads out of"):
        log.picture(log.games[0].sketch)
    (folder / "card.json").unlink()
    (folder / "card.json").symlink_to("../../card.json")
    with pytest.raises(UsageError, match=r"card\.json is a link that leads out of"):
        read_log(folder)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "gamelogs").symlink_to(folder)
    with pytest.raises(UsageError, match=r"gamelogs is a link that leads out of"):
        read_log(tmp_path / "run")


def test_strokes_of_the_other_byte_order_are_read(tmp_path, make_full_log):
    path = make_full_log(tmp_path) / "strokes.npz"
    strokes = read_log(tmp_path).strokes()
    np.savez(path, points=strokes.points.astype(">f4"), sigma2=np.array(strokes.sigma2, ">f8"))
    again = read_log(tmp_path).strokes()
    assert again.points.dtype == np.dtype("float32")
    assert np.array_equal(again.points, strokes.points)
    assert again.sigma2 == pytest.approx(strokes.sigma2)


def test_strokes_that_would_need_gigabytes_are_refused(tmp_path, make_full_log):
    path = make_full_log(tmp_path) / "strokes.npz"
    np.savez(path, points=np.zeros((16, 3, 2, 2), np.float32), sigma2=0.1)
    path.write_bytes(path.read_bytes().replace(b"(16, 3, 2, 2), }", b"(1600000000,), }"))
    with pytest.raises(UsageError, match="cannot be read"):
        read_log(tmp_path).strokes()
