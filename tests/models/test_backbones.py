"""Backbones: documented layers and names, freezing, and weights from torchvision's own files."""

import os
import pickle

import pytest
import torch
import torchvision

from learning_to_draw.errors import UsageError
from learning_to_draw.models.encoders.config import (
    SQUEEZENET_LAYERS,
    VGG16_LAYERS,
    SqueezeNetConfig,
    VGG16Config,
    VGG16ExtendedConfig,
)
from learning_to_draw.models.encoders.pretrained import STYLIZED_IMAGENET_FILE
from learning_to_draw.models.encoders.squeezenet import SqueezeNetBackbone
from learning_to_draw.models.encoders.vgg16 import VGG16Backbone, VGG16BackboneExtended


@pytest.mark.parametrize(
    ("layer", "channels", "shrink", "last"),
    [
        ("relu1_2", 64, 1, 2),
        ("relu2_2", 128, 2, 7),
        ("relu3_3", 256, 4, 14),
        ("relu4_3", 512, 8, 21),
        ("relu5_3", 512, 16, 28),
    ],
)
def test_vgg_feature_layers_as_in_the_reference(layer, channels, shrink, last):
    encoder = VGG16BackboneExtended(VGG16ExtendedConfig(latent_size=8, feature_layer=layer), image_size=32)
    assert encoder.state_dict()["enc.1.weight"].shape == (8, channels * (32 // shrink) ** 2)
    convolutions = [name for name in encoder.state_dict() if name.startswith("vgg16.") and name.endswith("weight")]
    assert convolutions[-1] == f"vgg16.{last}.weight"
    encoding = encoder(torch.rand(2, 3, 32, 32), layers=encoder.feature_layers)
    assert tuple(encoding.feature_maps) == encoder.feature_layers == VGG16_LAYERS[: VGG16_LAYERS.index(layer) + 1]
    assert encoding.feature_maps[layer].shape == (2, channels, 32 // shrink, 32 // shrink)
    assert all((maps >= 0).all() for maps in encoding.feature_maps.values())


def test_vgg_is_torchvisions_network_layer_for_layer(vgg16):
    encoder = VGG16BackboneExtended(VGG16ExtendedConfig(feature_layer="relu4_3"), image_size=32)
    encoder.vgg16.load_state_dict({k: v for k, v in vgg16.features.state_dict().items() if int(k.split(".")[0]) <= 22})
    pictures = torch.rand(2, 3, 32, 32)
    maps = encoder(pictures, layers=encoder.feature_layers).feature_maps
    expected = pictures
    with torch.no_grad():
        for index, layer in enumerate(vgg16.features[:23]):
            expected = layer(expected)
            name = {3: "relu1_2", 8: "relu2_2", 15: "relu3_3", 22: "relu4_3"}.get(index)
            if name:
                assert torch.allclose(maps[name], expected, atol=1e-6)


def test_the_pooled_vgg_is_torchvisions_network_averaged_to_one_size(vgg16):
    encoder = VGG16Backbone(VGG16Config(latent_size=8), image_size=80)
    convolutions = [f"vgg16.{index}" for index in (0, 2, 5, 7, 10, 12, 14)]
    assert list(dict.fromkeys(name.rpartition(".")[0] for name in encoder.state_dict())) == [*convolutions, "enc.2"]
    assert encoder.enc[2].weight.shape == (8, 16384)
    encoder.vgg16.load_state_dict(vgg16.features[:16].state_dict())
    pictures = torch.rand(2, 3, 80, 80)
    encoding = encoder(pictures, layers=encoder.feature_layers)
    with torch.no_grad():
        last = vgg16.features[:16](pictures)  # 20 x 20; each of 8 x 8 averages 3 or 4 rows and columns
    assert tuple(encoding.feature_maps) == encoder.feature_layers == ("relu1_2", "relu2_2", "relu3_3")
    assert torch.allclose(encoding.feature_maps["relu3_3"], last, atol=1e-6)
    averages = torch.nn.functional.adaptive_avg_pool2d(last, 8).flatten(1)
    assert averages[0, 0].item() == pytest.approx(last[0, 0, :3, :3].mean().item(), abs=1e-6)
    assert torch.allclose(encoding.latent, encoder.enc[2](averages), atol=1e-5)
    with pytest.raises(ValueError, match="3 px are too small"):
        VGG16Backbone(image_size=3)


@pytest.fixture(scope="module")
def vgg16():
    """torchvision's VGG16 without its slow classifier."""
    network = torchvision.models.VGG(
        torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["D"]), num_classes=1
    )
    return network.eval()


@pytest.mark.parametrize("layer", SQUEEZENET_LAYERS)
def test_squeezenet_feature_layers(layer):
    encoder = SqueezeNetBackbone(SqueezeNetConfig(latent_size=8, feature_layer=layer), image_size=64)
    encoding = encoder(torch.rand(2, 3, 64, 64), layers=encoder.feature_layers)
    assert encoding.latent.shape == (2, 8)
    widths = dict(zip(SQUEEZENET_LAYERS, (64, 128, 256, 384, 512), strict=True))
    assert {name: maps.shape[1] for name, maps in encoding.feature_maps.items()} == {
        name: widths[name] for name in encoder.feature_layers
    }


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("size", [32, 35])
def test_squeezenet_sees_a_grey_picture_as_one_with_three_equal_channels(size, frozen, norm):
    encoder = SqueezeNetBackbone(SqueezeNetConfig(latent_size=8, freeze_backbone=frozen), image_size=size).double()
    encoder.imagenet_norm = norm
    grey = torch.rand(2, 1, size, size, dtype=torch.float64, requires_grad=True)
    weights = [grey, *(weight for weight in encoder.backbone.parameters() if weight.requires_grad)]
    results = []
    # Grey, expanded without a copy (as sketches are), and with three real channels.
    for pictures in (grey, grey.expand(-1, 3, -1, -1), grey.expand(-1, 3, -1, -1).contiguous()):
        seen = encoder.extract(encoder.preprocess(pictures), layers=encoder.feature_layers).feature_maps.values()
        loss = sum((values * torch.arange(values.numel()).view(values.shape).sin()).sum() for values in seen)
        results.append([*seen, *torch.autograd.grad(loss, weights)])
    for result in results[:2]:
        torch.testing.assert_close(result, results[2], rtol=1e-9, atol=1e-12)


def test_squeezenets_latent_does_not_depend_on_the_scale_of_its_features():
    torch.manual_seed(0)
    encoder = SqueezeNetBackbone(SqueezeNetConfig(latent_size=32), image_size=64)
    pictures = torch.rand(4, 3, 64, 64)
    before = encoder(pictures).latent
    with torch.no_grad():  # ten times larger features: scale every expand convolution of the last Fire module
        for convolution in (encoder.squeezenet[12].expand1x1, encoder.squeezenet[12].expand3x3):
            convolution.weight.mul_(10)
            convolution.bias.mul_(10)
    assert torch.allclose(encoder(pictures).latent, before, atol=1e-3)
    assert before.std() < 2


@pytest.mark.parametrize(
    ("cls", "config"),
    [
        (VGG16Backbone, VGG16Config),
        (VGG16BackboneExtended, VGG16ExtendedConfig),
        (SqueezeNetBackbone, SqueezeNetConfig),
    ],
)
def test_a_frozen_backbone_trains_its_projection_alone_and_still_passes_gradients(cls, config):
    encoder = cls(config(freeze_backbone=True), image_size=32)
    assert {name for name, p in encoder.named_parameters() if p.requires_grad} == {
        name for name, _ in encoder.named_parameters() if name.startswith("enc.")
    }
    sketch = torch.rand(1, 3, 32, 32, requires_grad=True)
    encoder(sketch).latent.sum().backward()
    assert sketch.grad.abs().sum() > 0


def weights_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def test_imagenet_weights_are_taken_from_torch_home_without_network(tmp_path, monkeypatch):
    folder = weights_folder(tmp_path, monkeypatch)
    torch.manual_seed(7)
    network = torchvision.models.squeezenet1_1()
    torch.save(network.state_dict(), folder / "squeezenet1_1-b8a52dc0.pth")
    encoder = SqueezeNetBackbone(SqueezeNetConfig(imagenet_weights=True), image_size=64)
    for name, value in encoder.squeezenet.state_dict().items():
        assert torch.equal(value, network.features.state_dict()[name])


def test_both_vggs_take_the_same_imagenet_weights(tmp_path, monkeypatch, vgg16):
    folder = weights_folder(tmp_path, monkeypatch)
    torch.save(vgg16.state_dict(), folder / "vgg16-397923af.pth")
    for cls, config in ((VGG16Backbone, VGG16Config), (VGG16BackboneExtended, VGG16ExtendedConfig)):
        encoder = cls(config(imagenet_weights=True), image_size=32)
        for name, value in encoder.vgg16.state_dict().items():
            assert torch.equal(value, vgg16.features.state_dict()[name])


@pytest.mark.parametrize("kept", [0, 1000, 4_000_000])
def test_damaged_imagenet_weights_are_named_with_the_advice_to_delete_them(kept, tmp_path, monkeypatch):
    path = weights_folder(tmp_path, monkeypatch) / "squeezenet1_1-b8a52dc0.pth"
    torch.save(torchvision.models.squeezenet1_1().state_dict(), path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UsageError, match=f"{path} is damaged: .*\nDelete it to download it again from ") as raised:
        SqueezeNetBackbone(SqueezeNetConfig(imagenet_weights=True), image_size=64)
    assert len(str(raised.value).splitlines()) <= 5
    assert path.stat().st_size == kept


def test_a_page_or_a_program_in_place_of_imagenet_weights_is_damaged_too(tmp_path, monkeypatch):
    path = weights_folder(tmp_path, monkeypatch) / "squeezenet1_1-b8a52dc0.pth"
    program = pickle.dumps(Program(str(tmp_path / "was run")))
    for content in (b"<html>Log in to the network</html>", program):
        path.write_bytes(content)
        with pytest.raises(UsageError, match=f"{path} is damaged: "):
            SqueezeNetBackbone(SqueezeNetConfig(imagenet_weights=True), image_size=64)
    assert not (tmp_path / "was run").exists()


class Program:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def refuse(*_):
    raise OSError("no network")


def test_imagenet_weights_that_are_missing_or_of_another_network_are_said(tmp_path, monkeypatch):
    folder = weights_folder(tmp_path, monkeypatch)
    monkeypatch.setattr(torch.hub, "urlopen", refuse)
    with pytest.raises(UsageError, match=r"squeezenet1_1-b8a52dc0\.pth are not available: .*no network") as raised:
        SqueezeNetBackbone(SqueezeNetConfig(imagenet_weights=True), image_size=64)
    assert str(folder) in str(raised.value)
    torch.save({"features.0.weight": torch.zeros(1)}, folder / "squeezenet1_1-b8a52dc0.pth")
    with pytest.raises(UsageError, match=r"features.0.weight is missing or has another shape"):
        SqueezeNetBackbone(SqueezeNetConfig(imagenet_weights=True), image_size=64)


@pytest.mark.parametrize("given", ["", "a file"])
def test_stylized_imagenet_weights(tmp_path, monkeypatch, vgg16, given):
    folder = weights_folder(tmp_path, monkeypatch)
    path = tmp_path / "mine.pth" if given else folder / STYLIZED_IMAGENET_FILE
    # As published: a training state of a network with its convolutions in nn.DataParallel.
    state = {f"features.module.{name}": value for name, value in vgg16.features.state_dict().items()}
    torch.save({"epoch": 60, "state_dict": state}, path)
    config = VGG16ExtendedConfig(feature_layer="relu2_2", sin_weights=str(path) if given else "")
    encoder = VGG16BackboneExtended(config, image_size=32)
    assert torch.equal(encoder.vgg16[7].weight, vgg16.features[7].weight)


def test_files_that_are_no_weights_are_said(tmp_path):
    config = VGG16ExtendedConfig(feature_layer="relu1_2", sin_weights=str(tmp_path / "w.pth"))
    for content in (torch.zeros(2), [1], {1: 2}, {"state_dict": None}):
        torch.save(content, tmp_path / "w.pth")
        with pytest.raises(UsageError, match=r"w\.pth"):
            VGG16BackboneExtended(config, image_size=32)
    (tmp_path / "w.pth").write_text("root:x:0:0")
    with pytest.raises(UsageError, match="cannot be read as a file of weights"):
        VGG16BackboneExtended(config, image_size=32)
    with pytest.raises(UsageError, match="exclude each other"):
        VGG16BackboneExtended(VGG16ExtendedConfig(imagenet_weights=True, sin_weights=""), image_size=32)


def test_no_weights_are_looked_for_where_a_checkpoint_follows(tmp_path, monkeypatch):
    weights_folder(tmp_path, monkeypatch)
    config = VGG16ExtendedConfig(feature_layer="relu1_2", imagenet_weights=True)
    VGG16BackboneExtended(config, image_size=32, pretrained=False)
    SqueezeNetBackbone(SqueezeNetConfig(imagenet_weights=True), image_size=32, pretrained=False)


def test_missing_stylized_weights_say_where_they_were_looked_for(tmp_path, monkeypatch):
    folder = weights_folder(tmp_path, monkeypatch)
    with pytest.raises(UsageError) as raised:
        VGG16BackboneExtended(VGG16ExtendedConfig(sin_weights=""), image_size=32)
    assert str(folder / STYLIZED_IMAGENET_FILE) in str(raised.value)
