"""Random views of sketches: each view has its own random perspective and crop; one pass computes all views.

Positions are (x, y), from -1 to 1 between the edges of a picture.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

CORNERS = ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0))
DISTORTION = 0.5  # the largest shift of each corner inwards, in x and in y: a quarter of the side
CROP_AREA = (0.7, 0.9)  # smallest and largest area of a crop, as a share of the picture
LARGEST_ASPECT = 4 / 3  # ratio of a crop's sides, either way


def random_views(sketches: Tensor, views: int, generator: torch.Generator, paper: float) -> Tensor:
    """[B * views, C, S, S]: random views of sketches [B, C, S, S]; the views of a sketch are next to each other.

    Each view is a random perspective (as torchvision's RandomPerspective with distortion 0.5, but corners are not
    rounded to pixels), cropped at random and scaled back to full size (as torchvision's RandomResizedCrop with 0.7 to
    0.9 of the area).
    generator: on the CPU, so a seed gives the same views on every device. paper: the value outside a sketch.
    """
    draws = torch.rand(len(sketches) * views, 12, generator=generator, dtype=torch.float64)
    # Computed on the CPU, in almost no time: on a GPU, torch.linalg.solve would wait for all queued work.
    maps = homographies(draw_perspectives(draws[:, :8])) @ draw_crops(draws[:, 8:])
    return warp(sketches, maps.to(sketches), paper)


def draw_perspectives(draws: Tensor) -> Tensor:
    """[N, 4, 2]: the new places of a picture's corners, clockwise from the top left.

    draws: random numbers [N, 8] in 0..1.
    """
    return torch.tensor(CORNERS).to(draws) * (1 - DISTORTION * draws.unflatten(1, (4, 2)))


def homographies(moved: Tensor) -> Tensor:
    """[N, 3, 3]: the projective maps that take the points `moved` [N, 4, 2] to the corners of the picture."""
    x, y = moved.unbind(-1)
    u, v = torch.tensor(CORNERS).to(moved).expand_as(moved).unbind(-1)
    ones, zeros = torch.ones_like(x), torch.zeros_like(x)
    # u = (a x + b y + c) / (g x + h y + 1), and v likewise with d, e, f: linear in the eight numbers a to h.
    rows_u = torch.stack([x, y, ones, zeros, zeros, zeros, -u * x, -u * y], dim=-1)
    rows_v = torch.stack([zeros, zeros, zeros, x, y, ones, -v * x, -v * y], dim=-1)
    coefficients = torch.linalg.solve(torch.cat([rows_u, rows_v], dim=1), torch.cat([u, v], dim=1))
    return torch.cat([coefficients, ones[:, :1]], dim=1).unflatten(1, (3, 3))


def draw_crops(draws: Tensor) -> Tensor:
    """[N, 3, 3]: the maps from a crop to the picture that it was cut from.

    draws: random numbers [N, 4] in 0..1, for area, aspect ratio, x and y. The aspect ratio is log-uniform from 3/4 to
    4/3, limited to ratios with which a crop of this area fits into the picture. torchvision instead redraws area and
    ratio until the crop fits, at most ten times.
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
    """Returns views [B * views, C, S, S] of sketches [B, C, S, S].

    Each of the maps [B * views, 3, 3] takes a position in the view to its position in the sketch. Interpolation is
    bilinear; `paper` is the value outside a sketch.
    """
    size, views = sketches.shape[-1], len(maps) // len(sketches)
    centres = (2 * torch.arange(size, dtype=maps.dtype, device=maps.device) + 1) / size - 1
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    projected = torch.stack([x, y, torch.ones_like(x)], dim=-1).view(-1, 3) @ maps.transpose(1, 2)  # [N, S * S, 3]
    # Points beyond a perspective's horizon show only paper; on the horizon the depth is 0.
    depth = projected[..., 2:]
    grids = (projected[..., :2] / torch.where(depth.abs() < 1e-6, 1e-6, depth)).clamp(-3, 3)
    # One tall grid per sketch, so no sketch is copied for each of its views.
    tall = grids.view(len(sketches), views * size, size, 2)
    seen = F.grid_sample(sketches - paper, tall, mode="bilinear", align_corners=False) + paper
    return seen.unflatten(2, (views, size)).transpose(1, 2).flatten(0, 1)
