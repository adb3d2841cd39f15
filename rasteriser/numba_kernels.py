"""Polylines to images on a CPU: loops compiled by Numba, for float32.

For each stroke, the kernels visit only the pixels within its reach: row by row, the columns between which a segment
can leave ink. Distances are computed in float64, ink in float32. Work is shared between threads by sketch, or by bands
of rows where there are few sketches; how it is cut up does not depend on the number of threads, so that the same input
gives the same bits.

The kernels are compiled at their first use, some seconds, and kept beside this file, or where else Numba can write.
Nothing imports this module before something is drawn.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .grid import pixel_axes
from .segments import Segments, negligible, reach, segments_of, to_vertices

# Pieces that the work is cut into: some more than threads, as torch's own threads keep a core busy for a while after
# each of its operations, so that threads are not equally fast. Bands of rows cost sums of their own, for each stroke.
_PIECES, _BANDS = 24, 8
# How many pixels times strokes are worth a thread.
_WORTH_A_THREAD = 1 << 18
# By this much of d2 an end has to be nearer than the inside of another segment.
_ROUNDING = 8 * float(np.finfo(np.float64).eps)
# Sums may be taken in any order, which lets a loop fill the processor's vectors. Infinities and NaN keep their meaning.
_SUMS = {"reassoc", "contract", "nsz", "arcp"}


class NumbaPolylines(torch.autograd.Function):
    """Polylines [B, N, V, 2] to images [B, C, H, W] on a CPU, float32; the gradient is told of in `DensePolylines`."""

    @staticmethod
    def forward(
        ctx, vertices: Tensor, intensities: Tensor | None, size: tuple[int, int], sigma2: float, dtype: torch.dtype
    ) -> Tensor:
        shades = _shades(vertices, intensities)
        records, broken = _records(segments_of(vertices), shades)
        product = shades.new_ones(vertices.shape[0], shades.shape[2], *size)
        _share(_draw, product.shape, _canvas(size, sigma2), records, shades, product)
        # What is not a number is so everywhere: no pixel knows how near it is.
        product[broken] = math.nan
        ctx.save_for_backward(vertices, intensities, product)
        ctx.size, ctx.sigma2 = size, sigma2
        return 1 - product

    @staticmethod
    @once_differentiable
    def backward(ctx, image_grad: Tensor) -> tuple[Tensor | None, ...]:
        vertices, intensities, product = ctx.saved_tensors
        shades = _shades(vertices, intensities)
        segments = segments_of(vertices)
        records, broken = _records(segments, shades)
        grad, bands = image_grad.contiguous(), _bands(product.shape)
        pulls = records.new_zeros(bands, *records.shape[:3], 2, 2)
        inks = records.new_zeros(bands, *shades.shape)
        _share(_pull, product.shape, _canvas(ctx.size, ctx.sigma2), records, shades, grad, product, pulls, inks)
        pulls, inks = pulls.sum(0).mul_(2 / ctx.sigma2), inks.sum(0)
        pulls[broken], inks[broken] = math.nan, math.nan
        intensities_grad = inks.to(shades.dtype) if ctx.needs_input_grad[1] else None
        return to_vertices(pulls, segments, vertices.shape), intensities_grad, None, None, None


def _shades(vertices: Tensor, intensities: Tensor | None) -> Tensor:
    """Intensities [B, N, C]; those of strokes without any are 1."""
    if intensities is not None:
        return intensities.contiguous()
    return vertices.new_ones(*vertices.shape[:2], 1, dtype=torch.float32)


def _records(segments: Segments, shades: Tensor) -> tuple[Tensor, Tensor]:
    """Segments of [B, N, K] as the kernels read them, float64 [B, N, K, 6], and bool [B]: the sketches that have
    coordinates or intensities that are not numbers, or too large to be computed with. Their records are 0.

    The fields: unit vector (row, col), origin (row, col), and where the segment starts and ends, from the origin, along
    the unit vector.
    """
    records = torch.cat([segments.along, segments.origin, segments.first, segments.last], dim=-1)
    broken = ~(records.isfinite().flatten(1).all(1) & shades.isfinite().flatten(1).all(1))
    records[broken] = 0
    return records, broken


def _canvas(size: tuple[int, int], sigma2: float) -> tuple[np.ndarray | float, ...]:
    """What is the same for every sketch: pixel centres of rows and columns, 1 / sigma2, reach, negligible ink."""
    rows, cols = (axis.numpy() for axis in pixel_axes(size, torch.float64))
    return rows, cols, 1 / sigma2, reach(sigma2, torch.float32), np.float32(negligible(torch.float32))


def _bands(shape: torch.Size) -> int:
    """Bands of rows in which images [B, C, H, W] are drawn: several, where there are few sketches."""
    return max(1, min(_BANDS // max(1, shape[0]), shape[2]))


def _share(kernel: Callable[..., None], shape: torch.Size, canvas: tuple, *tensors: Tensor) -> None:
    """Call a kernel for every sketch and band of images of a shape [B, C, H, W], in as many threads as torch uses."""
    arrays = [tensor.detach().numpy() for tensor in tensors]
    sketches, bands = shape[0], _bands(shape)
    bounds = [round(shape[2] * band / bands) for band in range(bands + 1)]
    some = math.ceil(sketches / _PIECES)
    pieces = [
        (first, min(first + some, sketches), band, bounds[band], bounds[band + 1])
        for first in range(0, sketches, max(1, some))
        for band in range(bands)
    ]

    def work() -> None:
        while pieces:
            try:
                piece = pieces.pop()
            except IndexError:  # another thread was faster
                return
            kernel(piece, canvas, *arrays)

    strokes = arrays[0].shape[1]
    helpers = torch.get_num_threads() - 1 if strokes * math.prod(shape) >= _WORTH_A_THREAD else 0
    if helpers == 0:
        return work()
    with ThreadPoolExecutor(helpers) as pool:
        helping = [pool.submit(work) for _ in range(helpers)]
        work()
    for helped in helping:
        helped.result()


def _compiled(function: Callable) -> Callable:
    """The function as Numba will compile it, kept on disk where a place for it can be found."""
    try:
        return numba.njit(nogil=True, cache=True, fastmath=_SUMS)(function)
    except RuntimeError:  # nowhere to write
        return numba.njit(nogil=True, fastmath=_SUMS)(function)


# What the kernels are written like matters: a loop fills the processor's vectors only if its numbers are chosen between
# by `x if x < y else y` instead of min and max, its indices cannot be negative (hence np.uintp), and no whole number
# makes float64 of float32. That is five times as fast.


@_compiled
def _exp(x):
    """e^x in float32 for x in -80..0, to two roundings; unlike the library's, it fills the processor's vectors."""
    # x = n ln 2 + rest, with ln 2 in two parts so that no digits of the rest are lost (Cody and Waite 1980).
    n = np.rint(x * np.float32(1.44269504))
    rest = x - n * np.float32(0.693359375) + n * np.float32(2.12194440e-4)
    series = np.float32(1 / 5040) * rest + np.float32(1 / 720)
    series = series * rest + np.float32(1 / 120)
    series = series * rest + np.float32(1 / 24)
    series = series * rest + np.float32(1 / 6)
    series = series * rest + np.float32(0.5)
    series = series * rest + np.float32(1)
    series = series * rest + np.float32(1)
    return series * np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)


@_compiled
def _ink(d2, per_sigma2, least):
    """Ink at the squared distance d2, where it counts."""
    exponent = np.float32(-d2 * per_sigma2)
    ink = _exp(exponent if exponent > np.float32(-80) else np.float32(-80))
    return ink if ink >= least else np.float32(0)


@_compiled
def _left_blank(shade, ink, least):
    left = np.float32(1) - shade * ink
    return left if left > least else least


@_compiled
def _axes(piece, down, right):
    """A pixel's nearest point on a segment, and the way from it to the pixel: foot, across, beyond.

    The pixel is given by the way from the segment's origin; foot and beyond are along the segment, beyond is 0 but past
    one of its ends.
    """
    unit_row, unit_col, _, _, start, stop = piece
    along = unit_row * down + unit_col * right
    foot = along if along > start else start
    foot = foot if foot < stop else stop
    return foot, unit_row * right - unit_col * down, along - foot


@_compiled
def _with_margin(d2, beyond, margin):
    """The squared distance with what an end has to be nearer by: see `dense.py`, `_is_nearest`."""
    return d2 if beyond == 0 else d2 + _ROUNDING * (d2 + margin)


@_compiled
def _piece(records, sketch, stroke, piece):
    """A segment's record as numbers: an array of its own would cost more than what is computed with it."""
    return (
        records[sketch, stroke, piece, 0],
        records[sketch, stroke, piece, 1],
        records[sketch, stroke, piece, 2],
        records[sketch, stroke, piece, 3],
        records[sketch, stroke, piece, 4],
        records[sketch, stroke, piece, 5],
    )


@_compiled
def _narrow(left, right, slope, offset, least, most):
    """The part of left..right where slope x + offset lies in least..most."""
    if slope == 0:
        return (left, right) if least <= offset <= most else (1.0, 0.0)
    one, other = (least - offset) / slope, (most - offset) / slope
    return max(left, min(one, other)), min(right, max(one, other))


@_compiled
def _columns(piece, row, reach, width):
    """First column within a segment's reach in a row of the canvas, and the one after the last.

    Beside an end of the segment, columns of a corner are out of reach; their ink is found to be negligible.
    """
    unit_row, unit_col, origin_row, origin_col, start, stop = piece
    down = row - origin_row
    left, right = _narrow(-1 - origin_col, 1 - origin_col, unit_row, -unit_col * down, -reach, reach)
    left, right = _narrow(left, right, unit_col, unit_row * down, start - reach, stop + reach)
    if left > right:
        return np.uintp(0), np.uintp(0)
    per_unit = 0.5 * (width - 1)
    # Rounding must not lose a column at the edge.
    first = math.ceil((left + origin_col + 1) * per_unit - 1e-6)
    last = math.floor((right + origin_col + 1) * per_unit + 1e-6)
    return np.uintp(max(first, 0)), np.uintp(max(min(last + 1, width), 0))


@_compiled
def _rows(records, sketch, stroke, row_from, row_to, height, reach):
    """First row within reach of a stroke, and the one after the last, between two bounds."""
    low, high = np.inf, -np.inf
    for number in range(records.shape[2]):
        unit_row, _, origin_row, _, start, stop = _piece(records, sketch, stroke, number)
        one, other = origin_row + unit_row * start, origin_row + unit_row * stop
        low, high = min(low, one, other), max(high, one, other)
    # Bounded before they are whole numbers: a stroke can be anywhere.
    low, high = min(max(low - reach, -1.5), 3.0), max(min(high + reach, 1.5), -3.0)
    per_unit = 0.5 * (height - 1)
    first, last = math.floor((low + 1) * per_unit), math.ceil((high + 1) * per_unit)
    return max(first, row_from), min(last + 1, row_to)


@_compiled
def _spans(records, sketch, stroke, row, reach, width, spans):
    """Fill spans [K, 2] with the columns of each of a stroke's segments; the first and past the last of all of them."""
    begin, end = np.uintp(width), np.uintp(0)
    for number in range(records.shape[2]):
        first, last = _columns(_piece(records, sketch, stroke, number), row, reach, width)
        spans[number, 0], spans[number, 1] = first, last
        if first < last:
            begin, end = min(begin, first), max(end, last)
    return begin, end


@_compiled
def _draw(work, canvas, records, shades, product):
    """Records [B, N, K, 6], shades [B, N, C]: multiply into product [B, C, H, W] what the strokes leave blank.

    work: sketches from and up to, number of a band, its rows from and up to. canvas: see `_canvas`.
    """
    sketch_from, sketch_to, _, row_from, row_to = work
    rows, cols, per_sigma2, reach, least = canvas
    width = len(cols)
    spans, nearest = np.empty((records.shape[2], 2), np.uintp), np.empty(width)
    for sketch in range(sketch_from, sketch_to):
        for stroke in range(records.shape[1]):
            first, last = _rows(records, sketch, stroke, row_from, row_to, len(rows), reach)
            for row in range(first, last):
                begin, end = _spans(records, sketch, stroke, rows[row], reach, width, spans)
                _find_nearest(records, sketch, stroke, rows[row], cols, spans, begin, end, nearest)
                for channel in range(product.shape[1]):
                    shade = shades[sketch, stroke, channel]
                    for col in range(begin, end):
                        ink = _ink(nearest[col], per_sigma2, least)
                        product[sketch, channel, row, col] *= _left_blank(shade, ink, least)


@_compiled
def _find_nearest(records, sketch, stroke, row, cols, spans, begin, end, nearest):
    """Fill nearest [W] with the least squared distance to a stroke's segments, from column begin up to end."""
    for col in range(begin, end):
        nearest[col] = np.inf
    for number in range(records.shape[2]):
        piece = _piece(records, sketch, stroke, number)
        down, origin_col = row - piece[2], piece[3]
        for col in range(spans[number, 0], spans[number, 1]):
            _, across, beyond = _axes(piece, down, cols[col] - origin_col)
            d2 = across * across + beyond * beyond
            nearest[col] = d2 if d2 < nearest[col] else nearest[col]


@_compiled
def _count_nearest(records, sketch, stroke, row, cols, spans, begin, end, bound, number_of):
    """Fill bound [W] with the least distance `_with_margin`, and number_of [W] with how many segments have it."""
    for col in range(begin, end):
        bound[col] = np.inf
        number_of[col] = 0.0
    for number in range(records.shape[2]):
        piece = _piece(records, sketch, stroke, number)
        down, origin_col, length = row - piece[2], piece[3], piece[5] - piece[4]
        for col in range(spans[number, 0], spans[number, 1]):
            foot, across, beyond = _axes(piece, down, cols[col] - origin_col)
            d2 = _with_margin(across * across + beyond * beyond, beyond, abs(foot) * length)
            # It may be rounded otherwise where it is computed again.
            d2 = d2 * (1.0 + _ROUNDING / 4)
            bound[col] = d2 if d2 < bound[col] else bound[col]
    for number in range(records.shape[2]):
        piece = _piece(records, sketch, stroke, number)
        down, origin_col, length = row - piece[2], piece[3], piece[5] - piece[4]
        for col in range(spans[number, 0], spans[number, 1]):
            foot, across, beyond = _axes(piece, down, cols[col] - origin_col)
            d2 = _with_margin(across * across + beyond * beyond, beyond, abs(foot) * length)
            number_of[col] += 1.0 if d2 <= bound[col] else 0.0


@_compiled
def _pull(work, canvas, records, shades, grad, product, pulls, inks):
    """The image's gradient and product, [B, C, H, W] -> pulls [bands, B, N, K, 2, 2] and inks [bands, B, N, C].

    pulls are sums over a band's pixels of pull e and of pull foot e, each as (across, along), for `to_vertices`; inks
    are sums of what a stroke's ink does to the loss for one of its intensity.
    """
    sketch_from, sketch_to, band, row_from, row_to = work
    rows, cols, per_sigma2, reach, least = canvas
    width, pieces = len(cols), records.shape[2]
    spans = np.empty((pieces, 2), np.uintp)
    nearest, bound, number_of, pull = np.empty(width), np.empty(width), np.empty(width), np.empty(width)
    for sketch in range(sketch_from, sketch_to):
        for stroke in range(records.shape[1]):
            first, last = _rows(records, sketch, stroke, row_from, row_to, len(rows), reach)
            for row in range(first, last):
                begin, end = _spans(records, sketch, stroke, rows[row], reach, width, spans)
                _find_nearest(records, sketch, stroke, rows[row], cols, spans, begin, end, nearest)
                for col in range(begin, end):
                    pull[col] = 0.0
                for channel in range(grad.shape[1]):
                    shade, inked = shades[sketch, stroke, channel], 0.0
                    for col in range(begin, end):
                        ink = _ink(nearest[col], per_sigma2, least)
                        weight = grad[sketch, channel, row, col] * product[sketch, channel, row, col]
                        by_ink = weight / _left_blank(shade, ink, least) * ink
                        inked += by_ink
                        pull[col] += by_ink * shade
                    inks[band, sketch, stroke, channel] += inked
                if pieces > 1:
                    _count_nearest(records, sketch, stroke, rows[row], cols, spans, begin, end, bound, number_of)
                for number in range(pieces):
                    piece = _piece(records, sketch, stroke, number)
                    down, origin_col, length = rows[row] - piece[2], piece[3], piece[5] - piece[4]
                    across_sum = beyond_sum = foot_across_sum = foot_beyond_sum = 0.0
                    for col in range(spans[number, 0], spans[number, 1]):
                        foot, across, beyond = _axes(piece, down, cols[col] - origin_col)
                        share = pull[col]
                        if pieces > 1:
                            d2 = _with_margin(across * across + beyond * beyond, beyond, abs(foot) * length)
                            share = share / number_of[col] if d2 <= bound[col] else 0.0
                        across_sum += share * across
                        beyond_sum += share * beyond
                        foot_across_sum += share * foot * across
                        foot_beyond_sum += share * foot * beyond
                    pulls[band, sketch, stroke, number, 0, 0] += across_sum
                    pulls[band, sketch, stroke, number, 0, 1] += beyond_sum
                    pulls[band, sketch, stroke, number, 1, 0] += foot_across_sum
                    pulls[band, sketch, stroke, number, 1, 1] += foot_beyond_sum
