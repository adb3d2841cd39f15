"""Arranges square pictures in a grid, in the layout of the official code, and finds the pictures in such a grid."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

PER_ROW, PADDING = 8, 2


def grid(pictures: torch.Tensor, per_row: int = PER_ROW) -> torch.Tensor:
    """The pictures [N, C, H, W], N >= 1, in one picture [C, H', W'], with PADDING pixels of 0 around each.

    The layout is that of torchvision's `make_grid`, which is not used because its import takes more than a second.
    """
    padding, (count, channels, height, width) = PADDING, pictures.shape
    rows, columns = math.ceil(count / per_row), min(count, per_row)
    sheet = pictures.new_zeros(channels, rows * (height + padding) + padding, columns * (width + padding) + padding)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, per_row)
        top, left = row * (height + padding) + padding, column * (width + padding) + padding
        sheet[:, top : top + height, left : left + width] = picture
    return sheet


@dataclass(frozen=True)
class Grid:
    """A grid of square pictures with PADDING pixels around each.

    pixels: uint8 [H, W, 3]. side: of one picture, in pixels. columns, rows: numbers of pictures.
    """

    pixels: np.ndarray
    side: int
    columns: int
    rows: int

    def tile(self, number: int) -> np.ndarray:
        """Picture `number` (from 0, row by row), uint8 [side, side, 3]."""
        row, column = divmod(number, self.columns)
        top, left = (PADDING + place * (self.side + PADDING) for place in (row, column))
        return self.pixels[top : top + self.side, left : left + self.side]

    def filled(self) -> int:
        """The number of pictures. Tiles at the end that have only the padding's colour are not counted."""
        count = self.columns * self.rows
        while count > 1 and (self.tile(count - 1) == self.pixels[0, 0]).all():
            count -= 1
        return count

    @property
    def layout(self) -> tuple[int, int, int]:
        return self.side, self.columns, self.rows


def parse_grid(pixels: np.ndarray) -> Grid | None:
    """The `Grid` in a picture, uint8 [H, W, 3]; None if the picture is not a grid."""
    height, width = (length - PADDING for length in pixels.shape[:2])
    shapes = [(width // PER_ROW, PER_ROW)] if width > 0 and width % PER_ROW == 0 else []
    shapes += [(height, width // height)] if height > 0 and width % height == 0 and width // height < PER_ROW else []
    for step, columns in shapes:
        if step > PADDING and height % step == 0 and _is_padding(pixels, step):
            return Grid(pixels, step - PADDING, columns, height // step)
    return None


def _is_padding(pixels: np.ndarray, step: int) -> bool:
    """Whether all pixels between tiles at distance `step` have one colour."""
    between = [np.arange(length) % step < PADDING for length in pixels.shape[:2]]
    return bool((pixels[between[0]] == pixels[0, 0]).all() and (pixels[:, between[1]] == pixels[0, 0]).all())
