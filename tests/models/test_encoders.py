"""Small encoders: shapes at several sizes, parameter names of the official checkpoints, separate statistics."""

import pytest
import torch
import torch.nn.functional as F

from learning_to_draw.errors import UsageError
from learning_to_draw.models import ENCODERS
from learning_to_draw.models.encoders.base import Encoding
from learning_to_draw.models.encoders.small import (
    BetterCNNEncoder,
    Conv2DEncoder,
    SimpleCNNEncoder,
    SimpleMLPEncoder,
    SmallCNNEncoder,
    StrokeNetEncoder,
    TinyCNNEncoder,
)

SMALL = (SmallCNNEncoder, TinyCNNEncoder, BetterCNNEncoder, SimpleCNNEncoder, SimpleMLPEncoder, Conv2DEncoder)


def build(cls, *, image_size=28, channels=1, **options):
    if cls is SimpleMLPEncoder:
        options.setdefault("encoder_hidden", 32)
    if cls in (Conv2DEncoder, StrokeNetEncoder):
        options.setdefault("encoder_channels", channels)
    config = ENCODERS[cls.__name__].config(**{"latent_size": 16} | options)
    return cls(config, image_size=image_size, channels=channels)


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
        (Conv2DEncoder, {"enc.0.weight": (10, 1, 5, 5), "enc.3.weight": (20, 10, 5, 5), "enc.8.weight": (16, 320)}),
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


def test_better_cnn_keeps_sketches_out_of_its_photo_statistics():
    torch.manual_seed(0)
    encoder = build(BetterCNNEncoder, image_size=12)
    photos, sketches = torch.rand(32, 1, 12, 12), (torch.rand(32, 1, 12, 12) > 0.5).float() * 3
    for _ in range(150):  # until the initial running variance has faded
        encoder(photos)
        encoder(sketches, is_sketch=True)
    training = [encoder(photos).latent, encoder(sketches, is_sketch=True).latent]
    encoder.eval()
    testing = [encoder(photos).latent, encoder(sketches, is_sketch=True).latent]
    for trained, tested in zip(training, testing, strict=True):
        assert (trained - tested).abs().max() < 0.05 * trained.std()
    assert (encoder(sketches).latent - training[1]).abs().max() > training[1].std()


def test_pictures_too_small_for_an_encoder_are_refused():
    for cls, size in ((SimpleCNNEncoder, 8), (Conv2DEncoder, 15), (StrokeNetEncoder, 31)):
        with pytest.raises(ValueError, match=f"{size} px are too small"):
            build(cls, image_size=size)


def test_conv2d_is_the_formula_written_out():
    encoder = build(Conv2DEncoder, latent_size=320).eval()
    state = encoder.state_dict()
    assert {name.rpartition(".")[0] for name in state} == {"enc.0", "enc.3"}  # as in the official checkpoints
    pictures = torch.rand(3, 1, 28, 28)
    values = F.conv2d(pictures, state["enc.0.weight"], state["enc.0.bias"])
    values = F.conv2d(F.max_pool2d(values, 2).relu(), state["enc.3.weight"], state["enc.3.bias"])
    expected = F.max_pool2d(values, 2).relu().flatten(1)
    assert torch.allclose(encoder(pictures).latent, expected, atol=1e-5)
    # In training mode, dropout removes half of the second convolution's maps and doubles the others.
    torch.manual_seed(0)
    pictures = torch.rand(64, 1, 28, 28)
    seen = encoder(pictures).latent.view(-1, 16)
    trained = encoder.train()(pictures).latent.view(-1, 16)
    left_out = (trained == 0).all(dim=1)
    assert torch.allclose(trained[~left_out], 2 * seen[~left_out], atol=1e-5)
    assert 0.4 < left_out[(seen > 0).any(dim=1)].float().mean() < 0.6


@pytest.mark.parametrize("batchnorm", [False, True])
def test_stroke_net_is_the_formula_written_out(batchnorm):
    torch.manual_seed(0)
    encoder = build(StrokeNetEncoder, image_size=64, channels=3, batchnorm=batchnorm).double()
    for name, value in encoder.named_buffers():  # distinct statistics
        if name.endswith(("running_mean", "running_var")):
            value.copy_(torch.rand_like(value) + 0.5)
    state = encoder.eval().state_dict()
    pictures = torch.rand(2, 3, 64, 64, dtype=torch.float64)
    for drawn in ("", "drawn_"):
        values = pictures
        for block in range(1, 6):
            for number in (1, 2):
                key, norm = f"enc.down{block}.conv{number}", f"enc.down{block}.bn{number}"
                values = F.conv2d(values, state[f"{key}.weight"], state[f"{key}.bias"], padding=1)
                if batchnorm:
                    mean, var = (state[f"{norm}.{drawn}running_{name}"][:, None, None] for name in ("mean", "var"))
                    scale, shift = (state[f"{norm}.{name}"][:, None, None] for name in ("weight", "bias"))
                    values = (values - mean) / (var + 1e-5).sqrt() * scale + shift
                values = torch.where(values > 0, values, 0.2 * values)
            values = values.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).mean(dim=(3, 5))
        expected = (values.flatten(1) @ state["fc.weight"].T + state["fc.bias"]).clamp(min=0)
        assert torch.allclose(encoder(pictures, is_sketch=bool(drawn)).latent, expected, atol=1e-9)
        assert expected.abs().sum() > 0


def test_stroke_nets_names_and_shapes_are_the_official_ones():
    state = build(StrokeNetEncoder, image_size=256, latent_size=64, batchnorm=True).state_dict()
    shapes = {
        "enc.down1.conv1.weight": (16, 1, 3, 3),
        "enc.down5.conv2.weight": (256, 256, 3, 3),
        "enc.down3.bn1.running_var": (64,),
        "fc.weight": (64, 16384),
    }
    assert {name: tuple(state[name].shape) for name in shapes} == shapes
    plain = build(StrokeNetEncoder, image_size=32, latent_size=8).state_dict()
    blocks = {f"enc.down{block}.conv{number}" for block in range(1, 6) for number in (1, 2)}
    assert {name.rpartition(".")[0] for name in plain} == blocks | {"fc"}
    assert plain["fc.weight"].shape == (8, 256)


@pytest.mark.parametrize("cls", [Conv2DEncoder, StrokeNetEncoder])
def test_an_encoder_of_grey_pictures_refuses_colour(cls):
    with pytest.raises(UsageError, match=r"--encoder-channels 1: .* 3 channels\.\nGive --encoder-channels 3"):
        build(cls, channels=3, encoder_channels=1, image_size=32)
    latent = build(cls, channels=1, encoder_channels=3, image_size=32).encode(torch.rand(2, 1, 32, 32)).latent
    assert latent.shape == (2, 16)


def test_an_encoding_can_be_cut():
    encoding = Encoding(torch.arange(12.0).view(4, 3), {"a": torch.arange(8.0).view(4, 2, 1, 1)})
    first = encoding.first(2)
    assert first.latent.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert first.feature_maps["a"].flatten().tolist() == [0, 1, 2, 3]


def test_every_name_in_the_table_is_a_class():
    for name, part in ENCODERS.items():
        assert part.load().__name__ == name


@pytest.mark.parametrize(("cls", "widths"), [(SmallCNNEncoder, (32, 64, 128)), (TinyCNNEncoder, (24, 48, 96))])
def test_small_cnns_are_the_formula_written_out_with_and_without_pooling(cls, widths):
    for size in (32, 64):
        encoder = build(cls, image_size=size).double()
        state = encoder.state_dict()
        pictures = torch.rand(2, 1, size, size, dtype=torch.float64)
        values = pictures
        for block, width in enumerate(widths):
            name = f"enc.{block}."
            values = F.conv2d(values, state[name + "0.weight"], state[name + "0.bias"], stride=2, padding=1)
            assert values.shape[1] == width
            values = F.group_norm(values, 8, state[name + "1.weight"], state[name + "1.bias"]).relu()
        values = values.unflatten(2, (4, -1)).unflatten(4, (4, -1)).mean((3, 5)).flatten(1)
        values = F.layer_norm(values, values.shape[1:])
        assert torch.allclose(encoder(pictures).latent, values @ state["enc.6.weight"].T + state["enc.6.bias"])
