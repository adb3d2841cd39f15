"""Losses of the game and of pixels against sums worked out by hand."""

import math

import pytest
import torch
from torch import nn

from learning_to_draw.components import Config
from learning_to_draw.games.losses.config import InkPriceConfig, PerceptualConfig, StrokePriceConfig
from learning_to_draw.games.losses.perceptual import PerceptualLoss
from learning_to_draw.games.losses.prices import InkPrice, StrokePrice
from learning_to_draw.games.losses.terms import CELoss, HingeLoss, NoLoss, ReconstructLoss, TotalLoss
from learning_to_draw.models.agents import Play
from learning_to_draw.models.decoders.base import Strokes
from learning_to_draw.models.encoders.base import Encoding


def test_hinge_by_hand():
    scores = torch.tensor([[2.0, 1.5, -1.0], [0.0, 0.0, 0.0]])
    # first: max(0, 1 - 2 + 1.5) + max(0, 1 - 2 - 1) = 0.5; second: 1 + 1 = 2; each over 3, then the mean
    assert HingeLoss()(scores, torch.tensor([0, 2])).item() == pytest.approx((0.5 / 3 + 2 / 3) / 2)


def test_equal_scores_give_the_losses_of_no_communication():
    scores = torch.full((7, 5), 3.25)
    targets = torch.tensor([0, 1, 2, 3, 4, 0, 1])
    assert HingeLoss()(scores, targets).item() == pytest.approx(4 / 5)
    assert CELoss()(scores, targets).item() == pytest.approx(math.log(5))
    assert NoLoss()(scores, targets).item() == 0


def test_cross_entropy_by_hand():
    scores = torch.tensor([[1.0, 2.0, 0.0]])
    expected = -math.log(math.exp(2) / (math.exp(1) + math.exp(2) + 1))
    assert CELoss()(scores, torch.tensor([1])).item() == pytest.approx(expected)


def test_games_of_a_batch_do_not_mix():
    torch.manual_seed(0)
    scores, targets = torch.randn(6, 3, dtype=torch.float64), torch.tensor([0, 2, 1, 1, 0, 2])
    for loss in (HingeLoss(), CELoss()):
        apart = (loss(scores[:3], targets[:3]) + loss(scores[3:], targets[3:])) / 2
        assert loss(scores, targets).item() == pytest.approx(apart.item(), abs=1e-12)


def test_no_loss_has_a_gradient_of_zero():
    scores = torch.randn(2, 3, requires_grad=True)
    NoLoss()(scores, torch.tensor([0, 1])).backward()
    assert torch.equal(scores.grad, torch.zeros(2, 3))


def test_reconstruct_loss_by_hand(play_with, agents_with_layers):
    sketches = torch.tensor([1.0, 0.0, 0.5, 0.0]).view(1, 1, 2, 2)
    photos = torch.tensor([0.0, 0.0, 1.0, 0.0]).view(1, 1, 2, 2)
    loss = ReconstructLoss(Config(), agents_with_layers())
    assert loss(play_with(sketches=sketches, photos=photos)).item() == pytest.approx((1 + 0.25) / 4)
    # the encoder's three equal channels change nothing
    colour = play_with(sketches=sketches.expand(1, 3, 2, 2), photos=photos)
    assert loss(colour).item() == pytest.approx((1 + 0.25) / 4)


def test_reconstruct_loss_of_a_photo_in_colour(play_with, agents_with_layers):
    photos = torch.tensor([0.2, 0.5, 1.0]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    play = play_with(sketches=torch.full((1, 3, 4, 4), 0.5), photos=photos)
    loss = ReconstructLoss(Config(), agents_with_layers())
    assert loss(play).item() == pytest.approx((0.09 + 0.25) / 3)


class Ink(nn.Module):
    def forward(self, play):
        return play.sketches.sum() * 2


def test_total_loss_names_its_terms(play_with, agents_with_layers):
    total = TotalLoss(lambda scores, targets: scores.new_tensor(0.25), {"ink": Ink()})
    terms = total(play_with(sketches=torch.ones(3)), torch.tensor([0]))
    assert {name: term.item() for name, term in terms.items()} == {"game": 0.25, "ink": 6.0}
    assert not total.needed_layers  # nothing here reads feature maps
    perceptual = PerceptualLoss(PerceptualConfig(), agents_with_layers("a"))
    assert TotalLoss(HingeLoss(), {"perceptual": perceptual}).needed_layers
    assert not TotalLoss(HingeLoss()).needed_layers


def test_total_loss_keeps_what_its_terms_learn(agents_with_layers):
    def build():
        perceptual = PerceptualLoss(PerceptualConfig(learn_sop_weights=True), agents_with_layers("a", "b"))
        return TotalLoss(HingeLoss(), {"perceptual": perceptual})

    one, other = build(), build()
    assert list(one.state_dict()) == ["auxiliary.perceptual.weights.values"]
    other.load_state_dict(one.state_dict())
    assert torch.equal(other.auxiliary["perceptual"].weights.values, one.auxiliary["perceptual"].weights.values)
    assert not TotalLoss(HingeLoss()).state_dict()


def play_of(sketches, intensities=None):
    strokes = Strokes(torch.zeros(2, 3, 2, 2), 0.1, intensities)
    empty = Encoding(torch.zeros(2, 0))
    return Play(torch.zeros(2, 2), sketches, strokes, sketches, empty, empty)


@pytest.mark.parametrize("invert", [False, True])
def test_the_price_of_ink_by_hand(invert, agents_with_layers):
    ink = torch.tensor([[1.0, 0.0, 0.0, 0.2], [0.4, 0.4, 0.0, 0.0]]).view(2, 1, 2, 2).requires_grad_()
    agents = agents_with_layers()
    agents.invert = invert
    loss = InkPrice(InkPriceConfig(ink_price=3), agents)(play_of(agents.apply_invert(ink)))
    assert loss.item() == pytest.approx(3 * 2 / 8)
    loss.backward()
    assert torch.allclose(ink.grad, torch.tensor(3 / 8))


def test_the_price_of_strokes_by_hand(agents_with_layers):
    price = StrokePrice(StrokePriceConfig(stroke_price=0.5), agents_with_layers())
    sketches = torch.zeros(2, 1, 4, 4)
    gates = torch.tensor([[1.0, 0, 1], [0, 0, 0.25]]).view(2, 3, 1).requires_grad_()
    loss = price(play_of(sketches, gates))
    assert loss.item() == pytest.approx(0.5 * (2 + 0.25) / 2)
    loss.backward()
    assert torch.allclose(gates.grad, torch.tensor(0.5 / 2))
    colours = torch.tensor([[0.1, 0.9, 0.0], [0, 0, 0], [1, 1, 1]]).expand(2, 3, 3)
    assert price(play_of(sketches, colours)).item() == pytest.approx(0.5 * 1.9)
    assert price(play_of(sketches)).item() == pytest.approx(0.5 * 3)
