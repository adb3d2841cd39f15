"""The sketches of a game log as files, against the log's own strokes and pictures."""

import json
import re

import numpy as np
import pytest

from learning_to_draw.analysis.draw.options import add_save_svg_options
from learning_to_draw.analysis.draw.save_svg import save_svg
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records.gamelog import read_log
from learning_to_draw.trials.records.svg import svg
from learning_to_draw.trials.tool import Tool


def test_every_sketch_of_a_log(make_full_log, tmp_path):
    log = read_log(make_full_log(tmp_path / "log"))
    told = save_svg(tmp_path / "log", tmp_path / "out", None)
    assert told == f"16 of 16 sketches written to {tmp_path / 'out'}"
    files = sorted((tmp_path / "out").iterdir())
    sketches = [re.fullmatch(r"(\d\d)-([0-9a-f]{32})\.svg", path.name).groups() for path in files]
    assert sketches == [(f"{number:02}", game.sketch[-36:-4]) for number, game in enumerate(log.games)]
    strokes, size = log.strokes(), log.card["image_size"]
    for path, points in zip(files, strokes.points, strict=True):
        expected = svg(points, strokes.sigma2, size, None, False, 1.0)
        assert path.read_text() == expected
    assert len({path.read_text() for path in files}) > 1


def test_some_sketches_of_a_log_drawn_as_its_card_says(make_full_log, tmp_path):
    folder = make_full_log(tmp_path / "log")
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"image_size": 5, "invert": True, "contrast": 0.5}))
    points, inks = np.zeros((16, 1, 2, 2), dtype=np.float32), np.zeros((16, 1, 3), dtype=np.float32)
    points[3, 0, 1] = (1, -1)
    inks[3, 0] = (1, 0, 0)
    np.savez(folder / "strokes.npz", points=points, sigma2=0.01, intensities=inks)
    save_svg(folder, tmp_path / "out", [3, 12, 3])
    first, second = (path.read_text() for path in sorted((tmp_path / "out").iterdir()))
    assert '<rect width="5" height="5" fill="#fff"/>' in first
    assert 'opacity="0.5"' in first
    assert '<line x1="2.5" y1="2.5" x2="0.5" y2="4.5" stroke="#00ffff"' in first
    assert "<line" not in second  # a stroke without ink


def test_an_official_log_has_no_strokes_to_save(make_log, random_games, tmp_path):
    make_log(tmp_path / "log", random_games(2))
    with pytest.raises(UsageError, match=r"no strokes\.npz.*\n.*official code"):
        save_svg(tmp_path / "log", tmp_path / "out", None)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("damage", [{"image_size": None}, {"contrast": "much"}, {"contrast": None}])
def test_a_card_that_does_not_say_how(damage, make_full_log, tmp_path):
    folder = make_full_log(tmp_path / "log")
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | damage))
    with pytest.raises(UsageError, match=r"card\.json cannot be read: Expected"):
        save_svg(tmp_path / "log", tmp_path / "out", None)
    (folder / "card.json").unlink()
    with pytest.raises(UsageError, match=r"has no card\.json that says how large the sketches are"):
        save_svg(tmp_path / "log", tmp_path / "out", None)
    assert not (tmp_path / "out").exists()


def test_a_game_that_is_not_there_and_a_folder_that_is(make_full_log, tmp_path):
    make_full_log(tmp_path / "log")
    with pytest.raises(UsageError, match=r"--games 16: .* has no game 16\.\n.* from 0 to 15"):
        save_svg(tmp_path / "log", tmp_path / "out", [0, 16])
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    with pytest.raises(UsageError, match="already exists"):
        save_svg(tmp_path / "log", tmp_path / "out", [0])
    assert list((tmp_path / "out").iterdir()) == []


def test_from_the_command_line(make_full_log, tmp_path):
    make_full_log(tmp_path / "log")
    tool = Tool("analysis.draw.save_svg:save_svg", "", "", add_save_svg_options)
    out = str(tmp_path / "out")
    assert tool.run("save-svg", [str(tmp_path / "log"), "--output", out, "--games", "1", "2"]).startswith("2 of 16")
    with pytest.raises(UsageError, match="'one' is not a whole number"):
        tool.run("save-svg", [str(tmp_path / "log"), "--output", out, "--games", "one"])
