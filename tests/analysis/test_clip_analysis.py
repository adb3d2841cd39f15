"""A log seen by a small CLIP of random weights, from files to file, and what is said of names that do not fit."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from learning_to_draw.analysis.official.clip_analysis import clip_analysis, read_names, shown_pictures
from learning_to_draw.analysis.official.options import TEMPLATES
from learning_to_draw.errors import UsageError
from learning_to_draw.models.encoders.clip import clip_input, clip_text_tokens, load_clip
from learning_to_draw.trials.records.gamelog import read_log


@pytest.fixture
def log(tmp_path, make_log, random_games):
    return make_log(tmp_path / "gamelogs", random_games(12))


@pytest.fixture
def hash_classes(log, tmp_path):
    """Every target picture of the log is a cat or a dog, in turns."""
    path = tmp_path / "classes.csv"
    names = sorted(picture.stem for picture in (log / "target-images").iterdir())
    path.write_text("".join(f"{name},{'cat' if i % 2 else 'dog'}\n" for i, name in enumerate(names)))
    return path


def analyse(log, hash_classes, **changes):
    arguments = {
        "output": None,
        "classes": None,
        "classes_file": None,
        "templates": TEMPLATES,
        "clip_model": "ViT-B/32",
        "device": "cpu",
    }
    return clip_analysis(log, hash_classes=hash_classes, **(arguments | changes))


def test_every_game_as_clip_sees_it(log, hash_classes, tiny_clip):
    classes = ["cat", "dog", "owl", "ship", "truck", "horse", "digit", "monkey"]
    torch.manual_seed(1)
    said = analyse(log, hash_classes, classes=classes, clip_model=tiny_clip, pretrained=False)
    assert " 16 sentences" in said
    found = json.loads((log / "clip-analysis.json").read_text())

    torch.manual_seed(1)
    model = load_clip(tiny_clip, pretrained=False)
    meanings = [(cls, template) for template in ("photo", "drawing") for cls in classes]
    tokens = clip_text_tokens(tiny_clip, [f"a {template} of a {cls}." for cls, template in meanings])
    true = dict(line.split(",") for line in hash_classes.read_text().splitlines())

    def seen(name):
        pixels = torch.from_numpy(np.array(Image.open(log / name))).permute(2, 0, 1)[None] / 255
        with torch.no_grad():
            scores = torch.cosine_similarity(model.encode_image(clip_input(model, pixels)), model.encode_text(tokens))
        return meanings[int(scores.argmax())]

    games = read_log(log).games
    assert len(found) == len(games) == 12
    for game, entry in zip(games, found, strict=True):
        assert (entry["sketch_class"], entry["sketch_template"]) == seen(game.sketch)
        assert (entry["correct_class"], entry["correct_template"]) == seen(game.target_picture)
        assert (entry["guessed_class"], entry["guessed_template"]) == seen(game.guessed_picture)
        assert entry["true_class"] == true[game.target_picture.split("/")[1].removesuffix(".png")]
    assert len({(entry["sketch_class"], entry["sketch_template"]) for entry in found}) > 1  # or nothing was tested


def test_classes_and_templates_of_ones_own(log, hash_classes, tiny_clip, tmp_path):
    (tmp_path / "names.txt").write_text("cat\n\n  dog \nowl\n")
    out = tmp_path / "seen.json"
    changes = {"classes_file": tmp_path / "names.txt", "templates": [("plain", "{}")], "clip_model": tiny_clip}
    assert " 3 sentences" in analyse(log, hash_classes, output=out, pretrained=False, **changes)
    for entry in json.loads(out.read_text()):
        assert entry["sketch_template"] == "plain"
        assert entry["sketch_class"] in ("cat", "dog", "owl")
    assert not (log / "clip-analysis.json").exists()
    with pytest.raises(UsageError, match="already exists"):
        analyse(log, hash_classes, output=out)


def test_names_in_a_file_with_a_byte_order_mark(tmp_path):
    (tmp_path / "names.txt").write_text("owl\r\ncat\r\n", encoding="utf-8-sig")
    assert read_names(tmp_path / "names.txt") == ["owl", "cat"]


def test_left_out_classes_are_those_of_the_list(log, hash_classes, tiny_clip):
    assert " 4 sentences" in analyse(log, hash_classes, clip_model=tiny_clip, pretrained=False)
    seen = {entry["sketch_class"] for entry in json.loads((log / "clip-analysis.json").read_text())}
    assert seen <= {"cat", "dog"}


def test_each_picture_is_looked_at_once(log):
    source = read_log(log)
    shown = shown_pictures(source)
    assert len(shown) == len(set(shown))
    assert set(shown) == {
        name for game in source.games for name in (game.sketch, game.target_picture, game.guessed_picture)
    }


def test_names_that_do_not_fit(log, hash_classes, tmp_path):
    with pytest.raises(UsageError, match=r"none of the classes \(owl, fox\)"):
        analyse(log, hash_classes, classes=["owl", "fox"])
    with pytest.raises(UsageError, match="cannot be read"):
        analyse(log, hash_classes, classes_file=tmp_path / "none.txt")
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(UsageError, match="names no class"):
        analyse(log, hash_classes, classes_file=tmp_path / "empty.txt")
    hash_classes.write_text(f"{'0' * 32},cat\n")
    with pytest.raises(UsageError, match="is not in --hash-classes"):
        analyse(log, hash_classes)
    assert not (log / "clip-analysis.json").exists()
