"""The encoders built on VGG16, the network of the paper."""

from __future__ import annotations

import torchvision
from torch import nn
from torchvision.models.vgg import cfgs, make_layers

from learning_to_draw.errors import UsageError
from learning_to_draw.models.encoders.base import flat_size
from learning_to_draw.models.encoders.config import VGG16_LAYERS, VGG16Config, VGG16ExtendedConfig
from learning_to_draw.models.encoders.convolutional import ConvolutionalBackbone, up_to
from learning_to_draw.models.encoders.pretrained import load_imagenet_weights, load_stylized_imagenet_weights

VGG16_LAYER_AT: dict[str, int] = dict(zip(VGG16_LAYERS, (3, 8, 15, 22, 29), strict=True))


class VGG16Encoder(ConvolutionalBackbone):
    """The convolutions of VGG16 (Simonyan and Zisserman 2015) up to the last ReLU of one of its five blocks.

    That ReLU is the output, without pooling. Feature maps: the last ReLU of each block up to the output.
    """

    def __init__(
        self,
        config: VGG16Config,
        feature_layer: str,
        *,
        pretrained: bool,
    ):
        """Raises UsageError if weights are not available, or if --imagenet-weights and --sin-weights are both given."""
        if config.imagenet_weights and config.sin_weights is not None:
            raise UsageError(
                "--imagenet-weights and --sin-weights exclude each other.\n"
                "Give only one of them. If a preset or a configuration turns on --imagenet-weights, "
                "--no-imagenet-weights turns it off."
            )
        # Only the convolutions: torchvision's full VGG16 would initialise 120 million weights that nothing uses.
        layer_at = up_to(feature_layer, VGG16_LAYER_AT)
        network = make_layers(cfgs["D"])[: layer_at[feature_layer] + 1]
        if pretrained and config.imagenet_weights:
            load_imagenet_weights(network, torchvision.models.VGG16_Weights.IMAGENET1K_V1, "features.")
        elif pretrained and config.sin_weights is not None:
            load_stylized_imagenet_weights(network, config.sin_weights)
        else:
            for layer in network:
                if isinstance(layer, nn.Conv2d):  # torchvision's own initialisation of VGG16
                    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                    assert layer.bias is not None  # make_layers builds every convolution with a bias
                    nn.init.zeros_(layer.bias)
        super().__init__("vgg16", network, layer_at, freeze=config.freeze_backbone)


class VGG16BackboneExtended(VGG16Encoder):
    """VGG16 up to `feature_layer`, flattened and projected. With `relu5_3`, this is the paper's encoder."""

    def __init__(
        self,
        config: VGG16ExtendedConfig = VGG16ExtendedConfig(),
        *,
        image_size: int,
        channels: int = 3,
        pretrained: bool = True,
    ):
        """Raises UsageError if the weights are not available."""
        super().__init__(config, config.feature_layer, pretrained=pretrained)
        size = flat_size(self.backbone, self.channels, image_size)
        self.enc = nn.Sequential(nn.Flatten(), nn.Linear(size, config.latent_size))


class VGG16Backbone(VGG16Encoder):
    """VGG16 up to `relu3_3`, averaged to 8 x 8, flattened and projected. The projection fits pictures of any size."""

    def __init__(
        self, config: VGG16Config = VGG16Config(), *, image_size: int, channels: int = 3, pretrained: bool = True
    ):
        """Raises UsageError if the weights are not available."""
        super().__init__(config, "relu3_3", pretrained=pretrained)
        to_one_size = [nn.AdaptiveAvgPool2d(8), nn.Flatten()]
        size = flat_size(nn.Sequential(self.backbone, *to_one_size), self.channels, image_size)
        self.enc = nn.Sequential(*to_one_size, nn.Linear(size, config.latent_size))
