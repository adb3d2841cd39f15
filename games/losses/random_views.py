"""Random views of sketches: another perspective and a crop, every view with its own draw, all in one pass.

Positions are (x, y) from -1 to 1, from edge to edge of a picture.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

CORNERS = ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0))
DISTORTION = 0.5  # each corner moves inwards by up to this, so by up to a quarter of the side
CROP_AREA = (0.7, 0.9)  # of the whole picture
LARGEST_ASPECT = 4 / 3  # of a crop's sides, either way


def random_views(sketches: Tensor, views: int, generator: torch.Generator, paper: float) -> Tensor:
    """Sketches [B, C, S, S] -> [B * views, C, S, S], the views of a sketch next to each other.

    Each is a random perspective (torchvision's RandomPerspective with distortion 0.5, but corners not rounded to
    pixels) of which a random part is scaled back to full size (its RandomResizedCrop with 0.7 to 0.9 of the area).
    generator: on the CPU, so that a seed gives the same views on every device. paper: what lies around a sketch.
    """
    draws = torch.rand(len(sketches) * views, 12, generator=generator, dtype=torch.float64)
    # Solved on the CPU, which takes no time: on a GPU, solve() would wait for all that was queued before.
    maps = homographies(draw_perspectives(draws[:, :8])) @ draw_crops(draws[:, 8:])
    return warp(sketches, maps.to(sketches), paper)


def draw_perspectives(draws: Tensor) -> Tensor:
    """Draws [N, 8] in 0..1 -> [N, 4, 2]: where a picture's corners go, clockwise from the top left."""
    return torch.tensor(CORNERS).to(draws) * (1 - DISTORTION * draws.unflatten(1, (4, 2)))


def homographies(moved: Tensor) -> Tensor:
    """[N, 3, 3]: the projective maps that send the points `moved` [N, 4, 2] back to the corners of the picture."""
    x, y = moved.unbind(-1)
    u, v = torch.tensor(CORNERS).to(moved).expand_as(moved).unbind(-1)
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    # u = (a x + b y + c) / (g x + h y + 1), and v likewise with d, e, f: linear in the eight numbers a to h.
    rows_u = torch.stack([x, y, one, zero, zero, zero, -u * x, -u * y], dim=-1)
    rows_v = torch.stack([zero, zero, zero, x, y, one, -v * x, -v * y], dim=-1)
    eight = torch.linalg.solve(torch.cat([rows_u, rows_v], dim=1), torch.cat([u, v], dim=1))
    return torch.cat([eight, one[:, :1]], dim=1).unflatten(1, (3, 3))


def draw_crops(draws: Tensor) -> Tensor:
    """Draws [N, 4] in 0..1 -> [N, 3, 3]: the maps from a crop to the picture that it was cut from.

    The aspect ratio is drawn on a logarithmic scale, from those whose crop of that area fits; torchvision draws area
    and ratio again until they do.
    """
    area = CROP_AREA[0] + (CROP_AREA[1] - CROP_AREA[0]) * draws[:, 0]
    widest = (-area.log()).clamp(max=math.log(LARGEST_ASPECT))
    aspect = torch.exp(widest * (2 * draws[:, 1] - 1))
    sides = torch.stack([(area * aspect).sqrt(), (area / aspect).sqrt()], dim=1)
    maps = torch.eye(3).to(draws).repeat(len(draws), 1, 1)
    maps[:, (0, 1), (0, 1)] = sides
    maps[:, :2, 2] = (1 - sides) * (2 * draws[:, 2:] - 1)
    return maps


def warp(sketches: Tensor, maps: Tensor, paper: float) -> Tensor:
    """Sketches [B, C, S, S] seen through maps [B * views, 3, 3] from view to sketch: [B * views, C, S, S].

    Bilinear; around a sketch there is paper without end.
    """
    size, views = sketches.shape[-1], len(maps) // len(sketches)
    centres = (2 * torch.arange(size).to(maps) + 1) / size - 1
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    projected = torch.stack([x, y, torch.ones_like(x)], dim=-1).view(-1, 3) @ maps.transpose(1, 2)  # [N, S * S, 3]
    # Beyond a perspective's horizon there is only paper; on it, one could not divide.
    depth = projected[..., 2:]
    grids = (projected[..., :2] / torch.where(depth.abs() < 1e-6, 1e-6, depth)).clamp(-3, 3)
    # One tall grid a sketch, so that no sketch need be copied for each of its views.
    tall = grids.view(len(sketches), views * size, size, 2)
    seen = F.grid_sample(sketches - paper, tall, mode="bilinear", align_corners=False) + paper
    return seen.unflatten(2, (views, size)).transpose(1, 2).flatten(0, 1)
