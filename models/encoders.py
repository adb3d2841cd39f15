"""Small encoders, trained from scratch. The VGG16 and SqueezeNet ones are in `backbones`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.encoding import Encoder, Encoding, flat_size


class SmallCNNEncoder(Encoder):
    """Three convolutions with group normalisation: what a laptop trains in a minute on digits. Not in the paper.

    [B, channels, S, S] -> 32, 64, 128 channels at S/2, S/4, S/8, pooled to 4 x 4 (nothing to pool at 32 px) -> latent
    [B, latent_size]. Group and layer normalisation treat every picture by itself, so that sketches and photos do not
    disturb each other's statistics. The projection starts with large weights (He et al. 2015): latents of different
    photos then differ enough for their first sketches to differ visibly.
    """

    def __init__(self, *, latent_size: int, image_size: int, channels: int):
        super().__init__()
        self.channels = channels
        blocks = [
            nn.Sequential(nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GroupNorm(8, after), nn.ReLU())
            for before, after in ((channels, 32), (32, 64), (64, 128))
        ]
        size = 128 * 4 * 4
        self.enc = nn.Sequential(
            *blocks,
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.LayerNorm(size, elementwise_affine=False),
            nn.Linear(size, latent_size),
        )
        nn.init.kaiming_normal_(self.enc[-1].weight)

    def forward(self, pictures: Tensor, *, keep_maps: bool = False, drawn: bool = False) -> Encoding:
        return Encoding(self.enc(pictures))


class SimpleMLPEncoder(Encoder):
    """Flatten, Linear, ReLU, Linear, ReLU: the latent is never negative. [B, channels, S, S] -> [B, latent_size]."""

    def __init__(self, *, latent_size: int, encoder_hidden: int, image_size: int, channels: int):
        super().__init__()
        self.channels = channels
        self.enc = nn.Sequential(
            nn.Linear(channels * image_size**2, encoder_hidden),
            nn.ReLU(),
            nn.Linear(encoder_hidden, latent_size),
            nn.ReLU(),
        )

    def forward(self, pictures: Tensor, *, keep_maps: bool = False, drawn: bool = False) -> Encoding:
        return Encoding(self.enc(pictures.flatten(1)))


class SimpleCNNEncoder(Encoder):
    """Two 5 x 5 convolutions of 120 and 300 channels, each halved by max pooling, then a projection.

    [B, channels, S, S] -> [B, latent_size]. The official one takes 28 px only; here the projection fits the size.
    """

    def __init__(self, *, latent_size: int, image_size: int, channels: int):
        super().__init__()
        self.channels = channels
        layers = [
            nn.Conv2d(channels, 120, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(120, 300, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
        ]
        size = flat_size(nn.Sequential(*layers), channels, image_size)
        self.enc = nn.Sequential(*layers, nn.Linear(size, latent_size))

    def forward(self, pictures: Tensor, *, keep_maps: bool = False, drawn: bool = False) -> Encoding:
        return Encoding(self.enc(pictures))


class PhotoSketchBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation [B, C, H, W] with one set of weights but separate running statistics for photos and sketches.

    With common statistics (as in the official code) photos and sketches are mixed into averages that fit neither, and
    agents that understand each other in training fall to near chance at test time.
    """

    def __init__(self, channels: int):
        super().__init__(channels)
        self.register_buffer("drawn_running_mean", torch.zeros(channels))
        self.register_buffer("drawn_running_var", torch.ones(channels))

    def forward(self, maps: Tensor, drawn: bool = False) -> Tensor:
        mean, var = self.running_mean, self.running_var
        if drawn:
            mean, var = self.drawn_running_mean, self.drawn_running_var
        if self.training:
            self.num_batches_tracked.add_(1)
        return nn.functional.batch_norm(maps, mean, var, self.weight, self.bias, self.training, self.momentum, self.eps)


class BetterCNNEncoder(Encoder):
    """Four 3 x 3 convolutions of 64 channels with batch normalisation, pooled to 8 x 8, then a projection.

    [B, channels, S, S] -> [B, latent_size].
    """

    def __init__(self, *, latent_size: int, image_size: int, channels: int):
        super().__init__()
        self.channels = channels
        layers: list[nn.Module] = []
        for before in (channels, 64, 64, 64):
            layers += [nn.Conv2d(before, 64, 3, padding=1), PhotoSketchBatchNorm2d(64), nn.ReLU()]
        self.enc = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(8), nn.Flatten(), nn.Linear(64 * 8 * 8, latent_size))

    def forward(self, pictures: Tensor, *, keep_maps: bool = False, drawn: bool = False) -> Encoding:
        values = pictures
        for layer in self.enc:
            values = layer(values, drawn) if isinstance(layer, PhotoSketchBatchNorm2d) else layer(values)
        return Encoding(values)
