"""Relaxations turn squared distances into ink: 1 on the stroke, falling towards 0 away from it. All are elementwise.

sigma2 is one number, or a tensor that broadcasts to the distances: with distances [B, N, H, W], the strokes'
sigma2 [B, N] is given as sigma2[..., None, None].
Source: Mihai & Hare, "Differentiable Drawing and Sketching", 2021, arXiv:2103.16194.
"""

import torch
from torch import Tensor


def exp(dt2: Tensor, sigma2: float | Tensor) -> Tensor:
    """exp(-dt2 / sigma2), in the shape of dt2. dt2 and sigma2 are in squared canvas units; sigma2 is positive."""
    return torch.exp(-dt2 / sigma2)


def sigmoid(dt2: Tensor, sigma2: float | Tensor) -> Tensor:
    """2 sigmoid(-dt2 / sigma2), in the shape of dt2. dt2 and sigma2 are in squared canvas units; sigma2 is positive."""
    return 2 * torch.sigmoid(-dt2 / sigma2)


def nearest_neighbour(dt2: Tensor, sigma2: float | Tensor = 1.0) -> Tensor:
    """1 where dt2 <= sigma2^2, i.e. within the distance `sigma2` of the stroke, and 0 elsewhere; no gradient.

    Despite its official name, `sigma2` is a distance. `compute_nearest_neighbour_sigma` computes one from a grid.
    """
    return (dt2 <= sigma2**2).to(dt2.dtype)


def compute_nearest_neighbour_sigma(grid: Tensor) -> Tensor:
    """Half a pixel's diagonal, from a grid [*lattice, D].

    With it, `nearest_neighbour` inks every pixel that a stroke passes through.

    Raises ValueError if the lattice is not D-dimensional.
    """
    return torch.linalg.vector_norm(_spacings(grid)) / 2


def compute_nearest_neighbour_sigma_bres(grid: Tensor) -> Tensor:
    """Half the largest pixel spacing of a grid [*lattice, D].

    With it, `nearest_neighbour` draws thin strokes, similar to Bresenham's lines.

    Raises ValueError if the lattice is not D-dimensional.
    """
    return _spacings(grid).max() / 2


def _spacings(grid: Tensor) -> Tensor:
    """Pixel spacing [D] of an evenly spaced lattice along each dimension; 0 for a dimension of one pixel."""
    dims = grid.shape[-1]
    if grid.ndim != dims + 1:
        raise ValueError(
            f"the grid has shape {list(grid.shape)}: for points of D coordinates, it should have D + 1 dimensions, "
            "such as [H, W, 2]"
        )
    origin = (0,) * dims
    spacings = []
    for axis, pixels in enumerate(grid.shape[:-1]):
        neighbour = tuple(int(dim == axis and pixels > 1) for dim in range(dims))
        spacings.append((grid[neighbour][axis] - grid[origin][axis]).abs())
    return torch.stack(spacings)
