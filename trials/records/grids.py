"""Arranges pictures in a grid, in the layout of the official code, and extracts square pictures from such a grid."""

from __future__ import annotations

import math

import numpy as np
import torch

PER_ROW, PADDING = 8, 2


def grid(pictures: torch.Tensor, per_row: int = PER_ROW) -> torch.Tensor:
    """One picture [C, H', W'] that shows all pictures, with PADDING pixels of value 0 around each of them.

    pictures: [N, C, H, W], N >= 1. If N > 1, the layout is the same as in torchvision's `make_grid`, which is not used
    because its import takes more than a second.
    """
    padding, (count, channels, height, width) = PADDING, pictures.shape
    rows, columns = math.ceil(count / per_row), min(count, per_row)
    sheet = pictures.new_zeros(channels, rows * (height + padding) + padding, columns * (width + padding) + padding)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, per_row)
        top, left = row * (height + padding) + padding, column * (width + padding) + padding
        sheet[:, top : top + height, left : left + width] = picture
    return sheet


def first_pictures(pixels: np.ndarray, count: int) -> list[np.ndarray] | None:
    """The first `count` pictures of a grid of square pictures; None if H and W are not those of such a grid.

    pixels: the grid, uint8 [H, W, 3]. If `count` is below PER_ROW, the grid must have exactly `count` pictures.
    """
    columns, (height, width) = min(count, PER_ROW), (length - PADDING for length in pixels.shape[:2])
    step, rows = width // columns, math.ceil(count / columns)
    if step <= PADDING or width % columns or height % step or height < rows * step:
        return None
    places = [(PADDING + row * step, PADDING + column * step) for row in range(rows) for column in range(columns)]
    side = step - PADDING
    return [pixels[top : top + side, left : left + side] for top, left in places[:count]]
