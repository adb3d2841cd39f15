"""The channel between sender and receiver, which in training may change every sketch at random (`--channel-noise`)."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from learning_to_draw.models.config import ChannelNoise
from learning_to_draw.models.decoders.base import Strokes


def with_noise(strokes: Strokes, noise: ChannelNoise) -> Strokes:
    """The strokes as they arrive: each sketch is turned, then shifted; dropped strokes have intensity 0.

    Angles are uniform in -turn..turn degrees, and both coordinates of a shift in -shift..shift canvas units. A stroke
    is dropped with probability `drop`. Gradients flow to the points and intensities of strokes that are not dropped.
    The random numbers come from torch's global generator on the CPU, so a seed gives the same noise on every device.
    """
    count, each = strokes.points.shape[:2]
    angles = noise.turn * (2 * torch.rand(count) - 1)
    shifts = noise.shift * (2 * torch.rand(count, 2) - 1)
    arrives = torch.rand(count, each, 1) >= noise.drop
    points = turned(strokes.points, angles.to(strokes.points)) + shifts.to(strokes.points)[:, None, None]
    arrives = arrives.to(strokes.points)
    return replace(
        strokes,
        points=points,
        intensities=arrives if strokes.intensities is None else strokes.intensities * arrives,
    )


def turned(points: Tensor, degrees: Tensor) -> Tensor:
    """Points [B, N, P, 2], (row, col), rows downwards, turned anticlockwise about the middle of the canvas.

    degrees: [B], one angle per sketch. Turned points may lie outside the canvas.
    """
    angles = torch.deg2rad(degrees)[:, None, None]
    sine, cosine = angles.sin(), angles.cos()
    row, column = points.unbind(-1)
    return torch.stack([cosine * row - sine * column, sine * row + cosine * column], dim=-1)
