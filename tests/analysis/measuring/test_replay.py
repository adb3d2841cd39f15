"""Agents before their own log once more: the guesses of the log again, and what erasing strokes does to them."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from learning_to_draw.analysis.measure.drawing_rows import erasure_pairs, idle_strokes, stroke_erasure, topographic
from learning_to_draw.analysis.measure.material import LogData, Settings
from learning_to_draw.analysis.measure.measure import measure
from learning_to_draw.analysis.measure.replay import load_replay
from learning_to_draw.analysis.measure.table import NotMeasured
from learning_to_draw.errors import UsageError
from learning_to_draw.games.losses.terms import TotalLoss
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import Pictures
from learning_to_draw.trials.config.parse import parse
from learning_to_draw.trials.records.checkpoints import save_checkpoint
from learning_to_draw.trials.records.gamelog import LoggedStrokes, read_log
from learning_to_draw.trials.test import test as play_test
from learning_to_draw.trials.trained import parse_trained

SMALL = ["--image-size", "16", "--latent-size", "16", "--stroke-spread", "1", "--batch-size", "12"]
WAYS = {
    "shared": ["--encoder", "SimpleMLPEncoder", "--nlines", "3", "--invert"],
    "separate": ["--encoder", "SmallCNNEncoder", "--separate-encoders", "--nlines", "1"],
    "widths": ["--encoder", "SimpleMLPEncoder", "--nlines", "5", "--stroke-widths", "chosen", "--stroke-gates"],
    "points": ["--encoder", "SimpleMLPEncoder", "--decoder", "SinglePassPointsDecoder", "--npoints", "4"],
    "bf16": ["--encoder", "SqueezeNetBackbone", "--nlines", "3", "--image-size", "32"],
}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """name -> (checkpoint, log) of untrained pairs; "swapped": the sender `points` with the receiver `shared`."""
    folder = tmp_path_factory.mktemp("played")

    def play(name, sender, *others):
        words = ["--output", str(folder / name), "--weights", str(sender), *others]
        play_test(parse_trained("test", words, sender), sys.argv)
        return folder / name / "gamelogs"

    found = {}
    for seed, (name, way) in enumerate(WAYS.items()):
        config, path = parse("train", [*SMALL, *way]), folder / f"{name}.pt"
        torch.manual_seed(seed)
        agents = build_agents(config.agents, Pictures({}, 32 if name == "bf16" else 16, 1))
        if name == "widths":
            for head in (agents.decoder.width_head, agents.decoder.gate_head):
                torch.nn.init.normal_(head.weight, std=3)
                head.bias.data = torch.linspace(-2, 3, len(head.bias))
        optimizer = torch.optim.Adam(agents.parameters())
        save_checkpoint(path, agents, TotalLoss(config.loss.build(), {}), optimizer, config.values(), 0, [])
        found[name] = path, play(name, path, *(["--precision", "bf16"] if name == "bf16" else []))
    receiver = found["shared"][0]
    others = ["--swapAgents", "--weights-pair2", str(receiver)]
    return found | {"swapped": (receiver, play("swapped", found["points"][0], *others))}


def measured(log, *weights, **changes):
    """What measure writes to its JSON file, by measure."""
    out = log / "measured.json"
    arguments = {
        "trust_weights": False,
        "plugin": None,
        "features": "pixels",
        "sample": 40,
        "seed": 0,
        "only": None,
        "device": "cpu",
        "clip": False,
        "clip_model": "ViT-B/32",
        "classes": None,
        "classes_file": None,
    }
    try:
        said = measure([log], list(weights), json=out, markdown=True, **(arguments | changes))
        return said, json.loads(out.read_text())["logs"][0]["measures"]
    finally:
        out.unlink(missing_ok=True)


@pytest.mark.parametrize("name", [*WAYS, "swapped"])
def test_the_guesses_are_those_of_the_log(played, name):
    path, folder = played[name]
    log = read_log(folder)
    replay = load_replay(path, log, CPU)
    names = sorted({name for game in log.games for name in game.candidates})
    offered = replay.offered(LogData(log, Settings()).pictures(names))
    candidates = [[names.index(name) for name in game.candidates] for game in log.games]
    guesses = replay.guesses(log.strokes(), offered, candidates)
    assert guesses.tolist() == [game.guess for game in log.games]
    assert len(set(guesses.tolist())) > 1


def test_sketches_are_drawn_as_the_test_drew_them(played):
    path, folder = played["shared"]
    log = read_log(folder)
    assert log.card["invert"]
    agents = load_replay(path, replace(log, card={**log.card, "contrast": 0.25, "invert": False}), CPU).agents
    assert agents.decoder.contrast == 0.25
    assert not agents.invert


def test_the_erased_stroke_is_the_one_that_is_gone(played):
    """Strokes of which two are off the canvas: to erase those changes nothing, the third leaves a blank sheet."""
    path, folder = played["shared"]
    log = read_log(folder)
    strokes = log.strokes()
    far = strokes.points.copy()
    far[:, :2] = 9
    blank = np.full_like(far, 9)
    material = LogData(log, Settings(sample=10**6), load_replay(path, log, CPU))
    material.strokes = LoggedStrokes(far, strokes.sigma2, None)
    found = stroke_erasure(material)
    changed, rows = found.details["changed_guesses"], [row.value for row in found.rows]
    assert changed[:2] == [0, 0]
    assert changed[2] > 0
    assert rows[2] == rows[3] == rows[1]
    material.strokes = LoggedStrokes(blank, strokes.sigma2, None)
    for name in ("sampled_strokes", "erased_guesses"):
        material.__dict__.pop(name)
    assert rows[4] == stroke_erasure(material).rows[1].value


def test_strokes_that_are_left_out_are_not_measured_as_drawn(played):
    path, folder = played["widths"]
    log = read_log(folder)
    strokes = log.strokes()
    drawn = strokes.intensities[:, :, 0] == 1
    assert 0 < drawn.mean() < 1
    assert strokes.sigma2.shape == drawn.shape
    material = LogData(log, Settings(sample=10**6), load_replay(path, log, CPU))
    # The log's strokes give the log's pictures, to within the rounding to 8 bits.
    sketches = material.replay._draw(strokes, slice(0, 20)).numpy() * 255
    assert np.abs(sketches - material.pictures([game.sketch for game in log.games[:20]])).max() <= 0.501
    erased, sampled = material.erased_guesses[1], material.sampled_strokes
    for stroke in range(5):  # in all games, also where the stroke is not there
        left = LoggedStrokes(sampled.points, sampled.sigma2, sampled.intensities.copy())
        left.intensities[:, stroke] = 0
        assert (erased[stroke] == material.replay.guesses(left, *material.offered)).all()
    dead, number, dots = idle_strokes(material).rows
    assert number.value == pytest.approx(drawn[material.sample].sum(axis=1).mean(), abs=0.1)  # some are off the canvas
    assert dead.value == pytest.approx(1 - number.value / 5)
    assert dots.note.startswith(f"0 of {drawn[material.sample].sum()} strokes")
    for row in topographic(material).rows:
        assert (row.value is None) == ("pixels)" not in row.label.split("drawings")[1])
    assert "some strokes are not drawn" in topographic(material).rows[-1].note


def test_the_table_of_a_log_with_its_agents(played):
    path, folder = played["shared"]
    said, found = measured(folder, path, features="encoder")
    agreement, whole, *without = found["erasure"]["rows"]
    assert agreement["value"] == 1
    assert agreement["note"] == "40 of 40 games"
    assert [row["label"] for row in without] == [f"rate without stroke {k}" for k in range(3)]
    lost = [whole["value"] - row["value"] for row in without]
    assert found["erasure"]["lost"] == pytest.approx(lost)
    assert any(found["erasure"]["changed_guesses"])
    labels = [row["label"] for row in found["topographic"]["rows"]]
    assert [label.split(": ")[1] for label in labels] == [
        f"photos (encoder), drawings ({name})" for name in ("pixels", "encoder", "matched strokes", "Chamfer")
    ]
    assert "nearest prototype (encoder)" in said
    assert "on white paper; 1 means full ink" in said


def test_erasure_rates_are_tested_in_the_same_games(played):
    """Each stroke against all strokes (McNemar), and two runs against each other (paired bootstrap)."""
    materials = [
        LogData(log, Settings(sample=60), load_replay(path, log, CPU))
        for path, log in ((played[name][0], read_log(played[name][1])) for name in ("shared", "points"))
    ]
    drops = []
    for material in materials:
        targets = np.array([game.target for game in material.games_of(material.sample)])
        whole, erased = material.erased_guesses
        right, without = whole == targets, erased == targets
        p = [
            stats.binomtest(int((right & ~now).sum()), int((right != now).sum())).pvalue if (right != now).any() else 1
            for now in without
        ]
        order = np.argsort(p)
        found = stroke_erasure(material).details["p_holm"]
        assert found[order[0]] == pytest.approx(min(1, len(p) * p[order[0]]))
        assert all(now >= before for now, before in zip(found, p, strict=True))
        for row, corrected in zip(stroke_erasure(material).rows[2:], found, strict=True):
            assert row.note.endswith(f", p (Holm) = {corrected:.3f}" if corrected >= 0.001 else ", p (Holm) < 0.001")
        drops.append(right - without.mean(axis=0))
    [row] = erasure_pairs(materials).rows
    difference = drops[0] - drops[1]
    error = difference.std() / len(difference) ** 0.5
    assert row.value == pytest.approx(difference.mean())
    assert row.interval == pytest.approx((row.value - 1.96 * error, row.value + 1.96 * error), abs=0.01)
    drawn = difference[np.random.default_rng(7).integers(0, len(difference), (20_000, len(difference)))].mean(axis=1)
    p = (np.abs(drawn - row.value) >= abs(row.value) - 1e-9).mean()
    assert float(row.note.split("p (Holm) = ")[1]) == pytest.approx(p, abs=0.015)
    targets = np.array([game.target for game in materials[0].games_of(materials[0].sample)])
    for material, lost in zip(materials, (2, 14), strict=True):  # two rates, and erasing a stroke changes nothing
        guesses = np.where(np.arange(len(targets)) < lost, -1, targets)
        material.erased_guesses = guesses, np.tile(guesses, (material.sampled_strokes.points.shape[1], 1))
    [row] = erasure_pairs(materials).rows
    assert (row.value, row.interval) == (0, (0, 0))
    assert row.note.endswith("p (Holm) = 1.000")
    other = LogData(replace(materials[1].log, games=materials[1].log.games[::-1]), Settings(sample=60))
    with pytest.raises(NotMeasured, match="not of the same games"):
        erasure_pairs([materials[0], other])
    with pytest.raises(NotMeasured, match="two logs"):
        erasure_pairs(materials[:1])


def test_features_are_the_encoders_views(played):
    path, folder = played["separate"]
    log = read_log(folder)
    replay, material = load_replay(path, log, CPU), LogData(log, Settings(sample=150))
    photos, sketches = material.sampled_photos, material.sampled_sketches
    agents = replay.agents
    with torch.no_grad():
        expected = agents.sender_encoder.encode(torch.from_numpy(photos) / 255).latent
        drawn = agents.receiver_encoder.encode(torch.from_numpy(sketches) / 255, is_sketch=True).latent
    assert np.allclose(replay.photo_features(photos), expected, atol=1e-5)
    assert np.allclose(replay.sketch_features(sketches), drawn, atol=1e-5)
    assert not np.allclose(replay.photo_features(sketches), drawn, atol=1e-2)  # the encoders are not the same


def test_the_receivers_checkpoint_does_not_stand_in_for_the_sender(played):
    """After a test with swapped agents, the given checkpoint has another sender than the one who drew."""
    path, folder = played["swapped"]
    sender = played["points"][0]
    _, found = measured(folder, path, features="encoder", only=["topographic"])
    [row] = found["topographic"]["rows"]
    assert row["value"] is None
    assert f"the sender's encoder is in {sender}, not in --weights" in row["note"]
    _, found = measured(folder, path, only=["topographic"])
    assert all(row["value"] is not None for row in found["topographic"]["rows"])


def test_weights_of_another_run_are_told(played):
    said, found = measured(played["points"][1], played["shared"][0], only=["erasure"])
    assert found["erasure"]["rows"][0]["value"] < 0.9
    assert "OTHER WEIGHTS PROBABLY PLAYED THIS LOG" in said


@pytest.mark.parametrize("weights", ["points", "shared"])
def test_latents_of_other_weights_are_told(weights, played, caplog):
    measured(played["points"][1], played[weights][0], only=["topographic", "prototypes"], features="encoder")
    assert caplog.text.count("other weights probably played this log") == (weights != "points")


def test_weights_that_cannot_be_used(played, tmp_path, make_log, random_games):
    path, folder = played["shared"]
    with pytest.raises(UsageError, match=r"number of --weights \(2\) is not the number of logs \(1\)"):
        measured(folder, path, path)
    with pytest.raises(UsageError, match="no such file"):
        measured(folder, tmp_path / "none.pt")
    log = make_log(tmp_path / "official", random_games(8))
    with pytest.raises(UsageError, match="does not fit"):  # pictures of another size
        measured(log, path)


def test_official_weights_take_the_options_from_the_log(played, tmp_path, make_log, random_games):
    path, folder = played["shared"]
    content = torch.load(path, weights_only=True)
    torch.save({"torchbearer_version": "0", "model": content["model"], "history": []}, tmp_path / "official.pt")
    _, found = measured(folder, tmp_path / "official.pt", only=["erasure"])
    assert found["erasure"]["rows"][0]["value"] == 1
    log = make_log(tmp_path / "log", random_games(8))
    with pytest.raises(UsageError, match="contains the options"):
        measured(log, tmp_path / "official.pt")
