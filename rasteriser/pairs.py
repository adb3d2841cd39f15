"""Which strokes reach which tiles of the canvas, and the axes on which they are drawn there; for `tiles.py`.

Geometry is exact to the precision of the vertices, and handed over in the image's precision.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

# Rows and columns of pixels in a tile: smaller tiles spare pixels, larger ones spare pairs, which cost as much as a few
# pixels; a row should fill the processor's vectors.
TILE = (8, 16)
# Pixels of pairs worked on at once, and pairs tested at once. On a CPU the half dozen buffers of a block should stay
# in its cache, and be small enough to be had again without asking the system for memory, which can cost more than the
# drawing. Elsewhere a block only bounds the memory, and should be large enough to fill the device.
_BLOCK_ON_CPU = 3 << 15
_BLOCK_ELSEWHERE = 1 << 23


def negligible(dtype: torch.dtype) -> float:
    """Ink that counts as none. So much is taken to be left blank of a pixel that a stroke covers.

    The other strokes' product is then prod / q there too. The rounding of 1 - exp does no harm to the gradient, as it
    is in the product too.
    """
    return torch.finfo(dtype).eps ** 2


def reach(sigma2: float, dtype: torch.dtype) -> float:
    """How far from a stroke there is ink that is not negligible, in canvas units."""
    return math.sqrt(-math.log(negligible(dtype)) * sigma2)


class Canvas(NamedTuple):
    """A canvas of H x W pixels in tiles; those of the last row and column may reach over its edge."""

    size: tuple[int, int]
    tiles: int
    rows: Tensor  # [tiles down, tile's rows] pixel centres
    cols: Tensor  # [tiles across, tile's columns]


def canvas_tiles(size: tuple[int, int], like: Tensor) -> Canvas:
    rows, cols = (_tile_axis(pixels, in_tile, like) for pixels, in_tile in zip(size, TILE, strict=True))
    return Canvas(size, len(rows) * len(cols), rows, cols)


def _tile_axis(pixels: int, in_tile: int, like: Tensor) -> Tensor:
    """Pixel centres along an axis, tile by tile, where `grid.py` has them, and as far apart beyond the edge."""
    tiles = -(-pixels // in_tile)
    doubled = torch.arange(tiles * in_tile, dtype=like.dtype, device=like.device) * 2 + (1 - pixels)
    centres = doubled / (pixels - 1) if pixels > 1 else torch.full_like(doubled, -1.0)
    return centres.view(tiles, in_tile)


def from_tiles(tiles: Tensor, canvas: Canvas) -> Tensor:
    """[B tiles, C, pixels] -> [B, C, H, W], a copy."""
    (height, width), rows, cols, channels = canvas.size, len(canvas.rows), len(canvas.cols), tiles.shape[1]
    grid = tiles.view(-1, rows, cols, channels, *TILE).permute(0, 3, 1, 4, 2, 5)
    image = grid.clone(memory_format=torch.contiguous_format).view(-1, channels, rows * TILE[0], cols * TILE[1])
    return image[..., :height, :width].contiguous()


def to_tiles(image: Tensor, canvas: Canvas) -> Tensor:
    """[B, C, H, W] -> [B tiles, C, pixels], 0 beyond the edge; a copy."""
    (height, width), rows, cols, channels = canvas.size, len(canvas.rows), len(canvas.cols), image.shape[1]
    below, right = rows * TILE[0] - height, cols * TILE[1] - width
    image = torch.nn.functional.pad(image, (0, right, 0, below)) if below or right else image
    grid = image.reshape(-1, channels, rows, TILE[0], cols, TILE[1]).permute(0, 2, 4, 1, 3, 5)
    return grid.clone(memory_format=torch.contiguous_format).view(-1, channels, math.prod(TILE))


class Chunk(NamedTuple):
    """Some of the strokes of all sketches, S of them with K segments each, in the geometry's precision."""

    strokes: slice  # of the B N strokes
    per_sketch: int  # N
    lines: Tensor  # [S, K, 5] start's (row, col), unit vector along the segment (row, col), length
    foot: Tensor  # [S, K, tiles] the segment's point nearest to the tile's centre, from its start
    matters: Tensor  # bool [S, K, tiles]


def chunks(vertices: Tensor, canvas: Canvas, sigma2: float, dtype: torch.dtype) -> Iterator[Chunk]:
    """The strokes of polylines [B, N, V, 2], a few at a time."""
    strokes, per_sketch = vertices.flatten(0, 1), vertices.shape[1]
    reach2 = reach(sigma2, dtype) ** 2
    # Half a dozen doubles are held for a segment and a tile, beside the buffers.
    step = max(1, block_size(vertices.device) // (8 * canvas.tiles * max(1, vertices.shape[2] - 1)))
    for first in range(0, len(strokes), step):
        some = slice(first, first + step)
        yield _chunk(strokes[some], some, per_sketch, canvas, reach2)


def block_size(device: torch.device) -> int:
    """Pixels of pairs to work on at once."""
    return _BLOCK_ON_CPU if device.type == "cpu" else _BLOCK_ELSEWHERE


def _chunk(vertices: Tensor, strokes: slice, per_sketch: int, canvas: Canvas, reach2: float) -> Chunk:
    """The strokes of vertices [S, V, 2]."""
    start, end = (vertices[:, :-1], vertices[:, 1:]) if vertices.shape[1] > 1 else (vertices, vertices)
    chord = end - start
    length = torch.linalg.vector_norm(chord, dim=-1, keepdim=True)
    has_length = length >= torch.finfo(length.dtype).tiny
    # Without a length any direction will do.
    unit = torch.where(has_length, chord / length, chord.new_tensor([1.0, 0.0]))
    (row, col), (height, width) = unit.split(1, dim=-1), ((axis[0, -1] - axis[0, 0]) / 2 for axis in canvas[2:])
    down, right = canvas.rows.mean(1) - start[..., :1], canvas.cols.mean(1) - start[..., 1:]
    across, along = _sum_of_parts(-col * down, row * right), _sum_of_parts(row * down, col * right)
    foot = torch.minimum(along, length).clamp_(min=0)
    # Over a tile, a coordinate on a segment's axes differs from that at the centre by no more than the tile's half
    # diagonal projected on that axis, and so does the way past the segment's end.
    spread_across, spread_along = col.abs() * height + row.abs() * width, row.abs() * height + col.abs() * width
    across, beyond = across.abs_(), along.sub_(foot).abs_()
    least = (across - spread_across).clamp_(min=0).square_()
    least += (beyond - spread_along).clamp_(min=0).square_()
    # Not <=, so that coordinates that are not numbers show in the image.
    matters = (least > reach2).logical_not_()
    if row.shape[1] > 1:
        most = across.add_(spread_across).square_().add_(beyond.add_(spread_along).square_())
        matters &= (least > most.amin(1, keepdim=True) * (1 + 1e-6)).logical_not_()
    return Chunk(strokes, per_sketch, torch.cat([start, unit, length], dim=-1), foot, matters)


def _sum_of_parts(row_part: Tensor, col_part: Tensor) -> Tensor:
    """[S, K, rows] + [S, K, cols] -> [S, K, rows cols]."""
    return (row_part.unsqueeze(-1) + col_part.unsqueeze(-2)).flatten(-2)


class Pairs(NamedTuple):
    """P pairs of a stroke and a tile, and the M segments that matter in them.

    The segments lie in ranks: first one segment of each pair, then a second one of the pairs that have two, and so on.
    Pairs with more segments come first, so that rank j belongs to the first ranks[j] pairs.

    A pixel's coordinate on a segment's axes is the sum of its row's part and its column's part. The axes start from
    the segment's point nearest to the tile's centre: no part is then large where there is ink, and no digits are lost.
    """

    stroke: Tensor  # [P] of the B N strokes
    slot: Tensor  # [P] of the B tiles
    ranks: list[int]
    segment: Tensor  # [M] of the chunk's S K segments
    foot: Tensor  # [M, 1] where the axes start, from the segment's start, in the geometry's precision
    # In the image's precision, for a tile of R x S pixels: parts along the segment, or their opposite across it.
    of_row: Tensor  # [M, 2, R, 1] way down to the pixel's row times the unit vector
    of_col: Tensor  # [M, 2, 1, S] way right to its column times the unit vector
    first: Tensor  # [M, 1] where the segment starts on the axis along it, <= 0
    last: Tensor  # [M, 1] where it ends, >= 0


def pairs_of(chunk: Chunk, canvas: Canvas, channels: int, dtype: torch.dtype) -> Iterator[Pairs]:
    """All pairs of a chunk, a few at a time."""
    counts = chunk.matters.sum(1)
    stroke, tile = counts.nonzero().unbind(1)
    if len(stroke) == 0:
        return
    sketch = (stroke + chunk.strokes.start).div(chunk.per_sketch, rounding_mode="floor")
    slot = sketch * canvas.tiles + tile
    rasters = counts.sum().item() / len(stroke) + channels - 1
    pieces = math.ceil(len(stroke) * math.prod(TILE) * rasters / block_size(stroke.device))
    each = math.ceil(len(stroke) / pieces)
    for first in range(0, len(stroke), each):
        some = slice(first, first + each)
        yield _gather(chunk, stroke[some], tile[some], slot[some], canvas, dtype)


def _gather(chunk: Chunk, stroke: Tensor, tile: Tensor, slot: Tensor, canvas: Canvas, dtype: torch.dtype) -> Pairs:
    """Pairs of a stroke [P] of the chunk and a tile [P]."""
    segments = chunk.matters.shape[1]
    segment, tile_of_segment, ranks = stroke, tile, [len(stroke)]
    if segments > 1:
        member = chunk.matters[stroke, :, tile]  # [P, K]
        count, order = member.sum(1).sort(descending=True, stable=True)
        stroke, tile, slot = stroke[order], tile[order], slot[order]
        members = member[order].to(torch.uint8).argsort(dim=1, descending=True, stable=True)
        has_rank = torch.arange(segments, device=stroke.device).unsqueeze(-1) < count  # [K, P]
        ranks = [pairs_of_rank for pairs_of_rank in has_rank.sum(1).tolist() if pairs_of_rank]
        rank, pair = has_rank.nonzero().unbind(1)
        segment, tile_of_segment = stroke[pair] * segments + members[pair, rank], tile[pair]
    axes = _axes(chunk, segment, tile_of_segment, canvas, dtype)
    return Pairs(stroke + chunk.strokes.start, slot, ranks, segment, *axes)


def _axes(chunk: Chunk, segment: Tensor, tile: Tensor, canvas: Canvas, dtype: torch.dtype) -> tuple[Tensor, ...]:
    """The fields of Pairs from `foot` on, for a segment [M] of the chunk and a tile [M]."""
    foot = chunk.foot.flatten(0, 1)[segment, tile].unsqueeze(-1)
    start, unit, length = chunk.lines.flatten(0, 1)[segment].split([2, 2, 1], dim=-1)
    row, col = torch.addcmul(start, foot, unit).split(1, dim=-1)
    across = len(canvas.cols)
    down = canvas.rows[tile.div(across, rounding_mode="floor")].sub_(row)
    right = canvas.cols[tile % across].sub_(col)
    unit = unit.unsqueeze(-1)
    of_row, of_col = (unit * down.unsqueeze(1)).to(dtype), (unit * right.unsqueeze(1)).to(dtype)
    return foot, of_row.unsqueeze(-1), of_col.unsqueeze(-2), (-foot).to(dtype), (length - foot).to(dtype)
