"""Every sender with every receiver: the matrix against single tests, names, the pictures, and what cannot be played."""

import csv
import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from learning_to_draw.errors import UsageError
from learning_to_draw.models.agents import Agents
from learning_to_draw.trials.build import Pictures, build_agents, build_test_loss
from learning_to_draw.trials.config.resolve import given_trust, resolve
from learning_to_draw.trials.crossplay import crossplay, draw_matrix, matrix_csv, short_names
from learning_to_draw.trials.records.checkpoints import save_checkpoint
from learning_to_draw.trials.test import test as play_test
from learning_to_draw.trials.trained import load_trained, pair

SMALL = ["--image-size", "16", "--latent-size", "16", "--nlines", "3", "--stroke-spread", "1", "--batch-size", "12"]


def save(path, agents, options):
    save_checkpoint(path, agents, build_test_loss(options), torch.optim.Adam(agents.parameters()), options, 0, [])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Checkpoints of untrained pairs, which differ in encoders, decoders, inversion and shared or separate encoders."""
    folder = tmp_path_factory.mktemp("runs")
    ways = {
        "shared": ["--encoder", "SimpleMLPEncoder", "--invert"],
        "separate": ["--encoder", "SmallCNNEncoder", "--separate-encoders"],
        "points": ["--encoder", "SimpleMLPEncoder", "--decoder", "SinglePassPointsDecoder", "--latent-size", "8"],
    }
    files = []
    for seed, (name, way) in enumerate(ways.items()):
        small = [word for word in SMALL if word not in ("--nlines", "3")] if name == "points" else SMALL
        options = resolve("train", [*small, *way])
        torch.manual_seed(seed)
        agents = build_agents(options, Pictures({}, 16, 1))
        (folder / name).mkdir()
        files.append(folder / name / "model_final.pt")
        save(files[-1], agents, options)
    return files


def test_the_matrix_holds_what_single_tests_of_the_pairs_give(runs, tmp_path):
    crossplay(runs, ["--output", str(tmp_path / "out")], sys.argv)
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["names"] == ["shared", "separate", "points"]
    rates = result["communication_rates"]
    assert len({rate for row in rates for rate in row}) > 1  # they do differ
    for k, sender in enumerate(runs):
        for j, receiver in enumerate(runs):
            folder = tmp_path / f"{k}{j}"
            arguments = ["--output", str(folder), "--weights", str(sender)]
            arguments += ["--swapAgents", "--weights-pair2", str(receiver)] if j != k else []
            play_test(sender, arguments, sys.argv)
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
    trained = [load_trained("test", ["--weights", str(file)], file) for file in runs[:2]]
    one, other = (build_agents(each.options, Pictures({}, 16, 1), pretrained=False) for each in trained)
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
        play_test(runs[0], ["--weights", str(runs[0]), "--output", str(tmp_path / "out"), *half], sys.argv)
    assert not (tmp_path / "out").exists()


def test_one_checkpoint_is_too_few(runs):
    with pytest.raises(UsageError, match="two checkpoints or more"):
        crossplay(runs[:1], [], sys.argv)


def test_agents_of_different_games_play_only_one_that_is_named(runs, tmp_path):
    options = resolve("train", [*SMALL, "--encoder", "SimpleMLPEncoder", "--object-oriented", "same"])
    settled = options.replace("settled by the run", num_targets=10)  # as training leaves it
    save(tmp_path / "same.pt", build_agents(options, Pictures({}, 16, 1)), settled)
    files = [runs[0], tmp_path / "same.pt"]
    with pytest.raises(UsageError, match=r"do not play the same game\.\n.*--object-oriented none"):
        crossplay(files, ["--output", str(tmp_path / "out")], sys.argv)
    assert not (tmp_path / "out").exists()
    crossplay(files, ["--output", str(tmp_path / "out"), "--object-oriented", "none"], sys.argv)
    assert json.loads((tmp_path / "out" / "result.json").read_text())["candidates"] == 12


@pytest.mark.parametrize(
    ("differs", "told"),
    [
        (["--dataset-seed", "7"], r"--dataset-seed 1234, and .* --dataset-seed 7.*\n.*trained on by one of them"),
        (["--batch-size", "8"], "--batch-size 12, and .* --batch-size 8"),
        (["--random-transform-sender"], "--no-random-transform-sender, and .* --random-transform-sender"),
        (
            ["--sender-images-per-iter", "4"],
            r"(?s)no --sender-images-per-iter, and .*such as --sender-images-per-iter 4",
        ),
    ],
)
def test_what_makes_up_the_games_has_to_be_common(runs, tmp_path, differs, told):
    options = resolve("train", [*SMALL, "--encoder", "SimpleMLPEncoder", *differs])
    save(tmp_path / "m.pt", build_agents(options, Pictures({}, 16, 1)), options)
    with pytest.raises(UsageError, match=told):
        crossplay([runs[0], tmp_path / "m.pt"], ["--output", str(tmp_path / "out")], sys.argv)
    swap = ["--swap-agents", "--weights-pair2", str(tmp_path / "m.pt")]
    with pytest.raises(UsageError, match=told):
        play_test(runs[0], ["--weights", str(runs[0]), "--output", str(tmp_path / "out"), *swap], sys.argv)
    assert not (tmp_path / "out").exists()


def test_colours_for_a_receiver_of_one_channel_name_both_checkpoints(runs, tmp_path):
    colour = [
        "--encoder",
        "SqueezeNetBackbone",
        "--feature-layer",
        "relu1",
        "--decoder",
        "SinglePassColouredLineDecoder",
    ]
    options = resolve("train", [*SMALL, *colour])
    save(tmp_path / "m.pt", build_agents(options, Pictures({}, 16, 1)), options)
    with pytest.raises(UsageError, match=r"the sender of .*m\.pt draws in colour, and the receiver of .*shared"):
        crossplay([runs[0], tmp_path / "m.pt"], ["--output", str(tmp_path / "out")], sys.argv)


def test_where_training_wrote_is_not_taken_over(runs, tmp_path):
    options = resolve("train", [*SMALL, "--output", "training", "--device", "cuda:7", "--dry-run"])
    save(tmp_path / "m.pt", build_agents(options, Pictures({}, 16, 1)), options)
    found = load_trained("test", ["--weights", "m.pt"], tmp_path / "m.pt").options
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
    assert given_trust(["--weights", "m.pt", *words, "--nlines", "3"]) == trusted


def test_names_tell_checkpoints_apart(tmp_path):
    one, other = tmp_path / "a" / "model_final.pt", tmp_path / "b" / "model_final.pt"
    assert short_names([one, other]) == ["a", "b"]
    assert short_names([one, one.with_name("model_01.pt")]) == ["model_final", "model_01"]
    assert short_names([one, other, one.with_name("model_01.pt")]) == ["a/model_final", "b/model_final", "a/model_01"]
    assert short_names([one, one]) == ["1 a/model_final", "2 a/model_final"]


def test_names_with_commas_survive_the_table():
    rows = list(csv.reader(matrix_csv(["a,b", "c"], [[0.5, 0.25], [0.125, 1.0]]).splitlines()))
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
