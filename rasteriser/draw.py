"""Strokes to images: the functions that most callers need, computed by a fast path.

`draw_points`, `draw_lines` and `draw_curves` compute softor(intensity * exp(-d2 / sigma2)) over the strokes of each
sketch; d2 is the squared distance of a pixel to the stroke (Mihai & Hare 2021, arXiv:2103.16194). The plain functions
of `distance.py`, `relaxation.py` and `composite.py` define the result. They keep the rasters of all strokes,
[B, N, C, H, W], for autograd and can be differentiated twice. The fast paths keep only the product over the strokes,
[B, C, H, W], recompute the strokes in the backward pass, and can be differentiated once. This module chooses one of
three fast paths: for float32, `numba_kernels.py` on a CPU or `triton_kernels.py` on a GPU, where available; otherwise
`dense.py`, in plain torch. Each path is deterministic: the same input gives the same bits.

sigma2 is one squared stroke width for all strokes, or a tensor [B, N] with one per stroke, which can have a gradient.
Widths must be positive and finite.

Intensities [B, N, C] in 0..1 are the ink of each stroke in each of C channels: how strong a stroke is (C = 1) or its
colour (C = 3). Without them, every stroke has intensity 1 in a single channel. The official code composes coloured
strokes with `over`, with the values of each raster as its opacity. This equals `softor`: the order does not matter.

Wrong widths and intensities raise ValueError. In tensors on a GPU, they make their sketches NaN instead.

Images have the dtype of the coordinates, but at least float32.
"""

import contextlib
import functools
import importlib.util
import logging
import math
from collections.abc import Callable, Iterator
from contextvars import ContextVar

import torch
from torch import Tensor

from .curves import cubic_bezier
from .dense import DensePolylines
from .grid import canvas_size

# Per device type: the package that compiles the kernels, their module and their class.
_KERNELS = {
    "cpu": ("numba", ".numba_kernels", "NumbaPolylines"),
    "cuda": ("triton", ".triton_kernels", "TritonPolylines"),
}
_ROUNDING = 1e-5  # how far beyond 0..1 intensities may be
_KERNELS_WANTED = ContextVar("kernels_wanted", default=True)


@contextlib.contextmanager
def in_plain_torch() -> Iterator[None]:
    """Context in which drawing uses plain torch. For a few sketches, this is faster than loading the kernels."""
    token = _KERNELS_WANTED.set(False)
    try:
        yield
    finally:
        _KERNELS_WANTED.reset(token)


def draw_points(
    points: Tensor, size: int | tuple[int, int], sigma2: float | Tensor, intensities: Tensor | None = None
) -> Tensor:
    """Draws points: [B, N, 2] -> [B, C, H, W], from 0 (blank) to 1 (full ink).

    Args:
        points: (row, col) of each point on a canvas that spans -1..1.
        size: height and width of the image in pixels, or one number for both.
        sigma2: positive squared stroke width in canvas units: one number (no gradient), or a tensor [B, N].
        intensities: ink of each stroke in each channel, [B, N, C] in 0..1; None: C = 1 and all intensities are 1.

    Raises:
        ValueError: if a shape, the dtype, the size, sigma2 or an intensity is invalid.
    """
    _check_shape("points", points, "[B, N, 2]", points.ndim == 3 and points.shape[-1] == 2)
    return _draw_polylines(points.unsqueeze(-2), size, sigma2, points.dtype, intensities)


def draw_lines(
    lines: Tensor, size: int | tuple[int, int], sigma2: float | Tensor, intensities: Tensor | None = None
) -> Tensor:
    """Draws straight lines: [B, N, 2, 2] -> [B, C, H, W], from 0 (blank) to 1 (full ink).

    A line of length 0 is drawn as a point; its whole gradient goes to its start.

    Args:
        lines: (start, end) x (row, col) of each line on a canvas that spans -1..1.
        size: height and width of the image in pixels, or one number for both.
        sigma2: positive squared stroke width in canvas units: one number (no gradient), or a tensor [B, N].
        intensities: ink of each stroke in each channel, [B, N, C] in 0..1; None: C = 1 and all intensities are 1.

    Raises:
        ValueError: if a shape, the dtype, the size, sigma2 or an intensity is invalid.
    """
    _check_shape("lines", lines, "[B, N, 2, 2]", lines.ndim == 4 and lines.shape[-2:] == (2, 2))
    return _draw_polylines(lines, size, sigma2, lines.dtype, intensities)


def draw_curves(
    params: Tensor,
    size: int | tuple[int, int],
    sigma2: float | Tensor,
    curve: Callable[[Tensor, Tensor], Tensor] = cubic_bezier,
    segments: int = 10,
    intensities: Tensor | None = None,
) -> Tensor:
    """Draws curves: [B, N, P, 2] -> [B, C, H, W], from 0 (blank) to 1 (full ink).

    Each curve is drawn as a polyline with equal steps of the curve's parameter.

    Args:
        params: (row, col) of the P control points of each curve on a canvas that spans -1..1.
        size: height and width of the image in pixels, or one number for both.
        sigma2: positive squared stroke width in canvas units: one number (no gradient), or a tensor [B, N].
        curve: a function like those in `curves.py`. If it has an attribute `param_dim`, P must equal it.
        segments: straight pieces per curve, at least 1.
        intensities: ink of each stroke in each channel, [B, N, C] in 0..1; None: C = 1 and all intensities are 1.

    Raises:
        ValueError: if a shape, the dtype, the size, sigma2, an intensity or the number of segments is invalid.
    """
    _check_shape("params", params, "[B, N, P, 2]", params.ndim == 4 and params.shape[-1] == 2)
    points = getattr(curve, "param_dim", params.shape[-2])
    _check_shape("params", params, f"[B, N, {points}, 2] for this curve", params.shape[-2] == points)
    if segments < 1:
        raise ValueError(f"segments is {segments}: a curve needs at least 1 segment")
    exact = params.to(_geometry_dtype(params.device))
    steps = torch.linspace(0, 1, segments + 1, dtype=exact.dtype, device=exact.device).unsqueeze(-1)
    return _draw_polylines(curve(exact, steps), size, sigma2, params.dtype, intensities)


def _check_shape(name: str, tensor: Tensor, wanted: str, right: bool) -> None:
    if not right:
        raise ValueError(f"{name} has shape {list(tensor.shape)}: it should be {wanted}, coordinates as (row, col)")


def _geometry_dtype(device: torch.device) -> torch.dtype:
    """float64, or float32 if the device lacks float64. A stroke is a few numbers, so float64 costs little."""
    return torch.float32 if device.type == "mps" else torch.float64


def _draw_polylines(
    vertices: Tensor,
    size: int | tuple[int, int],
    sigma2: float | Tensor,
    dtype: torch.dtype,
    intensities: Tensor | None,
) -> Tensor:
    """Checks the common arguments and draws polylines: [B, N, V, 2] -> [B, C, H, W] in `dtype`, at least float32."""
    exact = vertices.to(_geometry_dtype(vertices.device))
    widths = _widths(sigma2, exact)
    if not dtype.is_floating_point:
        raise ValueError(f"coordinates are {dtype}: they should be floating point")
    dtype = torch.promote_types(dtype, torch.float32)
    if intensities is not None:
        if intensities.ndim != 3 or intensities.shape[:2] != vertices.shape[:2]:
            wanted = f"[B, N, C] with B, N = {list(vertices.shape[:2])}"
            raise ValueError(f"intensities has shape {list(intensities.shape)}: it should be {wanted}")
        intensities = intensities.to(dtype)
        outside = (intensities < -_ROUNDING) | (intensities > 1 + _ROUNDING)  # not NaN, which makes its sketch NaN
        intensities = _checked("intensities", intensities, ~outside, "in 0..1")
    return _path(exact.device, dtype).apply(exact, intensities, canvas_size(size), widths, dtype)


def _widths(sigma2: float | Tensor, vertices: Tensor) -> Tensor:
    """sigma2 of each stroke, [B, N], in the precision of vertices [B, N, V, 2].

    Raises ValueError for a wrong shape, and for values that are not positive and finite (see `_checked`).
    """
    shape = vertices.shape[:2]
    if not isinstance(sigma2, Tensor) or sigma2.ndim == 0:
        if isinstance(sigma2, Tensor) and sigma2.requires_grad:
            raise ValueError(f"sigma2 is one number that requires a gradient: expand it to [B, N] = {list(shape)}")
        sigma2 = float(sigma2)
        if not (sigma2 > 0 and math.isfinite(sigma2)):
            raise ValueError(f"sigma2 is {sigma2}: it should be positive and finite, in squared canvas units")
        return vertices.new_full(shape, sigma2)
    if sigma2.shape != shape:
        wanted = f"a number, or [B, N] with B, N = {list(shape)}"
        raise ValueError(f"sigma2 has shape {list(sigma2.shape)}: it should be {wanted}")
    widths = sigma2.to(vertices.dtype)
    valid = (widths > 0) & widths.isfinite()
    return _checked("sigma2", widths, valid, "positive and finite, in squared canvas units")


def _checked(name: str, values: Tensor, valid: Tensor, wanted: str) -> Tensor:
    """`values`; raises ValueError on a CPU unless all are `valid`.

    On a GPU, this check would have to wait for the GPU. There, wrong values become NaN, and so do their sketches.
    """
    if values.device.type != "cpu":
        return torch.where(valid, values, math.nan)
    if not valid.all():
        raise ValueError(f"{name} contains {values[~valid][0].item()}: it should be {wanted}")
    return values


def _path(device: torch.device, dtype: torch.dtype) -> type[torch.autograd.Function]:
    """The fastest path for a device and dtype; all paths draw the same images, up to rounding."""
    return (dtype == torch.float32 and _KERNELS_WANTED.get() and _kernels(device)) or DensePolylines


@functools.cache
def _kernels(device: torch.device) -> type[torch.autograd.Function] | None:
    """The kernels for a device, or None if they are not available or draw wrongly; cached per device."""
    if device.type not in _KERNELS:
        return None
    compiler, module, name = _KERNELS[device.type]
    found = importlib.util.find_spec(compiler)
    if found is None or found.origin is None:  # not installed, or only an empty folder of that name
        return None
    return agreeing(lambda: getattr(importlib.import_module(module, __package__), name), device)


def agreeing(
    load: Callable[[], type[torch.autograd.Function]], device: torch.device
) -> type[torch.autograd.Function] | None:
    """Loads and returns a fast path; logs a warning and returns None if the path cannot be used on this machine.

    A path cannot be used if loading it or drawing with it raises an error, or if two small sketches or their gradients
    differ from those of plain torch.
    """
    try:
        path = load()
        same = all(torch.allclose(*pair, rtol=1e-3, atol=1e-4) for pair in zip(*_try(path, device), strict=True))
        problem = "" if same else "their results differ from plain torch"
    except Exception as error:  # a missing compiler, an unsupported device
        problem = f"{type(error).__name__}: {error}"
    if problem:
        logging.getLogger(__name__).warning("the fast kernels are not used on %s: %s", device, problem)
        return None
    return path


def _try(path: type[torch.autograd.Function], device: torch.device) -> list[tuple[Tensor, ...]]:
    """Draws two small sketches by `path`, then again in plain torch.

    Returns one tuple for each of the two ways: (images, gradient of lines, gradient of widths).
    """
    results = []
    for function in (path, DensePolylines):
        lines = torch.linspace(-0.9, 0.8, 24, dtype=torch.float64, device=device).sin().view(2, 3, 2, 2)
        widths = torch.linspace(0.005, 0.05, 6, dtype=torch.float64, device=device).view(2, 3)
        with torch.enable_grad():
            image = function.apply(lines.requires_grad_(), None, (24, 20), widths.requires_grad_(), torch.float32)
            grads = torch.autograd.grad(image.square().sum(), (lines, widths))
        results.append((image.detach(), *grads))
    return results
