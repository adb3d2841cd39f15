"""The encoder built on ResNet-50."""

from __future__ import annotations

import torchvision
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck

from learning_to_draw.models.encoders.batch_norm import PhotoSketchBatchNorm2d, PhotoSketchLayer, PhotoSketchSequential
from learning_to_draw.models.encoders.config import ResNet50Config
from learning_to_draw.models.encoders.convolutional import ConvolutionalBackbone
from learning_to_draw.models.encoders.pretrained import load_imagenet_weights

# The stages of residual blocks, named by their index in the network, as in the official code.
RESNET_LAYER_AT = {"layer4": 4, "layer5": 5, "layer6": 6, "layer7": 7}


class PhotoSketchBottleneck(PhotoSketchLayer, Bottleneck):
    """torchvision's residual block of three convolutions, with separate running statistics for photos and sketches."""

    downsample: nn.Sequential | None  # a convolution and its normalisation

    def forward(self, maps: Tensor, is_sketch: bool = False) -> Tensor:
        shortcut = maps
        if self.downsample is not None:
            convolution, norm = self.downsample
            shortcut = norm(convolution(maps), is_sketch)
        maps = self.relu(self.bn1(self.conv1(maps), is_sketch))
        maps = self.relu(self.bn2(self.conv2(maps), is_sketch))
        return self.relu(self.bn3(self.conv3(maps), is_sketch) + shortcut)


class ResNet50Backbone(ConvolutionalBackbone):
    """ResNet-50 (He et al. 2016) without its classifier; the averages of its last stage's 2048 maps are projected.

    Pictures [B, 3, S, S] -> latent [B, latent_size]. Feature maps layer4 to layer7: the outputs of the four stages of
    residual blocks, with 256, 512, 1024 and 2048 channels at S/4 ... S/32. The official code has layer7 only.
    """

    def __init__(
        self,
        config: ResNet50Config = ResNet50Config(),
        *,
        image_size: int | None = None,
        channels: int = 3,
        pretrained: bool = True,
    ):
        """--freeze-backbone also freezes the running statistics. Raises UsageError if the weights are not available."""
        network = torchvision.models.ResNet(PhotoSketchBottleneck, [3, 4, 6, 3], norm_layer=PhotoSketchBatchNorm2d)
        del network.fc
        if pretrained and config.imagenet_weights:
            load_imagenet_weights(network, torchvision.models.ResNet50_Weights.IMAGENET1K_V1)
        stages = (network.layer1, network.layer2, network.layer3, network.layer4)
        layers = nn.Sequential(
            network.conv1,
            network.bn1,
            network.relu,
            network.maxpool,
            *(PhotoSketchSequential(*stage) for stage in stages),
            network.avgpool,
        )
        super().__init__("resnet50", layers, RESNET_LAYER_AT, freeze=config.freeze_backbone)
        self.enc = nn.Sequential(nn.Flatten(), nn.Linear(2048, config.latent_size))
