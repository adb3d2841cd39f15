"""The encoders by command-line name, and their configurations. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from learning_to_draw.components import Component, Config, flag, option, positive_int

VGG16_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")
SQUEEZENET_LAYERS = ("relu1", "fire3", "fire5", "fire7", "fire9")
CLIP_MODELS = ("RN50", "RN101", "RN50x4", "RN50x16", "ViT-B/32", "ViT-B/16")
CLIP_BLOCKS = tuple(f"resblock{number}" for number in range(12))
DEFAULT_CLIP_MODEL = "ViT-B/32"
CLIP_MODEL_HELP = "OpenAI's CLIP network to use (needs open_clip_torch; downloaded once into HF_HOME)"


def _feature_layer(layers: tuple[str, ...], default: str) -> Any:
    return option(
        default,
        "layer whose output is projected to the latent; the perceptual loss compares the feature layers up to this one",
        choices=layers,
    )


def _imagenet_weights() -> Any:
    return flag("start from torchvision's ImageNet weights (downloaded once into TORCH_HOME)")


def _freeze_backbone(*official_name: str) -> Any:
    return flag("train only the projection to the latent, not the backbone", *official_name)


@dataclass(frozen=True, kw_only=True)
class EncoderConfig(Config):
    """The options of every encoder."""

    latent_size: int = option(64, "size of the encoder's latent vector", type=positive_int, metavar="N")


@dataclass(frozen=True, kw_only=True)
class SimpleMLPConfig(EncoderConfig):
    encoder_hidden: int = option(64, "hidden units of the encoder's MLP", type=positive_int, metavar="N")


@dataclass(frozen=True, kw_only=True)
class Conv2DConfig(EncoderConfig):
    encoder_channels: int = option(
        1,
        "channels of the encoder's input: 3 for colour pictures, 1 or 3 for grey pictures",
        type=int,
        choices=(1, 3),
    )


@dataclass(frozen=True, kw_only=True)
class StrokeNetConfig(Conv2DConfig):
    batchnorm: bool = flag("batch normalisation after every convolution of the encoder")


@dataclass(frozen=True, kw_only=True)
class VGG16Config(EncoderConfig):
    """The options of both VGG16 encoders."""

    imagenet_weights: bool = _imagenet_weights()
    freeze_backbone: bool = _freeze_backbone("--freeze-vgg")
    sin_weights: str | None = option(
        None,
        "start from VGG16 weights trained on Stylized-ImageNet; without FILE, from the official file under TORCH_HOME",
        nargs="?",
        const="",
        metavar="FILE",
    )


@dataclass(frozen=True, kw_only=True)
class VGG16ExtendedConfig(VGG16Config):
    feature_layer: str = _feature_layer(VGG16_LAYERS, "relu3_3")


@dataclass(frozen=True, kw_only=True)
class SqueezeNetConfig(EncoderConfig):
    feature_layer: str = _feature_layer(SQUEEZENET_LAYERS, "fire9")
    imagenet_weights: bool = _imagenet_weights()
    freeze_backbone: bool = _freeze_backbone()


@dataclass(frozen=True, kw_only=True)
class ResNet50Config(EncoderConfig):
    imagenet_weights: bool = _imagenet_weights()
    freeze_backbone: bool = _freeze_backbone("--freeze-resnet50")


@dataclass(frozen=True, kw_only=True)
class CLIPVisualConfig(EncoderConfig):
    clip_model: str = option(DEFAULT_CLIP_MODEL, CLIP_MODEL_HELP, choices=CLIP_MODELS)
    freeze_backbone: bool = _freeze_backbone("--freeze-model")
    transformer_resblock: str | None = option(
        None,
        "the perceptual loss compares the outputs of the ViT's blocks up to this one, and the output of the network; "
        "left out: all blocks",
        choices=CLIP_BLOCKS,
    )


@dataclass(frozen=True, kw_only=True)
class TimmConfig(EncoderConfig):
    timm_model: str = option(
        "resnet18",
        "timm's name of the network, such as resnet18 or vit_small_patch16_224.dino (needs the package timm)",
        metavar="NAME",
    )
    timm_layers: tuple[str, ...] | None = option(
        None,
        "layers whose feature maps the perceptual loss compares, such as layer2 layer4 or blocks.5 blocks.11; left "
        "out: all feature layers of the network",
        nargs="+",
        metavar="LAYER",
    )
    timm_pretrained: bool = flag("start from timm's weights for this network (downloaded once into HF_HOME)")
    timm_weights: Path | None = option(
        None,
        "start from the weights for this network in a safetensors file or a torch.save file",
        type=Path,
        metavar="FILE",
    )
    freeze_backbone: bool = _freeze_backbone()


ENCODERS = {
    "VGG16BackboneExtended": Component(
        VGG16ExtendedConfig,
        "models.encoders.vgg16:VGG16BackboneExtended",
        summary="VGG16 up to a chosen layer; the paper's encoder",
    ),
    "VGG16Backbone": Component(VGG16Config, "models.encoders.vgg16:VGG16Backbone", summary="VGG16 up to relu3_3"),
    "ResNet50Backbone": Component(ResNet50Config, "models.encoders.resnet50:ResNet50Backbone", summary="ResNet-50"),
    "CLIPVisualEncoder": Component(
        CLIPVisualConfig, "models.encoders.clip_visual:CLIPVisualEncoder", summary="an image network of OpenAI's CLIP"
    ),
    "TimmBackbone": Component(
        TimmConfig,
        "models.encoders.timm_backbone:TimmBackbone",
        summary="any network of the package timm: ResNet, ConvNeXt, ViT, DINO, ...",
    ),
    "SqueezeNetBackbone": Component(
        SqueezeNetConfig,
        "models.encoders.squeezenet:SqueezeNetBackbone",
        summary="SqueezeNet 1.1, small enough for a laptop",
    ),
    "SmallCNNEncoder": Component(
        EncoderConfig, "models.encoders.small:SmallCNNEncoder", summary="three convolutions with group norm"
    ),
    "TinyCNNEncoder": Component(
        EncoderConfig, "models.encoders.small:TinyCNNEncoder", summary="SmallCNNEncoder with fewer channels; for Digits"
    ),
    "BetterCNNEncoder": Component(
        EncoderConfig, "models.encoders.small:BetterCNNEncoder", summary="four convolutions with batch norm"
    ),
    "SimpleCNNEncoder": Component(
        EncoderConfig, "models.encoders.small:SimpleCNNEncoder", summary="two convolutions with max pooling"
    ),
    "SimpleMLPEncoder": Component(
        SimpleMLPConfig, "models.encoders.small:SimpleMLPEncoder", summary="two linear layers on the pixels"
    ),
    "Conv2DEncoder": Component(
        Conv2DConfig, "models.encoders.small:Conv2DEncoder", summary="two convolutions with dropout"
    ),
    "StrokeNetEncoder": Component(
        StrokeNetConfig, "models.encoders.small:StrokeNetEncoder", summary="ten convolutions; needs at least 32 px"
    ),
}
