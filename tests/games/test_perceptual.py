"""Losses over feature maps against formulas written out in float64."""

import pytest
import torch
from PIL import Image
from torch import nn

from learning_to_draw.errors import UsageError
from learning_to_draw.games.losses.config import CLIPConfig, DogConfig, PerceptualConfig
from learning_to_draw.games.losses.map_distance import map_distance
from learning_to_draw.games.losses.perceptual import CLIPLoss, LearntWeights, LikeADogLoss, PerceptualLoss
from learning_to_draw.games.losses.random_views import random_views
from learning_to_draw.games.losses.terms import HingeLoss, TotalLoss
from learning_to_draw.models.encoders.base import Encoder, Encoding


class TwoLayers(Encoder):
    """An encoder with two feature layers, the second with batch statistics."""

    channels, feature_layers = 3, ("early", "late")

    def __init__(self, frozen=True):
        super().__init__()
        torch.manual_seed(3)
        self.early = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU()).requires_grad_(not frozen)
        self.late = nn.Sequential(nn.Conv2d(4, 5, 2, stride=2), nn.BatchNorm2d(5), nn.ReLU()).requires_grad_(not frozen)
        self.enc = nn.Linear(5, 2)
        self.seen = 0

    def forward(self, pictures, *, layers=(), is_sketch=False):
        self.seen += len(pictures)
        early = self.early(pictures)
        late = self.late(early)
        kept = {"early": early, "late": late} if layers else {}
        return Encoding(self.enc(late.mean(dim=(2, 3))), kept)


def random_maps(count=2):
    shapes = {"early": (count, 3, 4, 4), "late": (count, 5, 2, 2)}
    return {name: torch.rand(shape, dtype=torch.float64) for name, shape in shapes.items()}


def random_pictures(count):
    """As they are in files: whole levels."""
    return torch.randint(256, (count, 3, 6, 6)) / 255


@pytest.fixture
def dog_loss(tmp_path, agents_with):
    """dog_loss(encoder, images, ...) -> the loss of images [K, 3, 6, 6] in 0..1, which it reads from files."""

    def build(encoder, images, **options):
        files = [str(tmp_path / f"{number}.png") for number in range(len(images))]
        for file, image in zip(files, images, strict=True):
            Image.fromarray((image * 255).round().byte().permute(1, 2, 0).numpy()).save(file)
        return LikeADogLoss(DogConfig(like_a_dog_image=tuple(files), **options), agents_with(encoder))

    return build


def written_out(one, other):
    """Mean over images and locations of the squared distance of unit vectors, one location after the other."""
    batch, _, height, width = one.shape
    total = 0.0
    for b in range(batch):
        for y in range(height):
            for x in range(width):
                u, v = one[b, :, y, x], other[b, :, y, x]
                apart = u / u.norm() - v / v.norm()
                total += float(apart @ apart) / (batch * height * width)
    return total


def test_perceptual_loss_against_the_formula_written_out(play_with, agents_with_layers):
    torch.manual_seed(1)
    photo, drawn = random_maps(), random_maps()
    config = PerceptualConfig(sop_weights=(0.5, 2.0), sop_coef=3.0)
    loss = PerceptualLoss(config, agents_with_layers("early", "late"))
    expected = sum(
        3.0 * weight * written_out(photo[name], drawn[name]) for name, weight in loss.layer_weights().items()
    )
    assert loss(play_with(photo, drawn)).item() == pytest.approx(expected, abs=1e-9)


def test_a_weight_of_zero_leaves_a_layer_out(play_with, agents_with_layers):
    photo, drawn = {"a": torch.rand(1, 2, 2, 2), "b": torch.rand(1, 2, 2, 2)}, {"a": torch.rand(1, 2, 2, 2)}
    # b is not even looked at
    alone = PerceptualLoss(PerceptualConfig(sop_weights=(1.0, 0.0)), agents_with_layers("a", "b"))
    assert alone(play_with(photo, drawn)).item() == pytest.approx(map_distance(photo["a"], drawn["a"]).item())


def test_the_losses_say_what_they_cannot_do(agents_with_layers, dog_loss):
    blind = agents_with_layers()
    for flag, build in {
        "--sort-of-perceptual-loss": lambda: PerceptualLoss(PerceptualConfig(), blind),
        "--like-a-dog-loss": lambda: dog_loss(blind.sender_encoder, random_pictures(1)),
        "--CLIP-loss": lambda: CLIPLoss(CLIPConfig(), blind, seed=1, held_out_seed=2),
    }.items():
        with pytest.raises(UsageError, match=f"{flag} compares .* has none.*\n.*Backbone.*CLIPVisualEncoder"):
            build()
    with pytest.raises(
        UsageError,
        match=r"\(5\) is not .* feature layers \(3\)\.\nGive one weight for each of relu1_2, relu2_2, relu3_3",
    ):
        PerceptualLoss(PerceptualConfig(sop_weights=(1.0,) * 5), agents_with_layers("relu1_2", "relu2_2", "relu3_3"))


def test_learnt_weights_are_cut_and_brought_to_length_1_before_use(play_with):
    weights = LearntWeights(7)
    assert ((weights.values >= 0) & (weights.values < 1)).all()
    with torch.no_grad():
        weights.values[:] = torch.tensor([3.0, -1.0, 4.0, 0.0, -0.5, 0.0, 0.0])
    used = weights()
    assert used.tolist() == pytest.approx([0.6, 0, 0.8, 0, 0, 0, 0])
    assert torch.equal(weights(), used)
    used.sum().backward()
    assert weights.values.grad.tolist() == [1.0] * 7  # past the cut and the division, as officially


def test_learnt_weights_that_are_all_cut_start_again_as_equals():
    weights = LearntWeights(4)
    with torch.no_grad():
        weights.values[:] = torch.tensor([-1.0, 0.0, -2.0, -0.1])
    assert weights().tolist() == [0.5] * 4


def test_the_gradient_of_a_learnt_weight_is_its_layers_distance(play_with, agents_with_layers):
    photo, drawn = random_maps(), random_maps()
    config = PerceptualConfig(learn_sop_weights=True, sop_coef=0.5)
    loss = PerceptualLoss(config, agents_with_layers("early", "late"))
    optimizer = torch.optim.Adam(loss.parameters(), lr=0.05)
    values = []
    for _ in range(3):  # also: one step after the other works in place
        optimizer.zero_grad()
        value = loss(play_with(photo, drawn))
        value.backward()
        gradient = loss.weights.values.grad.tolist()
        assert gradient == pytest.approx([0.5 * written_out(photo[n], drawn[n]) for n in ("early", "late")], abs=1e-6)
        values.append(value.item())
        optimizer.step()
    assert values == sorted(values, reverse=True)
    assert sum(weight.item() ** 2 for weight in loss.layer_weights().values()) == pytest.approx(1)


@pytest.mark.parametrize("frozen", [True, False])
def test_dog_loss_against_maps_looked_at_one_by_one(play_with, dog_loss, frozen):
    encoder = TwoLayers(frozen).train()
    images, sketches = random_pictures(3), torch.rand(2, 3, 6, 6)
    loss = dog_loss(encoder, images, sop_weights=(2.0, 0.5), sop_coef=3.0)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}

    def expected(drawn):
        encoder.eval()
        total = 0.0
        for image in images:
            maps = encoder.encode(image[None], layers=encoder.feature_layers).feature_maps
            for name, weight in (("early", 2.0), ("late", 0.5)):
                total += 3 * weight * map_distance(drawn[name], maps[name].expand_as(drawn[name])).item() / 3
        encoder.train()
        return total

    drawn = encoder.eval().encode(sketches, layers=encoder.feature_layers).feature_maps
    assert loss(play_with({}, drawn)).item() == pytest.approx(expected(drawn), rel=1e-5)
    encoder.train()
    assert loss(play_with({}, drawn)).item() == pytest.approx(expected(drawn), rel=1e-5)
    assert encoder.training
    # Looking at the images has left no trace in the batch statistics.
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())


@pytest.mark.parametrize("frozen", [True, False])
def test_dog_loss_looks_again_only_where_the_maps_are_trained(play_with, dog_loss, frozen):
    encoder = TwoLayers(frozen)
    loss = dog_loss(encoder, random_pictures(4))
    drawn = encoder.encode(torch.rand(2, 3, 6, 6), layers=encoder.feature_layers).feature_maps
    loss(play_with({}, drawn))
    seen, first = encoder.seen, loss(play_with({}, drawn)).item()
    with torch.no_grad():
        encoder.early[0].weight.neg_()
    assert (loss(play_with({}, drawn)).item() == first) == frozen
    assert encoder.seen == seen + (0 if frozen else 2 * 4)


def test_the_encoder_is_not_a_part_of_the_losses_that_look_with_it(dog_loss, agents_with):
    encoder = TwoLayers(frozen=False)
    clip = CLIPLoss(CLIPConfig(), agents_with(encoder), seed=1, held_out_seed=2)
    total = TotalLoss(HingeLoss(), {"dog": dog_loss(encoder, random_pictures(1)), "CLIP": clip})
    assert list(total.parameters()) == []
    assert total.state_dict() == {}
    encoder.train()
    total.eval()
    assert encoder.training


@pytest.fixture
def clip_setup(play_with, agents_with):
    """clip_setup(encoder, ...) -> the loss, and a play with black sketches on white."""

    def build(encoder, **options):
        loss = CLIPLoss(CLIPConfig(**options), agents_with(encoder), seed=11, held_out_seed=12)
        sketches = torch.rand(3, 1, 16, 16).expand(-1, 3, -1, -1)
        photo = encoder.encode(torch.rand(3, 3, 16, 16), layers=encoder.feature_layers).feature_maps
        return loss, play_with(photo, sketches=sketches)

    return build


def test_clip_loss_against_views_one_by_one(clip_setup):
    encoder = TwoLayers().eval()
    loss, play = clip_setup(encoder, CLIP_coef=2.5)
    value = loss(play).item()
    views = random_views(play.sketches, 4, torch.Generator().manual_seed(11), 1.0)
    total = 0.0
    for i, view in enumerate(views):
        one = play.photo_encoding.feature_maps["late"][i // 4].flatten().double()
        other = encoder.encode(view[None], layers=encoder.feature_layers).feature_maps["late"].flatten().double()
        total += 1 - float(one @ other / one.norm() / other.norm())
    assert value == pytest.approx(2.5 * total / 12, rel=1e-4)


def test_clip_views_are_new_in_training_and_the_same_at_every_evaluation(clip_setup):
    loss, play = clip_setup(TwoLayers().eval())
    first, second = loss(play).item(), loss(play).item()
    assert first != second
    passes = []
    for _ in range(2):
        loss.eval()
        passes += [loss(play).item(), loss(play).item()]
        loss.train()
        assert loss(play).item() not in (first, second)  # the training's stream goes on
    assert len(set(passes)) == 1  # whatever process computes them, and what others before
    again, _ = clip_setup(TwoLayers().eval())
    assert again(play).item() == first


def test_clip_gradient_reaches_the_sketches_and_is_finite_without_features(play_with, clip_setup):
    encoder = TwoLayers().eval()
    loss, play = clip_setup(encoder)
    sketches = play.sketches.clone().requires_grad_()
    loss(play_with(play.photo_encoding.feature_maps, sketches=sketches)).backward()
    assert (sketches.grad.abs().amax(dim=(1, 2, 3)) > 0).all()
    with torch.no_grad():
        encoder.late[1].bias.fill_(-100)  # nothing is active any more
    sketches.grad = None
    loss(play_with(play.photo_encoding.feature_maps, sketches=sketches)).backward()
    assert torch.equal(sketches.grad, torch.zeros_like(sketches))


@pytest.mark.parametrize("training", [True, False])
def test_dog_loss_leaves_the_encoder_in_the_mode_it_had(play_with, dog_loss, training):
    encoder = TwoLayers(frozen=False).train(training)
    loss = dog_loss(encoder, random_pictures(2))
    assert encoder.training == training
    drawn = encoder.encode(torch.rand(2, 3, 6, 6), layers=encoder.feature_layers).feature_maps
    loss(play_with({}, drawn))
    assert [module.training for module in encoder.modules()] == [training] * len(list(encoder.modules()))
