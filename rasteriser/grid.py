"""The canvas: where the pixel centres are."""

import torch
from torch import Tensor


def canvas_size(size: int | tuple[int, int]) -> tuple[int, int]:
    """(H, W) from a pair, or from one number for a square. Raises ValueError unless H and W are positive integers."""
    height, width = (size, size) if isinstance(size, int) else _pair(size)
    if height < 1 or width < 1:
        raise ValueError(f"size is {size}: a canvas needs at least 1 pixel in height and width")
    return height, width


def _pair(size) -> tuple[int, int]:
    try:
        height, width = size
        if all(isinstance(pixels, int) for pixels in (height, width)):
            return height, width
    except (TypeError, ValueError):
        pass
    raise ValueError(f"size is {size!r}: it should be an int, or two ints (height, width), in pixels")


def pixel_axes(
    size: int | tuple[int, int], dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> tuple[Tensor, Tensor]:
    """Row coordinates [H] and column coordinates [W] of the pixel centres, each from -1 to 1 inclusive."""
    height, width = canvas_size(size)
    dtype = dtype or torch.get_default_dtype()
    return _pixel_axis(height, dtype, device), _pixel_axis(width, dtype, device)


def _pixel_axis(pixels: int, dtype: torch.dtype, device: torch.device | str | None) -> Tensor:
    # A single division of integers is symmetric and rounds once; torch.linspace does not give exactly 0 in the middle.
    if pixels == 1:
        return torch.full((1,), -1.0, dtype=dtype, device=device)
    return torch.arange(1 - pixels, pixels, 2, dtype=dtype, device=device) / (pixels - 1)


def pixel_grid(
    size: int | tuple[int, int], dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> Tensor:
    """Pixel centres [H, W, 2] as (row, col), the first at exactly (-1, -1) and the last at exactly (1, 1).

    Args:
        size: height and width in pixels, or one number for both. A single row or column is at coordinate -1.
        dtype: torch's default if None.
        device: torch's default if None.

    Raises:
        ValueError: if the size is not one or two positive integers.
    """
    return torch.stack(torch.meshgrid(*pixel_axes(size, dtype, device), indexing="ij"), dim=-1)
