"""Polylines to images in plain torch, on any device: each stroke on every pixel, stroke after stroke.

Where most strokes reach most of the canvas this is faster than `tiles.py`: it needs no logarithm, and gathers nothing.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from rasteriser.grid import pixel_axes

# Sketches are drawn in blocks of about this many pixels times segments. On a CPU the dozen buffers of a block should
# stay in its cache, and be small enough to be had again without asking the system for memory, which can cost more than
# the drawing. Elsewhere a block only bounds the memory, and should be large enough to fill the device.
_BLOCK_ON_CPU = 1 << 17
_BLOCK_ELSEWHERE = 1 << 24


class DensePolylines(torch.autograd.Function):
    """Polylines [B, N, V, 2] to images [B, C, H, W]; V = 1 is a point, V = 2 a line.

    The gradient is that of `TiledPolylines`.
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


class Segments(NamedTuple):
    """The K segments of polylines [b, N, V, 2], in the geometry's precision, with the origin told of in `_Stroke`."""

    along: Tensor  # [b, N, K, 2] unit vector from start to end, (row, col); any, without a length
    across: Tensor  # [b, N, K, 2]
    origin: Tensor  # [b, N, K, 2]
    first: Tensor  # [b, N, K, 1] where the segment starts on the axis along it, from the origin, <= 0
    last: Tensor  # [b, N, K, 1] where it ends, >= 0
    length: Tensor  # [b, N, K, 1]
    fraction: Tensor  # [b, N, K, 1] t at the origin


def segments_of(vertices: Tensor) -> Segments:
    """The segments of polylines [b, N, V, 2]; a point, V = 1, is one without a length."""
    start, end = (vertices[:, :, :-1], vertices[:, :, 1:]) if vertices.shape[2] > 1 else (vertices, vertices)
    chord = end - start
    length = torch.linalg.vector_norm(chord, dim=-1, keepdim=True)
    has_length = length >= torch.finfo(length.dtype).tiny
    along = torch.where(has_length, chord / length, chord.new_tensor([1.0, 0.0]))
    across = torch.stack([-along[..., 1], along[..., 0]], dim=-1)
    central = torch.minimum((-start * along).sum(-1, keepdim=True).clamp(min=0), length)
    reach = (length / 2).clamp(central - 1, central + 1)
    fraction = torch.where(has_length, reach / length, 0.0)
    return Segments(along, across, start + reach * along, -reach, length - reach, length, fraction)


def _strokes(vertices: Tensor, size: tuple[int, int], dtype: torch.dtype) -> list[_Stroke]:
    """The N strokes of polylines [b, N, V, 2], for pixels of the dtype."""
    segments = segments_of(vertices)
    fields = [
        *_parts(segments.along, segments.origin, size, dtype),
        *_parts(segments.across, segments.origin, size, dtype),
        segments.first.to(dtype).unsqueeze(-1),
        segments.last.to(dtype).unsqueeze(-1),
        torch.stack([segments.across, segments.along], dim=-2),
        segments.length,
        segments.fraction,
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
