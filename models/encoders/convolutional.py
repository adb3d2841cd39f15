"""The base class of encoders built on VGG16, SqueezeNet and ResNet-50: a sequence of layers with feature maps."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from learning_to_draw.models.encoders.base import BackboneEncoder, Features
from learning_to_draw.models.encoders.batch_norm import pass_through


class ConvolutionalBackbone(BackboneEncoder):
    """A sequence of convolutional layers. The subclass sets `enc`, the projection of their output to the latent.

    Pictures [B, 3, S, S] -> latent [B, latent_size], and the feature maps of the requested layers.
    """

    def __init__(self, name: str, network: nn.Sequential, layer_at: Mapping[str, int], *, freeze: bool):
        """name: the attribute (and checkpoint key) that holds the network. layer_at: feature layer -> index in the
        network, in order."""
        super().__init__()
        self.feature_layers = tuple(layer_at)
        self._name_at = {index: layer for layer, index in layer_at.items()}
        self._network = name
        self.add_module(name, network.requires_grad_(not freeze).to(memory_format=torch.channels_last))

    @property
    def backbone(self) -> nn.Sequential:
        return getattr(self, self._network)

    def _run(self, pictures: Tensor, layers: Collection[str], is_sketch: bool) -> Features:
        values, feature_maps = pictures, {}
        for index, layer in enumerate(self.backbone):
            values = self._through(layer, values, is_sketch)
            if self._name_at.get(index) in layers:
                feature_maps[self._name_at[index]] = values
        return Features(values, feature_maps)

    def _through(self, layer: nn.Module, values: Tensor, is_sketch: bool) -> Tensor:
        return pass_through(layer, values, is_sketch)


def up_to(layer: str, layer_at: Mapping[str, int]) -> dict[str, int]:
    """The entries of `layer_at` up to and including `layer`."""
    return {name: index for name, index in layer_at.items() if index <= layer_at[layer]}
