"""Small encoders, trained from scratch. The encoders with a backbone are in the modules next to this one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection

from torch import Tensor, nn

from learning_to_draw.errors import UsageError
from learning_to_draw.models.encoders.base import Encoder, Encoding, flat_size
from learning_to_draw.models.encoders.batch_norm import PhotoSketchBatchNorm2d, PhotoSketchSequential
from learning_to_draw.models.encoders.config import Conv2DConfig, EncoderConfig, SimpleMLPConfig, StrokeNetConfig


class LayeredEncoder(Encoder):
    """An encoder without feature maps: `enc`, the sequence of its layers, maps pictures to the latent."""

    def __init__(self, channels: int, *layers: nn.Module):
        super().__init__()
        self.channels = channels
        self.enc = PhotoSketchSequential(*layers)

    def forward(self, pictures: Tensor, *, layers: Collection[str] = (), is_sketch: bool = False) -> Encoding:
        return Encoding(self.enc(pictures, is_sketch))


class SmallCNNEncoder(LayeredEncoder):
    """Three convolutions with group normalisation. Not in the paper.

    [B, channels, S, S] -> 32, 64, 128 channels (`widths`) at S/2, S/4, S/8, pooled to 4 x 4 (already 4 x 4 at 32 px),
    layer-normalised -> latent [B, latent_size]. Group and layer normalisation treat every picture separately, so
    sketches and photos do not disturb each other's statistics. The projection starts with large weights (He et al.
    2015): the latents of different photos then differ so much that even the first sketches differ visibly.
    """

    widths = (32, 64, 128)

    def __init__(
        self, config: EncoderConfig = EncoderConfig(), *, image_size: int, channels: int, pretrained: bool = True
    ):
        blocks = [
            nn.Sequential(nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GroupNorm(8, after), nn.ReLU())
            for before, after in zip((channels, *self.widths), self.widths, strict=False)
        ]
        size = self.widths[-1] * 4 * 4
        projection = nn.Linear(size, config.latent_size)
        super().__init__(
            channels,
            *blocks,
            # At 32 px there is nothing to pool, but pooling would take as long as a convolution.
            nn.Identity() if image_size == 32 else nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.LayerNorm(size, elementwise_affine=False),
            projection,
        )
        nn.init.kaiming_normal_(projection.weight)


class TinyCNNEncoder(SmallCNNEncoder):
    """`SmallCNNEncoder` with fewer channels, at half the cost: a laptop trains it on digits in half a minute."""

    widths = (24, 48, 96)


class SimpleMLPEncoder(LayeredEncoder):
    """Flatten, Linear, ReLU, Linear, ReLU: the latent is never negative. [B, channels, S, S] -> [B, latent_size]."""

    def __init__(
        self, config: SimpleMLPConfig = SimpleMLPConfig(), *, image_size: int, channels: int, pretrained: bool = True
    ):
        super().__init__(
            channels,
            nn.Linear(channels * image_size**2, config.encoder_hidden),
            nn.ReLU(),
            nn.Linear(config.encoder_hidden, config.latent_size),
            nn.ReLU(),
        )

    def forward(self, pictures: Tensor, *, layers: Collection[str] = (), is_sketch: bool = False) -> Encoding:
        return super().forward(pictures.flatten(1))  # flattening as a layer of `enc` would change checkpoint keys


class SimpleCNNEncoder(LayeredEncoder):
    """Two 5 x 5 convolutions to 120 and 300 channels, each followed by 2 x 2 max pooling, then a projection.

    [B, channels, S, S] -> [B, latent_size], for S >= 16; the official encoder takes 28 px only.
    """

    def __init__(
        self, config: EncoderConfig = EncoderConfig(), *, image_size: int, channels: int, pretrained: bool = True
    ):
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
        super().__init__(channels, *layers, nn.Linear(size, config.latent_size))


class BetterCNNEncoder(LayeredEncoder):
    """Four 3 x 3 convolutions of 64 channels with batch normalisation, pooled to 8 x 8, then a projection.

    [B, channels, S, S] -> [B, latent_size].
    """

    def __init__(
        self, config: EncoderConfig = EncoderConfig(), *, image_size: int, channels: int, pretrained: bool = True
    ):
        layers: list[nn.Module] = []
        for before in (channels, 64, 64, 64):
            layers += [nn.Conv2d(before, 64, 3, padding=1), PhotoSketchBatchNorm2d(64), nn.ReLU()]
        super().__init__(
            channels, *layers, nn.AdaptiveAvgPool2d(8), nn.Flatten(), nn.Linear(64 * 8 * 8, config.latent_size)
        )


class Conv2DEncoder(LayeredEncoder):
    """Two 5 x 5 convolutions of 10 and 20 channels, each followed by 2 x 2 max pooling.

    Dropout follows the second convolution. [B, encoder_channels, S, S] -> 20 maps, flattened -> [B, latent_size]. If
    the maps have latent_size numbers in all (320 at 28 px), these numbers are the latent, as always in the official
    code; otherwise they are projected.
    """

    def __init__(
        self, config: Conv2DConfig = Conv2DConfig(), *, image_size: int, channels: int, pretrained: bool = True
    ):
        """channels: the data set's number of channels. Raises UsageError if it exceeds encoder_channels."""
        encoder_channels, latent_size = config.encoder_channels, config.latent_size
        check_channels(encoder_channels, channels)
        layers = [
            nn.Conv2d(encoder_channels, 10, 5),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(10, 20, 5),
            nn.Dropout2d(),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Flatten(),
        ]
        size = flat_size(nn.Sequential(*layers), encoder_channels, image_size)
        projection = [] if size == latent_size else [nn.Linear(size, latent_size)]
        super().__init__(encoder_channels, *layers, *projection)


class StrokeNetEncoder(Encoder):
    """Five blocks, each of two 3 x 3 convolutions and 2 x 2 average pooling. Named after StrokeNet (Zheng et al. 2019).

    [B, encoder_channels, S, S] -> 16, 32, 64, 128, 256 channels at S/2 ... S/32, flattened -> [B, latent_size], never
    negative. The official encoder takes 256 px only; here the projection fits any size of at least 32 px.
    """

    def __init__(
        self,
        config: StrokeNetConfig = StrokeNetConfig(),
        *,
        image_size: int,
        channels: int,
        pretrained: bool = True,
    ):
        """channels: the data set's number of channels. Raises UsageError if it exceeds encoder_channels."""
        super().__init__()
        encoder_channels = config.encoder_channels
        check_channels(encoder_channels, channels)
        self.channels = encoder_channels
        widths = (encoder_channels, 16, 32, 64, 128, 256)
        blocks = {
            f"down{number}": _stroke_net_block(widths[number - 1], widths[number], config.batchnorm)
            for number in range(1, 6)
        }
        self.enc = PhotoSketchSequential(OrderedDict(blocks))
        self.fc = nn.Linear(flat_size(self.enc, encoder_channels, image_size), config.latent_size)

    def forward(self, pictures: Tensor, *, layers: Collection[str] = (), is_sketch: bool = False) -> Encoding:
        return Encoding(self.fc(self.enc(pictures, is_sketch).flatten(1)).relu())


def _stroke_net_block(before: int, after: int, batchnorm: bool) -> PhotoSketchSequential:
    """[B, before, H, W] -> [B, after, H/2, W/2]."""
    layers: dict[str, nn.Module] = {}
    for number, width in (("1", before), ("2", after)):
        layers["conv" + number] = nn.Conv2d(width, after, 3, padding=1)
        if batchnorm:
            layers["bn" + number] = PhotoSketchBatchNorm2d(after)
        layers["relu" + number] = nn.LeakyReLU(0.2)
    return PhotoSketchSequential(OrderedDict(layers, pool=nn.AvgPool2d(2)))


def check_channels(encoder_channels: int, channels: int) -> None:
    """Raises UsageError if the pictures have more channels than the encoder's input."""
    if channels > encoder_channels:
        raise UsageError(
            f"--encoder-channels {encoder_channels}: the pictures of this data set have {channels} channels.\n"
            f"Give --encoder-channels {channels}."
        )
