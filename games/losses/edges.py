"""The edge loss: lines should lie where the photo has edges, and in their direction."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from learning_to_draw.datasets.augment import brightness
from learning_to_draw.games.losses.config import EdgeConfig
from learning_to_draw.models.agents import Agents, Play

# Widths of Gaussians are standard deviations, for pictures of 96 x 96 pixels; they grow with the picture.
REFERENCE = 96
DETAIL = 1.0  # pixels; width of the Gaussian before the gradient: texture finer than this has no edges
PEN = 0.6  # pixels; width of the Gaussian that makes an edge about as wide as a thin stroke
SCALES = (0.7, 1.5, 3.0)  # pixels; widths of the Gaussians that blur sketch and edges before they are compared
FAINTEST, CLEAREST = 0.05, 0.12  # contrast of two grey areas: no edge below the first, a full edge above the second


class EdgeLoss(nn.Module):
    """edge_coef times the difference between the ink of the sketches and the edges of the photos. Needs no encoder.

    The difference is the sum of two terms. The first compares positions. Ink and edges are blurred by each of three
    Gaussians separately: wide Gaussians attract lines from a distance, narrow ones place them exactly. For each
    Gaussian, the mean squared difference over pixels is divided by the mean square of the blurred edges; the term is
    the mean of these three quotients. The second term is the same quotient for directions, without the three Gaussians.
    Directions are the double-angle components of the structure tensor (Bigun & Granlund 1987), which do not change if
    the contrast is reversed. For blank sketches, each term is 1.
    """

    def __init__(self, config: EdgeConfig, agents: Agents, **seeds: int):
        super().__init__()
        self.coef, self.invert = config.edge_coef, agents.invert
        self.always_zero = self.coef == 0

    def forward(self, play: Play) -> Tensor:
        """The loss, a scalar."""
        ink = play.sketches.mean(1, keepdim=True)
        ink = 1 - ink if self.invert else ink
        with torch.no_grad():
            wanted = edges(play.photos)
        scale = ink.shape[-1] / REFERENCE
        pairs = [(blurred(ink, width * scale), blurred(wanted, width * scale)) for width in SCALES]
        places = torch.stack([_relative(*pair) for pair in pairs]).mean()
        return self.coef * (places + _relative(directions(ink, scale), directions(wanted, scale)))


def edges(photos: Tensor) -> Tensor:
    """[B, 1, S, S] in 0..1: the edges of photos [B, 1 or 3, S, S] in 0..1, as lines about as wide as a thin stroke.

    The first steps of Canny (1986): a Gaussian, the gradient, and the local maxima along the gradient's direction.
    Instead of Canny's thresholds, the ink of an edge grows with its contrast, from 0 at `FAINTEST` to 1 at `CLEAREST`.
    """
    scale = photos.shape[-1] / REFERENCE
    bright = brightness(photos) if photos.shape[1] == 3 else photos
    width = DETAIL * scale
    down, right = gradient(blurred(bright, width))
    size = (down.square() + right.square()).sqrt()
    # A step of contrast c, seen through the Gaussian, has a gradient of c / (sqrt(2 pi) width) at its middle. Sobel's
    # derivative averages over two pixels, which adds 1/3 to the variance.
    contrast = size * (2 * torch.pi * (width**2 + 1 / 3)) ** 0.5
    ink = ((contrast - FAINTEST) / (CLEAREST - FAINTEST)).clamp(0, 1) * _is_peak(size, down, right)
    # A blurred line of one pixel has the value 1 / (sqrt(2 pi) width) in its middle; the factor brings it back to 1.
    pen = PEN * scale
    return (blurred(ink, pen) * max(1.0, (2 * torch.pi) ** 0.5 * pen)).clamp(max=1)


def _is_peak(size: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """[B, 1, H, W]: 1 where `size`, the gradient's length, is a local maximum along the gradient's direction, else 0.

    The direction is rounded to a multiple of 45 degrees.
    """
    around = functional.pad(size, (1, 1, 1, 1))
    height, width = size.shape[2:]

    def neighbour(row: int, column: int) -> Tensor:
        return around[:, :, 1 + row : 1 + row + height, 1 + column : 1 + column + width]

    # The angle modulo pi, in steps of 45 degrees: 0 is a gradient to the right, 2 downwards.
    sector = torch.round(torch.atan2(down, right) / (torch.pi / 4)).remainder(4)
    peak = torch.zeros_like(size)
    for k, (row, column) in enumerate([(0, 1), (1, 1), (1, 0), (1, -1)]):
        # If two neighbours are equal, only one of them is a peak.
        highest = (size > neighbour(row, column)) & (size >= neighbour(-row, -column))
        peak = torch.where(sector == k, highest.to(peak), peak)
    return peak


def directions(ink: Tensor, scale: float) -> Tensor:
    """[B, 2, H, W]: strength and direction of the lines near each pixel of ink [B, 1, H, W].

    The two channels are strength * cos(2 a) and strength * sin(2 a), where a is the angle of the ink's gradient.
    scale: the picture's side in pixels, divided by `REFERENCE`.
    """
    down, right = gradient(blurred(ink, scale))
    squares = down.square() + right.square()
    size = (squares + 1e-4).sqrt()
    double = torch.cat([right.square() - down.square(), 2 * down * right], dim=1) / size
    return blurred(double.flatten(0, 1)[:, None], 2 * scale).unflatten(0, (-1, 2)).squeeze(2)


def gradient(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """(downwards, to the right): Sobel's derivatives per pixel of pictures [B, 1, H, W]; the border is repeated."""
    slope, smooth = (-0.5, 0.0, 0.5), (0.25, 0.5, 0.25)
    return _filtered(pictures, slope, smooth), _filtered(pictures, smooth, slope)


def blurred(pictures: Tensor, width: float) -> Tensor:
    """Pictures [B, 1, H, W] blurred by a Gaussian of standard deviation `width`, in pixels; the border is repeated."""
    reach = max(1, round(3 * width))
    weights = [math.exp(-0.5 * (step / width) ** 2) for step in range(-reach, reach + 1)]
    kernel = tuple(weight / sum(weights) for weight in weights)
    return _filtered(pictures, kernel, kernel)


def _filtered(pictures: Tensor, down: tuple[float, ...], right: tuple[float, ...]) -> Tensor:
    """Pictures [B, 1, H, W] filtered with `down` along the columns and with `right` along the rows.

    This is computed as two matrix products: forward and backward pass take a tenth of the time of convolutions.
    """
    height, width = pictures.shape[2:]
    of = pictures.dtype, pictures.device
    return _matrix(height, down, *of) @ (pictures @ _matrix(width, right, *of).T)


@lru_cache(maxsize=64)  # otherwise every step would copy 36 matrices to the device and wait for each copy
def _matrix(size: int, kernel: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """[size, size]: the matrix that filters a row of pixels with `kernel`; the border is repeated."""
    rows = torch.arange(size).expand(len(kernel), -1)
    columns = (rows + torch.arange(len(kernel))[:, None] - len(kernel) // 2).clamp(0, size - 1)
    values = torch.tensor(kernel, dtype=torch.float64)[:, None].expand_as(rows)
    matrix = torch.zeros(size, size, dtype=torch.float64).index_put((rows, columns), values, accumulate=True)
    return matrix.to(device, dtype)


def _relative(drawn: Tensor, wanted: Tensor) -> Tensor:
    """The mean squared difference, divided by the mean square of `wanted` or by 1e-6, whichever is larger."""
    return (drawn - wanted).square().mean() / wanted.square().mean().clamp(min=1e-6)
