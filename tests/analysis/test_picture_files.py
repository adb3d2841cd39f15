"""A picture as a data URI is the file itself, and a broken one is named."""

import base64

import pytest
from PIL import Image

from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records.picture_files import as_uri


def test_a_data_uri_holds_the_file(tmp_path):
    Image.new("L", (5, 3), 7).save(tmp_path / "a.png")
    uri, width, height = as_uri(tmp_path / "a.png")
    assert (width, height) == (5, 3)
    kind, data = uri.split(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(data) == (tmp_path / "a.png").read_bytes()


def test_a_broken_file_is_named(tmp_path):
    Image.effect_noise((40, 40), 50).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:300])
    (tmp_path / "text.png").write_text("no picture")
    for name in ("cut.png", "text.png"):
        with pytest.raises(UsageError, match=rf"{name}: it cannot be read"):
            as_uri(tmp_path / name)
