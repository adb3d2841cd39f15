"""Polylines to images on a GPU: Triton kernels, for float32.

Each program of the forward kernel draws one tile of one channel: it loops over the strokes, skips those that do not
reach the tile, and multiplies what the others leave blank. Each program of the backward kernel loops over the tiles
for one stroke and one channel. No two programs write to the same place, so the same input gives the same bits. The
kernels compute in float32. A segment's origin is therefore passed in whole pixels plus a remainder. The rounding error
of the vector from the origin to a pixel is then proportional to the length of this vector.

Triton must be importable. This module is imported only when something is drawn on a GPU.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from .derivatives import first_derivative_only
from .segments import Segments, negligible, reach, segments_of, to_vertices

_TILE = 16
# Fused multiply-adds are faster and more exact; Triton 3.10 no longer fuses by default.
_COMPILER = {"enable_fp_fusion": True}
# Fields of a segment's record: unit vector (row, col); the origin's row in whole pixels, and the remainder; its
# column likewise; start and end of the segment, measured from the origin along the unit vector.
_FIELDS: tl.constexpr = tl.constexpr(8)


class TritonPolylines(torch.autograd.Function):
    """Polylines [B, N, V, 2] to images [B, C, H, W] on a GPU, float32; `DensePolylines` explains the gradient."""

    @staticmethod
    def forward(
        ctx, vertices: Tensor, intensities: Tensor | None, size: tuple[int, int], widths: Tensor, dtype: torch.dtype
    ) -> Tensor:
        if intensities is None:
            shades = vertices.new_ones(*vertices.shape[:2], 1, dtype=torch.float32)
        else:
            shades = intensities.contiguous()
        segments = segments_of(vertices)
        records = _records(segments, size)
        pens = _pens(widths, intensities)
        batch, strokes, channels = shades.shape
        product = vertices.new_empty(batch, channels, *size, dtype=torch.float32)
        tiles = triton.cdiv(size[0], _TILE) * triton.cdiv(size[1], _TILE)
        with torch.cuda.device_of(vertices):
            _draw[(batch * channels * tiles,)](
                records, pens, shades, product, strokes, channels, *_numbers(size),
                records.shape[2], _TILE, **_COMPILER,  # pyright: ignore[reportArgumentType]
            )  # fmt: skip
        ctx.save_for_backward(vertices, shades, widths, product)
        ctx.size = size
        return 1 - product

    @staticmethod
    @first_derivative_only
    def backward(ctx, image_grad: Tensor) -> tuple[Tensor | None, ...]:
        vertices, shades, widths, product = ctx.saved_tensors
        _, needs_intensities, _, needs_widths, _ = ctx.needs_input_grad
        segments = segments_of(vertices)
        records = _records(segments, ctx.size)
        # For a stroke of intensity 0, only the intensity has a gradient; if that is not needed, the stroke is skipped.
        pens = _pens(widths, None if needs_intensities else shades)
        (batch, strokes, channels), pieces = shades.shape, records.shape[2]
        weight = (image_grad * product).contiguous()
        # The kernel sums over pixels: pull * e and pull * foot * e, each as (across, along); weight * r / q; and
        # pull * d2 / sigma2. Its pull is weight * w * r / q, with the symbols of `DensePolylines`; `to_vertices`
        # expects this times 2 / sigma2.
        pulls = records.new_zeros(batch, strokes, channels, pieces, 2, 2)
        inks = records.new_zeros(batch, strokes, channels)
        spreads = records.new_zeros(batch, strokes, channels)
        with torch.cuda.device_of(vertices):
            _pull[(batch * strokes * channels,)](
                records, pens, shades, weight, pulls, inks, spreads, strokes, channels, *_numbers(ctx.size),
                needs_widths, pieces, triton.next_power_of_2(pieces), _TILE, **_COMPILER,  # pyright: ignore[reportArgumentType]
            )  # fmt: skip
        pulls = pulls.to(vertices.dtype).sum(2) * (2 / widths)[:, :, None, None, None]
        intensities_grad = inks if needs_intensities else None
        widths_grad = spreads.to(widths.dtype).sum(2) / widths if needs_widths else None
        return to_vertices(pulls, segments, vertices.shape), intensities_grad, None, widths_grad, None


def _pens(widths: Tensor, intensities: Tensor | None) -> Tensor:
    """1 / sigma2 and squared reach of each stroke, float32 [B, N, 2].

    A stroke reaches no tile if all its `intensities` are 0.
    """
    # The reach is slightly enlarged, because it is compared with rounded distances.
    reach2 = reach(widths, torch.float32) ** 2 * 1.001
    if intensities is not None:
        reach2 = reach2.masked_fill(intensities.eq(0).all(2), -1)
    return torch.stack([1 / widths, reach2], dim=-1).float()


def _numbers(size: tuple[int, int]) -> tuple[int, int, float, float, float]:
    """Numbers that both kernels get: height, width, spacing of rows, spacing of columns, negligible ink."""
    height, width = size
    return height, width, 2 / max(1, height - 1), 2 / max(1, width - 1), negligible(torch.float32)


def _records(segments: Segments, size: tuple[int, int]) -> Tensor:
    """Segments as the kernels read them, float32 [B, N, K, fields]."""
    pixels = [
        (segments.origin[..., axis] + 1) * (max(1, size[axis] - 1) / 2)  # from the first pixel's centre
        for axis in range(2)
    ]
    origin = [part for place in pixels for part in (place.round(), place - place.round())]
    fields = [*segments.along.unbind(-1), *origin, segments.first.squeeze(-1), segments.last.squeeze(-1)]
    return torch.stack(fields, dim=-1).float().contiguous()


@triton.jit
def _axes(record, rows, cols, row_spacing, col_spacing):
    """The coordinates along a segment, and those across it, of the pixels in rows `rows` and columns `cols`.

    They are 0 at the segment's origin.
    """
    unit_row = tl.load(record)
    unit_col = tl.load(record + 1)
    down = ((rows - tl.load(record + 2)) - tl.load(record + 3)) * row_spacing
    right = ((cols - tl.load(record + 4)) - tl.load(record + 5)) * col_spacing
    return unit_row * down + unit_col * right, unit_row * right - unit_col * down


@triton.jit
def _foot(record, along):
    """Coordinate, along the segment, of its point nearest to each pixel."""
    return tl.minimum(tl.maximum(along, tl.load(record + 6)), tl.load(record + 7))


@triton.jit
def _reaches(record, row, col, row_spacing, col_spacing, reach2, TILE: tl.constexpr):
    """Whether a segment may reach a pixel of the tile that starts at (row, col); also true if the segment is NaN."""
    middle: tl.constexpr = (TILE - 1) / 2
    along, across = _axes(record, row + middle, col + middle, row_spacing, col_spacing)
    unit_row = tl.abs(tl.load(record)) * middle
    unit_col = tl.abs(tl.load(record + 1)) * middle
    beyond = tl.abs(along - _foot(record, along)) - (unit_row * row_spacing + unit_col * col_spacing)
    aside = tl.abs(across) - (unit_row * col_spacing + unit_col * row_spacing)
    beyond = tl.where(beyond < 0, 0.0, beyond)
    aside = tl.where(aside < 0, 0.0, aside)
    return (beyond * beyond + aside * aside > reach2) == 0


@triton.jit
def _smaller(one, other):
    return tl.minimum(one, other, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def _ink(d2, per_sigma2, least):
    """Ink exp(-d2 * per_sigma2), with per_sigma2 = 1 / sigma2; 0 if this ink is below `least`."""
    ink = tl.exp(-d2 * per_sigma2)
    return tl.where(ink < least, 0.0, ink)


@triton.jit
def _left_blank(ink, shade, least):
    blank = 1 - shade * ink
    return tl.where(blank < least, least, blank)


@triton.jit
def _draw(
    records, pens, shades, product, strokes, channels, height, width, row_spacing, col_spacing, least,
    PIECES: tl.constexpr, TILE: tl.constexpr,
):  # fmt: skip
    """Writes one tile of one channel of `product` [B, C, H, W]: what all strokes leave blank. The image is 1 - product.

    records: [B, N, K, fields]. pens: [B, N, 2], see `_pens`. shades: intensities, [B, N, C].
    """
    tiles_across = tl.cdiv(width, TILE)
    tiles = tl.cdiv(height, TILE) * tiles_across
    image = tl.program_id(0) // tiles
    tile = tl.program_id(0) % tiles
    row = (tile // tiles_across) * TILE
    col = (tile % tiles_across) * TILE
    rows = row + tl.arange(0, TILE)[:, None]
    cols = col + tl.arange(0, TILE)[None, :]
    sketch = image // channels
    channel = image % channels
    blank = tl.full((TILE, TILE), 1.0, tl.float32)
    for stroke in range(strokes):
        of_stroke = sketch.to(tl.int64) * strokes + stroke
        reach2 = tl.load(pens + of_stroke * 2 + 1)
        near = False
        d2 = tl.full((TILE, TILE), float("inf"), tl.float32)
        for piece in range(PIECES):
            record = records + (of_stroke * PIECES + piece) * _FIELDS
            if _reaches(record, row, col, row_spacing, col_spacing, reach2, TILE):
                near = True
                along, across = _axes(record, rows, cols, row_spacing, col_spacing)
                beyond = along - _foot(record, along)
                d2 = _smaller(d2, across * across + beyond * beyond)
        if near:
            shade = tl.load(shades + of_stroke * channels + channel)
            blank *= _left_blank(_ink(d2, tl.load(pens + of_stroke * 2), least), shade, least)
    places = (image.to(tl.int64) * height + rows) * width + cols
    tl.store(product + places, blank, mask=(rows < height) & (cols < width))


@triton.jit
def _distances(record, rows, cols, row_spacing, col_spacing, rounding):
    """d2, and d2 plus a margin; the margin is 0 unless the segment's nearest point is one of its ends.

    `_is_nearest` in `dense.py` explains the margin.
    """
    along, across = _axes(record, rows, cols, row_spacing, col_spacing)
    beyond = along - _foot(record, along)
    d2 = across * across + beyond * beyond
    length = tl.load(record + 7) - tl.load(record + 6)
    return d2, tl.where(beyond == 0, d2, d2 * (1 + rounding) + rounding * length * length)


@triton.jit
def _sums(record, rows, cols, row_spacing, col_spacing, pull, part):
    """The sums over pixels of pull * e and of pull * foot * e, each as (across, along): [1, 4].

    `to_vertices` defines e and foot. part: the numbers 0 to 3, [1, 4].
    """
    along, across = _axes(record, rows, cols, row_spacing, col_spacing)
    foot = _foot(record, along)
    to_across = pull * across
    to_along = pull * (along - foot)
    of_e = tl.where(part == 0, tl.sum(to_across), tl.sum(to_along))
    of_foot = tl.where(part == 2, tl.sum(to_across * foot), tl.sum(to_along * foot))
    return tl.where(part < 2, of_e, of_foot)


@triton.jit
def _nearest(first, rows, cols, row_spacing, col_spacing, rounding, PIECES: tl.constexpr, TILE: tl.constexpr):
    """Over a polyline's segments: the least d2, the least sum of d2 and margin, and how many segments have this sum."""
    nearest = tl.full((TILE, TILE), float("inf"), tl.float32)
    bound = tl.full((TILE, TILE), float("inf"), tl.float32)
    for piece in range(PIECES):
        d2, inside = _distances(first + piece * _FIELDS, rows, cols, row_spacing, col_spacing, rounding)
        nearest = _smaller(nearest, d2)
        bound = _smaller(bound, inside)
    # The distances are recomputed below, and the compiler may round them differently there.
    bound = bound * (1 + rounding / 4)
    number = tl.zeros((TILE, TILE), tl.float32)
    for piece in range(PIECES):
        d2, inside = _distances(first + piece * _FIELDS, rows, cols, row_spacing, col_spacing, rounding)
        number += tl.where(inside > bound, 0.0, 1.0)
    return nearest, bound, number


@triton.jit
def _reaches_any(first, row, col, row_spacing, col_spacing, reach2, PIECES: tl.constexpr, TILE: tl.constexpr):
    """Whether `_reaches` is true for a segment of a polyline."""
    near = False
    for piece in range(PIECES):
        near = near | _reaches(first + piece * _FIELDS, row, col, row_spacing, col_spacing, reach2, TILE)
    return near


@triton.jit
def _pull(
    records, pens, shades, weight, pulls, inks, spreads, strokes, channels, height, width, row_spacing, col_spacing,
    least, WIDTHS: tl.constexpr, PIECES: tl.constexpr, PIECES_HELD: tl.constexpr, TILE: tl.constexpr,
):  # fmt: skip
    """Gradient of one channel of one stroke: weight [B, C, H, W] -> pulls [B, N, C, K, 4], inks and spreads [B, N, C].

    `TritonPolylines.backward` says what these are. spreads are computed only if WIDTHS is true.
    PIECES_HELD: PIECES rounded up to a power of 2, because `tl.arange` needs one.
    """
    rounding: tl.constexpr = 8 * 1.1920929e-07  # pyright: ignore[reportAssignmentType]
    of_stroke = (tl.program_id(0) // channels).to(tl.int64)
    first = records + of_stroke * PIECES * _FIELDS
    per_sigma2 = tl.load(pens + of_stroke * 2)
    reach2 = tl.load(pens + of_stroke * 2 + 1)
    shade = tl.load(shades + tl.program_id(0))
    image = (of_stroke // strokes) * channels + tl.program_id(0) % channels
    held = tl.arange(0, PIECES_HELD)[:, None]
    part = tl.arange(0, 4)[None, :]
    sums = tl.zeros((PIECES_HELD, 4), tl.float32)
    inked = 0.0
    spread = 0.0
    tiles_across = tl.cdiv(width, TILE)
    for tile in range(tl.cdiv(height, TILE) * tiles_across):
        row = (tile // tiles_across) * TILE
        col = (tile % tiles_across) * TILE
        if _reaches_any(first, row, col, row_spacing, col_spacing, reach2, PIECES, TILE):
            rows = row + tl.arange(0, TILE)[:, None]
            cols = col + tl.arange(0, TILE)[None, :]
            nearest, bound, number = _nearest(first, rows, cols, row_spacing, col_spacing, rounding, PIECES, TILE)
            ink = _ink(nearest, per_sigma2, least)
            places = (image * height + rows) * width + cols
            by_ink = tl.load(weight + places, mask=(rows < height) & (cols < width), other=0.0)
            by_ink = by_ink / _left_blank(ink, shade, least) * ink
            inked += tl.sum(by_ink)  # pyright: ignore[reportOperatorIssue]
            if shade != 0:
                if WIDTHS:
                    spread += tl.sum(by_ink * shade * (nearest * per_sigma2))  # pyright: ignore[reportOperatorIssue]
                pull = by_ink * shade / number
                for piece in range(PIECES):
                    record = first + piece * _FIELDS
                    _d2, inside = _distances(record, rows, cols, row_spacing, col_spacing, rounding)
                    of_piece = _sums(
                        record, rows, cols, row_spacing, col_spacing, tl.where(inside > bound, 0.0, pull), part
                    )
                    sums += tl.where(held == piece, of_piece, 0.0)
    tl.store(inks + tl.program_id(0), inked)
    if WIDTHS:
        tl.store(spreads + tl.program_id(0), spread)
    places = (tl.program_id(0).to(tl.int64) * PIECES + held) * 4 + part
    tl.store(pulls + places, sums, mask=held < PIECES)
