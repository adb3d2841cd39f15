"""Strokes to images: the functions that most callers need, computed by a fast path.

`draw_points`, `draw_lines` and `draw_curves` give softor(intensity * exp(-d2 / sigma2)) over the strokes of each
sketch, d2 being the squared distance of each pixel to the stroke (Mihai & Hare 2021, arXiv:2103.16194). The plain
functions of `distance.py`, `relaxation.py` and `composite.py` define the result. They hold the rasters of all strokes
for autograd, [B, N, C, H, W], and can be differentiated twice; the path below holds one product, [B, C, H, W], whatever
the number of strokes, computes the strokes anew in its backward pass, and can be differentiated once.

Intensities [B, N, C] in 0..1 say how much ink each stroke gives to each of C channels: the strength of a connection
(C = 1), or a colour (C = 3). Without them every stroke gives 1 to the only channel. As `over` of rasters that are their
own opacity equals `softor`, coloured strokes are composed as the official code composes them, in any order.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from rasteriser.curves import cubic_bezier
from rasteriser.grid import canvas_size, pixel_axes

# Sketches are drawn in blocks of about this many pixels times segments. On a CPU the dozen buffers of a block should
# stay in its cache, and be small enough to be had again without asking the system for memory, which can cost more than
# the drawing. Elsewhere a block only bounds the memory, and should be large enough to fill the device.
_BLOCK_ON_CPU = 1 << 17
_BLOCK_ELSEWHERE = 1 << 24


def draw_points(
    points: Tensor, size: int | tuple[int, int], sigma2: float | Tensor, intensities: Tensor | None = None
) -> Tensor:
    """Draw points: [B, N, 2] -> [B, C, H, W], ink towards 1 on a canvas of 0.

    Args:
        points: (row, col) of each point on a canvas that reaches from -1 to 1.
        size: height and width of the image in pixels, or one number for both.
        sigma2: squared stroke width in canvas units, positive; a constant, not differentiated.
        intensities: ink of each stroke in each channel, [B, N, C] in 0..1; None is 1 in one channel.

    Raises:
        ValueError: if a shape, the size or sigma2 cannot be drawn.
    """
    _check_shape("points", points, "[B, N, 2]", points.ndim == 3 and points.shape[-1] == 2)
    return _draw_polylines(points.unsqueeze(-2), size, sigma2, points.dtype, intensities)


def draw_lines(
    lines: Tensor, size: int | tuple[int, int], sigma2: float | Tensor, intensities: Tensor | None = None
) -> Tensor:
    """Draw straight lines: [B, N, 2, 2] -> [B, C, H, W], ink towards 1 on a canvas of 0.

    A line of no length is drawn as a point, and all its gradient goes to its start.

    Args:
        lines: (start, end) x (row, col) of each line on a canvas that reaches from -1 to 1.
        size: height and width of the image in pixels, or one number for both.
        sigma2: squared stroke width in canvas units, positive; a constant, not differentiated.
        intensities: ink of each stroke in each channel, [B, N, C] in 0..1; None is 1 in one channel.

    Raises:
        ValueError: if a shape, the size or sigma2 cannot be drawn.
    """
    _check_shape("lines", lines, "[B, N, 2, 2]", lines.ndim == 4 and lines.shape[-2:] == (2, 2))
    return _draw_polylines(lines, size, sigma2, lines.dtype, intensities)


def draw_curves(
    params: Tensor,
    size: int | tuple[int, int],
    sigma2: float | Tensor,
    curve: Callable[[Tensor, Tensor], Tensor] = cubic_bezier,
    segments: int = 10,
    intensities: Tensor | None = None,
) -> Tensor:
    """Draw curves, each as a polyline of equal steps in its parameter: [B, N, P, 2] -> [B, C, H, W].

    Args:
        params: (row, col) of the P control points of each curve on a canvas that reaches from -1 to 1.
        size: height and width of the image in pixels, or one number for both.
        sigma2: squared stroke width in canvas units, positive; a constant, not differentiated.
        curve: a function of `curves.py`, or one like them; P is its attribute `param_dim`, where it has one.
        segments: straight pieces to a curve, at least 1.
        intensities: ink of each stroke in each channel, [B, N, C] in 0..1; None is 1 in one channel.

    Raises:
        ValueError: if a shape, the size, sigma2 or the number of segments cannot be drawn.
    """
    _check_shape("params", params, "[B, N, P, 2]", params.ndim == 4 and params.shape[-1] == 2)
    points = getattr(curve, "param_dim", params.shape[-2])
    _check_shape("params", params, f"[B, N, {points}, 2] for this curve", params.shape[-2] == points)
    if segments < 1:
        raise ValueError(f"segments is {segments}: a curve needs at least 1 segment")
    exact = params.to(_geometry_dtype(params.device))
    steps = torch.linspace(0, 1, segments + 1, dtype=exact.dtype, device=exact.device).unsqueeze(-1)
    return _draw_polylines(curve(exact, steps), size, sigma2, params.dtype, intensities)


def _check_shape(name: str, tensor: Tensor, wanted: str, right: bool) -> None:
    if not right:
        raise ValueError(f"{name} has shape {list(tensor.shape)}: it should be {wanted}, coordinates as (row, col)")


def _geometry_dtype(device: torch.device) -> torch.dtype:
    """Double precision, where the device has it: a few numbers a stroke, so that it costs little beside the pixels."""
    return torch.float32 if device.type == "mps" else torch.float64


def _draw_polylines(
    vertices: Tensor,
    size: int | tuple[int, int],
    sigma2: float | Tensor,
    dtype: torch.dtype,
    intensities: Tensor | None,
) -> Tensor:
    """Check what the three functions share, and draw polylines [B, N, V, 2] -> [B, C, H, W] of the dtype.

    Images are float32 for coordinates of half precision.
    """
    if isinstance(sigma2, Tensor):
        if sigma2.ndim != 0 or sigma2.requires_grad:
            raise ValueError("sigma2 should be a number, or a tensor of no dimensions that requires no gradient")
        sigma2 = sigma2.item()
    if not (sigma2 > 0 and math.isfinite(sigma2)):
        raise ValueError(f"sigma2 is {sigma2}: it should be positive and finite, in squared canvas units")
    if not dtype.is_floating_point:
        raise ValueError(f"coordinates are {dtype}: they should be floating point")
    dtype = torch.promote_types(dtype, torch.float32)
    if intensities is not None:
        if intensities.ndim != 3 or intensities.shape[:2] != vertices.shape[:2]:
            wanted = f"[B, N, C] with B, N = {list(vertices.shape[:2])}"
            raise ValueError(f"intensities has shape {list(intensities.shape)}: it should be {wanted}")
        intensities = intensities.to(dtype)
    exact = vertices.to(_geometry_dtype(vertices.device))
    return _Polylines.apply(exact, intensities, canvas_size(size), sigma2, dtype)


class _Polylines(torch.autograd.Function):
    """Polylines [B, N, V, 2] to images [B, C, H, W]; V = 1 is a point, V = 2 a line.

    The image is 1 - prod_n q_n with q_n = 1 - w_n r_n, r_n = exp(-d2_n / sigma2), w_n the stroke's intensity in the
    channel: d image / d w_n = (prod / q_n) r_n, and d image / d d2_n = -(prod / q_n) w_n r_n / sigma2. The pixel's
    nearest point on a segment lies at the fraction t in 0..1 from start to end, with e the vector from there to the
    pixel. As t minimises d2 = |e|^2, its own derivative does not count (the envelope theorem), and d d2 / d start =
    -2 (1 - t) e, d d2 / d end = -2 t e.
    """

    @staticmethod
    def forward(
        ctx, vertices: Tensor, intensities: Tensor | None, size: tuple[int, int], sigma2: float, dtype: torch.dtype
    ) -> Tensor:
        channels = 1 if intensities is None else intensities.shape[2]
        product = vertices.new_ones(vertices.shape[0], channels, *size, dtype=dtype)
        for block in _blocks(vertices, size):
            blank = product[block]
            for n, stroke in enumerate(_strokes(vertices[block], size, dtype)):
                blank.mul_(_left_blank(_ink(_nearest(stroke).d2, sigma2), _of_stroke(intensities, block, n)))
        ctx.save_for_backward(vertices, intensities, product)
        ctx.size, ctx.sigma2 = size, sigma2
        return 1 - product

    @staticmethod
    @once_differentiable
    def backward(ctx, image_grad: Tensor) -> tuple[Tensor | None, ...]:
        vertices, intensities, product = ctx.saved_tensors
        vertices_grad = torch.zeros_like(vertices)
        intensities_grad = torch.zeros_like(intensities) if ctx.needs_input_grad[1] else None
        for block in _blocks(vertices, ctx.size):
            weight = image_grad[block] * product[block]
            for n, stroke in enumerate(_strokes(vertices[block], ctx.size, product.dtype)):
                near = _nearest(stroke)
                ink, intensity = _ink(near.d2, ctx.sigma2), _of_stroke(intensities, block, n)
                by_ink = weight / _left_blank(ink, intensity)  # [b, C, H, W], d loss / d (w r)
                if intensities_grad is not None:
                    intensities_grad[block, n] = (by_ink * ink).sum((-2, -1))
                if intensity is not None:
                    by_ink = (by_ink.mul_(intensity)).sum(1, keepdim=True)
                pull = by_ink.mul_(ink).mul_(2 / ctx.sigma2)
                _add_stroke_grad(vertices_grad[block, n], stroke, near, pull)
        return vertices_grad, intensities_grad, None, None, None


def _of_stroke(intensities: Tensor | None, block: slice, n: int) -> Tensor | None:
    """Stroke n's intensities, [b, C, 1, 1]."""
    return None if intensities is None else intensities[block, n, :, None, None]


def _blocks(vertices: Tensor, size: tuple[int, int]) -> list[slice]:
    """Slices of the batch, each small enough to work on at once."""
    budget = _BLOCK_ON_CPU if vertices.device.type == "cpu" else _BLOCK_ELSEWHERE
    sketches = max(1, budget // (size[0] * size[1] * max(1, vertices.shape[2] - 1)))
    return [slice(first, first + sketches) for first in range(0, vertices.shape[0], sketches)]


class _Stroke(NamedTuple):
    """One stroke of each of b sketches, as K segments, each with its own axes: along it and across it.

    A pixel's coordinate is the sum of its row's part and its column's part, so that one addition a pixel finds it.
    The origin of the axes is the middle of the segment, or, if that is far from the canvas, a point of the segment
    that is nearer: no part is then large where there is ink, and no digits are lost in the sum.
    """

    # For the pixels, in the image's precision.
    along_row: Tensor  # [b, K, H, 1]
    along_col: Tensor  # [b, K, 1, W]
    across_row: Tensor  # [b, K, H, 1]
    across_col: Tensor  # [b, K, 1, W]
    first: Tensor  # [b, K, 1, 1] where the segment starts on the axis along it, <= 0
    last: Tensor  # [b, K, 1, 1] where it ends, >= 0
    # For the vertices, in the geometry's precision.
    axes: Tensor  # [b, K, 2, 2] unit vectors (across, along) x (row, col)
    length: Tensor  # [b, K, 1]
    fraction: Tensor  # [b, K, 1] t at the origin


def _strokes(vertices: Tensor, size: tuple[int, int], dtype: torch.dtype) -> list[_Stroke]:
    """The N strokes of polylines [b, N, V, 2], for pixels of the dtype."""
    start, end = (vertices[:, :, :-1], vertices[:, :, 1:]) if vertices.shape[2] > 1 else (vertices, vertices)
    chord = end - start
    length = torch.linalg.vector_norm(chord, dim=-1, keepdim=True)
    has_length = length >= torch.finfo(length.dtype).tiny
    # Without a length any direction will do.
    along = torch.where(has_length, chord / length, chord.new_tensor([1.0, 0.0]))
    across = torch.stack([-along[..., 1], along[..., 0]], dim=-1)
    central = torch.minimum((-start * along).sum(-1, keepdim=True).clamp(min=0), length)
    reach = (length / 2).clamp(central - 1, central + 1)
    fields = [
        *_parts(along, start + reach * along, size, dtype),
        *_parts(across, start + reach * along, size, dtype),
        (-reach).to(dtype).unsqueeze(-1),
        (length - reach).to(dtype).unsqueeze(-1),
        torch.stack([across, along], dim=-2),
        length,
        torch.where(has_length, reach / length, 0.0),
    ]
    return [_Stroke(*stroke) for stroke in zip(*(field.unbind(1) for field in fields), strict=True)]


def _parts(axis: Tensor, origin: Tensor, size: tuple[int, int], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """What rows [b, N, K, H, 1] and columns [b, N, K, 1, W] add to a coordinate, for axis and origin [b, N, K, 2]."""
    rows, cols = pixel_axes(size, axis.dtype, axis.device)
    row_part = axis[..., :1] * (rows - origin[..., :1])
    col_part = axis[..., 1:] * (cols - origin[..., 1:])
    return row_part.to(dtype).unsqueeze(-1), col_part.to(dtype).unsqueeze(-2)


class _Nearest(NamedTuple):
    """The nearest point of every segment to every pixel, and the way from it to the pixel, on the segment's axes."""

    d2: Tensor  # [b, K, H, W]
    foot: Tensor  # [b, K, H, W] the nearest point, on the axis along the segment
    across: Tensor  # [b, K, H, W]
    beyond: Tensor  # [b, K, H, W] along the segment: 0 but for pixels past one of its ends


def _nearest(stroke: _Stroke) -> _Nearest:
    across = stroke.across_row + stroke.across_col
    along = stroke.along_row + stroke.along_col
    # Tensor.clamp would be several times slower on a CPU.
    foot = torch.minimum(along, stroke.last)
    torch.maximum(foot, stroke.first, out=foot)
    beyond = along.sub_(foot)
    return _Nearest((across * across).addcmul_(beyond, beyond), foot, across, beyond)


def _ink(d2: Tensor, sigma2: float) -> Tensor:
    """exp(-d2 / sigma2), [b, 1, H, W], of a stroke whose segments have d2 [b, K, H, W]."""
    exponent = (d2 if d2.shape[1] == 1 else d2.amin(1, keepdim=True)).mul(-1 / sigma2)
    # Results below the smallest normal number take a CPU ten times as long, and most pixels are far from any stroke:
    # their exponents are raised to just above that, and the ink that comes out is set to 0.
    lowest = math.log(torch.finfo(d2.dtype).tiny) + 6
    ink = exponent.clamp_(min=lowest).exp_()
    return torch.nn.functional.threshold_(ink, math.exp(lowest + 1), 0.0)


def _left_blank(ink: Tensor, intensity: Tensor | None) -> Tensor:
    """q = 1 - intensity * ink, [b, C, H, W], for ink [b, 1, H, W] and intensity [b, C, 1, 1].

    q is kept just above 0, by less than shows in the image: the other strokes' product is then prod / q even where a
    stroke passes through the centre of a pixel. The rounding of 1 - exp does no harm there either, as it is in the
    product too. (expm1 would spare it, but would take most of the time on a CPU.)
    """
    shade = ink if intensity is None else intensity * ink
    return (1 - shade).clamp_(min=torch.finfo(ink.dtype).eps ** 2)


def _add_stroke_grad(vertices_grad: Tensor, stroke: _Stroke, near: _Nearest, pull: Tensor) -> None:
    """Add one stroke's gradient to vertices_grad [b, V, 2]; pull [b, 1, H, W] is -2 d loss / d d2."""
    if near.d2.shape[1] > 1:
        is_nearest = _is_nearest(near, stroke)
        pull = pull.div_(is_nearest.sum(1, keepdim=True)) * is_nearest
    # Sums over pixels of pull e and of pull t e; t is the foot's distance from the start over the length.
    pulled = _sum_pixels(pull, near)
    to_foot = torch.where(stroke.length > 0, _sum_pixels(pull * near.foot, near) / stroke.length, 0.0)
    to_end = stroke.fraction * pulled + to_foot
    to_start = pulled - to_end
    vertices_grad[:, : stroke.length.shape[1]] += _on_canvas(to_start, stroke)
    if vertices_grad.shape[1] > 1:
        vertices_grad[:, 1:] += _on_canvas(to_end, stroke)


def _is_nearest(near: _Nearest, stroke: _Stroke) -> Tensor:
    """[b, K, H, W]: 1 for the segment nearest to the pixel, or for several equally near, and 0 for the others.

    Next to a vertex both its segments are all but equally near, but rightly it is the one whose inside the pixel is
    nearest to, and the gradient could be wrong by a thousand times the rounding that decides for the other. So a
    segment that is nearest with an end has to be nearer by more than the rounding of d2.
    """
    rounding = 8 * torch.finfo(near.d2.dtype).eps
    margin = rounding * (stroke.last - stroke.first).square()
    d2 = torch.where(near.beyond == 0, near.d2, torch.add(margin, near.d2, alpha=1 + rounding))
    return d2.eq_(d2.amin(1, keepdim=True))


def _sum_pixels(pull: Tensor, near: _Nearest) -> Tensor:
    """Sums over the pixels of pull [b, K, H, W] times e, [b, K, 2] on the segments' axes."""
    return torch.stack([(pull * near.across).sum((-2, -1)), (pull * near.beyond).sum((-2, -1))], dim=-1)


def _on_canvas(vectors: Tensor, stroke: _Stroke) -> Tensor:
    """Vectors [b, K, 2] on the segments' axes as (row, col)."""
    return (vectors.unsqueeze(-1) * stroke.axes).sum(-2)
