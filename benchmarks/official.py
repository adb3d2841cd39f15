"""Draws lines as the official package does, for the baseline of `benchmarks.step`."""

from __future__ import annotations

import torch
from torch import Tensor

from learning_to_draw.rasteriser import pixel_grid


def official_lines(lines: Tensor, size: int, sigma2: float) -> Tensor:
    """Returns the drawings [B, 1, S, S] of lines [B, N, 2, 2].

    Autograd keeps the ink of every line, [B, N, S, S]. The nearest point to a pixel is the line's start, its end, or a
    point in between. The distances to all three are computed, and one is selected. (`rasteriser.line_edt2` finds the
    nearest point first and computes one distance.)
    """
    grid = pixel_grid(size, dtype=lines.dtype, device=lines.device)
    start, end = lines[:, :, 0, None, None], lines[:, :, 1, None, None]
    along = end - start
    t = ((grid - start) * along).sum(-1) / (along.pow(2).sum(-1) + torch.finfo(lines.dtype).eps)
    to_start = (grid - start).pow(2).sum(-1)
    to_end = (grid - end).pow(2).sum(-1)
    between = (grid - (start + t.unsqueeze(-1) * along)).pow(2).sum(-1)
    d2 = torch.where(t <= 0, to_start, torch.where(t >= 1, to_end, between))
    return 1 - torch.prod(1 - torch.exp(-d2 / sigma2), dim=1, keepdim=True)
