"""Strokes to images: the functions that most callers need, computed by a fast path.

`draw_points`, `draw_lines` and `draw_curves` give softor(intensity * exp(-d2 / sigma2)) over the strokes of each
sketch, d2 being the squared distance of each pixel to the stroke (Mihai & Hare 2021, arXiv:2103.16194). The plain
functions of `distance.py`, `relaxation.py` and `composite.py` define the result. They hold the rasters of all strokes
for autograd, [B, N, C, H, W], and can be differentiated twice; the fast paths hold one product, [B, C, H, W], whatever
the number of strokes, compute the strokes anew in the backward pass, and can be differentiated once. There are three,
one of which is chosen here: `numba_kernels.py` on a CPU, `triton_kernels.py` on a GPU, and `dense.py` in plain torch
where neither can be had, and for float64. Each gives the same bits for the same input.

Intensities [B, N, C] in 0..1 say how much ink each stroke gives to each of C channels: the strength of a connection
(C = 1), or a colour (C = 3). Without them every stroke gives 1 to the only channel. As `over` of rasters that are their
own opacity equals `softor`, coloured strokes are composed as the official code composes them, in any order.
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

# What compiles the kernels for a kind of device, and the module and class that hold them.
_KERNELS = {
    "cpu": ("numba", ".numba_kernels", "NumbaPolylines"),
    "cuda": ("triton", ".triton_kernels", "TritonPolylines"),
}
_KERNELS_WANTED = ContextVar("kernels_wanted", default=True)


@contextlib.contextmanager
def in_plain_torch() -> Iterator[None]:
    """Within it sketches are drawn in plain torch: no kernels are loaded, which takes more time than a few sketches."""
    token = _KERNELS_WANTED.set(False)
    try:
        yield
    finally:
        _KERNELS_WANTED.reset(token)


def draw_points(
    points: Tensor, size: int | tuple[int, int], sigma2: float | Tensor, intensities: Tensor | None = None
) -> Tensor:
    """Draw points: [B, N, 2] -> [B, C, H, W], ink towards 1 on a canvas of 0.

    Args:
        points: (row, col) of each point on a canvas that reaches from -1 to 1.
        size: height and width of the image in pixels, or one number for both.
        sigma2: squared stroke width in canvas units, positive; a constant, not differentiated.
        intensities: ink of each stroke in each channel, [B, N, C] in 0..1; None is 1 in one channel.

    Raises:
        ValueError: if a shape, the size or sigma2 cannot be drawn.
    """
    _check_shape("points", points, "[B, N, 2]", points.ndim == 3 and points.shape[-1] == 2)
    return _draw_polylines(points.unsqueeze(-2), size, sigma2, points.dtype, intensities)


def draw_lines(
    lines: Tensor, size: int | tuple[int, int], sigma2: float | Tensor, intensities: Tensor | None = None
) -> Tensor:
    """Draw straight lines: [B, N, 2, 2] -> [B, C, H, W], ink towards 1 on a canvas of 0.

    A line of no length is drawn as a point, and all its gradient goes to its start.

    Args:
        lines: (start, end) x (row, col) of each line on a canvas that reaches from -1 to 1.
        size: height and width of the image in pixels, or one number for both.
        sigma2: squared stroke width in canvas units, positive; a constant, not differentiated.
        intensities: ink of each stroke in each channel, [B, N, C] in 0..1; None is 1 in one channel.

    Raises:
        ValueError: if a shape, the size or sigma2 cannot be drawn.
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
    """Draw curves, each as a polyline of equal steps in its parameter: [B, N, P, 2] -> [B, C, H, W].

    Args:
        params: (row, col) of the P control points of each curve on a canvas that reaches from -1 to 1.
        size: height and width of the image in pixels, or one number for both.
        sigma2: squared stroke width in canvas units, positive; a constant, not differentiated.
        curve: a function of `curves.py`, or one like them; P is its attribute `param_dim`, where it has one.
        segments: straight pieces to a curve, at least 1.
        intensities: ink of each stroke in each channel, [B, N, C] in 0..1; None is 1 in one channel.

    Raises:
        ValueError: if a shape, the size, sigma2 or the number of segments cannot be drawn.
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
    """Double precision, where the device has it: a few numbers a stroke, so that it costs little beside the pixels."""
    return torch.float32 if device.type == "mps" else torch.float64


def _draw_polylines(
    vertices: Tensor,
    size: int | tuple[int, int],
    sigma2: float | Tensor,
    dtype: torch.dtype,
    intensities: Tensor | None,
) -> Tensor:
    """Check what the three functions share, and draw polylines [B, N, V, 2] -> [B, C, H, W] of the dtype.

    Images are float32 for coordinates of half precision.
    """
    if isinstance(sigma2, Tensor):
        if sigma2.ndim != 0 or sigma2.requires_grad:
            raise ValueError("sigma2 should be a number, or a tensor of no dimensions that requires no gradient")
        sigma2 = sigma2.item()
    if not (sigma2 > 0 and math.isfinite(sigma2)):
        raise ValueError(f"sigma2 is {sigma2}: it should be positive and finite, in squared canvas units")
    if not dtype.is_floating_point:
        raise ValueError(f"coordinates are {dtype}: they should be floating point")
    dtype = torch.promote_types(dtype, torch.float32)
    if intensities is not None:
        if intensities.ndim != 3 or intensities.shape[:2] != vertices.shape[:2]:
            wanted = f"[B, N, C] with B, N = {list(vertices.shape[:2])}"
            raise ValueError(f"intensities has shape {list(intensities.shape)}: it should be {wanted}")
        intensities = intensities.to(dtype)
    exact = vertices.to(_geometry_dtype(vertices.device))
    return _path(exact.device, dtype).apply(exact, intensities, canvas_size(size), sigma2, dtype)


def _path(device: torch.device, dtype: torch.dtype) -> type[torch.autograd.Function]:
    """The fastest way to draw on a device; all draw the same."""
    return (dtype == torch.float32 and _KERNELS_WANTED.get() and _kernels(device)) or DensePolylines


@functools.cache
def _kernels(device: torch.device) -> type[torch.autograd.Function] | None:
    """The kernels for a device, if they can be had and draw there as they should; asked once a process."""
    compiler, module, name = _KERNELS.get(device.type, (None, None, None))
    if compiler is None or not importlib.util.find_spec(compiler):
        return None
    return agreeing(lambda: getattr(importlib.import_module(module, __package__), name), device)


def agreeing(
    load: Callable[[], type[torch.autograd.Function]], device: torch.device
) -> type[torch.autograd.Function] | None:
    """What `load` gives, if it draws a small sketch as the plain torch path does, values and gradients; else None.

    Kernels that fail on somebody's machine, or are wrong there, must not cost more than time and a warning in the log.
    """
    try:
        path = load()
        same = all(torch.allclose(*pair, rtol=1e-3, atol=1e-4) for pair in zip(*_try(path, device), strict=True))
        problem = "" if same else "they draw something else"
    except Exception as error:  # a compiler that is missing, a device that it does not know
        problem = f"{type(error).__name__}: {error}"
    if problem:
        logging.getLogger(__name__).warning("the fast kernels are not used on %s: %s", device, problem)
        return None
    return path


def _try(path: type[torch.autograd.Function], device: torch.device) -> list[tuple[Tensor, Tensor]]:
    """Image and gradient of a small sketch, by a path and by the plain one."""
    drawn = []
    for each in (path, DensePolylines):
        lines = torch.linspace(-0.9, 0.8, 24, dtype=torch.float64, device=device).sin().view(2, 3, 2, 2)
        lines.requires_grad_()
        with torch.enable_grad():
            image = each.apply(lines, None, (24, 20), 0.01, torch.float32)
            (grad,) = torch.autograd.grad(image.square().sum(), lines)
        drawn.append((image.detach(), grad))
    return drawn
