"""Guesses after every step of a sketch: weights, decisions, loss, and a run from end to end."""

import csv
import json

import pytest
import torch
from PIL import Image
from torch.nn import functional

from learning_to_draw import commgame
from learning_to_draw.errors import UsageError
from learning_to_draw.games.losses.anytime import PRIOR_COEF, anytime_loss
from learning_to_draw.models.anytime import Guesses, Halting
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import Pictures
from learning_to_draw.trials.config.configure import configure
from learning_to_draw.trials.records.gamelog import read_log

RECURRENT = {"decoder": "RecurrentSimpleLineDecoder", "steps": 3, "nlines": 2, "encoder": "SimpleMLPEncoder"}


def call(*words):
    return commgame.main([str(word) for word in words])


def test_without_learned_halting_all_steps_count_the_same_and_a_sure_receiver_decides():
    scores = torch.tensor([[[0.0, 0.0], [9.0, 0.0]], [[9.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    guesses = Guesses(scores)
    assert torch.allclose(guesses.weights, torch.full((3, 2), 1 / 3))
    assert guesses.decided.tolist() == [1, 0]
    assert Guesses(scores[:1] * 0).decided.tolist() == [0, 0]
    assert Guesses(scores * 0.1).decided.tolist() == [2, 2]  # never sure: after the last step


def test_the_probability_to_decide_is_that_of_not_having_decided_before():
    halting = torch.tensor([[0.25, 0.0], [0.5, 0.9], [0.1, 0.7]])
    guesses = Guesses(torch.zeros(3, 2, 4), halting)
    assert torch.allclose(guesses.weights[:, 0], torch.tensor([0.25, 0.375, 0.375]))
    assert torch.allclose(guesses.weights[:, 1], torch.tensor([0.0, 0.9, 0.1]))
    assert guesses.decided.tolist() == [1, 1]  # 0.25 + 0.375 and 0.9 reach one half


def test_the_loss_is_the_mean_over_steps_or_weighted():
    torch.manual_seed(0)
    scores, targets = torch.randn(3, 4, 5), torch.tensor([0, 3, 2, 4])
    plain = anytime_loss(functional.cross_entropy, Guesses(scores), targets)
    each = torch.stack([functional.cross_entropy(step, targets, reduction="none") for step in scores])
    assert torch.allclose(plain, each.mean())
    guesses = Guesses(scores, torch.rand(3, 4))
    weights = guesses.weights
    assert torch.allclose(weights.sum(dim=0), torch.ones(4))
    divergence = functional.kl_div(torch.full((4, 3), 1 / 3).log(), weights.T, reduction="batchmean")
    expected = (weights * each).sum() / 4 + PRIOR_COEF * divergence
    assert torch.allclose(anytime_loss(functional.cross_entropy, guesses, targets), expected, atol=1e-6)


def test_gradients_of_learned_halting():
    torch.manual_seed(0)
    halting, scores = Halting().double(), torch.randn(3, 2, 4, dtype=torch.float64, requires_grad=True)

    def loss(scores):
        return anytime_loss(functional.cross_entropy, Guesses(scores, halting(scores)), torch.tensor([1, 3]))

    assert torch.autograd.gradcheck(loss, (scores,))
    loss(scores).backward()
    assert all(weight.grad.abs().sum() > 0 for weight in halting.parameters())


@pytest.mark.parametrize("anytime", ["mean", "learned"])
def test_the_receiver_sees_the_strokes_of_the_steps_so_far(anytime):
    torch.manual_seed(0)
    agents = build_agents(configure("train", **RECURRENT, anytime=anytime).agents, Pictures({}, 16, 1)).eval()
    photos, candidates = torch.rand(4, 1, 16, 16), torch.arange(4)[None]
    play = agents(photos, candidates, 4)
    assert play.guesses.scores.shape == (3, 4, 4)
    assert torch.equal(play.guesses.scores[-1], play.scores)
    offered = agents.receiver(agents.receiver_encoder.encode(photos).latent)
    for step in (1, 2):
        ink = agents.decoder.draw(play.strokes[:, : 2 * step])
        seen = agents.receiver(agents.receiver_encoder.encode(agents.apply_invert(ink), is_sketch=True).latent)
        assert torch.allclose(play.guesses.scores[step - 1], seen @ offered.T, atol=1e-5)
    assert (play.guesses.halting is None) == (anytime == "mean")


def test_with_feedback_the_sender_knows_what_the_receiver_believes():
    torch.manual_seed(0)
    agents = build_agents(configure("train", **RECURRENT, anytime="mean", feedback=True).agents, Pictures({}, 16, 1))
    photos, candidates, targets = torch.rand(4, 1, 16, 16), torch.arange(4)[None], torch.arange(4)
    heard = []
    reply = agents._feedback

    def listen(*arguments):
        heard.append(reply(*arguments))
        return heard[-1]

    agents.eval()._feedback = listen
    play = agents(photos, candidates, 4, targets=targets)
    beliefs = torch.softmax(play.guesses.scores, dim=2)
    assert len(heard) == 2  # before the second and the third step
    for step, told in enumerate(heard):
        assert torch.allclose(told[:, 0], beliefs[step, targets, targets], atol=1e-5)
        assert torch.allclose(told[:, 1], beliefs[step].amax(dim=1), atol=1e-5)
    others = agents(photos, candidates, 4, targets=targets.roll(1))
    assert torch.equal(play.strokes.points[:, :2], others.strokes.points[:, :2])  # step 1
    assert not torch.equal(play.strokes.points[:, 2:], others.strokes.points[:, 2:])
    heard.clear()
    alone = agents(photos, candidates, 4)  # nobody answers
    assert not heard
    encoding = agents.sender_encoder.encode(photos)
    assert torch.equal(agents.sketch(encoding)[0].points, alone.strokes.points)


def test_feedback_needs_guesses_at_any_time():
    with pytest.raises(UsageError, match="Add --anytime"):
        build_agents(configure("train", **RECURRENT, feedback=True).agents, Pictures({}, 16, 1))


def test_a_decoder_that_draws_at_once_is_an_error():
    with pytest.raises(UsageError, match="--anytime needs a decoder that draws in several steps"):
        build_agents(configure("train", anytime="mean").agents, Pictures({}, 32, 1))


def test_without_the_option_nothing_is_computed():
    agents = build_agents(configure("train", **RECURRENT).agents, Pictures({}, 16, 1)).eval()
    assert agents(torch.rand(4, 1, 16, 16), torch.arange(4)[None], 4).guesses is None


def test_a_run_from_end_to_end(tmp_path, capsys):
    words = ["train", "--decoder", "RNNBezierDecoder", "--steps", "3", "--anytime", "learned", "--loss", "CELoss"]
    assert call(*words, "--batch-size", "60", "--epochs", "1", "--quiet", "--output", tmp_path / "run") == 0
    with (tmp_path / "run" / "log.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["val_commrate_step_3"]) == pytest.approx(float(row["val_commrate"]))
    assert 1 <= float(row["val_decision_step"]) <= 3
    assert float(row["val_decision_strokes"]) == pytest.approx(float(row["val_decision_step"]))
    trained = json.loads((tmp_path / "run" / "result.json").read_text())
    assert trained["rate_by_step"] == pytest.approx([float(row[f"val_commrate_step_{step}"]) for step in (1, 2, 3)])
    weights = tmp_path / "run" / "model_final.pt"
    assert call("test", "--weights", weights, "--output", tmp_path / "test") == 0
    assert "rate by step" in capsys.readouterr().out
    lines = [json.loads(line) for line in (tmp_path / "test" / "gamelogs" / "games.jsonl").read_text().splitlines()]
    result = json.loads((tmp_path / "test" / "result.json").read_text())
    for step in range(3):
        guesses = [max(range(60), key=line["step_scores"][step].__getitem__) for line in lines]
        rate = sum(guess == line["target"] for guess, line in zip(guesses, lines, strict=True)) / len(lines)
        assert rate == pytest.approx(result["rate_by_step"][step], abs=0.006)  # scores are rounded in the log
    mean_step = sum(line["decided"] + 1 for line in lines) / len(lines)
    assert mean_step == pytest.approx(result["decision_step"])
    assert len(read_log(tmp_path / "test").games) == len(lines)
    with (
        Image.open(tmp_path / "test" / "test_steps.gif") as one,
        Image.open(tmp_path / "test" / "test_steps.png") as all_,
    ):
        assert all_.size == (one.width, 3 * one.height)
