"""Parametric curves: points on a curve from its control points and a parameter.

Every curve is a function of params [*, P, D] (P control points of D coordinates, any leading dimensions) and t
[*, n, 1] or [n, 1] in 0..1. It returns points [*, n, D], and raises ValueError unless P equals its attribute
`param_dim`. `catmull_rom_to_bezier` is not a curve: it converts control points.
Source: Mihai & Hare, "Differentiable Drawing and Sketching", 2021, arXiv:2103.16194.
"""

import torch
from torch import Tensor


def linear_bezier(params: Tensor, t: Tensor) -> Tensor:
    """Straight line: params [*, 2, D], t [*, n, 1] or [n, 1] -> [*, n, D]; exact at both ends."""
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

    The knot spacing is the distance between points to the power alpha: 0 gives the uniform, 0.5 the centripetal and 1
    the chordal spline (Barry & Goldman 1988; Yuksel et al. 2011). If neighbouring points coincide, the official code
    returns NaN; this function and its gradient are finite. For alpha > 0, it returns the limit as the points approach
    each other: the slope is 0 at the start if the first two points coincide, and at the end if the last two do. (For
    alpha = 1, the limit depends on the direction of approach, and slope 0 is a choice.)
    """
    return cubic_bezier(catmull_rom_to_bezier(params, alpha), t)


def catmull_rom_to_bezier(params: Tensor, alpha: float = 0.5) -> Tensor:
    """Control points of the cubic Bezier curve that equals `catmull_rom_spline` at every t: [*, 4, D] -> [*, 4, D]."""
    before, start, end, after = _control_points(params, 4)
    knots = [_knot_interval(q - p, alpha) for p, q in ((before, start), (start, end), (end, after))]
    (interval_in, velocity_in), (interval, _), (interval_out, velocity_out) = knots
    # Barry and Goldman's pyramid divides by every interval, and an interval may be 0. The Bezier form needs only the
    # derivatives at the two ends, which can be written with velocities that are 0 if their interval is 0.
    slope_start = _safe_ratio(velocity_in * interval**2 + (end - start) * interval_in, interval_in + interval)
    slope_end = _safe_ratio(velocity_out * interval**2 + (end - start) * interval_out, interval + interval_out)
    return torch.cat([start, start + slope_start / 3, end - slope_end / 3, end], dim=-2)


def uniform_catmull_rom_spline(params: Tensor, t: Tensor) -> Tensor:
    """Catmull-Rom spline with alpha = 0: params [*, 4, D], t [*, n, 1] or [n, 1] -> [*, n, D]."""
    return catmull_rom_spline(params, t, alpha=0.0)


def centripetal_catmull_rom_spline(params: Tensor, t: Tensor) -> Tensor:
    """Catmull-Rom spline with alpha = 0.5: params [*, 4, D], t [*, n, 1] or [n, 1] -> [*, n, D].

    It has no loops or cusps.
    """
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
    """Splits control points [*, P, D] into P tensors [*, 1, D]; raises ValueError unless P is `count`."""
    if params.ndim < 2 or params.shape[-2] != count:
        raise ValueError(f"params has shape {list(params.shape)}: this curve takes {count} points, [*, {count}, D]")
    return params.split(1, dim=-2)


def _knot_interval(chord: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """The interval |chord|^alpha, [*, 1, 1], and the velocity chord / interval, [*, 1, D], of a chord [*, 1, D].

    If alpha is 0, every interval is 1 and the velocity is the chord. Otherwise a chord of length 0 has velocity 0 and
    interval 0, and neither passes a gradient.
    """
    if alpha == 0:
        return torch.ones_like(chord[..., :1]), chord
    squared = chord.square().sum(-1, keepdim=True)
    has_length = squared >= torch.finfo(chord.dtype).tiny
    interval = torch.where(has_length, squared, 1.0) ** (alpha / 2)
    return torch.where(has_length, interval, 0.0), torch.where(has_length, chord / interval, 0.0)


def _safe_ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """numerator / denominator, or 0 where the denominator is 0."""
    return torch.where(denominator > 0, numerator / torch.where(denominator > 0, denominator, 1.0), 0.0)
