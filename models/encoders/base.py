"""What an encoder makes of pictures, and what every encoder shares."""

from __future__ import annotations

from collections.abc import Collection, Mapping
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


@dataclass(frozen=True)
class Features:
    """What a backbone makes of B pictures. values: [B, ...], what the latent is projected from; feature_maps: those
    asked for, as in an `Encoding`. In bfloat16 where the backbone runs so."""

    values: Tensor
    feature_maps: Mapping[str, Tensor] = field(default_factory=dict)

    def of(self, rows: Tensor | slice) -> Features:
        """Those of some of the pictures."""
        return Features(self.values[rows], {name: maps[rows] for name, maps in self.feature_maps.items()})


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

    def look(self, pictures: Tensor, *, maps: Collection[str] = (), drawn: bool = False) -> Encoding:
        """The view of pictures [B, 1 or 3, S, S] in 0..1; the rest goes on to `forward`."""
        return self(self.prepare(pictures), maps=maps, drawn=drawn)

    def prepare(self, pictures: Tensor) -> Tensor:
        """Pictures [B, 1 or 3, S, S] in 0..1 as `forward` takes them: the one place of channels and normalisation."""
        pictures = expand_channels(pictures, self.channels)
        return (pictures - self.mean) / self.std if self.imagenet_norm else pictures

    def forward(self, pictures: Tensor, *, maps: Collection[str] = (), drawn: bool = False) -> Encoding:
        """maps: the feature layers whose maps are wanted. drawn: the pictures are sketches, not photos; only encoders
        with batch statistics care."""
        raise NotImplementedError


class BackboneEncoder(Encoder):
    """A pretrained network, and a projection `enc` of what it gives to the latent.

    A frozen network gives the same for a photo every time, so that it can be kept (see `extract` and `project`), and
    keeps no graph for photos. precision: "bf16" runs the network in bfloat16; the projection is always in float32.
    """

    channels = 3
    precision = "fp32"
    enc: nn.Module  # the subclass's own

    @property
    def backbone(self) -> nn.Module:
        raise NotImplementedError

    @property
    def frozen(self) -> bool:
        """Whether nothing of the network is trained."""
        return not any(parameter.requires_grad for parameter in self.backbone.parameters())

    def forward(self, pictures: Tensor, *, maps: Collection[str] = (), drawn: bool = False) -> Encoding:
        return self.project(self.extract(pictures, maps=maps, drawn=drawn))

    def extract(self, pictures: Tensor, *, maps: Collection[str] = (), drawn: bool = False) -> Features:
        """What the network makes of prepared pictures [B, 3, S, S]."""
        # Convolutions are faster with the channels last, on a CPU as on a GPU.
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with torch.autocast(pictures.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            return self._run(pictures, maps, drawn)

    def compile_backbone(self) -> None:
        """Lets torch.compile make the network faster, from its next use on."""
        self._run = torch.compile(self._run)

    def project(self, features: Features) -> Encoding:
        """The view that features [B, ...] amount to."""
        return Encoding(self.enc(features.values.float()), features.feature_maps)

    def _run(self, pictures: Tensor, maps: Collection[str], drawn: bool) -> Features:
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
