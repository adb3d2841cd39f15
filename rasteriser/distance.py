"""Squared Euclidean distance transforms: the squared distance from every lattice point to a point, line or curve.

Every function takes any leading dimensions and a grid [*lattice, D] of coordinates, usually with D lattice dimensions
(see `pixel_grid`). It returns [*leading, *lattice], in squared units of the grid, and raises ValueError if the shapes
do not fit.
Source: Mihai & Hare, "Differentiable Drawing and Sketching", 2021, arXiv:2103.16194.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from .bounds import bounded
from .curves import cubic_bezier

Curve = Callable[[Tensor, Tensor], Tensor]


def point_edt2(point: Tensor, grid: Tensor) -> Tensor:
    """Squared distance to points: point [*, D], grid [*lattice, D] -> [*, *lattice]."""
    _check_coordinates("point", point, grid, 1)
    return (grid - _over_lattice(point, grid)).square().sum(-1)


def line_edt2(line: Tensor, grid: Tensor) -> Tensor:
    """Squared distance to line segments: line [*, 2, D] as (start, end), grid [*lattice, D] -> [*, *lattice].

    A line of length 0 acts as a point; its whole gradient goes to its start.
    """
    _check_coordinates("line", line, grid, 2)
    if line.shape[-2] != 2:
        raise ValueError(f"line has shape {list(line.shape)}: it should be [*, 2, D], start and end")
    start, end = line.unbind(-2)
    chord = end - start
    has_length = chord.square().sum(-1, keepdim=True) >= torch.finfo(chord.dtype).tiny
    # The official code adds float32's epsilon to |chord|^2 instead of this check. The results differ by less than 1e-8
    # in d2, except for lines of almost no length, where this function is right. Dividing twice by the length, rather
    # than once by its square, keeps the derivatives of the shortest lines finite.
    safe = torch.where(has_length, chord, 1.0)
    length = torch.linalg.vector_norm(safe, dim=-1, keepdim=True)
    direction = torch.where(has_length, safe / length / length, 0.0)
    from_start = grid - _over_lattice(start, grid)
    t = bounded((from_start * _over_lattice(direction, grid)).sum(-1, keepdim=True), 0, 1)
    return (from_start - t * _over_lattice(chord, grid)).square().sum(-1)


def curve_edt2_polyline(params: Tensor, grid: Tensor, segments: int, cfcn: Curve = cubic_bezier) -> Tensor:
    """Squared distance to curves approximated by polylines: params [*, P, D], grid [*lattice, D] -> [*, *lattice].

    Args:
        params: the P control points of each curve.
        grid: coordinates of the lattice.
        segments: straight pieces per curve, at equal steps of its parameter; at least 1.
        cfcn: the curve, a function like those in `curves.py`.

    Raises:
        ValueError: if the shapes do not fit, or segments is below 1.
    """
    _check_coordinates("params", params, grid, 2)
    if segments < 1:
        raise ValueError(f"segments is {segments}: a curve needs at least 1 segment")
    steps = torch.linspace(0, 1, segments + 1, dtype=params.dtype, device=params.device).unsqueeze(-1)
    vertices = cfcn(params, steps)
    lines = torch.stack([vertices[..., :-1, :], vertices[..., 1:, :]], dim=-2)
    return line_edt2(lines, grid).amin(dim=-grid.ndim)


def curve_edt2_bruteforce(
    params: Tensor,
    grid: Tensor,
    iters: int,
    slices: int,
    cfcn: Curve = cubic_bezier,
    mint: float | Tensor = 0.0,
    maxt: float | Tensor = 1.0,
    mindists: Tensor | None = None,
) -> Tensor:
    """Squared distance to curves, by a search for the nearest t: params [*, P, D], grid [*lattice, D] -> [*, *lattice].

    Each round tries `slices` evenly spaced values of t, then narrows the range to one step on either side of the best.
    After `iters` rounds, t is known to about (2 / (slices - 1))^iters. `slices` must be large enough for the first
    round to find the right part of the curve. The gradient is taken at the nearest t.

    Args:
        params: the P control points of each curve.
        grid: coordinates of the lattice.
        iters: rounds of the search, at least 1.
        slices: values tried per round, at least 2 (with 4 or more, the range narrows in every round).
        cfcn: the curve, a function like those in `curves.py`.
        mint: start of the first round's range; a number, or one per lattice point, [*, *lattice].
        maxt: end of that range, likewise.
        mindists: known squared distances [*, *lattice]; the result is the minimum of these and the curve's distances.

    Raises:
        ValueError: if the shapes do not fit, iters is below 1 or slices below 2.
    """
    _check_coordinates("params", params, grid, 2)
    if iters < 1 or slices < 2:
        raise ValueError(f"iters is {iters} and slices {slices}: the search needs iters >= 1 and slices >= 2")
    leading, lattice = params.shape[:-2], grid.shape[:-1]

    def distance(t: Tensor) -> Tensor:
        points = cfcn(params, t.reshape(*leading, -1, 1))
        return (grid - points.reshape(*leading, *grid.shape)).square().sum(-1)

    with torch.no_grad():
        low = torch.as_tensor(mint, dtype=params.dtype, device=params.device).expand(*leading, *lattice)
        high = torch.as_tensor(maxt, dtype=params.dtype, device=params.device).expand(*leading, *lattice)
        t = _nearest_parameter(distance, low, high, iters, slices)
    distances = distance(t)
    return distances if mindists is None else torch.minimum(distances, mindists)


def create_curve_edt2_bruteforce(iters: int, slices: int, cfcn: Curve = cubic_bezier) -> Curve:
    """`curve_edt2_bruteforce` with fixed iters, slices, cfcn: a function of params [*, P, D] and grid [*lattice, D]."""

    def curve_edt2(params: Tensor, grid: Tensor) -> Tensor:
        return curve_edt2_bruteforce(params, grid, iters, slices, cfcn)

    curve_edt2.param_dim = getattr(cfcn, "param_dim", None)
    return curve_edt2


point_edt2.param_dim = 1
line_edt2.param_dim = 2
# These two take a cubic Bezier curve by default.
curve_edt2_polyline.param_dim = cubic_bezier.param_dim
curve_edt2_bruteforce.param_dim = cubic_bezier.param_dim


def _nearest_parameter(
    distance: Callable[[Tensor], Tensor], low: Tensor, high: Tensor, iters: int, slices: int
) -> Tensor:
    """The t in low..high with the least distance(t) found in `iters` rounds of `slices` trials; shaped like `low`."""
    lowest, highest = low, high
    best, best_distance = low, distance(low)
    for _ in range(iters):
        step = (high - low) / (slices - 1)
        for k in range(slices):
            # One trial at a time: all at once would need `slices` times the memory.
            trial = torch.minimum(low + k * step, highest)
            trial_distance = distance(trial)
            nearer = trial_distance < best_distance
            best = torch.where(nearer, trial, best)
            best_distance = torch.where(nearer, trial_distance, best_distance)
        low, high = torch.maximum(best - step, lowest), torch.minimum(best + step, highest)
    return best


def _over_lattice(vectors: Tensor, grid: Tensor) -> Tensor:
    """Inserts one dimension of size 1 per lattice dimension into vectors: [*, D] -> [*, 1, .., 1, D]."""
    return vectors.reshape(*vectors.shape[:-1], *(1,) * (grid.ndim - 1), vectors.shape[-1])


def _check_coordinates(name: str, tensor: Tensor, grid: Tensor, least_dims: int) -> None:
    if tensor.ndim < least_dims or grid.ndim < 1 or tensor.shape[-1] != grid.shape[-1]:
        raise ValueError(
            f"{name} has shape {list(tensor.shape)} and the grid {list(grid.shape)}: "
            "both should end in the same number of coordinates D: [*, D] for points, [*, P, D] for lines and curves, "
            "and [*lattice, D] for the grid"
        )
