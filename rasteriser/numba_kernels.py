"""Polylines to images on a CPU: loops compiled by Numba, for float32.

For each stroke, the kernels visit only the pixels within its reach: row by row, the columns in which a segment can
leave ink. Each pixel is computed in float32, because SIMD code then handles twice as many pixels at once as in float64.
The numbers that all pixels of a row share (`_line`) are computed in float64, relative to columns near the segment and
its ends. Rounding errors are therefore proportional to a pixel's distance from the stroke, even if the stroke is long,
thin or far away.

Threads share the work by sketch, and also by bands of rows if there are few sketches. The bands do not depend on the
number of threads, so the same input gives the same bits.

The kernels are compiled at first use, which takes some seconds, and cached next to this file or wherever Numba can
write. This module is imported only when something is drawn.
"""

import functools
import math
from collections.abc import Callable, Set
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import torch
from torch import Tensor

from .derivatives import first_derivative_only
from .segments import negligible

# The work is cut into more pieces than threads because threads are not equally fast: torch's own threads keep a core
# busy for a while after each operation. There are fewer bands of rows, because each needs its own sums for each stroke.
_PIECES, _BANDS = 24, 8
# The least number of pixels times strokes for which threads are used. Starting a thread takes a tenth of a millisecond.
_WORTH_A_THREAD = 1 << 19
# Loops over columns run over a multiple of this number, so that SIMD code handles all columns. Buffers are wider than
# the canvas by this number.
_LANES = 16
# Ink below this is 0; see `segments.py`.
_LEAST = np.float32(negligible(torch.float32))
# The squared reach of a stroke of sigma2 = 1.
_UNIT_REACH2 = -math.log(negligible(torch.float32))
# A segment's end counts as nearest only if it is nearer than the inside of another segment by this fraction of d2.
_ROUNDING = np.float32(8 * np.finfo(np.float32).eps)
# The squared distance of a pixel out of reach.
_FAR = np.float32(1e30)
# Shorter segments are drawn as points; a sketch with larger coordinates becomes NaN. Otherwise, numbers
# would overflow.
_SHORTEST, _LARGEST = 1e-30, 1e100
# Numba's fastmath flags: sums may be reordered, which lets loops use SIMD. Infinities and NaN keep their meaning.
_SUMS = {"reassoc", "contract", "nsz", "arcp"}


class NumbaPolylines(torch.autograd.Function):
    """Polylines [B, N, V, 2] to images [B, C, H, W] on a CPU, float32; `DensePolylines` explains the gradient."""

    @staticmethod
    def forward(
        ctx, vertices: Tensor, intensities: Tensor | None, size: tuple[int, int], widths: Tensor, dtype: torch.dtype
    ) -> Tensor:
        shades = _shades(vertices, intensities)
        image = shades.new_empty(vertices.shape[0], shades.shape[2], *size)
        product = torch.empty_like(image)
        strokes = vertices.contiguous(), widths.contiguous(), shades
        _share(_draw, image.shape, *strokes, product, image)
        ctx.save_for_backward(vertices, intensities, widths, product)
        return image

    @staticmethod
    @first_derivative_only
    def backward(ctx, image_grad: Tensor) -> tuple[Tensor | None, ...]:
        vertices, intensities, widths, product = ctx.saved_tensors
        _, needs_intensities, _, needs_widths, _ = ctx.needs_input_grad
        shades = _shades(vertices, intensities)
        bands = _bands(product.shape)
        pulls = vertices.new_zeros(bands, *vertices.shape)
        inks = vertices.new_zeros(bands if needs_intensities else 0, *shades.shape)
        spreads = vertices.new_zeros(bands, *widths.shape)
        strokes = vertices.contiguous(), widths.contiguous(), shades
        _share(_pull, product.shape, *strokes, image_grad.contiguous(), product, pulls, inks, spreads)
        intensities_grad = inks.sum(0).to(shades.dtype) if needs_intensities else None
        widths_grad = spreads.sum(0) if needs_widths else None
        return pulls.sum(0), intensities_grad, None, widths_grad, None


def _shades(vertices: Tensor, intensities: Tensor | None) -> Tensor:
    """Intensities [B, N, C]; ones [B, N, 1] if they are None."""
    if intensities is not None:
        return intensities.contiguous()
    return vertices.new_ones(*vertices.shape[:2], 1, dtype=torch.float32)


def _bands(shape: torch.Size) -> int:
    """Number of bands of rows per image, for images [B, C, H, W]: several if B is small."""
    return max(1, min(_BANDS // max(1, shape[0]), shape[2]))


def _share(kernel: Callable[..., None], shape: torch.Size, *tensors: Tensor) -> None:
    """Calls a kernel on the tensors for each part of the work: some sketches and one band of rows.

    Uses one thread or, if the work is large, as many as torch uses. shape: that of the images, [B, C, H, W].
    """
    arrays = [tensor.detach().numpy() for tensor in tensors]
    strokes, sketches, bands = arrays[0].shape[1], shape[0], _bands(shape)
    helpers = torch.get_num_threads() - 1 if strokes * math.prod(shape) >= _WORTH_A_THREAD else 0
    bounds = [round(shape[2] * band / bands) for band in range(bands + 1)]
    per_piece = math.ceil(sketches / _PIECES) if helpers else sketches
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
            kernel(piece, *arrays)

    if helpers == 0:
        return work()
    with ThreadPoolExecutor(helpers) as pool:
        futures = [pool.submit(work) for _ in range(helpers)]
        work()
    for future in futures:
        future.result()


def _compiled(function: Callable, fastmath: Set[str] = _SUMS, **options) -> Callable:
    """The function as compiled by Numba, cached on disk if possible."""
    # In Numba's default error model a division by 0 is an error, and loops that divide do not use SIMD.
    compiler = functools.partial(numba.njit, nogil=True, fastmath=fastmath, error_model="numpy", **options)
    try:
        return compiler(cache=True)(function)
    except RuntimeError:  # no writable folder for the cache
        return compiler()(function)


# The forward and the backward pass compute the same ink to the last bit, because functions compiled with `_exact` keep
# their order of operations.
_exact = functools.partial(_compiled, fastmath={"contract", "nsz"})
# A call would cost more than the computation.
_inlined = functools.partial(_compiled, forceinline=True)


# A loop compiles to SIMD code, which is five times as fast, only under three conditions: it uses `x if x < y else y`
# instead of min and max, its indices cannot be negative (hence np.uintp), and no integer promotes float32 to float64.


@_exact
def _exp2(x):
    """2^x in float32 for x in -120..0, to within 2 ulp; unlike the C library's exp2, it compiles to SIMD code."""
    whole = np.rint(x)
    rest = x - whole
    series = np.float32(1.5353521e-4) * rest + np.float32(1.3398874e-3)
    series = series * rest + np.float32(9.6184369e-3)
    series = series * rest + np.float32(5.5503324e-2)
    series = series * rest + np.float32(2.4022648e-1)
    series = series * rest + np.float32(6.9314718e-1)
    series = series * rest + np.float32(1)
    return series * np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)


@_exact
def _ink(d2, sharpness):
    """Ink 2^(-d2 * sharpness), with sharpness = 1 / (sigma2 ln 2); 0 if it is negligible."""
    exponent = -d2 * sharpness
    ink = _exp2(exponent if exponent > np.float32(-120) else np.float32(-120))
    return ink if ink >= _LEAST else np.float32(0)


@_exact
def _left_blank(shade, ink):
    left = np.float32(1) - shade * ink
    return left if left > _LEAST else _LEAST


@_compiled
def _centre(pixel, pixels):
    """Coordinate of a pixel's centre on an axis of `pixels` pixels; see `grid.py`."""
    return (2.0 * pixel - (pixels - 1.0)) / (pixels - 1.0) if pixels > 1 else -1.0


@_compiled
def _segment(vertices, sketch, stroke, number):
    """A segment as 9 numbers: (row, col) of its unit vector, origin, start and stop, then 1 / length.

    The origin is the point of the segment nearest to the middle of the canvas: a vector from a point far away would
    lose digits. 1 / length is 0 if the segment is a point.
    """
    stop = min(number + 1, vertices.shape[2] - 1)
    start_row, start_col = vertices[sketch, stroke, number, 0], vertices[sketch, stroke, number, 1]
    stop_row, stop_col = vertices[sketch, stroke, stop, 0], vertices[sketch, stroke, stop, 1]
    row, col = stop_row - start_row, stop_col - start_col
    length2 = row * row + col * col
    if length2 <= _SHORTEST * _SHORTEST:
        return 1.0, 0.0, start_row, start_col, start_row, start_col, stop_row, stop_col, 0.0
    fraction = min(max(-(start_row * row + start_col * col) / length2, 0.0), 1.0)
    per_length = 1.0 / math.sqrt(length2)
    return (
        row * per_length, col * per_length, start_row + fraction * row, start_col + fraction * col,
        start_row, start_col, stop_row, stop_col, per_length,
    )  # fmt: skip


@_compiled
def _rows(segment, reach, row_from, row_to, height):
    """The rows in row_from..row_to - 1 within a segment's reach, as a range (first, end).

    end is excluded; the range is empty if first >= end.
    """
    _, _, _, _, start_row, _, stop_row, _, _ = segment
    # Clamped before the conversion to integers: a segment can be anywhere.
    low = min(max(min(start_row, stop_row) - reach, -1.5), 3.0)
    high = max(min(max(start_row, stop_row) + reach, 1.5), -3.0)
    per_unit = 0.5 * (height - 1)
    first, last = math.floor((low + 1) * per_unit), math.ceil((high + 1) * per_unit)
    return max(first, row_from), min(last + 1, row_to)


@_inlined
def _narrow(first, last, slope, per_slope, offset, least, most):
    """The range (first, last) of x in first..last with slope * x + offset in least..most; first > last if empty.

    per_slope: 1 / slope.
    """
    if slope == 0:
        return (first, last) if least <= offset <= most else (1.0, 0.0)
    at_least, at_most = (least - offset) * per_slope, (most - offset) * per_slope
    return max(first, min(at_least, at_most)), min(last, max(at_least, at_most))


@_inlined
def _columns(segment, centre, reach, width):
    """The first column within a segment's reach in the row at coordinate `centre`, and the column after the last.

    What is within reach is taken as a rectangle around the segment. Ink in the rectangle's corners is negligible.
    """
    unit_row, unit_col, row, col, start_row, start_col, stop_row, stop_col, _ = segment
    per_row, per_col = 1.0 / unit_row if unit_row != 0 else 0.0, 1.0 / unit_col if unit_col != 0 else 0.0
    start = unit_row * (start_row - row) + unit_col * (start_col - col)
    stop = unit_row * (stop_row - row) + unit_col * (stop_col - col)
    first, last = _narrow(-1 - col, 1 - col, unit_row, per_row, -unit_col * (centre - row), -reach, reach)
    first, last = _narrow(first, last, unit_col, per_col, unit_row * (centre - row), start - reach, stop + reach)
    if not first <= last:
        return 0, 0
    per_unit = 0.5 * (width - 1)
    # Rounding must not lose a column at the edge.
    begin = max(math.ceil((first + col + 1) * per_unit - 1e-6), 0)
    return begin, max(min(math.floor((last + col + 1) * per_unit + 1e-6) + 1, width), begin)


@_inlined
def _lanes(columns):
    """Columns (begin, end), with end raised until the number of columns is a multiple of _LANES."""
    begin, end = columns
    return np.uintp(begin), np.uintp(begin + ((end - begin + _LANES - 1) & -_LANES))


@_inlined
def _line(segment, centre, width):
    """What `_axes` and `_fraction` need of a segment in a row: float32 numbers, relative to three columns.

    In one of them, the segment crosses the row or comes nearest to it; the other two are the columns of its ends.
    Rounding errors are then proportional to the pixel's distance from the segment, or from one of its ends.
    """
    unit_row, unit_col, row, col, start_row, start_col, stop_row, stop_col, per_length = segment
    per_unit, step = 0.5 * (width - 1), 2.0 / max(1.0, width - 1.0)
    start_at = np.rint((min(max(start_col, -1.0), 1.0) + 1) * per_unit)
    stop_at = np.rint((min(max(stop_col, -1.0), 1.0) + 1) * per_unit)
    per_row = 1.0 / unit_row if unit_row != 0 else 0.0
    at = np.rint((unit_col * (centre - row) * per_row + col + 1) * per_unit)
    at = max(min(at, max(start_at, stop_at)), min(start_at, stop_at))
    across = unit_row * (_centre(at, width) - col) - unit_col * (centre - row)
    before = unit_row * (centre - start_row) + unit_col * (_centre(start_at, width) - start_col)
    after = unit_row * (centre - stop_row) + unit_col * (_centre(stop_at, width) - stop_col)
    return (
        np.float32(at), np.float32(across), np.float32(unit_row * step),
        np.float32(start_at), np.float32(before), np.float32(stop_at), np.float32(after), np.float32(unit_col * step),
        np.float32(before * per_length), np.float32(unit_col * step * per_length),
    )  # fmt: skip


@_exact
def _column(col):
    """A column's number in float32, by way of int32: not every processor can convert 64-bit integers in SIMD code."""
    return np.float32(np.int32(col))


@_exact
def _axes(line, col):
    """(across, beyond): the vector to a pixel from the segment's point that is nearest to it.

    across is measured at right angles to the segment, and beyond along it. beyond is 0 unless the pixel lies past an
    end of the segment.
    """
    at, across, across_step, start_at, before, stop_at, after, along_step, _, _ = line
    across = across + across_step * (col - at)
    before = before + along_step * (col - start_at)
    after = after + along_step * (col - stop_at)
    before = before if before < 0 else np.float32(0)
    after = after if after > 0 else np.float32(0)
    return across, before + after


@_exact
def _fraction(line, col):
    """Distance from a segment's start to its point nearest to the pixel, as a fraction of the segment's length."""
    fraction = line[8] + line[9] * (col - line[3])
    fraction = fraction if fraction > 0 else np.float32(0)
    return fraction if fraction < 1 else np.float32(1)


@_exact
def _squared(across, beyond):
    """The squared distance of a pixel."""
    return across * across + beyond * beyond


@_exact
def _with_margin(d2, beyond):
    """d2, enlarged by a rounding margin if the nearest point is a segment's end.

    An end then counts as nearest only if it is clearly nearer than the inside of any other segment. `_is_nearest` in
    `dense.py` says why.
    """
    return d2 if beyond == 0 else d2 + _ROUNDING * d2


@_compiled
def _pen(widths, shades, sketch, stroke):
    """sharpness of a stroke (see `_ink`), its `reach` (see `segments.py`), and whether it has ink in any channel."""
    has_ink = False
    for channel in range(shades.shape[2]):
        has_ink = has_ink or shades[sketch, stroke, channel] != 0
    width = widths[sketch, stroke]
    return np.float32(1.0 / (width * math.log(2.0))), math.sqrt(_UNIT_REACH2 * width), has_ink


@_compiled
def _is_broken(vertices, shades, sketch):
    """Whether a sketch has intensities that are infinite or NaN, or coordinates that are NaN or too large."""
    for stroke in range(vertices.shape[1]):
        for vertex in range(vertices.shape[2]):
            for axis in range(2):
                if not abs(vertices[sketch, stroke, vertex, axis]) < _LARGEST:
                    return True
        for channel in range(shades.shape[2]):
            if not abs(shades[sketch, stroke, channel]) < np.inf:
                return True
    return False


@_compiled
def _draw(work, vertices, widths, shades, product, image):
    """Fills product [B, C, H, W] with what the strokes leave blank, and image with 1 - product.

    vertices: [B, N, V, 2]. widths: sigma2 of each stroke, [B, N]. shades: intensities, [B, N, C].
    work, the part to fill: first sketch, sketch after the last, number of the band, its first row, row after its last.
    """
    sketch_from, sketch_to, _, row_from, row_to = work
    channels, height, width = image.shape[1:]
    blank = np.empty((channels, row_to - row_from, width + _LANES), np.float32)
    nearest = np.empty(blank.shape[1:], np.float32)
    nearest[:] = _FAR
    spans = np.empty((row_to - row_from, 2), np.uintp)
    for sketch in range(sketch_from, sketch_to):
        is_broken = _is_broken(vertices, shades, sketch)
        blank[:] = np.nan if is_broken else 1.0
        for stroke in range(0 if is_broken else vertices.shape[1]):
            sharpness, reach, has_ink = _pen(widths, shades, sketch, stroke)
            if has_ink and channels == 1 and vertices.shape[2] <= 2:
                segment = _segment(vertices, sketch, stroke, np.int64(0))
                _draw_line(segment, sharpness, reach, shades[sketch, stroke, 0], row_from, height, width, blank)
            elif has_ink:
                first, last = _find_nearest(vertices, sketch, stroke, reach, row_from, height, width, nearest, spans)
                _draw_stroke(sketch, stroke, sharpness, shades, first, last, nearest, spans, blank)
        for channel in range(channels):
            for row in range(row_to - row_from):
                for col in range(width):
                    left = blank[channel, row, col]
                    product[sketch, channel, row_from + row, col] = left
                    image[sketch, channel, row_from + row, col] = np.float32(1) - left


@_compiled
def _draw_line(segment, sharpness, reach, shade, row_from, height, width, blank):
    """Multiplies `blank` [1, rows, W + _LANES] by what a stroke of one segment leaves blank."""
    first, last = _rows(segment, reach, row_from, row_from + blank.shape[1], height)
    for row in range(first, last):
        centre = _centre(row, height)
        begin, end = _lanes(_columns(segment, centre, reach, width))
        line = _line(segment, centre, width)
        at = np.uintp(row - row_from)
        for col in range(begin, end):
            across, beyond = _axes(line, _column(col))
            ink = _ink(_squared(across, beyond), sharpness)
            blank[0, at, col] *= _left_blank(shade, ink)


@_compiled
def _draw_stroke(sketch, stroke, sharpness, shades, first, last, nearest, spans, blank):
    """Multiplies `blank` [C, rows, W + _LANES] by what a stroke leaves blank.

    Takes first, last, nearest and spans from `_find_nearest`, and resets `nearest` to _FAR.
    """
    for row in range(first, last):
        begin, end = spans[row, 0], spans[row, 1]
        for col in range(begin, end):
            nearest[row, col] = _ink(nearest[row, col], sharpness)
        for channel in range(blank.shape[0]):
            shade = shades[sketch, stroke, channel]
            for col in range(begin, end):
                blank[channel, row, col] *= _left_blank(shade, nearest[row, col])
        for col in range(begin, end):
            nearest[row, col] = _FAR


@_compiled
def _find_nearest(vertices, sketch, stroke, reach, row_from, height, width, nearest, spans):
    """Lowers `nearest` [rows, W + _LANES], at pixels within reach, to their squared distance from a stroke.

    Fills `spans` [rows, 2] with each row's range of columns within reach. Returns the range of rows within reach,
    counted from 0 at row_from.
    """
    spans[:, 0], spans[:, 1] = width, 0
    low, high = len(spans), 0
    for number in range(max(1, vertices.shape[2] - 1)):
        segment = _segment(vertices, sketch, stroke, number)
        first, last = _rows(segment, reach, row_from, row_from + len(spans), height)
        low, high = min(low, first - row_from), max(high, last - row_from)
        for row in range(first, last):
            centre = _centre(row, height)
            begin, end = _lanes(_columns(segment, centre, reach, width))
            line = _line(segment, centre, width)
            at = np.uintp(row - row_from)
            for col in range(begin, end):
                across, beyond = _axes(line, _column(col))
                d2 = _squared(across, beyond)
                least = nearest[at, col]
                nearest[at, col] = d2 if d2 < least else least
            if begin < end:
                spans[at, 0], spans[at, 1] = min(spans[at, 0], begin), max(spans[at, 1], end)
    return np.uintp(low), np.uintp(max(low, high))


@_compiled
def _find_segments(vertices, sketch, stroke, reach, row_from, height, width, nearest, bound, ties, spans):
    """Does what `_find_nearest` does. Also lowers `bound` [rows, W + _LANES] to the least `_with_margin` of a stroke's
    segments, and fills `ties`, of the same shape, with the number of segments that attain it."""
    spans[:, 0], spans[:, 1] = width, 0
    low, high = len(spans), 0
    for number in range(max(1, vertices.shape[2] - 1)):
        segment = _segment(vertices, sketch, stroke, number)
        first, last = _rows(segment, reach, row_from, row_from + len(spans), height)
        low, high = min(low, first - row_from), max(high, last - row_from)
        for row in range(first, last):
            centre = _centre(row, height)
            begin, end = _lanes(_columns(segment, centre, reach, width))
            line = _line(segment, centre, width)
            at = np.uintp(row - row_from)
            for col in range(begin, end):
                across, beyond = _axes(line, _column(col))
                d2 = _squared(across, beyond)
                least, least_with_margin, count = nearest[at, col], bound[at, col], ties[at, col]
                nearest[at, col] = d2 if d2 < least else least
                d2 = _with_margin(d2, beyond)
                count = count + np.float32(1) if d2 == least_with_margin else count
                ties[at, col] = np.float32(1) if d2 < least_with_margin else count
                bound[at, col] = d2 if d2 < least_with_margin else least_with_margin
            if begin < end:
                spans[at, 0], spans[at, 1] = min(spans[at, 0], begin), max(spans[at, 1], end)
    return np.uintp(low), np.uintp(max(low, high))


@_compiled
def _pull(work, vertices, widths, shades, grad, product, pulls, inks, spreads):
    """Writes a band's share of the gradients: pulls [bands, B, N, V, 2], inks [bands, B, N, C], spreads [bands, B, N].

    They are the gradients with respect to vertices, intensities and widths. All three must be 0 before the call. inks
    is [0, B, N, C] if the gradient with respect to intensities is not needed. grad: the gradient with respect to the
    image, [B, C, H, W]. product: as filled by `_draw`, [B, C, H, W].
    """
    sketch_from, sketch_to, band, row_from, row_to = work
    channels, height, width = grad.shape[1:]
    weights = np.empty((channels, row_to - row_from, width + _LANES), np.float32)
    nearest = np.empty(weights.shape[1:], np.float32)
    bound = np.empty(weights.shape[1:], np.float32)
    ties = np.empty(weights.shape[1:], np.float32)
    weights[:], nearest[:], bound[:], ties[:] = 0, _FAR, _FAR, 1
    spans = np.empty((row_to - row_from, 2), np.uintp)
    of_channels = np.empty(channels)
    for sketch in range(sketch_from, sketch_to):
        is_broken = _is_broken(vertices, shades, sketch)
        if is_broken:
            pulls[band, sketch] = np.nan
            spreads[band, sketch] = np.nan
            if len(inks) > 0:
                inks[band, sketch] = np.nan
            continue
        for channel in range(channels):
            for row in range(row_to - row_from):
                for col in range(width):
                    weight = grad[sketch, channel, row_from + row, col] * product[sketch, channel, row_from + row, col]
                    weights[channel, row, col] = weight
        for stroke in range(vertices.shape[1]):
            sharpness, reach, has_ink = _pen(widths, shades, sketch, stroke)
            # For a stroke of intensity 0, only the intensity has a gradient.
            if not has_ink and len(inks) == 0:
                continue
            per_sigma2 = 1.0 / widths[sketch, stroke]
            if channels == 1 and vertices.shape[2] <= 2:
                segment = _segment(vertices, sketch, stroke, np.int64(0))
                of_channels[0], spread, sums = _pull_line(
                    segment, sharpness, reach, shades[sketch, stroke, 0], row_from, height, width, weights
                )
                _add_pulls(segment, sums, per_sigma2, pulls, band, sketch, stroke, np.int64(0))
            else:
                first, last = _find_segments(
                    vertices, sketch, stroke, reach, row_from, height, width, nearest, bound, ties, spans
                )
                spread = _pull_stroke(
                    sketch, stroke, sharpness, shades, first, last, weights, spans, nearest, ties, of_channels
                )
                for number in range(max(1, vertices.shape[2] - 1)):
                    segment = _segment(vertices, sketch, stroke, number)
                    sums = _pull_segment(segment, reach, row_from, height, width, nearest, bound)
                    _add_pulls(segment, sums, per_sigma2, pulls, band, sketch, stroke, number)
                for row in range(first, last):
                    for col in range(spans[row, 0], spans[row, 1]):
                        nearest[row, col] = bound[row, col] = _FAR
            spreads[band, sketch, stroke] = spread * per_sigma2 * per_sigma2
            if len(inks) > 0:
                for channel in range(channels):
                    inks[band, sketch, stroke, channel] = of_channels[channel]


@_compiled
def _pull_line(segment, sharpness, reach, shade, row_from, height, width, weights):
    """The gradient of a stroke of one segment in one channel, from weights [1, rows, W + _LANES] = grad * product.

    Returns sums over pixels: the gradient with respect to the intensity; pull * d2; and four sums for `_add_pulls`.
    Here pull is weight * w * r / q, with the symbols of `DensePolylines`.
    """
    inks = spreads = acrosses = beyonds = stop_acrosses = stop_beyonds = 0.0
    first, last = _rows(segment, reach, row_from, row_from + weights.shape[1], height)
    for row in range(first, last):
        centre = _centre(row, height)
        begin, end = _lanes(_columns(segment, centre, reach, width))
        line = _line(segment, centre, width)
        at = np.uintp(row - row_from)
        inked = spread = across_sum = beyond_sum = stop_across = stop_beyond = np.float32(0)
        for col in range(begin, end):
            across, beyond = _axes(line, _column(col))
            d2 = _squared(across, beyond)
            ink = _ink(d2, sharpness)
            by_ink = weights[0, at, col] / _left_blank(shade, ink) * ink
            inked += by_ink
            pull = by_ink * shade
            spread += pull * d2
            across, beyond = pull * across, pull * beyond
            fraction = _fraction(line, _column(col))
            across_sum += across
            beyond_sum += beyond
            stop_across += fraction * across
            stop_beyond += fraction * beyond
        inks += inked
        spreads += spread
        acrosses += across_sum
        beyonds += beyond_sum
        stop_acrosses += stop_across
        stop_beyonds += stop_beyond
    return inks, spreads, (acrosses, beyonds, stop_acrosses, stop_beyonds)


@_compiled
def _pull_stroke(sketch, stroke, sharpness, shades, first, last, weights, spans, nearest, ties, of_channels):
    """Replaces the squared distances in `nearest` by pull / (number of equally near segments).

    pull is that of `_pull_line`, summed over channels.
    Fills `of_channels` [C] with the gradient with respect to the intensities; returns the sum of pull * d2.
    """
    spreads = 0.0
    of_channels[:] = 0
    pull = np.empty(weights.shape[2], np.float32)
    for row in range(first, last):
        begin, end = spans[row, 0], spans[row, 1]
        for col in range(begin, end):
            pull[col] = np.float32(0)
        for channel in range(len(of_channels)):
            shade, inked = shades[sketch, stroke, channel], np.float32(0)
            for col in range(begin, end):
                ink = _ink(nearest[row, col], sharpness)
                by_ink = weights[channel, row, col] / _left_blank(shade, ink) * ink
                inked += by_ink
                pull[col] += by_ink * shade
            of_channels[channel] += inked
        spread = np.float32(0)
        for col in range(begin, end):
            spread += pull[col] * nearest[row, col]
            nearest[row, col] = pull[col] / ties[row, col]
        spreads += spread
    return spreads


@_compiled
def _pull_segment(segment, reach, row_from, height, width, pulls, bound):
    """Returns four sums for `_add_pulls`, over the pixels to which a segment is nearest.

    pulls: what `_pull_stroke` leaves in `nearest`. bound: from `_find_segments`.
    """
    acrosses = beyonds = stop_acrosses = stop_beyonds = 0.0
    first, last = _rows(segment, reach, row_from, row_from + len(pulls), height)
    for row in range(first, last):
        centre = _centre(row, height)
        begin, end = _lanes(_columns(segment, centre, reach, width))
        line = _line(segment, centre, width)
        at = np.uintp(row - row_from)
        across_sum = beyond_sum = stop_across = stop_beyond = np.float32(0)
        for col in range(begin, end):
            across, beyond = _axes(line, _column(col))
            pull, least_with_margin = pulls[at, col], bound[at, col]
            d2 = _with_margin(_squared(across, beyond), beyond)
            pull = pull if d2 == least_with_margin else np.float32(0)
            across, beyond = pull * across, pull * beyond
            fraction = _fraction(line, _column(col))
            across_sum += across
            beyond_sum += beyond
            stop_across += fraction * across
            stop_beyond += fraction * beyond
        acrosses += across_sum
        beyonds += beyond_sum
        stop_acrosses += stop_across
        stop_beyonds += stop_beyond
    return acrosses, beyonds, stop_acrosses, stop_beyonds


@_compiled
def _add_pulls(segment, sums, per_sigma2, pulls, band, sketch, stroke, number):
    """Adds to `pulls` [bands, B, N, V, 2] a segment's gradient with respect to its two vertices.

    sums: the sums over pixels of pull * e and of pull * fraction * e, each as (across, along); e is the vector from the
    nearest point to the pixel.
    """
    unit_row, unit_col = segment[:2]
    across, along, stop_across, stop_along = sums
    across, along, scale = across - stop_across, along - stop_along, 2.0 * per_sigma2
    stop = min(number + 1, pulls.shape[3] - 1)
    pulls[band, sketch, stroke, number, 0] += scale * (along * unit_row - across * unit_col)
    pulls[band, sketch, stroke, number, 1] += scale * (along * unit_col + across * unit_row)
    pulls[band, sketch, stroke, stop, 0] += scale * (stop_along * unit_row - stop_across * unit_col)
    pulls[band, sketch, stroke, stop, 1] += scale * (stop_along * unit_col + stop_across * unit_row)
