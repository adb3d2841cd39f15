"""CLIP's visual tower as an encoder: its output, the maps of its blocks, and statistics that training keeps."""

from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F

from learning_to_draw.components import option
from learning_to_draw.errors import UsageError
from learning_to_draw.models.encoders.base import IMAGENET_MEAN, IMAGENET_STD
from learning_to_draw.models.encoders.clip import clip_input
from learning_to_draw.models.encoders.clip_visual import CLIPVisualEncoder
from learning_to_draw.models.encoders.config import CLIPVisualConfig


@dataclass(frozen=True, kw_only=True)
class TinyCLIPConfig(CLIPVisualConfig):
    """Allows the names of `tiny_clips`, which are not OpenAI's."""

    clip_model: str = option("ViT-tiny", "one of `tiny_clips`")


def build(name, **options):
    torch.manual_seed(0)
    return CLIPVisualEncoder(TinyCLIPConfig(latent_size=8, clip_model=name, **options), pretrained=False)


@pytest.mark.parametrize(
    ("which", "layers", "shapes"),
    [
        (0, ("resblock0", "resblock1", "resblock2"), [(2, 64, 17, 1)] * 3),
        (1, ("layer1", "layer2", "layer3", "layer4"), [(2, 32, 16, 16), (2, 64, 8, 8), (2, 128, 4, 4), (2, 256, 2, 2)]),
    ],
)
def test_feature_maps_are_what_the_towers_own_layers_give(tiny_clips, which, layers, shapes):
    encoder = build(tiny_clips[which]).eval()
    tower, outputs = encoder.clipmodel.visual, []
    stages = tower.transformer.resblocks if which == 0 else [getattr(tower, layer) for layer in layers]
    for stage in stages:
        stage.register_forward_hook(lambda layer, given, output: outputs.append(output))
    pictures = torch.rand(2, 3, 40, 40)
    with torch.no_grad():
        encoding = encoder.encode(pictures, layers=encoder.feature_layers)
        given, outputs[:] = list(outputs), []
        expected = tower(clip_input(encoder.clipmodel, pictures))
        quick = encoder.encode(pictures)
    assert encoder.feature_layers == tuple(encoding.feature_maps) == (*layers, "CLIPvisual")
    *maps, last = encoding.feature_maps.values()
    assert [tuple(each.shape) for each in maps] == shapes
    for each, output in zip(maps, given, strict=True):
        assert torch.allclose(each, output.transpose(1, 2)[..., None] if which == 0 else output, atol=1e-5)
    assert torch.allclose(last, expected[:, :, None, None], atol=1e-5)
    assert torch.allclose(encoding.latent, encoder.enc[1](expected), atol=1e-5)
    assert torch.allclose(quick.latent, encoding.latent, atol=1e-5)
    assert quick.feature_maps == {}


def test_a_chosen_block_is_the_last_of_the_feature_maps(tiny_clips):
    encoder = build(tiny_clips[0], transformer_resblock="resblock1")
    maps = encoder.encode(torch.rand(1, 3, 32, 32), layers=encoder.feature_layers).feature_maps
    assert tuple(maps) == encoder.feature_layers == ("resblock0", "resblock1", "CLIPvisual")
    with pytest.raises(
        UsageError, match=r"resblock7: ViT-tiny has no such block.\nGive one of resblock0, resblock1, resblock2"
    ):
        build(tiny_clips[0], transformer_resblock="resblock7")
    with pytest.raises(UsageError, match="resblock2: CLIP's network RN-tiny has no such blocks"):
        build(tiny_clips[1], transformer_resblock="resblock2")


def test_imagenet_norm_takes_the_place_of_clips_own(tiny_clips):
    encoder = build(tiny_clips[0])
    pictures = torch.rand(2, 1, 32, 32)
    own = encoder.encode(pictures).latent
    encoder.imagenet_norm = True
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    expected = encoder.enc(encoder.clipmodel.visual((pictures - mean) / std))
    assert torch.allclose(encoder.encode(pictures).latent, expected, atol=1e-5)
    assert not torch.allclose(own, expected, atol=1e-3)
    small = torch.rand(2, 3, 20, 20)
    resized = F.interpolate((small - mean) / std, (32, 32), mode="bicubic", antialias=True)
    assert torch.allclose(encoder.encode(small).latent, encoder.enc(encoder.clipmodel.visual(resized)), atol=1e-5)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("freeze", [False, True])
def test_training_leaves_clips_statistics_alone(tiny_clips, which, freeze):
    encoder = build(tiny_clips[which], freeze_backbone=freeze).train()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    sketches = torch.rand(2, 1, 32, 32, requires_grad=True)
    encoder.encode(sketches, is_sketch=True, layers=encoder.feature_layers).latent.sum().backward()
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert sketches.grad.abs().sum() > 0
    assert encoder.enc.training
    trained = {name for name, parameter in encoder.named_parameters() if parameter.grad is not None}
    expected = {name for name, _ in encoder.named_parameters() if not freeze or name.startswith("enc.")}
    assert trained == expected


def test_names_and_shapes_of_the_official_checkpoints():
    pytest.importorskip("open_clip")
    encoder = CLIPVisualEncoder(pretrained=False)
    state = encoder.state_dict()
    assert encoder.feature_layers == (*(f"resblock{number}" for number in range(12)), "CLIPvisual")
    assert {name.split(".")[0] for name in state} == {"clipmodel", "enc"}
    assert all(name.startswith(("clipmodel.visual.", "enc.1.")) for name in state)
    shapes = {
        "clipmodel.visual.class_embedding": (768,),
        "clipmodel.visual.positional_embedding": (50, 768),
        "clipmodel.visual.proj": (768, 512),
        "clipmodel.visual.conv1.weight": (768, 3, 32, 32),
        "clipmodel.visual.transformer.resblocks.11.attn.in_proj_weight": (2304, 768),
        "clipmodel.visual.transformer.resblocks.0.mlp.c_fc.weight": (3072, 768),
        "enc.1.weight": (64, 512),
    }
    assert {name: tuple(state[name].shape) for name in shapes} == shapes
