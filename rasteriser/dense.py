"""Polylines to images in plain torch, for any device and precision: every stroke is computed at every pixel."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .derivatives import first_derivative_only
from .grid import pixel_axes
from .segments import negligible, segments_of, to_vertices

# Sketches are drawn in blocks. These are the sizes of a block, in sketches times pixels times segments per stroke. On a
# CPU, the dozen buffers of a block should fit into the cache, and the allocator should be able to reuse them: new
# memory from the system can cost more time than the drawing. On other devices, a block only limits the memory and
# should be large enough to keep the device busy.
_BLOCK_ON_CPU = 1 << 17
_BLOCK_ELSEWHERE = 1 << 24


class DensePolylines(torch.autograd.Function):
    """Polylines [B, N, V, 2] to images [B, C, H, W]; V = 1 is a point, V = 2 a line.

    The image is 1 - prod, where prod is the product of all q_n, with q_n = 1 - w_n r_n and r_n = exp(-d2_n / sigma2_n);
    w_n is the intensity of stroke n in the channel, and d2_n is the squared distance from stroke n to the pixel. Hence
    d image / d w_n = (prod / q_n) r_n, d image / d d2_n = -(prod / q_n) w_n r_n / sigma2_n and
    d image / d sigma2_n = (prod / q_n) w_n r_n d2_n / sigma2_n^2. The point of a segment nearest to the pixel is
    start + t (end - start), with t in 0..1; e is the vector from that point to the pixel. Since t minimises
    d2 = |e|^2, the derivative of t drops out (envelope theorem): d d2 / d start = -2 (1 - t) e and
    d d2 / d end = -2 t e.

    widths: sigma2 of each stroke, [B, N], in the vertices' precision.
    """

    @staticmethod
    def forward(
        ctx, vertices: Tensor, intensities: Tensor | None, size: tuple[int, int], widths: Tensor, dtype: torch.dtype
    ) -> Tensor:
        channels = 1 if intensities is None else intensities.shape[2]
        product = vertices.new_ones(vertices.shape[0], channels, *size, dtype=dtype)
        per_sigma2 = _per_sigma2(widths, dtype)
        for block in _blocks(vertices, size):
            blank = product[block]
            for n, stroke in enumerate(_strokes(vertices[block], size, dtype)):
                ink = _ink(_nearest(stroke).d2, per_sigma2[block, n])
                blank.mul_(_left_blank(ink, _of_stroke(intensities, block, n)))
        ctx.save_for_backward(vertices, intensities, widths, product)
        ctx.size = size
        return 1 - product

    @staticmethod
    @first_derivative_only
    def backward(ctx, image_grad: Tensor) -> tuple[Tensor | None, ...]:
        vertices, intensities, widths, product = ctx.saved_tensors
        pulls = vertices.new_zeros(*vertices.shape[:2], max(1, vertices.shape[2] - 1), 2, 2)
        intensities_grad = torch.zeros_like(intensities) if ctx.needs_input_grad[1] else None
        widths_grad = torch.zeros_like(widths) if ctx.needs_input_grad[3] else None
        per_sigma2 = _per_sigma2(widths, product.dtype)
        for block in _blocks(vertices, ctx.size):
            weight = image_grad[block] * product[block]
            for n, stroke in enumerate(_strokes(vertices[block], ctx.size, product.dtype)):
                near = _nearest(stroke)
                ink, intensity = _ink(near.d2, per_sigma2[block, n]), _of_stroke(intensities, block, n)
                by_ink = weight / _left_blank(ink, intensity)  # [b, C, H, W], d loss / d (w r)
                if intensities_grad is not None:
                    intensities_grad[block, n] = (by_ink * ink).sum((-2, -1))
                if intensity is not None:
                    by_ink = (by_ink.mul_(intensity)).sum(1, keepdim=True)
                pull = by_ink.mul_(ink).mul_(2 * per_sigma2[block, n])
                if widths_grad is not None:
                    exponent = _exponent(near.d2, per_sigma2[block, n])
                    widths_grad[block, n] = (pull * exponent).sum((-3, -2, -1)).div_(-2)
                pulls[block, n] = _pulls(stroke, near, pull).to(pulls.dtype)
        vertices_grad = to_vertices(pulls, segments_of(vertices), vertices.shape)
        return vertices_grad, intensities_grad, None, widths_grad, None


def _per_sigma2(widths: Tensor, dtype: torch.dtype) -> Tensor:
    """1 / sigma2 of each stroke, [B, N, 1, 1, 1]."""
    return (1 / widths).to(dtype)[:, :, None, None, None]


def _of_stroke(intensities: Tensor | None, block: slice, n: int) -> Tensor | None:
    """Intensities [b, C, 1, 1] of stroke n in a block of sketches; None stays None."""
    return None if intensities is None else intensities[block, n, :, None, None]


def _blocks(vertices: Tensor, size: tuple[int, int]) -> list[slice]:
    """Slices of the batch, each small enough to draw at once."""
    budget = _BLOCK_ON_CPU if vertices.device.type == "cpu" else _BLOCK_ELSEWHERE
    sketches = max(1, budget // (size[0] * size[1] * max(1, vertices.shape[2] - 1)))
    return [slice(first, first + sketches) for first in range(0, vertices.shape[0], sketches)]


class _Stroke(NamedTuple):
    """One stroke of each of b sketches: the pixels' coordinates along and across each of the stroke's K segments.

    A coordinate is the sum of a part that depends on the pixel's row and a part that depends on its column, so it takes
    one addition per pixel. `Segments` defines the two axes and their origin.
    """

    along_row: Tensor  # [b, K, H, 1]
    along_col: Tensor  # [b, K, 1, W]
    across_row: Tensor  # [b, K, H, 1]
    across_col: Tensor  # [b, K, 1, W]
    first: Tensor  # [b, K, 1, 1] start of the segment on the axis along it, <= 0
    last: Tensor  # [b, K, 1, 1] end of the segment, likewise, >= 0


def _strokes(vertices: Tensor, size: tuple[int, int], dtype: torch.dtype) -> list[_Stroke]:
    """The N strokes of polylines [b, N, V, 2], in `dtype`."""
    segments = segments_of(vertices)
    fields = [
        *_parts(segments.along, segments.origin, size, dtype),
        *_parts(segments.across, segments.origin, size, dtype),
        segments.first.to(dtype).unsqueeze(-1),
        segments.last.to(dtype).unsqueeze(-1),
    ]
    return [_Stroke(*stroke) for stroke in zip(*(field.unbind(1) for field in fields), strict=True)]


def _parts(axis: Tensor, origin: Tensor, size: tuple[int, int], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Row parts [b, N, K, H, 1] and column parts [b, N, K, 1, W], whose sums are the pixels' coordinates on `axis`.

    axis: a unit vector for each segment. origin: the point of each segment with coordinate 0. Both: [b, N, K, 2].
    """
    rows, cols = pixel_axes(size, axis.dtype, axis.device)
    row_part = axis[..., :1] * (rows - origin[..., :1])
    col_part = axis[..., 1:] * (cols - origin[..., 1:])
    return row_part.to(dtype).unsqueeze(-1), col_part.to(dtype).unsqueeze(-2)


class _Nearest(NamedTuple):
    """A segment's point nearest to a pixel (`foot`), and the vector (across, beyond) from that point to the pixel."""

    d2: Tensor  # [b, K, H, W]
    foot: Tensor  # [b, K, H, W] the nearest point, on the axis along the segment
    across: Tensor  # [b, K, H, W]
    beyond: Tensor  # [b, K, H, W] along the segment: 0 except for pixels past one of its ends


def _nearest(stroke: _Stroke) -> _Nearest:
    across = stroke.across_row + stroke.across_col
    along = stroke.along_row + stroke.along_col
    # Tensor.clamp would be several times slower on a CPU.
    foot = torch.minimum(along, stroke.last)
    torch.maximum(foot, stroke.first, out=foot)
    beyond = along.sub_(foot)
    return _Nearest((across * across).addcmul_(beyond, beyond), foot, across, beyond)


def _exponent(d2: Tensor, per_sigma2: Tensor) -> Tensor:
    """The exponent -min(d2) / sigma2 of a stroke's ink, [b, 1, H, W], clamped to at least `_lowest_exponent`.

    d2: the squared distances to the stroke's K segments, [b, K, H, W]. per_sigma2: 1 / sigma2.
    """
    least = d2 if d2.shape[1] == 1 else d2.amin(1, keepdim=True)
    return least.mul(-per_sigma2).clamp_(min=_lowest_exponent(d2.dtype))


def _lowest_exponent(dtype: torch.dtype) -> float:
    """The lower bound of exponents.

    On a CPU, exp is ten times slower if its result is subnormal, and most pixels are far from any stroke. Exponents are
    therefore clamped so that exp stays above the subnormal range; `_ink` sets such small ink to 0.
    """
    return math.log(torch.finfo(dtype).tiny) + 6


def _ink(d2: Tensor, per_sigma2: Tensor) -> Tensor:
    """A stroke's ink exp(-min(d2) / sigma2): d2 [b, K, H, W] -> [b, 1, H, W]."""
    ink = _exponent(d2, per_sigma2).exp_()
    return torch.threshold_(ink, math.exp(_lowest_exponent(d2.dtype) + 1), 0.0)


def _left_blank(ink: Tensor, intensity: Tensor | None) -> Tensor:
    """q = 1 - intensity * ink, [b, C, H, W], for ink [b, 1, H, W] and intensity [b, C, 1, 1].

    q is clamped to at least `negligible`; the clamping does not show in the image. As q is never 0, prod / q is the
    product of the other strokes' q even where the ink is 1. The rounding error of 1 - exp cancels in
    prod / q, because prod contains the same rounded q. (expm1 would avoid the error, but would take most of the drawing
    time on a CPU.)
    """
    shade = ink if intensity is None else intensity * ink
    return (1 - shade).clamp_(min=negligible(ink.dtype))


def _pulls(stroke: _Stroke, near: _Nearest, pull: Tensor) -> Tensor:
    """Sums over pixels of `pull * e` and `pull * foot * e`, [b, K, 2, 2]; `to_vertices` defines the symbols.

    pull: [b, 1, H, W]; it is overwritten.
    """
    if near.d2.shape[1] > 1:
        is_nearest = _is_nearest(near, stroke)
        pull = pull.div_(is_nearest.sum(1, keepdim=True)) * is_nearest
    return torch.stack([_sum_pixels(pull, near), _sum_pixels(pull * near.foot, near)], dim=-2)


def _is_nearest(near: _Nearest, stroke: _Stroke) -> Tensor:
    """[b, K, H, W]: 1 for the segment nearest to the pixel, or for several equally near, and 0 for the others.

    If the nearest point of the stroke is next to a vertex, the two segments that meet there are almost equally near to
    the pixel. In one of them, the nearest point lies between the ends; in the other, it is an end. The gradient belongs
    to the first. If a rounding error chose the other one, the gradient could change by a thousand times that error. So
    an end counts as nearest only if no other segment has a point between its ends that is as near, within the rounding
    error of d2.
    """
    rounding = 8 * torch.finfo(near.d2.dtype).eps
    margin = rounding * near.foot.abs() * (stroke.last - stroke.first)
    d2 = torch.where(near.beyond == 0, near.d2, torch.add(margin, near.d2, alpha=1 + rounding))
    return d2.eq_(d2.amin(1, keepdim=True))


def _sum_pixels(pull: Tensor, near: _Nearest) -> Tensor:
    """Sums over pixels of pull [b, K, H, W] times the vector of `near`: [b, K, 2], as (across, along)."""
    return torch.stack([(pull * near.across).sum((-2, -1)), (pull * near.beyond).sum((-2, -1))], dim=-1)
