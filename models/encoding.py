"""What an encoder makes of pictures, and what every encoder shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Encoding:
    """An encoder's view of B pictures.

    latent: float [B, L].
    feature_maps: name -> float [B, C, H, W], in the order of the network; empty unless they were asked for.
    """

    latent: Tensor
    feature_maps: Mapping[str, Tensor] = field(default_factory=dict)

    def first(self, count: int) -> Encoding:
        """The view of the first `count` pictures; shares memory with this one."""
        return Encoding(self.latent[:count], {name: maps[:count] for name, maps in self.feature_maps.items()})


class Encoder(nn.Module):
    """Pictures [B, channels, S, S] to an `Encoding`.

    channels: 1 or 3, what the encoder looks at. feature_layers: the names of its feature maps, none for an encoder
    that the perceptual loss cannot use. imagenet_norm: whether `look` normalises pictures with ImageNet's mean and
    deviation.
    """

    channels: int
    feature_layers: tuple[str, ...] = ()
    imagenet_norm = False

    def __init__(self):
        super().__init__()
        # Not saved: official checkpoints do not have them.
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(3, 1, 1), persistent=False)

    def look(self, pictures: Tensor, **how: bool) -> Encoding:
        """The view of pictures [B, 1 or 3, S, S] in 0..1; `how` goes on to `forward`.

        Every picture that an encoder sees passes here: the one place of channels and normalisation.
        """
        pictures = expand_channels(pictures, self.channels)
        return self((pictures - self.mean) / self.std if self.imagenet_norm else pictures, **how)

    def forward(self, pictures: Tensor, *, keep_maps: bool = False, drawn: bool = False) -> Encoding:
        """keep_maps: return the feature maps too. drawn: the pictures are sketches, not photos; only encoders with
        batch statistics care."""
        raise NotImplementedError


def expand_channels(pictures: Tensor, channels: int) -> Tensor:
    """Grey pictures [B, 1, H, W] for an encoder of colour: [B, channels, H, W], without copying."""
    return pictures if pictures.shape[1] == channels else pictures.expand(-1, channels, -1, -1)


def flat_size(layers: nn.Module, channels: int, image_size: int) -> int:
    """Numbers per picture that `layers` give for pictures [channels, image_size, image_size], found by trying.

    Raises ValueError where the layers cannot take pictures so small.
    """
    was_training = layers.training
    layers.eval()
    try:
        with torch.no_grad():
            return layers(torch.zeros(1, channels, image_size, image_size)).numel()
    except RuntimeError as error:
        raise ValueError(f"pictures of {image_size} px are too small for this encoder") from error
    finally:
        layers.train(was_training)
