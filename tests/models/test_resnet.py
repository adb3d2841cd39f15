"""ResNet-50: torchvision's network layer for layer, with separate statistics for photos and sketches."""

import pytest
import torch
import torchvision

from learning_to_draw.errors import UsageError
from learning_to_draw.models.encoders.config import ResNet50Config
from learning_to_draw.models.encoders.resnet50 import ResNet50Backbone

FILE = "resnet50-0676ba61.pth"


@pytest.fixture(scope="module")
def resnet50():
    """torchvision's network, with random statistics and biases as if it were trained."""
    torch.manual_seed(0)
    network = torchvision.models.resnet50()
    for name, value in network.state_dict().items():
        if name.endswith(("running_mean", "running_var", "bias")):
            value.copy_(torch.rand_like(value) * 0.2 + ("var" in name))
    return network.eval()


@pytest.fixture(scope="module")
def home(tmp_path_factory, resnet50):
    """A TORCH_HOME with a file of weights in torchvision's name and format."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(resnet50.state_dict(), folder / "hub" / "checkpoints" / FILE)
    return folder


@pytest.fixture
def loaded(home, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(home))
    return ResNet50Backbone(ResNet50Config(latent_size=8, imagenet_weights=True))


@torch.no_grad()
@pytest.mark.parametrize("is_sketch", [False, True])
def test_it_is_torchvisions_network_layer_for_layer(loaded, resnet50, is_sketch):
    loaded.eval()
    pictures = torch.rand(2, 3, 64, 64)
    values = resnet50.maxpool(resnet50.relu(resnet50.bn1(resnet50.conv1(pictures))))
    expected = {}
    for name in ("layer1", "layer2", "layer3", "layer4"):
        values = expected[name] = getattr(resnet50, name)(values)
    encoding = loaded(pictures, layers=loaded.feature_layers, is_sketch=is_sketch)
    assert tuple(encoding.feature_maps) == loaded.feature_layers == ("layer4", "layer5", "layer6", "layer7")
    for maps, expected_maps in zip(encoding.feature_maps.values(), expected.values(), strict=True):
        assert maps.shape == expected_maps.shape
        assert torch.allclose(maps, expected_maps, rtol=1e-4, atol=1e-4)
    assert torch.allclose(encoding.latent, loaded.enc[1](values.mean(dim=(2, 3))), rtol=1e-4, atol=1e-3)
    assert loaded(pictures, is_sketch=is_sketch).feature_maps == {}


def test_names_and_shapes_of_the_official_checkpoints(loaded, resnet50):
    official = torch.nn.Sequential(*list(resnet50.children())[:-1]).state_dict()
    state = loaded.state_dict()
    ours = {name.removeprefix("resnet50."): value for name, value in state.items() if ".drawn_" not in name}
    assert (ours.pop("enc.1.weight").shape, ours.pop("enc.1.bias").shape) == ((8, 2048), (8,))
    assert {name: value.shape for name, value in ours.items()} == {k: value.shape for k, value in official.items()}
    # The sketches' statistics start as those of the photos when an official checkpoint is loaded.
    for name, value in official.items():
        prefix, _, last = name.rpartition(".")
        if last in ("running_mean", "running_var"):
            assert torch.equal(state[f"resnet50.{prefix}.drawn_{last}"], value)


def test_in_training_it_normalises_as_torchvisions(loaded, resnet50):
    reference = torchvision.models.resnet50()
    reference.load_state_dict(resnet50.state_dict())
    pictures = torch.rand(4, 3, 64, 64)
    reference.fc = loaded.enc[1]
    assert torch.allclose(loaded.train()(pictures).latent, reference.train()(pictures), rtol=1e-3, atol=1e-3)
    state = loaded.state_dict()
    assert torch.allclose(state["resnet50.7.2.bn3.running_mean"], reference.layer4[2].bn3.running_mean, atol=1e-4)
    assert torch.allclose(state["resnet50.5.0.downsample.1.running_var"], reference.layer2[0].downsample[1].running_var)


@torch.no_grad()
def test_photos_are_seen_alike_whatever_sketches_were_seen_in_training(loaded):
    photos = torch.rand(4, 3, 32, 32)
    loaded.train()(photos)
    before, drawn_before = loaded.eval()(photos).latent, loaded(photos, is_sketch=True).latent
    loaded.train()(torch.rand(4, 3, 32, 32).round(), is_sketch=True)
    assert torch.equal(loaded.eval()(photos).latent, before)
    assert not torch.allclose(loaded(photos, is_sketch=True).latent, drawn_before, atol=1e-2)


def test_frozen_it_trains_its_projection_alone_and_keeps_its_statistics(home, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(home))
    config = ResNet50Config(latent_size=8, imagenet_weights=True, freeze_backbone=True)
    encoder = ResNet50Backbone(config).train()
    assert [name for name, p in encoder.named_parameters() if p.requires_grad] == ["enc.1.weight", "enc.1.bias"]
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    sketches = torch.rand(2, 3, 32, 32, requires_grad=True)
    trained = encoder(sketches, is_sketch=True).latent
    trained.sum().backward()
    assert sketches.grad.abs().sum() > 0
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert torch.allclose(encoder.eval()(sketches, is_sketch=True).latent, trained)


def test_missing_weights_are_said_and_not_looked_for_where_a_checkpoint_follows(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7)}, folder / FILE)
    config = ResNet50Config(imagenet_weights=True)
    with pytest.raises(UsageError, match=rf"{FILE} does not hold .* bn1\.weight is missing"):
        ResNet50Backbone(config)
    ResNet50Backbone(config, pretrained=False)
