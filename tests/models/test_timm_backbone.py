"""Networks of timm as encoders: their feature maps, weights from files, freezing, sizes of pictures, and messages."""

import os
import pickle
import sys

import pytest
import torch

from learning_to_draw.errors import UsageError
from learning_to_draw.models.encoders.config import TimmConfig
from learning_to_draw.models.encoders.timm_backbone import TimmBackbone

timm = pytest.importorskip("timm")
SIZE = 160  # px, of timm's small networks for tests
NETWORKS = ("test_resnet", "test_vit")


def encoder_of(network, image_size=SIZE, **options):
    torch.manual_seed(0)
    return TimmBackbone(TimmConfig(timm_model=network, latent_size=8, **options), image_size=image_size)


@pytest.fixture
def pictures():
    return torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
@pytest.mark.parametrize("name", [*NETWORKS, "test_efficientnet", "test_convnext"])
def test_feature_maps_are_the_outputs_of_the_named_layers(name, pictures):
    encoder = encoder_of(name)
    outputs = {}
    for layer in encoder.feature_layers:
        keep = lambda module, inputs, output, layer=layer: outputs.update({layer: output})  # noqa: E731
        encoder.network.get_submodule(layer).register_forward_hook(keep)
    maps = encoder(pictures, layers=encoder.feature_layers).feature_maps
    assert tuple(maps) == encoder.feature_layers
    for layer, values in maps.items():
        expected = outputs[layer]
        if expected.ndim == 3:  # a ViT's tokens: the class token, then 10 x 10 patches of 16 px, row by row
            assert expected.shape == (2, 1 + 100, 64)
            assert torch.equal(values[1, :, 2, 7], expected[1, 1 + 2 * 10 + 7])
            expected = expected[:, 1:].transpose(1, 2).unflatten(2, (10, 10))
        assert torch.equal(values, expected)


def test_documented_layers_and_their_shapes(pictures):
    encoder = encoder_of("test_resnet")
    maps = encoder(pictures, layers=encoder.feature_layers).feature_maps
    assert {name: tuple(values.shape) for name, values in maps.items()} == {
        "act1": (2, 32, 80, 80),
        "layer1": (2, 32, 40, 40),
        "layer2": (2, 48, 20, 20),
        "layer3": (2, 192, 10, 10),
        "layer4": (2, 96, 5, 5),
    }


def test_chosen_layers_are_in_the_order_of_the_network(pictures):
    with pytest.raises(
        UsageError, match=r"(?s)blocks.5 blocks.2: these layers are not in.*Give --timm-layers blocks.2 blocks.5"
    ):
        encoder_of("test_vit", timm_layers=("blocks.5", "blocks.2"))
    encoder = encoder_of("test_vit", timm_layers=("blocks.2", "blocks.5"))
    assert encoder.feature_layers == ("blocks.2", "blocks.5")
    maps = encoder(pictures, layers=("blocks.5",)).feature_maps
    assert torch.equal(maps["blocks.5"], encoder(pictures, layers=encoder.feature_layers).feature_maps["blocks.5"])
    assert tuple(maps) == ("blocks.5",)


@torch.no_grad()
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("name", NETWORKS)
def test_weights_from_a_file_give_timms_own_features(name, suffix, pictures, tmp_path):
    torch.manual_seed(7)
    original, path = timm.create_model(name, num_classes=10).eval(), tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save({"epoch": 3, "state_dict": original.state_dict()}, path)
    else:
        pytest.importorskip("safetensors.torch").save_file(original.state_dict(), path)
    encoder = encoder_of(name, timm_weights=path)
    expected = original.forward_head(original.forward_features((pictures - 0.5) / 0.5), pre_logits=True)
    features = encoder.extract(encoder.preprocess(pictures)).values
    assert torch.allclose(features, expected, rtol=1e-4, atol=1e-5)
    centred = expected - expected.mean(dim=1, keepdim=True)
    latent = encoder.enc[1](centred / (centred.pow(2).mean(dim=1, keepdim=True) + 1e-5).sqrt())
    assert torch.allclose(encoder.encode(pictures).latent, latent, rtol=1e-3, atol=1e-4)


def test_a_grey_picture_of_the_networks_mean_is_zero_whatever_imagenet_norm_says():
    encoder = encoder_of("test_vit", image_size=32)
    for encoder.imagenet_norm in (False, True):
        assert torch.equal(encoder.preprocess(torch.full((1, 1, 32, 32), 0.5)), torch.zeros(1, 3, 32, 32))


def test_a_vit_takes_pictures_of_another_size_with_the_same_weights(tmp_path):
    torch.manual_seed(7)
    original = timm.create_model("test_vit")
    torch.save(original.state_dict(), tmp_path / "weights.pth")
    encoder = encoder_of("test_vit", image_size=48, timm_weights=tmp_path / "weights.pth")
    assert encoder(torch.rand(1, 3, 48, 48), layers=("blocks.0",)).feature_maps["blocks.0"].shape == (1, 64, 3, 3)
    states = encoder.network.state_dict(), original.state_dict()
    assert {key for key, value in states[0].items() if value.shape != states[1][key].shape} == {"pos_embed"}
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items() if key != "pos_embed")


@pytest.mark.parametrize("name", NETWORKS)
def test_a_frozen_network_gets_no_gradient_and_passes_gradients_to_the_sketch(name):
    encoder = encoder_of(name, image_size=32, freeze_backbone=True).train()
    assert encoder.frozen
    sketch = torch.rand(1, 3, 32, 32, requires_grad=True)
    encoder(sketch).latent.sum().backward()
    assert sketch.grad.abs().sum() > 0
    assert {key for key, weight in encoder.named_parameters() if weight.grad is not None} == {
        "enc.1.weight",
        "enc.1.bias",
    }


def test_a_network_that_is_trained_keeps_its_batch_statistics_and_drops_nothing():
    encoder = encoder_of("test_resnet", image_size=32).train()
    before = {key: buffer.clone() for key, buffer in encoder.network.named_buffers()}
    pictures = torch.rand(3, 3, 32, 32)
    latent = encoder(pictures).latent
    latent.square().sum().backward()
    assert all(weight.grad is not None for weight in encoder.parameters())
    assert any("running_mean" in key for key in before)
    assert all(torch.equal(buffer, before[key]) for key, buffer in encoder.network.named_buffers())
    assert torch.allclose(encoder(pictures[:1]).latent, latent[:1], atol=1e-5)  # no statistics of the batch


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"timm_model": "resnet-18"}, r"--timm-model resnet-18: .* no such network\.\nDid you mean resnet18\?"),
        ({"timm_model": "hf-hub:someone/resnet18"}, "--timm-model hf-hub:someone/resnet18: .* no such network"),
        ({"timm_model": "local-dir:/tmp/resnet18"}, "--timm-model local-dir:/tmp/resnet18: .* no such network"),
        ({"timm_model": "resnet18.no_such_tag"}, "--timm-model resnet18.no_such_tag: .* no such network"),
        ({"timm_layers": ("layer9",)}, r"layer9: test_resnet has no .*\n.*The network has act1, layer1, layer2, "),
        ({"timm_weights": "x", "timm_pretrained": True}, "exclude each other"),
        ({"timm_weights": "missing.pth"}, r"missing.pth cannot be read .*\(FileNotFoundError\)"),
        ({"timm_weights": "missing.safetensors"}, r"missing.safetensors cannot be read .*\n.*--timm-weights FILE"),
    ],
)
def test_mistakes(options, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=told) as raised:
        TimmBackbone(TimmConfig(**{"timm_model": "test_resnet", **options}), image_size=32)
    assert len(str(raised.value).splitlines()) <= 5


class Program:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_files_that_hold_other_things_are_refused_and_not_run(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(timm.create_model("test_resnet").state_dict(), path)
    with pytest.raises(UsageError, match=r"does not hold the weights .* missing or has another shape"):
        encoder_of("test_vit", timm_weights=path)
    for suffix in (".pth", ".safetensors"):
        path = tmp_path / f"program{suffix}"
        path.write_bytes(pickle.dumps(Program(str(tmp_path / "was run"))))
        with pytest.raises(UsageError, match="cannot be read as a file of weights"):
            encoder_of("test_vit", timm_weights=path)
    assert not (tmp_path / "was run").exists()


def test_a_network_for_one_size_of_pictures_says_so():
    with pytest.raises(ValueError, match=r"cannot take pictures of 32 px \(.*224"):
        encoder_of("mixer_s32_224", image_size=32)


def test_weights_that_cannot_be_downloaded_are_said(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UsageError, match=r"timm's weights for test_vit are not available: .*\n.*\n.*--timm-weights"):
        encoder_of("test_vit", timm_pretrained=True)
    TimmBackbone(TimmConfig(timm_model="test_vit", timm_pretrained=True), image_size=32, pretrained=False)


def test_without_timm_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)  # makes the import fail
    with pytest.raises(UsageError, match=r"TimmBackbone needs the package timm.*\n.*pip install timm"):
        encoder_of("test_vit")
