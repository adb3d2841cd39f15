"""Compositions of rasters over one dimension, by default dimension 1: [B, N, H, W] -> [B, H, W].

Source: Mihai & Hare, "Differentiable Drawing and Sketching", 2021, arXiv:2103.16194.
"""

import torch
from torch import Tensor

from .bounds import bounded


def softor(rasters: Tensor, dim: int = 1, keepdim: bool = False) -> Tensor:
    """1 - prod(1 - rasters) over `dim`: a union, independent of order. Rasters have any shape and lie in 0..1.

    The gradient is exact even where several rasters are 1.
    """
    return 1 - torch.prod(1 - rasters, dim=dim, keepdim=keepdim)


def over(rasters: Tensor, dim: int = 1, keepdim: bool = False) -> Tensor:
    """Lays each raster over the next, the first on top, with its values as opacity: sum_i r_i prod_{j<i} (1 - r_j).

    Rasters have any shape and are clipped to 0..1. The result equals `softor` up to rounding. Like the official code,
    this function computes products as sums of logarithms, kept finite by an epsilon of 1e-10; in float32, the
    gradient therefore differs from that of `softor` where a raster is exactly 1.
    """
    opacities = bounded(rasters, 0, 1)
    transparencies = torch.log(1 - opacities + 1e-10)
    above = torch.cumsum(transparencies, dim=dim) - transparencies
    return (opacities * torch.exp(above)).sum(dim=dim, keepdim=keepdim)


def over_recursive(rasters: Tensor, dim: int = 1) -> Tensor:
    """Computes `over` from the bottom raster to the top one, without logarithms; clips rasters to 0..1."""
    canvas = torch.zeros_like(rasters.sum(dim))
    for layer in reversed(bounded(rasters, 0, 1).unbind(dim)):
        canvas = layer + (1 - layer) * canvas
    return canvas


def smoothmax(rasters: Tensor, dim: int = 1, temperature: float = 1.0) -> Tensor:
    """Mean over `dim`, weighted by softmax(rasters / temperature); approaches the maximum as temperature -> 0.

    The official code always takes the softmax over dimension 1; this function takes it over `dim`.
    """
    return (rasters * torch.softmax(rasters / temperature, dim=dim)).sum(dim=dim)
