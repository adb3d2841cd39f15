"""Compositions: many rasters to one, over one dimension (1 unless told otherwise, [B, N, H, W] -> [B, H, W]).

Source: Mihai & Hare, "Differentiable Drawing and Sketching", 2021, arXiv:2103.16194.
"""

import torch
from torch import Tensor

from .bounds import bounded


def softor(rasters: Tensor, dim: int = 1, keepdim: bool = False) -> Tensor:
    """1 - prod(1 - rasters) over `dim`, a union without order; rasters of any shape, in 0..1.

    The gradient is exact where rasters are 1, however many of them.
    """
    return 1 - torch.prod(1 - rasters, dim=dim, keepdim=keepdim)


def over(rasters: Tensor, dim: int = 1, keepdim: bool = False) -> Tensor:
    """Each raster laid over the next with itself as its opacity, the first on top: sum_i r_i prod_{j<i} (1 - r_j).

    Rasters of any shape, clipped to 0..1. Equal to `softor` but for rounding, by the official route: products as sums
    of logarithms, kept finite by an epsilon of 1e-10, so that gradients differ where a raster is exactly 1.
    """
    opacities = bounded(rasters, 0, 1)
    transparencies = torch.log(1 - opacities + 1e-10)
    above = torch.cumsum(transparencies, dim=dim) - transparencies
    return (opacities * torch.exp(above)).sum(dim=dim, keepdim=keepdim)


def over_recursive(rasters: Tensor, dim: int = 1) -> Tensor:
    """`over` from the bottom raster to the top one, without logarithms: rasters of any shape, clipped to 0..1."""
    canvas = torch.zeros_like(rasters.sum(dim))
    for layer in reversed(bounded(rasters, 0, 1).unbind(dim)):
        canvas = layer + (1 - layer) * canvas
    return canvas


def smoothmax(rasters: Tensor, dim: int = 1, temperature: float = 1.0) -> Tensor:
    """Mean over `dim` weighted by softmax(rasters / temperature); towards the maximum as the temperature falls to 0.

    The official code weighs by a softmax over dimension 1 whatever `dim` is; this one follows `dim`.
    """
    return (rasters * torch.softmax(rasters / temperature, dim=dim)).sum(dim=dim)
