"""Segments of polylines, the reach of ink, and gradients with respect to vertices.

Shared by `dense.py`, `numba_kernels.py` and `triton_kernels.py`.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor


def negligible(dtype: torch.dtype) -> float:
    """The smallest ink that counts. It is also the lower bound of q.

    q is the fraction of a pixel that a stroke leaves blank, and prod is the product of the q of all strokes. As q is
    not 0, prod / q is the product of the other q even where a stroke covers the pixel. The rounding error of q cancels
    in the gradient, because prod contains the same rounded q.
    """
    return torch.finfo(dtype).eps ** 2


def reach(widths: Tensor, dtype: torch.dtype) -> Tensor:
    """Distance from each stroke, in canvas units, beyond which its ink is negligible; widths: sigma2 of each stroke."""
    return (-math.log(negligible(dtype)) * widths).sqrt()


class Segments(NamedTuple):
    """The K segments of polylines [B, N, V, 2], in the vertices' precision, each with its own axes: along and across.

    The origin of the axes is the middle of the segment or, if that is far from the canvas, a point of the segment that
    is nearer to the canvas. Pixels with ink then have small coordinates, and no digits are lost.
    """

    along: Tensor  # [B, N, K, 2] unit vector from start to end, (row, col); arbitrary if the length is 0
    across: Tensor  # [B, N, K, 2]
    origin: Tensor  # [B, N, K, 2]
    first: Tensor  # [B, N, K, 1] start of the segment on the axis along it, from the origin, <= 0
    last: Tensor  # [B, N, K, 1] end of the segment, likewise, >= 0
    length: Tensor  # [B, N, K, 1]
    fraction: Tensor  # [B, N, K, 1] distance from start to origin, as a fraction of the length


def segments_of(vertices: Tensor) -> Segments:
    """The segments of polylines [B, N, V, 2]; a point (V = 1) is a segment of length 0."""
    start, end = (vertices[:, :, :-1], vertices[:, :, 1:]) if vertices.shape[2] > 1 else (vertices, vertices)
    chord = end - start
    length = torch.linalg.vector_norm(chord, dim=-1, keepdim=True)
    has_length = length >= torch.finfo(length.dtype).tiny
    down = 1 - torch.arange(2, dtype=chord.dtype, device=chord.device)  # (1, 0), without a copy from the CPU
    along = torch.where(has_length, chord / length, down)
    across = torch.stack([-along[..., 1], along[..., 0]], dim=-1)
    central = torch.minimum((-start * along).sum(-1, keepdim=True).clamp(min=0), length)
    middle = (length / 2).clamp(central - 1, central + 1)
    fraction = torch.where(has_length, middle / length, 0.0)
    return Segments(along, across, start + middle * along, -middle, length - middle, length, fraction)


def to_vertices(pulls: Tensor, segments: Segments, shape: torch.Size) -> Tensor:
    """The gradient with respect to vertices, in their shape [B, N, V, 2].

    Let p be the point of a segment nearest to a pixel. Then e is the vector from p to the pixel, d2 = |e|^2, foot is
    the coordinate of p along the segment (0 at the segment's `origin`), and pull = -2 * (derivative of the loss with
    respect to d2). pulls: [B, N, K, 2, 2], the sums over pixels of pull * e and of pull * foot * e (dimension -2), each
    as (across, along) (dimension -1).
    """
    pulled, foot_pulled = pulls.unbind(-2)
    to_foot = torch.where(segments.length > 0, foot_pulled / segments.length, 0.0)
    to_end = segments.fraction * pulled + to_foot
    axes = torch.stack([segments.across, segments.along], dim=-2)
    to_start, to_end = ((ends.unsqueeze(-1) * axes).sum(-2) for ends in (pulled - to_end, to_end))
    grad = pulls.new_zeros(shape)
    grad[:, :, : to_start.shape[2]] += to_start
    if shape[2] > 1:
        grad[:, :, 1:] += to_end
    return grad
