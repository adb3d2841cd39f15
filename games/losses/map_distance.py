"""Distances between feature maps, location by location, as in equation 4 of the paper."""

from __future__ import annotations

import torch
from torch import Tensor

from learning_to_draw.rasteriser.derivatives import first_derivative_only

EPS = 1e-10  # added to the length of every vector, as in the official code
CACHED_NUMBERS = 1 << 20  # numbers that fit into a CPU's cache; with smaller parts, threads synchronise more often


def map_distance(one: Tensor, other: Tensor) -> Tensor:
    """Mean of |u - v|^2 over B and locations; u, v: the feature vectors of `one` and `other`, scaled to length 1.

    one, other: maps [B, C, H, W], possibly in half precision; all computations are at least in float32.
    If all features of a location are 0, the vector stays 0, and its gradient is finite (the official code's is NaN).
    """
    return _UnitDistance.apply(one, other)


class _UnitDistance(torch.autograd.Function):
    """`map_distance` without storing unit vectors: |u - v|^2 = |u|^2 + |v|^2 - 2 u·v needs three sums per location.

    At a location with features x and y, let a = |x|, b = |y|, p = 1 / (a + eps), q = 1 / (b + eps), u = p x, v = q y
    and s = x·y (dot product). The distance is (a p)^2 + (b q)^2 - 2 s p q. Its gradient with respect to y is
    2 (eps q^3 + s p q^2 / b) y - 2 p q x; that with respect to x is symmetric.
    """

    @staticmethod
    def forward(ctx, one: Tensor, other: Tensor) -> Tensor:
        a, b = (torch.linalg.vector_norm(maps, dim=1, dtype=_exact_dtype(maps)) for maps in (one, other))
        s = torch.cat([_dot(x, y) for x, y in zip(_few_at_a_time(one), _few_at_a_time(other), strict=True)])
        p, q = 1 / (a + EPS), 1 / (b + EPS)
        ctx.save_for_backward(one, other, a, b, p, q, s)
        return ((a * p).square_() + (b * q).square_() - 2 * s * p * q).mean()

    @staticmethod
    @first_derivative_only
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        one, other, a, b, p, q, s = ctx.saved_tensors
        scale = 2 * grad / s.numel()
        grads: list[Tensor | None] = [None, None]
        for k, (x, y, y_length, y_scale, x_scale) in enumerate(((other, one, a, p, q), (one, other, b, q, p))):
            if ctx.needs_input_grad[k]:
                # If the length is 0, s is 0 too.
                second_term = torch.where(y_length > 0, s * x_scale * y_scale**2 / y_length, 0.0)
                grads[k] = _combine(scale * (EPS * y_scale**3 + second_term), y, -scale * p * q, x)
        return grads[0], grads[1]


def _few_at_a_time(maps: Tensor) -> tuple[Tensor, ...]:
    """The maps [B, C, H, W], split along B into parts that fit into a CPU's cache. On a GPU, there is one part.

    On a CPU, `_dot` is faster for such parts than for all maps at once.
    """
    pictures = max(1, CACHED_NUMBERS // maps[0].numel()) if maps.device.type == "cpu" else len(maps)
    return maps.split(pictures)


def _dot(x: Tensor, y: Tensor) -> Tensor:
    """float [B, H, W]: dot products over the channels of maps [B, C, H, W]."""
    return (_exact(x) * _exact(y)).sum(dim=1)


def _combine(weight: Tensor, maps: Tensor, other_weight: Tensor, others: Tensor) -> Tensor:
    """weight * maps + other_weight * others for weights [B, H, W]; rounded to the dtype of the maps at the end."""
    combined = _exact(maps) * weight[:, None]
    return combined.addcmul_(_exact(others), other_weight[:, None]).to(maps.dtype)


def _exact(maps: Tensor) -> Tensor:
    """Maps converted to at least float32."""
    return maps.to(_exact_dtype(maps))


def _exact_dtype(maps: Tensor) -> torch.dtype:
    return torch.promote_types(maps.dtype, torch.float32)


def mean_and_spread(maps: Tensor) -> tuple[Tensor, Tensor]:
    """(m, spread) of the unit vectors v of K maps [K, C, H, W].

    m, [C, H, W], is the mean of v over K. The spread, a scalar, is the mean of |v - m|^2 over K and locations.
    """
    units = _unit(maps)
    mean = units.mean(dim=0)
    return mean, (units - mean).pow(2).sum(dim=1).mean()


def distance_to_all(maps: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    """The mean of `map_distance` from maps [B, C, H, W] to each of K other maps, given the K maps' `mean_and_spread`.

    The mean over k of |u - v_k|^2 is |u - m|^2 plus the mean of |v_k - m|^2.
    """
    return (_unit(maps) - mean).pow(2).sum(dim=1).mean() + spread


def _unit(maps: Tensor) -> Tensor:
    maps = _exact(maps)
    return maps / (torch.linalg.vector_norm(maps, dim=1, keepdim=True) + EPS)
