"""Encoders built on a network that was trained to classify photos: VGG16 (the paper's) and SqueezeNet (a laptop's)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
import torchvision
from learning_to_draw.errors import UsageError
from learning_to_draw.models.batch_norm import pass_through
from learning_to_draw.models.encoding import BackboneEncoder, Features, flat_size
from learning_to_draw.models.options import SQUEEZENET_LAYERS, VGG16_LAYERS
from learning_to_draw.models.pretrained import load_imagenet_weights, load_stylized_imagenet_weights
from torch import Tensor, nn
from torchvision.models.vgg import cfgs, make_layers

VGG16_LAYER_AT = dict(zip(VGG16_LAYERS, (3, 8, 15, 22, 29), strict=True))
SQUEEZENET_LAYER_AT = dict(zip(SQUEEZENET_LAYERS, (1, 4, 7, 10, 12), strict=True))


class ConvolutionalBackbone(BackboneEncoder):
    """The layers of a convolutional network, and a projection `enc` of their output to the latent.

    Pictures [B, 3, S, S] -> latent [B, latent_size], and the feature maps of the named layers.
    """

    def __init__(self, name: str, network: nn.Sequential, layer_at: Mapping[str, int], *, freeze: bool):
        """name: the attribute, and so the checkpoint key, that holds the network. layer_at: feature layer -> index in
        the network, in order."""
        super().__init__()
        self.feature_layers = tuple(layer_at)
        self._name_at = {index: layer for layer, index in layer_at.items()}
        self._network = name
        self.add_module(name, network.requires_grad_(not freeze).to(memory_format=torch.channels_last))

    @property
    def backbone(self) -> nn.Sequential:
        return getattr(self, self._network)

    def _run(self, pictures: Tensor, maps: Collection[str], drawn: bool) -> Features:
        values, found = pictures, {}
        for index, layer in enumerate(self.backbone):
            values = pass_through(layer, values, drawn)
            if self._name_at.get(index) in maps:
                found[self._name_at[index]] = values
        return Features(values, found)


class VGG16Encoder(ConvolutionalBackbone):
    """The convolutions of VGG16 (Simonyan and Zisserman 2015) up to one of its five last-of-a-block ReLUs.

    Feature maps: these ReLUs, up to and including that one. No pooling follows it.
    """

    def __init__(
        self,
        feature_layer: str,
        *,
        imagenet_weights: bool = False,
        sin_weights: str | None = None,
        freeze_backbone: bool = False,
        pretrained: bool = True,
    ):
        """sin_weights: a file of Stylized-ImageNet weights, "" for the official file name under TORCH_HOME.
        pretrained: False loads neither, because a checkpoint's weights will follow.

        Raises UsageError where weights are not to be had, or both kinds are asked for.
        """
        if imagenet_weights and sin_weights is not None:
            raise UsageError("--imagenet-weights and --sin-weights are two starts for one network.\nGive one of them.")
        # Only the convolutions: torchvision's whole VGG16 would first fill 120 million weights that nothing uses.
        layer_at = _up_to(feature_layer, VGG16_LAYER_AT)
        network = make_layers(cfgs["D"])[: layer_at[feature_layer] + 1]
        if pretrained and imagenet_weights:
            load_imagenet_weights(network, torchvision.models.VGG16_Weights.IMAGENET1K_V1, "features.")
        elif pretrained and sin_weights is not None:
            load_stylized_imagenet_weights(network, sin_weights)
        else:
            for layer in network:
                if isinstance(layer, nn.Conv2d):  # torchvision's own initialisation of VGG16
                    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                    nn.init.zeros_(layer.bias)
        super().__init__("vgg16", network, layer_at, freeze=freeze_backbone)


class VGG16BackboneExtended(VGG16Encoder):
    """VGG16 up to `feature_layer`, flattened and projected. The paper's encoder, with `relu5_3`."""

    def __init__(self, *, image_size: int, latent_size: int = 64, feature_layer: str = "relu3_3", **weights):
        """weights: as in `VGG16Encoder`. Raises UsageError where they are not to be had."""
        super().__init__(feature_layer, **weights)
        size = flat_size(self.backbone, self.channels, image_size)
        self.enc = nn.Sequential(nn.Flatten(), nn.Linear(size, latent_size))


class VGG16Backbone(VGG16Encoder):
    """VGG16 up to `relu3_3`, averaged to 8 x 8, flattened and projected: one projection for any size of pictures."""

    def __init__(self, *, image_size: int, latent_size: int = 64, **weights):
        """weights: as in `VGG16Encoder`. Raises UsageError where they are not to be had."""
        super().__init__("relu3_3", **weights)
        to_one_size = [nn.AdaptiveAvgPool2d(8), nn.Flatten()]
        size = flat_size(nn.Sequential(self.backbone, *to_one_size), self.channels, image_size)
        self.enc = nn.Sequential(*to_one_size, nn.Linear(size, latent_size))


class SqueezeNetBackbone(ConvolutionalBackbone):
    """SqueezeNet 1.1 (Iandola et al. 2016) up to one of five layers, about 45 times cheaper than VGG16. Not in the
    paper.

    Its features are large and differ in scale from layer to layer, which would saturate the decoder's tanh until every
    sketch is the same cross. So they are normalised to mean 0 and variance 1, for each picture, before the projection.
    """

    def __init__(
        self,
        *,
        image_size: int,
        latent_size: int = 64,
        feature_layer: str = "fire9",
        imagenet_weights: bool = False,
        freeze_backbone: bool = False,
        pretrained: bool = True,
    ):
        """pretrained: False loads no weights, because a checkpoint's will follow.

        Raises UsageError where weights are not to be had.
        """
        layer_at = _up_to(feature_layer, SQUEEZENET_LAYER_AT)
        network = torchvision.models.squeezenet1_1().features[: layer_at[feature_layer] + 1]
        if pretrained and imagenet_weights:
            load_imagenet_weights(network, torchvision.models.SqueezeNet1_1_Weights.IMAGENET1K_V1, "features.")
        super().__init__("squeezenet", network, layer_at, freeze=freeze_backbone)
        size = flat_size(self.backbone, self.channels, image_size)
        self.enc = nn.Sequential(
            nn.Flatten(), nn.LayerNorm(size, elementwise_affine=False), nn.Linear(size, latent_size)
        )


def _up_to(layer: str, layer_at: Mapping[str, int]) -> dict[str, int]:
    """The entries of `layer_at` up to and including `layer`."""
    return {name: index for name, index in layer_at.items() if index <= layer_at[layer]}
