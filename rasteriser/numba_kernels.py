"""Polylines to images on a CPU: loops compiled by Numba, for float32.

For each stroke, the kernels visit only the pixels within its reach: row by row, the columns in which a segment can
leave ink. Distances are computed in float64, ink in float32. Threads share the work by sketch, or by bands of rows if
there are few sketches. The partition does not depend on the number of threads, so the same input gives the same bits.

The kernels are compiled at first use, which takes some seconds, and cached next to this file or wherever Numba can
write. This module is imported only when something is drawn.
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
from .segments import Segments, negligible, segments_of, to_vertices

# The work is cut into more pieces than threads because threads are not equally fast: torch's own threads keep a core
# busy for a while after each operation. Every band of rows needs separate sums for each stroke.
_PIECES, _BANDS = 24, 8
# The least number of pixels times strokes for which threads are used.
_WORTH_A_THREAD = 1 << 18
# An end counts as nearest only if it is nearer than the inside of another segment by this fraction of d2.
_ROUNDING = 8 * float(np.finfo(np.float64).eps)
# The squared reach of a stroke of sigma2 = 1.
_UNIT_REACH2 = -math.log(negligible(torch.float32))
# Numba's fastmath flags: sums may be reordered, which lets loops use SIMD. Infinities and NaN keep their meaning.
_SUMS = {"reassoc", "contract", "nsz", "arcp"}


class NumbaPolylines(torch.autograd.Function):
    """Polylines [B, N, V, 2] to images [B, C, H, W] on a CPU, float32; `DensePolylines` explains the gradient."""

    @staticmethod
    def forward(
        ctx, vertices: Tensor, intensities: Tensor | None, size: tuple[int, int], widths: Tensor, dtype: torch.dtype
    ) -> Tensor:
        shades = _shades(vertices, intensities)
        records, broken = _records(segments_of(vertices), shades)
        product = shades.new_ones(vertices.shape[0], shades.shape[2], *size)
        _share(_draw, product.shape, _canvas(size), records, widths, shades, product)
        # A broken sketch is NaN everywhere: a stroke with NaN coordinates has no distance to any pixel.
        product[broken] = math.nan
        ctx.save_for_backward(vertices, intensities, widths, product)
        ctx.size = size
        return 1 - product

    @staticmethod
    @once_differentiable
    def backward(ctx, image_grad: Tensor) -> tuple[Tensor | None, ...]:
        vertices, intensities, widths, product = ctx.saved_tensors
        _, needs_intensities, _, needs_widths, _ = ctx.needs_input_grad
        shades = _shades(vertices, intensities)
        segments = segments_of(vertices)
        records, broken = _records(segments, shades)
        grad, bands = image_grad.contiguous(), _bands(product.shape)
        pulls = records.new_zeros(bands, *records.shape[:3], 2, 2)
        inks = records.new_zeros(bands if needs_intensities else 0, *shades.shape)
        spreads = records.new_zeros(bands if needs_widths else 0, *widths.shape)
        _share(_pull, product.shape, _canvas(ctx.size), records, widths, shades, grad, product, pulls, inks, spreads)
        pulls = pulls.sum(0).mul_((2 / widths)[:, :, None, None, None])
        pulls[broken] = math.nan
        intensities_grad = widths_grad = None
        if needs_intensities:
            intensities_grad = inks.sum(0).to(shades.dtype)
            intensities_grad[broken] = math.nan
        if needs_widths:
            widths_grad = spreads.sum(0).div_(widths).div_(widths)
            widths_grad[broken] = math.nan
        return to_vertices(pulls, segments, vertices.shape), intensities_grad, None, widths_grad, None


def _shades(vertices: Tensor, intensities: Tensor | None) -> Tensor:
    """Intensities [B, N, C]; ones [B, N, 1] if they are None."""
    if intensities is not None:
        return intensities.contiguous()
    return vertices.new_ones(*vertices.shape[:2], 1, dtype=torch.float32)


def _records(segments: Segments, shades: Tensor) -> tuple[Tensor, Tensor]:
    """Segments as the kernels read them, float64 [B, N, K, 6], and a mask of broken sketches, bool [B].

    A sketch is broken if it has NaN or infinite coordinates or intensities, or values too large to compute with; its
    records are 0. The fields are: unit vector (row, col), origin (row, col), and start and end of the segment, measured
    from the origin along the unit vector.
    """
    records = torch.cat([segments.along, segments.origin, segments.first, segments.last], dim=-1)
    broken = ~(records.isfinite().flatten(1).all(1) & shades.isfinite().flatten(1).all(1))
    records[broken] = 0
    return records, broken


def _canvas(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.float32]:
    """Values shared by all strokes: pixel centres of rows and columns, negligible ink."""
    rows, cols = (axis.numpy() for axis in pixel_axes(size, torch.float64))
    return rows, cols, np.float32(negligible(torch.float32))


def _bands(shape: torch.Size) -> int:
    """Number of row bands in which images [B, C, H, W] are drawn: several if there are few sketches."""
    return max(1, min(_BANDS // max(1, shape[0]), shape[2]))


def _share(kernel: Callable[..., None], shape: torch.Size, canvas: tuple, *tensors: Tensor) -> None:
    """Calls a kernel for all sketches and bands of images [B, C, H, W], in as many threads as torch uses."""
    arrays = [tensor.detach().numpy() for tensor in tensors]
    sketches, bands = shape[0], _bands(shape)
    bounds = [round(shape[2] * band / bands) for band in range(bands + 1)]
    per_piece = math.ceil(sketches / _PIECES)
    pieces = [
        (first, min(first + per_piece, sketches), band, bounds[band], bounds[band + 1])
        for first in range(0, sketches, max(1, per_piece))
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
        futures = [pool.submit(work) for _ in range(helpers)]
        work()
    for future in futures:
        future.result()


def _compiled(function: Callable) -> Callable:
    """The function as compiled by Numba, cached on disk if possible."""
    try:
        return numba.njit(nogil=True, cache=True, fastmath=_SUMS)(function)
    except RuntimeError:  # no writable folder for the cache
        return numba.njit(nogil=True, fastmath=_SUMS)(function)


# A loop compiles to SIMD code, which is five times as fast, only under three conditions: it uses `x if x < y else y`
# instead of min and max, its indices cannot be negative (hence np.uintp), and no integer promotes float32 to float64.


@_compiled
def _exp(x):
    """e^x in float32 for x in -80..0, within two roundings; unlike the library's exp, it compiles to SIMD code."""
    # x = n ln 2 + rest. ln 2 is split in two parts to keep all digits of the rest (Cody and Waite 1980).
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
    """Ink at the squared distance d2; 0 if it is below `least`."""
    exponent = np.float32(-d2 * per_sigma2)
    ink = _exp(exponent if exponent > np.float32(-80) else np.float32(-80))
    return ink if ink >= least else np.float32(0)


@_compiled
def _left_blank(shade, ink, least):
    left = np.float32(1) - shade * ink
    return left if left > least else least


@_compiled
def _axes(piece, down, right):
    """A pixel's nearest point on a segment, and the vector from it to the pixel: foot, across, beyond.

    (down, right) is the vector from the segment's origin to the pixel. foot and beyond are measured along the segment;
    beyond is 0 except past one of its ends.
    """
    unit_row, unit_col, _, _, start, stop = piece
    along = unit_row * down + unit_col * right
    foot = along if along > start else start
    foot = foot if foot < stop else stop
    return foot, unit_row * right - unit_col * down, along - foot


@_compiled
def _with_margin(d2, beyond, margin):
    """d2, enlarged by a rounding margin if the nearest point is a segment's end: an end wins only if it is clearly
    nearer than other segments. See `_is_nearest` in `dense.py`."""
    return d2 if beyond == 0 else d2 + _ROUNDING * (d2 + margin)


@_compiled
def _piece(records, sketch, stroke, piece):
    """A segment's record as a tuple of numbers: an array would cost more than the computation with it."""
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
    """The x in left..right for which slope * x + offset is in least..most: (first, last), with first > last if none."""
    if slope == 0:
        return (left, right) if least <= offset <= most else (1.0, 0.0)
    at_least, at_most = (least - offset) / slope, (most - offset) / slope
    return max(left, min(at_least, at_most)), min(right, max(at_least, at_most))


@_compiled
def _columns(piece, row, reach, width):
    """The first column within a segment's reach in a row of the canvas, and the column after the last.

    Near an end of the segment, the range includes corner columns out of reach; their ink is negligible.
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
    """The first row within a stroke's reach, and the row after the last, clamped to row_from..row_to."""
    low, high = np.inf, -np.inf
    for number in range(records.shape[2]):
        unit_row, _, origin_row, _, start, stop = _piece(records, sketch, stroke, number)
        start_row, stop_row = origin_row + unit_row * start, origin_row + unit_row * stop
        low, high = min(low, start_row, stop_row), max(high, start_row, stop_row)
    # Clamped before the conversion to integers: a stroke can be anywhere.
    low, high = min(max(low - reach, -1.5), 3.0), max(min(high + reach, 1.5), -3.0)
    per_unit = 0.5 * (height - 1)
    first, last = math.floor((low + 1) * per_unit), math.ceil((high + 1) * per_unit)
    return max(first, row_from), min(last + 1, row_to)


@_compiled
def _spans(records, sketch, stroke, row, reach, width, spans):
    """Fills spans [K, 2] with the column ranges of a stroke's segments; returns the range that covers them all."""
    begin, end = np.uintp(width), np.uintp(0)
    for number in range(records.shape[2]):
        first, last = _columns(_piece(records, sketch, stroke, number), row, reach, width)
        spans[number, 0], spans[number, 1] = first, last
        if first < last:
            begin, end = min(begin, first), max(end, last)
    return begin, end


@_compiled
def _pen(widths, shades, sketch, stroke):
    """1 / sigma2 of a stroke, its `reach` (see `segments.py`), and whether it leaves ink in a channel."""
    has_ink = False
    for channel in range(shades.shape[2]):
        has_ink = has_ink or shades[sketch, stroke, channel] != 0
    width = widths[sketch, stroke]
    return 1.0 / width, math.sqrt(_UNIT_REACH2 * width), has_ink


@_compiled
def _draw(work, canvas, records, widths, shades, product):
    """Multiplies product [B, C, H, W] by what the strokes leave blank.

    records: [B, N, K, 6]. widths: [B, N]. shades: [B, N, C].
    work: first sketch, sketch after the last, number of the band, its first row, row after its last. canvas: see
    `_canvas`.
    """
    sketch_from, sketch_to, _, row_from, row_to = work
    rows, cols, least = canvas
    width = len(cols)
    spans, nearest = np.empty((records.shape[2], 2), np.uintp), np.empty(width)
    for sketch in range(sketch_from, sketch_to):
        for stroke in range(records.shape[1]):
            per_sigma2, reach, has_ink = _pen(widths, shades, sketch, stroke)
            if not has_ink:
                continue
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
    """Fills nearest [W] with the least squared distance to a stroke's segments, for columns begin to end - 1."""
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
    """Fills bound [W] with the least d2 `_with_margin`, and number_of [W] with the count of segments that attain it."""
    for col in range(begin, end):
        bound[col] = np.inf
        number_of[col] = 0.0
    for number in range(records.shape[2]):
        piece = _piece(records, sketch, stroke, number)
        down, origin_col, length = row - piece[2], piece[3], piece[5] - piece[4]
        for col in range(spans[number, 0], spans[number, 1]):
            foot, across, beyond = _axes(piece, down, cols[col] - origin_col)
            d2 = _with_margin(across * across + beyond * beyond, beyond, abs(foot) * length)
            # The same computation in the loop below may round differently.
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
def _pull(work, canvas, records, widths, shades, grad, product, pulls, inks, spreads):
    """Adds a band's sums to pulls [bands, B, N, K, 2, 2], inks [bands, B, N, C] and spreads [bands, B, N].

    The sums come from the image's grad and product, both [B, C, H, W]. pulls are sums over pixels of pull * e and of
    pull * foot * e, each as (across, along), for `to_vertices`. inks are the gradient with respect to the intensities.
    spreads are sums of pull * d2, which become the gradient with respect to the widths. inks and spreads are not
    computed if they have 0 bands.
    """
    sketch_from, sketch_to, band, row_from, row_to = work
    rows, cols, least = canvas
    width, pieces = len(cols), records.shape[2]
    spans = np.empty((pieces, 2), np.uintp)
    nearest, bound, number_of, pull = np.empty(width), np.empty(width), np.empty(width), np.empty(width)
    for sketch in range(sketch_from, sketch_to):
        for stroke in range(records.shape[1]):
            per_sigma2, reach, has_ink = _pen(widths, shades, sketch, stroke)
            # For a stroke of intensity 0, only the intensity has a gradient.
            if not has_ink and len(inks) == 0:
                continue
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
                    if len(inks) > 0:
                        inks[band, sketch, stroke, channel] += inked
                if not has_ink:
                    continue
                if len(spreads) > 0:
                    spread = 0.0
                    for col in range(begin, end):
                        # nearest is infinite in columns out of reach.
                        spread += pull[col] * (nearest[col] if nearest[col] < np.inf else 0.0)
                    spreads[band, sketch, stroke] += spread
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
