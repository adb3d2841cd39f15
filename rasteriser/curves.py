"""Parametric curves: control points and a parameter to points of the curve.

Every function takes params [*, P, D], any leading dimensions and P points of D coordinates, and t [*, n, 1] or [n, 1]
in 0..1, and gives points [*, n, D]; its attribute `param_dim` is P. ValueError if there are not P points.
Source: Mihai & Hare, "Differentiable Drawing and Sketching", 2021, arXiv:2103.16194.
"""

import torch
from torch import Tensor


def linear_bezier(params: Tensor, t: Tensor) -> Tensor:
    """Straight line: params [*, 2, D], t [*, n, 1] or [n, 1] -> [*, n, D], exactly the start and end at t = 0 and 1."""
    start, end = _control_points(params, 2)
    return (1 - t) * start + t * end


def quadratic_bezier(params: Tensor, t: Tensor) -> Tensor:
    """Quadratic Bezier curve (start, control, end): params [*, 3, D], t [*, n, 1] or [n, 1] -> [*, n, D]."""
    start, control, end = _control_points(params, 3)
    s = 1 - t
    return s * s * start + 2 * s * t * control + t * t * end


def cubic_bezier(params: Tensor, t: Tensor) -> Tensor:
    """Cubic Bezier curve (start, two controls, end): params [*, 4, D], t [*, n, 1] or [n, 1] -> [*, n, D]."""
    start, control1, control2, end = _control_points(params, 4)
    s = 1 - t
    return s * s * s * start + 3 * s * s * t * control1 + 3 * s * t * t * control2 + t * t * t * end


def catmull_rom_spline(params: Tensor, t: Tensor, alpha: float = 0.5) -> Tensor:
    """Catmull-Rom spline from the second to the third point: params [*, 4, D], t [*, n, 1] or [n, 1] -> [*, n, D].

    Knots are spaced by the distance of their points to the power of alpha: 0 is the uniform spline, 0.5 the
    centripetal and 1 the chordal one (Barry & Goldman 1988; Yuksel et al. 2011). Where the official code gives NaN, at
    coincident neighbours, this gives the limit of points that approach each other, with no slope at that end (for
    alpha = 1 the limit depends on the direction they come from; the same is chosen), and a finite gradient.
    """
    return cubic_bezier(catmull_rom_to_bezier(params, alpha), t)


def catmull_rom_to_bezier(params: Tensor, alpha: float = 0.5) -> Tensor:
    """The control points of the cubic Bezier curve that equals `catmull_rom_spline` at every t: [*, 4, D] both."""
    before, start, end, after = _control_points(params, 4)
    knots = [_knot_interval(q - p, alpha) for p, q in ((before, start), (start, end), (end, after))]
    (interval_in, velocity_in), (interval, _), (interval_out, velocity_out) = knots
    # The usual pyramid divides by every interval, and intervals may be 0. The same cubic as a Bezier curve needs
    # only its derivatives at the two ends, which can be written with velocities that vanish with their interval.
    slope_start = _safe_ratio(velocity_in * interval**2 + (end - start) * interval_in, interval_in + interval)
    slope_end = _safe_ratio(velocity_out * interval**2 + (end - start) * interval_out, interval + interval_out)
    return torch.cat([start, start + slope_start / 3, end - slope_end / 3, end], dim=-2)


def uniform_catmull_rom_spline(params: Tensor, t: Tensor) -> Tensor:
    """Catmull-Rom spline with alpha = 0: params [*, 4, D], t [*, n, 1] or [n, 1] -> [*, n, D]."""
    return catmull_rom_spline(params, t, alpha=0.0)


def centripetal_catmull_rom_spline(params: Tensor, t: Tensor) -> Tensor:
    """Catmull-Rom spline with alpha = 0.5, free of loops and cusps: params [*, 4, D], t [*, n, 1] -> [*, n, D]."""
    return catmull_rom_spline(params, t, alpha=0.5)


def chordal_catmull_rom_spline(params: Tensor, t: Tensor) -> Tensor:
    """Catmull-Rom spline with alpha = 1: params [*, 4, D], t [*, n, 1] or [n, 1] -> [*, n, D]."""
    return catmull_rom_spline(params, t, alpha=1.0)


linear_bezier.param_dim = 2
quadratic_bezier.param_dim = 3
cubic_bezier.param_dim = 4
catmull_rom_spline.param_dim = 4
uniform_catmull_rom_spline.param_dim = 4
centripetal_catmull_rom_spline.param_dim = 4
chordal_catmull_rom_spline.param_dim = 4


def _control_points(params: Tensor, count: int) -> tuple[Tensor, ...]:
    """The control points [*, P, D] one by one, each [*, 1, D]."""
    if params.ndim < 2 or params.shape[-2] != count:
        raise ValueError(f"params has shape {list(params.shape)}: this curve takes {count} points, [*, {count}, D]")
    return params.split(1, dim=-2)


def _knot_interval(chord: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Interval |chord|^alpha [*, 1, 1] and velocity chord / interval [*, 1, D] for a chord [*, 1, D].

    A chord of no length has an interval of 0 (1 if alpha is 0) and no velocity; neither passes on a gradient.
    """
    if alpha == 0:
        return torch.ones_like(chord[..., :1]), chord
    squared = chord.square().sum(-1, keepdim=True)
    has_length = squared >= torch.finfo(chord.dtype).tiny
    interval = torch.where(has_length, squared, 1.0) ** (alpha / 2)
    return torch.where(has_length, interval, 0.0), torch.where(has_length, chord / interval, 0.0)


def _safe_ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """The quotient, or 0 where the denominator is 0."""
    return torch.where(denominator > 0, numerator / torch.where(denominator > 0, denominator, 1.0), 0.0)
