"""Decoders: a latent to strokes, and strokes to a sketch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rasteriser import draw_lines


@dataclass(frozen=True)
class Strokes:
    """What was drawn. points: float [B, N, P, 2], the P control points (row, col) of each of N strokes, canvas -1..1.

    sigma2: squared stroke width in canvas units.
    """

    points: Tensor
    sigma2: float


class Decoder(nn.Module):
    """A latent [B, latent_size] to `Strokes`, and strokes to a sketch; sigma2 may narrow while training goes on."""

    channels = 1

    def __init__(
        self,
        image_size: int,
        contrast: float,
        sigma2: float,
        final_sigma2: float,
        sigma2_factor: float,
        sigma2_step: int,
    ):
        super().__init__()
        self.image_size = image_size
        self.contrast = contrast
        self.sigma2 = sigma2
        self.final_sigma2 = final_sigma2
        self.sigma2_factor = sigma2_factor
        self.sigma2_step = sigma2_step

    def forward(self, latent: Tensor) -> Strokes:
        raise NotImplementedError

    def draw(self, strokes: Strokes) -> Tensor:
        """The sketch [B, 1, S, S], ink `contrast` on 0."""
        raise NotImplementedError

    def anneal(self, epoch: int) -> None:
        """Narrows the strokes after epoch number `epoch` (from 0), until sigma2 is `final_sigma2`.

        As the official code's first release: whenever `epoch` is a multiple of `sigma2_step`, hence also after epoch 0.
        """
        if self.sigma2_step > 0 and epoch % self.sigma2_step == 0 and self.sigma2 > self.final_sigma2:
            self.sigma2 = max(self.sigma2 * self.sigma2_factor, self.final_sigma2)


class SinglePassSimpleLineDecoder(Decoder):
    """An MLP from the latent to straight lines: [B, latent_size] -> Strokes with points [B, nlines, 2, 2].

    Linear, ReLU, Linear, ReLU, Linear, Tanh, so that both ends of every line lie on the canvas (the paper's section 3).
    """

    def __init__(
        self,
        *,
        latent_size: int,
        image_size: int,
        decoder_hidden: int = 64,
        decoder_hidden2: int = 256,
        nlines: int = 5,
        contrast: float = 1.0,
        sigma2: float = 0.01,
        final_sigma2: float = 0.01,
        sigma2_factor: float = 0.5,
        sigma2_step: int = -1,
        stroke_spread: float = 0.0,
    ):
        super().__init__(image_size, contrast, sigma2, final_sigma2, sigma2_factor, sigma2_step)
        self.latent_to_linecoord = nn.Sequential(
            nn.Linear(latent_size, decoder_hidden),
            nn.ReLU(),
            nn.Linear(decoder_hidden, decoder_hidden2),
            nn.ReLU(),
            nn.Linear(decoder_hidden2, nlines * 4),
            nn.Tanh(),
        )
        if stroke_spread:
            with torch.no_grad():
                self.latent_to_linecoord[4].bias.uniform_(-stroke_spread, stroke_spread)

    def forward(self, latent: Tensor) -> Strokes:
        return Strokes(self.latent_to_linecoord(latent).unflatten(1, (-1, 2, 2)), self.sigma2)

    def draw(self, strokes: Strokes) -> Tensor:
        return draw_lines(strokes.points, self.image_size, strokes.sigma2) * self.contrast
