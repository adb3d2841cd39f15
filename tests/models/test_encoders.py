"""Small encoders: shapes at any size, parameter names of the official checkpoints, statistics that do not mix."""

import pytest
import torch

from models import ENCODERS
from models.encoders import (
    BetterCNNEncoder,
    PhotoSketchBatchNorm2d,
    SimpleCNNEncoder,
    SimpleMLPEncoder,
    SmallCNNEncoder,
)
from models.encoding import Encoding

SMALL = (SmallCNNEncoder, BetterCNNEncoder, SimpleCNNEncoder, SimpleMLPEncoder)


def build(cls, **kwargs):
    if cls is SimpleMLPEncoder:
        kwargs.setdefault("encoder_hidden", 32)
    return cls(**{"latent_size": 16, "image_size": 28, "channels": 1} | kwargs)


@pytest.mark.parametrize("cls", SMALL)
@pytest.mark.parametrize(("size", "channels"), [(28, 1), (40, 3)])
def test_latents_and_gradients(cls, size, channels):
    torch.manual_seed(0)
    encoder = build(cls, image_size=size, channels=channels)
    pictures = torch.rand(3, channels, size, size, requires_grad=True)
    encoding = encoder(pictures)
    assert encoding.latent.shape == (3, 16)
    assert encoding.feature_maps == {}
    encoding.latent.square().sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in encoder.parameters())
    assert pictures.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("cls", "shapes"),
    [
        (SimpleMLPEncoder, {"enc.0.weight": (32, 784), "enc.2.weight": (16, 32)}),
        (
            SimpleCNNEncoder,
            {"enc.0.weight": (120, 1, 5, 5), "enc.3.weight": (300, 120, 5, 5), "enc.7.weight": (16, 4800)},
        ),
        (
            BetterCNNEncoder,
            {"enc.0.weight": (64, 1, 3, 3), "enc.9.weight": (64, 64, 3, 3), "enc.14.weight": (16, 4096)}
            | {"enc.10.running_mean": (64,)},
        ),
    ],
)
def test_names_and_shapes_of_the_official_checkpoints(cls, shapes):
    state = build(cls).state_dict()
    assert {name: tuple(state[name].shape) for name in shapes} == shapes


def test_mlp_latent_is_the_formula_written_out_and_never_negative():
    encoder = build(SimpleMLPEncoder).double()
    pictures = torch.rand(4, 1, 28, 28, dtype=torch.float64)
    state = encoder.state_dict()
    hidden = (pictures.reshape(4, 784) @ state["enc.0.weight"].T + state["enc.0.bias"]).clamp(min=0)
    expected = (hidden @ state["enc.2.weight"].T + state["enc.2.bias"]).clamp(min=0)
    assert torch.allclose(encoder(pictures).latent, expected, atol=1e-12)
    assert (expected >= 0).all()


@pytest.mark.parametrize("cls", [SmallCNNEncoder, SimpleMLPEncoder, SimpleCNNEncoder])
def test_a_latent_depends_on_its_own_picture_alone(cls):
    encoder = build(cls)
    pictures = torch.rand(5, 1, 28, 28)
    assert torch.allclose(encoder(pictures).latent[2:3], encoder(pictures[2:3]).latent, atol=1e-5)


def test_photos_and_sketches_have_statistics_of_their_own():
    torch.manual_seed(0)
    layer = PhotoSketchBatchNorm2d(2)
    photos, sketches = torch.randn(64, 2, 8, 8) * 3 + 5, torch.randn(64, 2, 8, 8) * 0.5 - 2
    for _ in range(200):
        layer(photos)
        layer(sketches, drawn=True)
    layer.eval()
    for pictures, drawn in ((photos, False), (sketches, True)):
        normal = layer(pictures, drawn=drawn)
        assert normal.mean(dim=(0, 2, 3)).abs().max() < 1e-3
        assert (normal.std(dim=(0, 2, 3)) - 1).abs().max() < 1e-3
    # In training it is torch's own batch normalisation.
    layer.train()
    reference = torch.nn.BatchNorm2d(2)
    assert torch.allclose(layer(photos), reference(photos), atol=1e-6)


def test_better_cnn_keeps_sketches_out_of_its_photo_statistics():
    torch.manual_seed(0)
    encoder = build(BetterCNNEncoder, image_size=12)
    photos, sketches = torch.rand(32, 1, 12, 12), (torch.rand(32, 1, 12, 12) > 0.5).float() * 3
    for _ in range(150):  # until what the running variance started with has faded
        encoder(photos)
        encoder(sketches, drawn=True)
    training = [encoder(photos).latent, encoder(sketches, drawn=True).latent]
    encoder.eval()
    testing = [encoder(photos).latent, encoder(sketches, drawn=True).latent]
    for one, other in zip(training, testing, strict=True):
        assert (one - other).abs().max() < 0.05 * one.std()
    assert (encoder(sketches).latent - training[1]).abs().max() > training[1].std()


def test_pictures_too_small_for_an_encoder_are_refused():
    with pytest.raises(ValueError, match="8 px are too small"):
        build(SimpleCNNEncoder, image_size=8)


def test_an_encoding_can_be_cut():
    encoding = Encoding(torch.arange(12.0).view(4, 3), {"a": torch.arange(8.0).view(4, 2, 1, 1)})
    first = encoding.first(2)
    assert first.latent.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert first.feature_maps["a"].flatten().tolist() == [0, 1, 2, 3]


def test_every_name_in_the_table_is_a_class():
    for name, part in ENCODERS.items():
        assert part.load().__name__ == name
