"""Every sender with every receiver: the matrix against single tests, names, the pictures, and what cannot be played."""

import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image

from learning_to_draw.errors import UsageError
from learning_to_draw.games.losses.terms import HingeLoss, TotalLoss
from learning_to_draw.models.agents import Agents
from learning_to_draw.text_tables import as_csv
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import Pictures
from learning_to_draw.trials.config.configure import configure, replaced
from learning_to_draw.trials.config.parse import read_early
from learning_to_draw.trials.crossplay import crossplay, draw_matrix, matrix, short_names
from learning_to_draw.trials.records.checkpoints import save_checkpoint
from learning_to_draw.trials.test import test as play
from learning_to_draw.trials.trained import load_trained, pair, parse_trained

SMALL = {"image_size": 16, "latent_size": 16, "stroke_spread": 1.0, "batch_size": 12}
LINES = {**SMALL, "nlines": 3, "encoder": "SimpleMLPEncoder"}


def build(config):
    return build_agents(config.agents, Pictures({}, 16, 1), pretrained=False)


def save(path, agents, config):
    optimizer = torch.optim.Adam(agents.parameters())
    save_checkpoint(path, agents, TotalLoss(HingeLoss()), optimizer, config.values(), 0, [])


def play_all(files, *words):
    """`commgame.py crossplay FILES WORDS`."""
    words = [str(word) for word in words]
    crossplay(files, parse_trained("crossplay", words, files[0]))


def play_test(weights, *words):
    """`commgame.py test --weights WEIGHTS WORDS`."""
    words = ["--weights", str(weights), *map(str, words)]
    play(parse_trained("test", words, weights))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Checkpoints of untrained pairs, which differ in encoders, decoders, inversion and shared or separate encoders."""
    folder = tmp_path_factory.mktemp("runs")
    ways = {
        "shared": {**LINES, "invert": True},
        "separate": {**LINES, "encoder": "SmallCNNEncoder", "separate_encoders": True},
        "points": {**SMALL, "encoder": "SimpleMLPEncoder", "decoder": "SinglePassPointsDecoder", "latent_size": 8},
    }
    files = []
    for seed, (name, way) in enumerate(ways.items()):
        config = configure("train", **way)
        torch.manual_seed(seed)
        agents = build(config)
        (folder / name).mkdir()
        files.append(folder / name / "model_final.pt")
        save(files[-1], agents, config)
    return files


def test_the_matrix_holds_what_single_tests_of_the_pairs_give(runs, tmp_path):
    play_all(runs, "--output", tmp_path / "out")
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["names"] == ["shared", "separate", "points"]
    rates = result["communication_rates"]
    assert len({rate for row in rates for rate in row}) > 1  # they do differ
    for k, sender in enumerate(runs):
        for j, receiver in enumerate(runs):
            folder = tmp_path / f"{k}{j}"
            swap = ["--swapAgents", "--weights-pair2", receiver] if j != k else []
            play_test(sender, "--output", folder, *swap)
            single = json.loads((folder / "result.json").read_text())
            assert single["communication_rate"] == pytest.approx(rates[k][j], abs=1e-6)
            assert single.get("receiver_weights") == (str(receiver) if j != k else None)
    own = [rates[k][k] for k in range(3)]
    assert result["own_partner"] == pytest.approx(sum(own) / 3)
    assert result["other_partners"] == pytest.approx((sum(map(sum, rates)) - sum(own)) / 6)
    assert result["chance"] == pytest.approx(1 / 12)

    rows = list(csv.reader((tmp_path / "out" / "crossplay.csv").read_text().splitlines()))
    assert rows[0] == ["sender", "shared", "separate", "points"]
    for row, name, expected in zip(rows[1:], result["names"], rates, strict=True):
        assert row[0] == name
        assert [float(cell) for cell in row[1:]] == pytest.approx(expected, abs=5e-5)
    with Image.open(tmp_path / "out" / "crossplay.png") as picture:
        assert picture.width > picture.height


@torch.no_grad()
def test_a_pair_draws_like_its_sender_and_scores_like_its_receiver(runs):
    trained = [load_trained("test", file, {"weights": str(file)}) for file in runs[:2]]
    one, other = (build(each.config) for each in trained)
    photos, candidates = torch.rand(4, 1, 16, 16), torch.arange(4)[None]
    mixed = pair(trained[0], one, trained[1], other)
    play = mixed(photos, candidates, 4)
    assert torch.equal(play.sketches, one(photos, candidates, 4).sketches)
    heard = other.receiver(other.receiver_encoder.encode(play.sketches, is_sketch=True).latent)
    seen = other.receiver(other.receiver_encoder.encode(photos).latent)
    assert torch.allclose(play.scores, heard @ seen.T, atol=1e-5)
    assert pair(trained[0], one, trained[0], one) is one
    assert isinstance(mixed, Agents)


@pytest.mark.parametrize("half", [["--swapAgents"], ["--weights-pair2", "other.pt"]])
def test_a_swap_needs_the_other_pair(runs, tmp_path, half):
    with pytest.raises(UsageError, match="go together"):
        play_test(runs[0], "--output", tmp_path / "out", *half)
    assert not (tmp_path / "out").exists()


def test_one_checkpoint_is_too_few(runs):
    with pytest.raises(UsageError, match="two checkpoints or more"):
        play_all(runs[:1])


def test_agents_of_different_games_play_only_one_that_is_named(runs, tmp_path):
    config = configure("train", **LINES, object_oriented="same")
    settled = replaced(config, "settled by the run", num_targets=10)  # as training leaves it
    save(tmp_path / "same.pt", build(config), settled)
    files = [runs[0], tmp_path / "same.pt"]
    with pytest.raises(UsageError, match=r"do not play the same game\.\n.*--object-oriented none"):
        play_all(files, "--output", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    play_all(files, "--output", tmp_path / "out", "--object-oriented", "none")
    assert json.loads((tmp_path / "out" / "result.json").read_text())["candidates"] == 12


@pytest.mark.parametrize(
    ("differs", "told"),
    [
        (
            {"dataset_seed": 7},
            r"--dataset-seed 1234, but .* --dataset-seed 7.*\n.*training pictures of some agents",
        ),
        ({"batch_size": 8}, "--batch-size 12, but .* --batch-size 8"),
        ({"random_transform_sender": True}, "--no-random-transform-sender, but .* --random-transform-sender"),
        ({"sender_images_per_iter": 4}, r"(?s)no --sender-images-per-iter, but .*such as --sender-images-per-iter 4"),
    ],
)
def test_what_makes_up_the_games_has_to_be_common(runs, tmp_path, differs, told):
    config = configure("train", **{**LINES, **differs})
    save(tmp_path / "m.pt", build(config), config)
    with pytest.raises(UsageError, match=told):
        play_all([runs[0], tmp_path / "m.pt"], "--output", tmp_path / "out")
    with pytest.raises(UsageError, match=told):
        play_test(runs[0], "--output", tmp_path / "out", "--swap-agents", "--weights-pair2", tmp_path / "m.pt")
    assert not (tmp_path / "out").exists()


def test_colours_for_a_receiver_of_one_channel_name_both_checkpoints(runs, tmp_path):
    colour = {"encoder": "SqueezeNetBackbone", "feature_layer": "relu1", "decoder": "SinglePassColouredLineDecoder"}
    config = configure("train", **{**LINES, **colour})
    save(tmp_path / "m.pt", build(config), config)
    with pytest.raises(UsageError, match=r"the sender of .*m\.pt draws in colour, but the receiver of .*shared"):
        play_all([runs[0], tmp_path / "m.pt"], "--output", tmp_path / "out")


def test_where_training_wrote_is_not_taken_over(runs, tmp_path):
    config = configure("train", **LINES, output="training", device="cuda:7", dry_run=True)
    save(tmp_path / "m.pt", build(config), config)
    found = parse_trained("test", ["--weights", "m.pt"], tmp_path / "m.pt")
    assert (found.output, found.device, found.dry_run) == (None, None, False)


@pytest.mark.parametrize(
    ("words", "trusted"),
    [
        ([], False),
        (["--trust-weights"], True),
        (["--trust"], True),
        (["--trust-weights", "--no-trust-weights"], False),
    ],
)
def test_trust_is_what_the_last_word_says(words, trusted):
    early = read_early(["--weights", "m.pt", *words, "--nlines", "3"])
    assert early.get("trust_weights", False) == trusted


def test_names_tell_checkpoints_apart(tmp_path):
    one, other = tmp_path / "a" / "model_final.pt", tmp_path / "b" / "model_final.pt"
    assert short_names([one, other]) == ["a", "b"]
    assert short_names([one, one.with_name("model_01.pt")]) == ["model_final", "model_01"]
    assert short_names([one, other, one.with_name("model_01.pt")]) == ["a/model_final", "b/model_final", "a/model_01"]
    assert short_names([one, one]) == ["1 a/model_final", "2 a/model_final"]


def test_names_with_commas_survive_the_table():
    rows = list(csv.reader(as_csv(matrix(["a,b", "c"], [[0.5, 0.25], [0.125, 1.0]])).splitlines()))
    assert rows == [["sender", "a,b", "c"], ["a,b", "0.5000", "0.2500"], ["c", "0.1250", "1.0000"]]


def test_the_heat_map_is_white_at_chance_and_dark_where_all_is_won():
    picture = draw_matrix(["a", "b"], [[1.0, 0.1], [0.55, 0.0]], chance=0.1)
    colours = {colour for _, colour in picture.getcolors(1 << 20)}
    assert {(8, 48, 107), (255, 255, 255)} <= colours
    halfway = tuple(round((255 + dark) / 2) for dark in (8, 48, 107))
    assert any(all(abs(c - h) <= 1 for c, h in zip(colour, halfway, strict=True)) for colour in colours)


def test_the_heat_map_has_a_row_for_each_sender():
    def dark(rates):
        """The mean (row, column) of the pixels of the cell whose rate is 1."""
        pixels = np.asarray(draw_matrix(["a", "b"], rates, chance=0.1))
        return np.argwhere((pixels == (8, 48, 107)).all(axis=2)).mean(axis=0)

    first_with_second, second_with_first = dark([[0.1, 1.0], [0.1, 0.1]]), dark([[0.1, 0.1], [1.0, 0.1]])
    assert first_with_second[0] < second_with_first[0]
    assert first_with_second[1] > second_with_first[1]
