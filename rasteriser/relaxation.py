"""Relaxations: squared distances to ink, 1 on the stroke and towards 0 away from it. All element by element.

Source: Mihai & Hare, "Differentiable Drawing and Sketching", 2021, arXiv:2103.16194.
"""

import torch
from torch import Tensor


def exp(dt2: Tensor, sigma2: float | Tensor) -> Tensor:
    """exp(-dt2 / sigma2), of dt2's shape; both squared, in canvas units, sigma2 positive."""
    return torch.exp(-dt2 / sigma2)


def sigmoid(dt2: Tensor, sigma2: float | Tensor) -> Tensor:
    """2 sigmoid(-dt2 / sigma2), of dt2's shape; both squared, in canvas units, sigma2 positive."""
    return 2 * torch.sigmoid(-dt2 / sigma2)


def nearest_neighbour(dt2: Tensor, sigma2: float | Tensor = 1.0) -> Tensor:
    """1 within a distance of `sigma2` of the stroke, that is, where dt2 <= sigma2^2, and 0 elsewhere; no gradient.

    The name of the second argument, which is not squared, is the official one. The two functions below give a value
    for strokes one pixel wide.
    """
    return (dt2 <= sigma2**2).to(dt2.dtype)


def compute_nearest_neighbour_sigma(grid: Tensor) -> Tensor:
    """Half a pixel's diagonal, from a grid [*lattice, D]: leaves out no pixel that a stroke passes through.

    ValueError if the lattice is not D-dimensional.
    """
    return torch.linalg.vector_norm(_spacings(grid)) / 2


def compute_nearest_neighbour_sigma_bres(grid: Tensor) -> Tensor:
    """Half the spacing of a grid [*lattice, D]: thin strokes, much like Bresenham's; the widest of unequal spacings.

    ValueError if the lattice is not D-dimensional.
    """
    return _spacings(grid).max() / 2


def _spacings(grid: Tensor) -> Tensor:
    """The pixel spacing [D] of an evenly spaced lattice along each of its dimensions, 0 for one of a single pixel."""
    dims = grid.shape[-1]
    if grid.ndim != dims + 1:
        raise ValueError(f"the grid has shape {list(grid.shape)}: it should have {dims} dimensions and the coordinates")
    origin = (0,) * dims
    spacings = []
    for axis, pixels in enumerate(grid.shape[:-1]):
        neighbour = tuple(int(other == axis and pixels > 1) for other in range(dims))
        spacings.append((grid[neighbour][axis] - grid[origin][axis]).abs())
    return torch.stack(spacings)
