"""A decoder that draws short lines from the sender's latent and feature maps; the maps show where things are."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from learning_to_draw.errors import UsageError
from learning_to_draw.models.decoders.base import OPEN, Decoder, Strokes, constant_layer
from learning_to_draw.models.decoders.config import LocalLineConfig
from learning_to_draw.models.encoders.base import Encoder, Encoding

VALUES = 6  # per stroke: centre (2), direction (2), length, gate
LONGEST = 2.4  # length of the longest line, in cells
SHORTEST = 0.25  # length of the shortest line, as a share of the longest


class LocalLineDecoder(Decoder):
    """Straight lines on a grid of `stroke_grid` x `stroke_grid` cells: one line per cell, drawn or left out.

    A latent says little about where things are; feature maps show it. The input of a small convolutional network is the
    latent and the sender's two deepest maps that are at least as fine as the grid. For each cell, the network gives the
    line's centre within the cell, its direction, its length (up to `LONGEST` cells) and a gate. All cells share the
    weights. Strokes [B, stroke_grid^2, 2, 2], row by row; a stroke that is left out has intensity 0.

    A line looks the same in a direction and in the opposite direction. The network therefore gives twice the angle, as
    a vector, so that directions that look alike are close. This decoder is not in the paper.
    """

    def __init__(
        self,
        config: LocalLineConfig = LocalLineConfig(),
        *,
        latent_size: int,
        image_size: int,
        build_encoder: Callable[[], Encoder] | None = None,
    ):
        """build_encoder: builds an encoder like the sender's, whose feature maps this decoder looks at.

        Raises UsageError if the encoder has no feature map that is at least as fine as the grid.
        """
        super().__init__(config, latent_size=latent_size, image_size=image_size)
        self.grid = config.stroke_grid
        if build_encoder is None:
            raise UsageError(
                "LocalLineDecoder looks at the sender's feature maps.\n"
                "Give build_encoder, a function that builds the sender's encoder."
            )
        maps_of = _maps_as_fine_as(self.grid, build_encoder(), image_size)
        self.needed_layers = tuple(maps_of)
        hidden = config.decoder_hidden
        self.to_cells = nn.ModuleList(_to_cells(maps, self.grid, hidden) for maps in maps_of.values())
        # The latent's contribution starts at 0, because the latent changes fast at first.
        self.from_latent = constant_layer(latent_size, hidden, 0.0)
        self.normalise = nn.GroupNorm(1, hidden)
        self.neighbours = nn.Conv2d(hidden, hidden, 3, padding=1)
        self.values = nn.Conv2d(hidden, VALUES, 1)
        with torch.no_grad():
            assert self.values.bias is not None
            self.values.bias[-1] = OPEN
        places = (torch.arange(self.grid) + 0.5) / self.grid * 2 - 1
        homes = torch.stack(torch.meshgrid(places, places, indexing="ij"), dim=2).flatten(0, 1)
        self.register_buffer("homes", homes, persistent=False)  # [N, 2], the middle of every cell
        self.homes: Tensor

    def strokes_for(self, encoding: Encoding) -> Strokes:
        return self(encoding.latent, encoding.feature_maps)

    def forward(self, latent: Tensor, feature_maps: Mapping[str, Tensor]) -> Strokes:
        """feature_maps: those of `needed_layers`, [B, C, H, W]."""
        cells = self.from_latent(latent)[:, :, None, None]
        for layer, to_cells in zip(self.needed_layers, self.to_cells, strict=True):
            cells = cells + to_cells(_normalised(feature_maps[layer].to(latent.dtype)))
        cells = functional.leaky_relu(self.neighbours(functional.leaky_relu(self.normalise(cells))))
        values = self.values(cells).flatten(2).transpose(1, 2)  # [B, N, VALUES]

        centre = self.homes + torch.tanh(values[..., :2]) / self.grid
        angle = torch.atan2(values[..., 2], values[..., 3] + 1e-6) / 2
        length = (SHORTEST + (1 - SHORTEST) * torch.sigmoid(values[..., 4:5])) * (LONGEST / self.grid)
        half = torch.stack([angle.sin(), angle.cos()], dim=2) * length
        points = torch.stack([centre - half, centre + half], dim=2)
        return Strokes(points, self.sigma2, _opened(values[..., 5:]))


def _maps_as_fine_as(grid: int, encoder: Encoder, image_size: int) -> dict[str, Tensor]:
    """The two deepest feature layers whose maps have at least `grid` rows and columns: name -> maps of one picture."""
    with torch.no_grad():
        picture = torch.zeros(1, encoder.channels, image_size, image_size)
        maps = encoder.eval().encode(picture, layers=encoder.feature_layers).feature_maps
    fine = {layer: values for layer, values in maps.items() if min(values.shape[2:]) >= grid}
    if not fine:
        raise UsageError(
            f"LocalLineDecoder with --stroke-grid {grid} needs an encoder with a feature map of at least {grid} x "
            f"{grid} values.\nChoose another encoder, larger pictures, or a smaller grid."
        )
    return dict(list(fine.items())[-2:])


def _to_cells(maps: Tensor, grid: int, hidden: int) -> nn.Module:
    """A module that turns maps of the shape of `maps`, [B, C, H, W], into [B, hidden, grid, grid].

    It enlarges the maps to a whole number of rows and columns per cell. Then it applies a convolution with one window
    per cell: the cell and a margin of one value.
    """
    per_cell = -(-max(maps.shape[2:]) // grid)
    convolution = nn.Conv2d(maps.shape[1], hidden, per_cell + 2, stride=per_cell, padding=1)
    if maps.shape[2:] == (grid * per_cell, grid * per_cell):
        return convolution
    return nn.Sequential(nn.Upsample(grid * per_cell, mode="bilinear", align_corners=False), convolution)


def _normalised(maps: Tensor) -> Tensor:
    """Maps normalised to mean 0 and variance 1 per picture, because the scale of features differs between layers."""
    return functional.layer_norm(maps, maps.shape[1:])


def _opened(values: Tensor) -> Tensor:
    """1 where `values` are above 0, 0 elsewhere; the gradient is 1/4 everywhere.

    A sigmoid's gradient vanishes far below 0. With it, gates that the first training steps close would stay closed.
    """
    return values / 4 + ((values > 0).to(values) - values / 4).detach()
