"""Losses against sums worked out by hand and an independent float64 formula."""

import math

import pytest
import torch

from errors import UsageError
from games.losses import CELoss, HingeLoss, NoLoss, PerceptualLoss, TotalLoss, map_distance
from models.agents import Play
from models.decoders import Strokes
from models.encoding import Encoding


def play_with_maps(photo: dict, drawn: dict) -> Play:
    empty = torch.zeros(0)
    return Play(empty, empty, Strokes(empty, 0.1), empty, Encoding(empty, photo), Encoding(empty, drawn))


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


def test_perceptual_loss_against_the_formula_written_out():
    torch.manual_seed(1)
    shapes = {"early": (2, 3, 4, 4), "late": (2, 5, 2, 2)}
    photo = {name: torch.rand(shape, dtype=torch.float64) for name, shape in shapes.items()}
    drawn = {name: torch.rand(shape, dtype=torch.float64) for name, shape in shapes.items()}
    loss = PerceptualLoss(("early", "late"), [0.5, 2.0], coef=3.0)
    expected = 0.0
    for name, weight in (("early", 0.5), ("late", 2.0)):
        batch, _, height, width = shapes[name]
        for b in range(batch):
            for y in range(height):
                for x in range(width):
                    u, v = photo[name][b, :, y, x], drawn[name][b, :, y, x]
                    apart = u / u.norm() - v / v.norm()
                    expected += 3.0 * weight * float(apart @ apart) / (batch * height * width)
    assert loss(play_with_maps(photo, drawn)).item() == pytest.approx(expected, abs=1e-9)


def test_perceptual_distance_is_2_between_orthogonal_features_and_0_between_parallel_ones():
    one = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1).expand(3, 2, 4, 4)
    other = torch.tensor([0.0, 5.0]).view(1, 2, 1, 1).expand(3, 2, 4, 4)
    assert map_distance(one, other).item() == pytest.approx(2)
    assert map_distance(one, 7 * one).item() == pytest.approx(0)


def test_perceptual_gradient_is_finite_where_nothing_is_active():
    photo = torch.rand(1, 4, 2, 2)
    before = torch.full((1, 4, 2, 2), -1.0, requires_grad=True)  # all features silenced by the ReLU
    map_distance(photo, torch.relu(before)).backward()
    assert torch.isfinite(before.grad).all()


def test_a_weight_of_zero_leaves_a_layer_out():
    photo, drawn = {"a": torch.rand(1, 2, 2, 2), "b": torch.rand(1, 2, 2, 2)}, {"a": torch.rand(1, 2, 2, 2)}
    # b is not even looked at
    alone = PerceptualLoss(("a", "b"), [1.0, 0.0])(play_with_maps(photo, drawn))
    assert alone.item() == pytest.approx(map_distance(photo["a"], drawn["a"]).item())


def test_perceptual_loss_says_what_it_cannot_do():
    with pytest.raises(UsageError, match="has none"):
        PerceptualLoss(())
    with pytest.raises(UsageError, match=r"gives 5 weight\(s\), but this encoder has 3 .*relu1_2, relu2_2, relu3_3"):
        PerceptualLoss(("relu1_2", "relu2_2", "relu3_3"), [1.0] * 5)


def test_total_loss_names_its_terms():
    scores, targets = torch.tensor([[1.0, 0.0]]), torch.tensor([0])
    empty = torch.zeros(0)
    play = Play(scores, empty, Strokes(empty, 0.1), empty, Encoding(empty), None)
    total = TotalLoss(HingeLoss(), {"ink": lambda play: play.scores.sum() * 2})
    assert not total.perceives  # nothing here reads feature maps
    assert TotalLoss(HingeLoss(), {"perceptual": PerceptualLoss(("a",))}).perceives
    assert {name: term.item() for name, term in total(play, targets).items()} == {"game": 0.0, "ink": 2.0}
