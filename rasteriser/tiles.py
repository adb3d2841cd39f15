"""Polylines to images in plain torch, on any device: each stroke is computed only in the tiles that it reaches.

Past a certain distance, ink is smaller than the square of the image's rounding, and counts as none. The canvas is cut
into tiles, strokes and tiles are paired where some pixel of the tile can lie within reach of the stroke, and ink is
computed on the pixels of these pairs only, many pairs at a time. The product over strokes is a sum of logarithms,
because sums can be collected by index. Of a polyline's segments, a pair holds those that can be the nearest to some
pixel of the tile.

The same input gives the same bits on a CPU. On CUDA the order of `index_add_` varies from run to run, unless
`torch.use_deterministic_algorithms(True)` is called.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from rasteriser.pairs import (
    TILE,
    Chunk,
    Pairs,
    block_size,
    canvas_tiles,
    chunks,
    from_tiles,
    negligible,
    pairs_of,
    to_tiles,
)


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it, torch's operations on a CPU run in one thread; also a decorator.

    Drawing in tiles is thousands of operations on small tensors. More threads make none of them faster, and each waits
    for all threads: on two cores that others used too, drawing took a hundred times as long.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class TiledPolylines(torch.autograd.Function):
    """Polylines [B, N, V, 2] to images [B, C, H, W]; V = 1 is a point, V = 2 a line.

    The image is 1 - prod_n q_n with q_n = 1 - w_n r_n, r_n = exp(-d2_n / sigma2), w_n the stroke's intensity in the
    channel: d image / d w_n = (prod / q_n) r_n, and d image / d d2_n = -(prod / q_n) w_n r_n / sigma2. The pixel's
    nearest point on a segment lies at the fraction t in 0..1 from start to end, with e the vector from there to the
    pixel. As t minimises d2 = |e|^2, its own derivative does not count (the envelope theorem), and d d2 / d start =
    -2 (1 - t) e, d d2 / d end = -2 t e.
    """

    @staticmethod
    @one_thread()
    def forward(
        ctx, vertices: Tensor, intensities: Tensor | None, size: tuple[int, int], sigma2: float, dtype: torch.dtype
    ) -> Tensor:
        canvas, buffers = canvas_tiles(size, vertices), _Buffers(dtype, vertices.device)
        channels = 1 if intensities is None else intensities.shape[2]
        # Logarithms of what the strokes leave blank, in the order of tiles: [B tiles, C, pixels].
        blank = vertices.new_zeros(vertices.shape[0] * canvas.tiles, channels, math.prod(TILE), dtype=dtype)
        for chunk in chunks(vertices, canvas, sigma2, dtype):
            for pairs in pairs_of(chunk, canvas, channels, dtype):
                ink = _ink(_nearest(pairs, buffers), pairs, sigma2, buffers)
                shade = _shade(ink, _of_pairs(intensities, pairs), buffers)
                blank.index_add_(0, pairs.slot, shade.neg_().log1p_().clamp_(min=math.log(negligible(dtype))))
        product = blank.exp_()
        ctx.save_for_backward(vertices, intensities, product)
        ctx.size, ctx.sigma2 = size, sigma2
        return from_tiles(product, canvas).neg_().add_(1)

    @staticmethod
    @once_differentiable
    @one_thread()
    def backward(ctx, image_grad: Tensor) -> tuple[Tensor | None, ...]:
        vertices, intensities, product = ctx.saved_tensors
        canvas, dtype = canvas_tiles(ctx.size, vertices), product.dtype
        buffers = _Buffers(dtype, vertices.device)
        weight = to_tiles(image_grad, canvas).mul_(product)
        vertices_grad = vertices.new_zeros(vertices.shape)
        intensities_grad = intensities.new_zeros(intensities.shape) if ctx.needs_input_grad[1] else None
        for chunk in chunks(vertices, canvas, ctx.sigma2, dtype):
            pulls = vertices.new_zeros(chunk.lines[..., 0].numel(), 4)
            for pairs in pairs_of(chunk, canvas, product.shape[1], dtype):
                near = _nearest(pairs, buffers)
                ink, intensity = _ink(near, pairs, ctx.sigma2, buffers), _of_pairs(intensities, pairs)
                by_ink = _by_ink(weight, pairs, _shade(ink, intensity, buffers), buffers)
                if intensities_grad is not None:
                    of_pairs = (by_ink * ink).sum(-1)
                    intensities_grad.flatten(0, 1).index_add_(0, pairs.stroke, of_pairs)
                if intensity is not None:
                    by_ink = by_ink.mul_(intensity).sum(1, keepdim=True)
                _add_pulls(pulls, pairs, near, by_ink.mul_(ink).squeeze(1), buffers)
            _add_chunk(vertices_grad.flatten(0, 1)[chunk.strokes], chunk, pulls.mul_(2 / ctx.sigma2))
        return vertices_grad, intensities_grad, None, None, None


class _Buffers:
    """Memory by name, to be used again for every block: to have it anew can cost more than what is computed in it."""

    def __init__(self, dtype: torch.dtype, device: torch.device):
        self._like = torch.empty(0, dtype=dtype, device=device)
        self._held: dict[str, Tensor] = {}

    def take(self, name: str, *shape: int) -> Tensor:
        """An uninitialised tensor, which the next one of this name overwrites."""
        number = math.prod(shape)
        if name not in self._held or self._held[name].numel() < number:
            # Rounded up, as blocks are of much the same size.
            step = block_size(self._like.device) // 4
            self._held[name] = self._like.new_empty(-(-number // step) * step)
        return self._held[name][:number].view(shape)


class _Nearest(NamedTuple):
    """The nearest point of every segment to every pixel of its tile, and the way from it to the pixel, on the axes."""

    d2: Tensor  # [M, pixels]
    foot: Tensor  # [M, pixels] the nearest point, on the axis along the segment
    across: Tensor  # [M, pixels]
    beyond: Tensor  # [M, pixels] along the segment: 0 but for pixels past one of its ends


def _nearest(pairs: Pairs, buffers: _Buffers) -> _Nearest:
    shape = (len(pairs.segment), *TILE)
    (row_along, row_aside), (col_aside, col_along) = pairs.of_row.unbind(1), pairs.of_col.unbind(1)
    across = torch.sub(col_aside, row_aside, out=buffers.take("across", *shape)).flatten(1)
    along = torch.add(row_along, col_along, out=buffers.take("along", *shape)).flatten(1)
    # Tensor.clamp would be several times slower on a CPU.
    foot = torch.minimum(along, pairs.last, out=buffers.take("foot", *along.shape))
    torch.maximum(foot, pairs.first, out=foot)
    beyond = along.sub_(foot)
    d2 = torch.mul(across, across, out=buffers.take("d2", *across.shape)).addcmul_(beyond, beyond)
    return _Nearest(d2, foot, across, beyond)


def _least_of_pairs(values: Tensor, ranks: list[int], buffers: _Buffers) -> Tensor:
    """Minimum [P, pixels] over the segments [M, pixels] of each pair; in place, if each has but one."""
    first, *others = values.split(ranks)
    if not others:
        return first
    least = buffers.take("least", *first.shape).copy_(first)
    for other in others:
        torch.minimum(least[: len(other)], other, out=least[: len(other)])
    return least


def _ink(near: _Nearest, pairs: Pairs, sigma2: float, buffers: _Buffers) -> Tensor:
    """exp(-d2 / sigma2), [P, 1, pixels]; overwrites d2, where pairs have one segment."""
    exponent = _least_of_pairs(near.d2, pairs.ranks, buffers).mul_(-1 / sigma2)
    # Without the bound, results below the smallest normal number would take a CPU ten times as long.
    lowest = math.log(negligible(exponent.dtype))
    ink = exponent.clamp_(min=lowest - 1).exp_()
    return torch.nn.functional.threshold_(ink, math.exp(lowest), 0.0).unsqueeze(1)


def _of_pairs(intensities: Tensor | None, pairs: Pairs) -> Tensor | None:
    """The intensities of the pairs' strokes, [P, C, 1]."""
    return None if intensities is None else intensities.flatten(0, 1)[pairs.stroke].unsqueeze(-1)


def _shade(ink: Tensor, intensity: Tensor | None, buffers: _Buffers) -> Tensor:
    """Intensity [P, C, 1] times ink [P, 1, pixels]: [P, C, pixels], or the ink itself."""
    if intensity is None:
        return ink
    return torch.mul(intensity, ink, out=buffers.take("shade", len(ink), intensity.shape[1], ink.shape[2]))


def _by_ink(weight: Tensor, pairs: Pairs, shade: Tensor, buffers: _Buffers) -> Tensor:
    """d loss / d shade, [P, C, pixels]: weight [B tiles, C, pixels] over q = 1 - shade."""
    blank = torch.neg(shade, out=buffers.take("blank", *shade.shape))
    blank.add_(1).clamp_(min=negligible(shade.dtype))
    return torch.index_select(weight, 0, pairs.slot, out=buffers.take("by_ink", *shade.shape)).div_(blank)


def _add_pulls(pulls: Tensor, pairs: Pairs, near: _Nearest, pull: Tensor, buffers: _Buffers) -> None:
    """Add to pulls [S K, 4] what the pairs' pixels add; pull [P, pixels] is -d loss / d d2 times sigma2.

    A segment's pulls are the sums of pull e, as (across, along), and of pull e times the nearest point's distance from
    the segment's start, likewise.
    """
    if len(pairs.ranks) > 1:
        pull = _share(pull, pairs, near, buffers)
    sums = pull.new_empty(len(pairs.segment), 4)
    for column, way in enumerate((near.across, near.beyond)):
        torch.sum(way.mul_(pull), dim=-1, out=sums[:, column])
        torch.sum(way.mul_(near.foot), dim=-1, out=sums[:, 2 + column])
    sums = sums.to(pulls.dtype)
    sums[:, 2:].addcmul_(pairs.foot, sums[:, :2])
    pulls.index_add_(0, pairs.segment, sums)


def _share(pull: Tensor, pairs: Pairs, near: _Nearest, buffers: _Buffers) -> Tensor:
    """Pull [P, pixels] of polylines as that of their segments, [M, pixels]: the nearest has it, or equally near share.

    Next to a vertex both its segments are all but equally near, but rightly it is the one whose inside the pixel is
    nearest to, and the gradient could be wrong by a thousand times the rounding that decides for the other. So a
    segment that is nearest with an end has to be nearer by more than the rounding of d2.
    """
    rounding = 8 * torch.finfo(near.d2.dtype).eps
    margin = rounding * (pairs.last - pairs.first).square()
    d2 = torch.add(margin, near.d2, alpha=1 + rounding, out=buffers.take("shared", *near.d2.shape))
    torch.where(near.beyond == 0, near.d2, d2, out=d2)
    least = _least_of_pairs(d2, pairs.ranks, buffers)
    shared = [d2_of_rank.eq_(least[: len(d2_of_rank)]) for d2_of_rank in d2.split(pairs.ranks)]
    number = least.zero_()
    for is_nearest in shared:
        number[: len(is_nearest)] += is_nearest
    pull = pull.div_(number)
    for is_nearest in shared:
        is_nearest.mul_(pull[: len(is_nearest)])
    return d2


def _add_chunk(vertices_grad: Tensor, chunk: Chunk, pulls: Tensor) -> None:
    """Add the segments' pulls [S K, 4] to the gradient [S, V, 2] of a chunk's vertices."""
    pulled, foot_pulled = pulls.view(*chunk.lines.shape[:2], 4).split(2, dim=-1)
    _, row, col, length = chunk.lines.split([2, 1, 1, 1], dim=-1)
    # t e is the nearest point's distance from the start over the length, times e.
    to_end = torch.where(length >= torch.finfo(length.dtype).tiny, foot_pulled / length, 0.0)
    axes = torch.stack([torch.cat([-col, row], dim=-1), torch.cat([row, col], dim=-1)], dim=-2)
    to_start, to_end = ((ends.unsqueeze(-1) * axes).sum(-2) for ends in (pulled - to_end, to_end))
    vertices_grad[:, : to_start.shape[1]] += to_start
    if vertices_grad.shape[1] > 1:
        vertices_grad[:, 1:] += to_end
