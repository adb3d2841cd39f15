"""The base class of decoders: from a latent to strokes, and from strokes to ink."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from learning_to_draw.models.decoders.config import DecoderConfig, SinglePassConfig
from learning_to_draw.models.encoders.base import Encoder
from learning_to_draw.rasteriser import draw_curves, draw_lines, draw_points


@dataclass(frozen=True)
class Strokes:
    """N strokes of one kind in each of B sketches, on a canvas that spans -1..1.

    points: float [B, N, P, 2], control points as (row, col). P = 1 is a point, 2 a line (start, end), 4 a cubic Bezier
    curve (start, two controls, end).
    sigma2: squared stroke width in canvas units.
    intensities: float [B, N, C] in 0..1, the ink of each stroke in each channel; None means 1 in one channel.
    """

    points: Tensor
    sigma2: float
    intensities: Tensor | None = None


class Decoder(nn.Module):
    """Latents [B, latent_size] to `Strokes`, and strokes to sketches. sigma2 may decrease during training.

    channels: the number of channels of the sketches, 1 or 3.
    """

    channels = 1

    def __init__(
        self,
        config: DecoderConfig,
        *,
        latent_size: int,
        image_size: int,
        build_encoder: Callable[[], Encoder] | None = None,
    ):
        """build_encoder: builds another encoder of the agents' kind, for decoders that look at their canvas."""
        super().__init__()
        self.image_size = image_size
        self.contrast = config.contrast
        self.sigma2 = config.sigma2
        self.final_sigma2 = config.final_sigma2
        self.sigma2_factor = config.sigma2_factor
        self.sigma2_step = config.sigma2_step

    def forward(self, latent: Tensor) -> Strokes:
        raise NotImplementedError

    def draw(self, strokes: Strokes) -> Tensor:
        """Sketches [B, channels, S, S]: ink in 0..`contrast`."""
        return self.ink(strokes) * self.contrast

    def ink(self, strokes: Strokes) -> Tensor:
        """Sketches before contrast, 0..1: softor over the strokes of intensity * exp(-d2 / sigma2)."""
        size, sigma2, intensities = self.image_size, strokes.sigma2, strokes.intensities
        match strokes.points.shape[2]:
            case 1:
                return draw_points(strokes.points.squeeze(2), size, sigma2, intensities)
            case 2:
                return draw_lines(strokes.points, size, sigma2, intensities)
            case _:
                return draw_curves(strokes.points, size, sigma2, intensities=intensities)

    def anneal(self, epoch: int) -> None:
        """Multiplies sigma2 by `sigma2_factor` after epoch number `epoch` (from 0), down to `final_sigma2`.

        This happens if `epoch` is a multiple of `sigma2_step`, hence also after epoch 0, as in the first release of the
        official code.
        """
        if self.sigma2_step > 0 and epoch % self.sigma2_step == 0 and self.sigma2 > self.final_sigma2:
            self.sigma2 = max(self.sigma2 * self.sigma2_factor, self.final_sigma2)


def hidden_layers(latent_size: int, config: SinglePassConfig) -> list[nn.Module]:
    """Linear, ReLU, Linear, ReLU: [B, latent_size] -> [B, decoder_hidden2], the body of every single-pass decoder."""
    hidden, hidden2 = config.decoder_hidden, config.decoder_hidden2
    return [nn.Linear(latent_size, hidden), nn.ReLU(), nn.Linear(hidden, hidden2), nn.ReLU()]


def point_layers(points: int, config: SinglePassConfig) -> list[nn.Module]:
    """Linear, Tanh: [B, decoder_hidden2] -> [B, 2 * points] coordinates on the canvas.

    stroke_spread: biases are uniform in -stroke_spread..stroke_spread, which spreads untrained strokes over the canvas.
    0 keeps torch's initialisation, with which strokes start near the centre.
    """
    linear = nn.Linear(config.decoder_hidden2, 2 * points)
    if config.stroke_spread:
        with torch.no_grad():
            linear.bias.uniform_(-config.stroke_spread, config.stroke_spread)
    return [linear, nn.Tanh()]
