"""Rows of judge, symbolicity, semanticity, controls and roles, for logs of the Digits with untrained agents."""

import json
import logging
import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from learning_to_draw.analysis.measure.control_rows import controls
from learning_to_draw.analysis.measure.drawing_rows import roles
from learning_to_draw.analysis.measure.judge_rows import judged, semanticity_of_sketches, symbolicity
from learning_to_draw.analysis.measure.material import Drawings, LogData, Settings
from learning_to_draw.analysis.measure.options import add_measure_options
from learning_to_draw.analysis.measure.replay import load_replay
from learning_to_draw.analysis.measure.table import NotMeasured
from learning_to_draw.analysis.measure.training_photos import TrainingPhotos, load_training_photos
from learning_to_draw.analysis.measures.judge import Judge
from learning_to_draw.datasets.digits import enlarge
from learning_to_draw.errors import UsageError
from learning_to_draw.games.losses.terms import TotalLoss
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import Pictures
from learning_to_draw.trials.config.parse import parse
from learning_to_draw.trials.records.checkpoints import save_checkpoint
from learning_to_draw.trials.records.gamelog import LoggedStrokes, read_log
from learning_to_draw.trials.test import test as play_test
from learning_to_draw.trials.tool import Tool
from learning_to_draw.trials.trained import parse_trained

TOOL = Tool("analysis.measure.measure:measure", "", "", add_measure_options)
CPU = torch.device("cpu")
WORDS = ["--image-size", "16", "--latent-size", "16", "--stroke-spread", "1", "--batch-size", "12"]
WORDS += ["--encoder", "SimpleMLPEncoder", "--nlines", "4"]


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """(checkpoint, log) of an untrained pair."""
    folder = tmp_path_factory.mktemp("judged")
    config, path = parse("train", WORDS), folder / "pair.pt"
    torch.manual_seed(0)
    agents = build_agents(config.agents, Pictures({}, 16, 1))
    optimizer = torch.optim.Adam(agents.parameters())
    save_checkpoint(path, agents, TotalLoss(config.loss.build(), {}), optimizer, config.values(), 0, [])
    play_test(parse_trained("test", ["--output", str(folder / "log"), "--weights", str(path)], path), sys.argv)
    return path, folder / "log" / "gamelogs"


@pytest.fixture
def pixels():
    """A judge whose features are the pixels."""
    return Judge("pixels", lambda pictures: pictures[:, 0].flatten(1), 16, (0.0,) * 3, (1.0,) * 3, CPU)


def values(measured):
    return {row.label: row.value for row in measured.rows}


def test_training_photos_are_not_in_the_log(played):
    log = read_log(played[1])
    photos = load_training_photos(log, 0)
    assert photos.pictures.shape == (300, 1, 16, 16)
    assert np.bincount(photos.labels).tolist() == [30] * 10
    assert photos.classes == tuple(str(digit) for digit in range(10))
    shown = LogData(log, Settings()).pictures(sorted({game.photo for game in log.games}))
    assert not {picture.tobytes() for picture in photos.pictures} & {picture.tobytes() for picture in shown}
    assert (load_training_photos(log, 0).pictures == photos.pictures).all()
    assert (load_training_photos(log, 1).pictures != photos.pictures).any()
    digits = load_digits()
    eights = enlarge(torch.from_numpy(digits.images[digits.target == 8]), 16).double().mean(dim=0).numpy()
    assert np.corrcoef(photos.pictures[photos.labels == 8].mean(axis=0).ravel(), eights.ravel())[0, 1] > 0.95


def test_the_judge_of_pixels_reads_digits_and_no_sketches(played, pixels):
    """A linear classifier of the pixels of Digits, fitted on 300 of them, is right about nine times in ten."""
    log = read_log(played[1])
    material = LogData(log, Settings(judge=pixels), photos=load_training_photos(log, 0))
    measured = judged(material)
    rows = {row.label: row for row in measured.rows}
    assert rows["legibility of photos, top 1"].value > 0.85
    assert rows["iconicity of photos, top 1"].value > 0.85
    assert rows["legibility of edges of the photos, top 1"].value > 0.5
    for word in ("legibility", "iconicity"):
        for top in (1, 5):
            row = rows[f"{word} of sketches, top {top}"]
            assert row.interval[0] <= row.value <= row.interval[1]
            assert row.chance == top / 10
    assert rows["iconicity of sketches, top 1"].value < 0.3
    assert [row.label for row in measured.brief if "top 5" in row.label] == [
        "legibility of sketches, top 5",
        "iconicity of sketches, top 5",
    ]


def test_photos_in_place_of_sketches_are_symbols_and_meanings(played, pixels):
    log = read_log(played[1])
    material = LogData(log, Settings(judge=pixels), photos=load_training_photos(log, 0))
    known = material.drawings
    material.drawings = Drawings(known.photos, known.photos, known.classes)
    [symbols] = symbolicity(material).rows
    assert symbols.value > 0.85
    assert symbols.interval[0] < symbols.value < symbols.interval[1]
    assert symbols.chance == 0.1
    [meanings] = semanticity_of_sketches(material).rows
    assert meanings.value > 0.9
    assert meanings.interval[1] <= 1
    none = []
    for seed in range(5):  # classes at random; a held-out sketch's class is rarer in the other parts: just below chance
        shuffled = np.random.default_rng(seed).permutation(known.classes)
        material.drawings = Drawings(known.photos, known.photos, shuffled)
        none += symbolicity(material).rows
    assert np.mean([row.value for row in none]) == pytest.approx(0.09, abs=0.02)
    assert sum(row.interval[0] < 0.1 < row.interval[1] for row in none) >= 4


def test_semanticity_by_hand(played, pixels):
    """Word vectors that are the mean sketches themselves: r = 1. Three classes are needed."""
    material = LogData(read_log(played[1]), Settings(judge=pixels))
    drawings = material.drawings
    names = np.unique(drawings.classes)
    means = {name: drawings.sketches[drawings.classes == name].mean(axis=0).ravel() / 255 for name in names}
    material.settings = Settings(judge=pixels, word_vectors=means)
    [row] = semanticity_of_sketches(material).rows
    assert row.value == pytest.approx(1, abs=1e-4)
    assert row.label == "semanticity of sketches (word vectors)"
    assert row.interval == pytest.approx((1, 1), abs=1e-3)
    material.settings = Settings(judge=pixels, word_vectors={name: means[name] for name in names[:3]})
    [few] = semanticity_of_sketches(material).rows
    assert few.interval is None
    assert few.note.endswith("no interval for fewer than 10 classes")
    material.settings = Settings(judge=pixels, word_vectors={name: means[name] for name in names[:2]})
    with pytest.raises(NotMeasured, match="at least 3 classes with word vectors, and there are 2"):
        semanticity_of_sketches(material)


def test_controls_of_an_untrained_pair(played):
    """Blank paper says nothing: of the 12 senders of one pool, exactly one is guessed."""
    path, folder = played
    log = read_log(folder)
    material = LogData(log, Settings(sample=10**6), load_replay(path, log, CPU))
    measured = controls(material)
    found, games = values(measured), len(log.games)
    assert found["rate with the sketch"] == pytest.approx(sum(game.correct for game in log.games) / games)
    assert found["rate with blank paper"] == pytest.approx(1 / 12)
    assert len(found) == 11
    assert all(row.chance == pytest.approx(1 / 12) for row in measured.rows)
    for label in ("another game's sketch", "another sketch of the class", "each stroke from another game"):
        assert found[f"rate with {label}"] == pytest.approx(1 / 12, abs=0.06)

    agents, right = material.agents().agents, 0
    photos = material.pictures([game.photo for game in log.games])
    with torch.no_grad():
        for photo, game in zip(photos, log.games, strict=True):
            vectors = [
                agents.receiver(agents.receiver_encoder.encode(torch.from_numpy(pictures) / 255, is_sketch=True).latent)
                for pictures in (photo[None], material.pictures(list(game.candidates)))
            ]
            right += int((vectors[1] @ vectors[0][0]).argmax()) == game.target
    assert found["rate with the photo itself"] == pytest.approx(right / games)


def test_controls_that_change_nothing(played):
    """If all sketches are the same single stroke, other games' sketches and mixed strokes are that sketch as well."""
    path, folder = played
    log = read_log(folder)
    material = LogData(log, Settings(sample=60), load_replay(path, log, CPU))
    points = np.broadcast_to(log.strokes().points[:1, :1], (len(log.games), 1, 2, 2)).copy()
    material.strokes = LoggedStrokes(points, log.strokes().sigma2, None)
    found = values(controls(material))
    same = found["rate with the sketch"]
    assert found["rate with another game's sketch"] == found["rate with each stroke from another game"] == same
    assert found["rate with half of the strokes"] is None


def test_roles_of_a_log(played):
    log = read_log(played[1])
    material = LogData(log, Settings(sample=10**6))
    within, between, part = roles(material).rows
    centres = log.strokes().points.mean(axis=2)[list(material.drawn_once.values())]
    assert within.value == pytest.approx(centres.var(axis=0, ddof=1).mean(), rel=1e-4)
    assert between.value == pytest.approx(
        centres.mean(axis=0).var(axis=0).mean(), rel=1e-2
    )  # less the scatter of the means
    assert part.value == pytest.approx(within.value / (within.value + between.value))
    assert all(row.interval[0] < row.value < row.interval[1] for row in (within, between, part))
    assert len(roles(material).details["variance_by_stroke"]) == 4
    material.strokes = LoggedStrokes(log.strokes().points[:, :1], 0.01, None)
    del material.sampled_strokes
    with pytest.raises(NotMeasured, match="2 strokes"):
        roles(material)


def test_roles_do_not_depend_on_strokes_that_are_not_drawn(played):
    """Stroke 0 is in no drawing, stroke 1 in one, stroke 2 in every second one, and stroke 3 in all."""
    log = read_log(played[1])
    material = LogData(log, Settings(sample=10**6))
    strokes, found = log.strokes(), []
    drawings = list(material.drawn_once.values())
    intensities = np.ones((*strokes.points.shape[:2], 1), np.float32)
    intensities[:, 0], intensities[:, 1], intensities[drawings[::2], 2] = 0, 0, 0
    intensities[drawings[0], 1] = 0.5
    hidden = intensities[:, :, 0] == 0
    for seed in (0, 1):
        points = strokes.points.copy()
        points[hidden] = np.random.default_rng(seed).uniform(-1, 1, points[hidden].shape)
        material = LogData(log, Settings(sample=10**6))
        material.strokes = LoggedStrokes(points, strokes.sigma2, intensities)
        found.append(roles(material))
    assert found[0] == found[1]
    rows, details = found[0].rows, found[0].details
    kept = [strokes.points[drawings[1::2], 2].mean(axis=1), strokes.points[drawings, 3].mean(axis=1)]
    assert details["strokes"] == [2, 3]
    assert details["drawings_by_stroke"] == [len(centres) for centres in kept]
    unbiased = [centres.var(axis=0, ddof=1).mean() for centres in kept]
    assert details["variance_by_stroke"] == pytest.approx(unbiased, rel=1e-3)
    assert rows[1].value == pytest.approx(np.var([centres.mean(axis=0) for centres in kept], axis=0).mean(), rel=1e-2)
    assert "; 2 strokes left out, in fewer than 2 drawings" in rows[0].note


def test_what_a_log_without_judge_or_data_set_says(played, make_full_log, tmp_path, pixels):
    said = TOOL.run("measure", [str(played[1]), "--only", "judge", "symbolicity", "semanticity", "controls", "roles"])
    for name in ("judge", "symbolicity", "semanticity"):
        assert f"  {name}: give --judge" in said
    assert "  controls: give --weights" in said
    assert "variance between strokes" in said
    log = read_log(make_full_log(tmp_path))
    assert load_training_photos(log, 0) is None
    with pytest.raises(NotMeasured, match="options of its data set"):
        judged(LogData(log, Settings(judge=pixels)))
    empty = TrainingPhotos(np.zeros((2, 1, 12, 12), np.uint8), np.array([0, 1]), ("a", "b"))
    with pytest.raises(NotMeasured, match="the class 'c' has no training photos"):
        judged(LogData(log, Settings(judge=pixels), photos=empty))


def test_the_command(played, tmp_path, caplog):
    pytest.importorskip("timm")
    words = [str(played[1]), "--device", "cpu", "--only", "symbolicity", "--json", str(tmp_path / "out.json")]
    from learning_to_draw.analysis.measure import measure as module

    values = vars(TOOL._parser("measure", words).parse_args([*words, "--judge", "timm:test_resnet"]))
    with caplog.at_level(logging.WARNING):
        said = module.measure(**values, pretrained=False)
    assert not caplog.records
    assert "symbolicity of sketches" in said
    found = json.loads((tmp_path / "out.json").read_text())["logs"][0]["measures"]
    assert found["symbolicity"]["judge"] == "timm:test_resnet"
    for words, told in (
        (["--judge-weights", "x.pt"], "need --judge"),
        (["--judge", "nobody"], "--judge nobody is not known"),
        (["--judge", "timm:test_resnet", "--word-vectors", "none.txt"], "cannot be read"),
        (["--judge", "timm:no_such_network"], "cannot be loaded"),
    ):
        with pytest.raises(UsageError, match=told):
            TOOL.run("measure", [str(played[1]), *words])
