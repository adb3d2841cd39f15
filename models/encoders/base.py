"""The base classes of encoders: from pictures to a latent and feature maps."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from learning_to_draw.errors import UsageError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Encoding:
    """An encoder's output for B pictures.

    latent: float [B, L].
    feature_maps: name -> float [B, C, H, W], in the order of the network; empty unless requested.
    """

    latent: Tensor
    feature_maps: Mapping[str, Tensor] = field(default_factory=dict)

    def first(self, count: int) -> Encoding:
        """The encoding of the first `count` pictures; shares memory with this one."""
        return Encoding(self.latent[:count], {name: maps[:count] for name, maps in self.feature_maps.items()})


@dataclass(frozen=True)
class Features:
    """A backbone's output for B pictures. It can be in bfloat16 if the backbone runs in bfloat16.

    values: [B, ...], the input of the projection to the latent.
    feature_maps: the requested maps, as in `Encoding`.
    """

    values: Tensor
    feature_maps: Mapping[str, Tensor] = field(default_factory=dict)

    def of(self, rows: Tensor | slice) -> Features:
        """The features of some of the pictures; `rows` selects them by index or slice."""
        return Features(self.values[rows], {name: maps[rows] for name, maps in self.feature_maps.items()})


class Encoder(nn.Module):
    """Pictures [B, channels, S, S] to an `Encoding`.

    channels: 1 or 3, the channels of the encoder's input. feature_layers: the names of its feature maps; empty if the
    perceptual loss cannot use the encoder. imagenet_norm: whether `encode` normalises pictures with ImageNet's mean and
    standard deviation.

    Every encoder is built as `Class(config, image_size=, channels=, pretrained=)`. The arguments image_size and
    channels are those of the data set's pictures. pretrained: load the pretrained weights that the configuration asks
    for; False if a checkpoint will be loaded. Encoders ignore the arguments that they do not need.
    """

    channels: int
    feature_layers: tuple[str, ...] = ()
    imagenet_norm = False
    mean: Tensor  # [3, 1, 1]
    std: Tensor  # [3, 1, 1]

    def __init__(self):
        super().__init__()
        # Not persistent: official checkpoints do not contain them.
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(3, 1, 1), persistent=False)

    def encode(self, pictures: Tensor, *, layers: Collection[str] = (), is_sketch: bool = False) -> Encoding:
        """Encodes pictures [B, 1 or 3, S, S] in 0..1. layers, is_sketch: see `forward`.

        Raises UsageError for a layer that is not one of `feature_layers`.
        """
        if unknown := set(layers) - set(self.feature_layers):
            has = f"Its feature layers: {', '.join(self.feature_layers)}." if self.feature_layers else "It has none."
            raise UsageError(f"{type(self).__name__} has no feature layer {min(unknown)}.\n{has}")
        return self(self.preprocess(pictures), layers=layers, is_sketch=is_sketch)

    def preprocess(self, pictures: Tensor) -> Tensor:
        """The input of `forward`: the pictures [B, 1 or 3, S, S] in 0..1, expanded to `channels` channels, and
        normalised if `imagenet_norm`."""
        pictures = expand_channels(pictures, self.channels)
        return (pictures - self.mean) / self.std if self.imagenet_norm else pictures

    def forward(self, pictures: Tensor, *, layers: Collection[str] = (), is_sketch: bool = False) -> Encoding:
        """Encodes pictures from `preprocess`.

        layers: the feature layers whose maps are requested. is_sketch: the pictures are sketches, not photos; only used
        by encoders with `PhotoSketchBatchNorm2d` layers.
        """
        raise NotImplementedError


class BackboneEncoder(Encoder):
    """A network that can be pretrained (the backbone), and a projection `enc` of its output to the latent.

    A frozen network's output for a photo never changes, so it can be cached (see `extract` and `project`). A
    frozen network builds no autograd graph for photos. precision: "bf16" runs the network in bfloat16; the
    projection is always in float32.
    """

    channels = 3
    precision = "fp32"
    enc: nn.Module  # set by the subclass

    @property
    def backbone(self) -> nn.Module:
        raise NotImplementedError

    @property
    def frozen(self) -> bool:
        """Whether no parameter of the network is trained."""
        return not any(parameter.requires_grad for parameter in self.backbone.parameters())

    def same_features(self, other: Encoder) -> bool:
        """Whether `other` computes the same features: both backbones are frozen and equal, and both encoders normalise
        pictures in the same way."""
        if type(other) is not type(self) or not (self.frozen and other.frozen):
            return False
        values, other_values = ({**e.backbone.state_dict(), "mean": e.mean, "std": e.std} for e in (self, other))
        same_names = values.keys() == other_values.keys() and self.imagenet_norm == other.imagenet_norm
        return same_names and all(torch.equal(v, other_values[n]) for n, v in values.items())

    def share_backbone(self, other: BackboneEncoder) -> None:
        """Replaces this encoder's backbone by that of `other`, if `same_features(other)` is True."""
        if self.backbone is other.backbone or not self.same_features(other):
            return
        name = next(name for name, module in self.named_children() if module is self.backbone)
        setattr(self, name, other.backbone)

    def forward(self, pictures: Tensor, *, layers: Collection[str] = (), is_sketch: bool = False) -> Encoding:
        return self.project(self.extract(pictures, layers=layers, is_sketch=is_sketch))

    def extract(self, pictures: Tensor, *, layers: Collection[str] = (), is_sketch: bool = False) -> Features:
        """The network's output for pictures from `preprocess`."""
        # Convolutions are faster with channels last, on a CPU and on a GPU.
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with torch.autocast(pictures.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            return self._run(pictures, layers, is_sketch)

    def compile_backbone(self) -> None:
        """Compiles the network with torch.compile, at its next use."""
        self._run = torch.compile(self._run)

    def project(self, features: Features) -> Encoding:
        """The encoding of pictures, from their features."""
        return Encoding(self.enc(features.values.float()), features.feature_maps)

    def _run(self, pictures: Tensor, layers: Collection[str], is_sketch: bool) -> Features:
        raise NotImplementedError


def expand_channels(pictures: Tensor, channels: int) -> Tensor:
    """Expands grey pictures [B, 1, H, W] to [B, channels, H, W], without copying."""
    return pictures if pictures.shape[1] == channels else pictures.expand(-1, channels, -1, -1)


def flat_size(layers: nn.Module, channels: int, image_size: int) -> int:
    """The number of values that `layers` give for a picture [channels, image_size, image_size], found by a trial run.

    Raises ValueError if the picture is too small for the layers.
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
