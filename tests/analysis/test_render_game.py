"""A game's page read back as a browser would, picture by picture."""

import base64
import io
import json
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from learning_to_draw.analysis.official.render_game import page, render_game
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records.gamelog import read_log


class Figures(HTMLParser):
    """(classes, caption, pixels) of every figure; checks that tags close in order and that nothing is fetched."""

    VOID = ("meta", "img")

    def __init__(self, text):
        super().__init__()
        self.open, self.found, self.names, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        assert tag not in ("script", "link")
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "figure":
            self.found.append([set(attributes["class"].split()), "", None])
        if tag == "img":
            kind, data = attributes["src"].split(",")
            assert kind == "data:image/png;base64"
            self.names.append(attributes["alt"])
            self.found[-1][2] = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
            self.size = int(attributes["width"]), int(attributes["height"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.text += text
        if "figcaption" in self.open:
            self.found[-1][1] += text


@pytest.fixture
def log(tmp_path, make_log):
    pool = [np.full((4, 8), level, dtype=np.uint8) for level in (10, 20, 30)]
    sketch = np.full((4, 8), 99, dtype=np.uint8)
    return make_log(tmp_path / "a & <b>", [(2, 1, sketch, pool), (0, 0, sketch, pool)])


def test_a_lost_game(log, tmp_path):
    said = render_game(log, tmp_path / "game.html", 0)
    assert str(tmp_path / "game.html") in said
    read = Figures((tmp_path / "game.html").read_text())
    shown = [(classes - {"other"}, caption, int(pixels[0, 0])) for classes, caption, pixels in read.found]
    assert shown == [
        (set(), "sketch", 99),
        ({"target"}, "target", 20),
        (set(), "0", 10),
        ({"target"}, "1 target", 20),
        ({"guess"}, "2 guess", 30),
    ]
    assert "Wrong: the receiver guessed candidate 2, but the target is candidate 1." in read.text
    assert "Game 0 of 2" in read.text
    assert "a & <b>" in read.text  # escaped, so that it is read as text
    assert read.size == (112, 56)
    game = read_log(log).games[0]
    assert read.names == [game.sketch, game.target_picture, *game.candidates]


def test_a_pictures_name_is_text_whatever_it_holds(log):
    rows = json.loads((log / "games.json").read_text())
    name = 'sketch-images/"><script>&amp;.png'
    (log / rows[0]["sketch"]).rename(log / "sketch-images" / name.split("/")[1])
    rows[0]["sketch"] = name
    (log / "games.json").write_text(json.dumps(rows))
    assert Figures(page(read_log(log), 0)).names[0] == name


def test_a_game_that_was_won(log):
    read = Figures(page(read_log(log), 1))
    assert read.found[2][0] == {"target", "guess"}
    assert read.found[2][1] == "0 target, guess"
    assert "Right: the receiver guessed candidate 0, which is the target." in read.text


@pytest.mark.parametrize("game", [-1, 2])
def test_a_game_that_is_not_there(game, log, tmp_path):
    with pytest.raises(UsageError, match=rf"--game {game}: .* has no game {game}\.\nGive a number from 0 to 1"):
        render_game(log, tmp_path / "game.html", game)
    assert not (tmp_path / "game.html").exists()


def test_pages_are_not_overwritten_and_pictures_must_be_whole(log, tmp_path):
    (tmp_path / "mine.html").write_text("mine")
    with pytest.raises(UsageError, match="already exists"):
        render_game(log, tmp_path / "mine.html", 0)
    assert (tmp_path / "mine.html").read_text() == "mine"
    damaged = log / read_log(log).games[0].sketch
    damaged.write_bytes(b"no picture")
    with pytest.raises(UsageError, match=damaged.name):
        render_game(log, tmp_path / "game.html", 0)
    assert not (tmp_path / "game.html").exists()
