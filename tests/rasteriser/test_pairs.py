"""Which strokes reach which tiles: every pixel within reach, against the distances of all pixels to all segments."""

import math

import pytest
import torch

from rasteriser import line_edt2, pixel_grid
from rasteriser.pairs import TILE, canvas_tiles, chunks, from_tiles, negligible, pairs_of, reach, to_tiles


def matters(vertices, size, sigma2):
    """For every segment and pixel, whether its tile's program has it: bool [B, N, K, H, W]."""
    canvas = canvas_tiles(size, vertices)
    of_tiles = torch.cat([chunk.matters for chunk in chunks(vertices, canvas, sigma2, torch.float32)])
    strokes, segments, tiles = of_tiles.shape
    pixels = of_tiles.view(strokes * segments, tiles, 1).expand(-1, -1, math.prod(TILE)).float()
    images = from_tiles(pixels.reshape(-1, 1, math.prod(TILE)), canvas)
    return images.view(*vertices.shape[:2], segments, *size).bool()


def polylines(segments, seed=0):
    vertices = torch.rand(2, 40, segments + 1, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return vertices * 3 - 1.5


@pytest.mark.parametrize("size", [(24, 48), (13, 70), (1, 40), (5, 1)])
def test_all_pixels_within_reach_are_paired(size):
    vertices, sigma2 = polylines(1), 1e-3
    near = line_edt2(vertices, pixel_grid(size, dtype=torch.float64)) <= reach(sigma2, torch.float32) ** 2
    assert (near <= matters(vertices, size, sigma2)[:, :, 0]).all()


def test_few_other_pixels_are_paired():
    vertices, sigma2 = polylines(1), 5e-4
    near = line_edt2(vertices, pixel_grid(96, dtype=torch.float64)) <= reach(sigma2, torch.float32) ** 2
    paired = matters(vertices, (96, 96), sigma2)
    assert near.float().mean() < paired.float().mean() < near.float().mean() + 0.12


@pytest.mark.parametrize("sigma2", [1e-3, 0.1])
def test_the_nearest_segment_within_reach_is_always_there(sigma2):
    vertices, size = polylines(6), (24, 48)
    lines = torch.stack([vertices[:, :, :-1], vertices[:, :, 1:]], dim=-2)
    d2 = line_edt2(lines, pixel_grid(size, dtype=torch.float64))
    needed = (d2 == d2.amin(2, keepdim=True)) & (d2 <= reach(sigma2, torch.float32) ** 2)
    paired = matters(vertices, size, sigma2)
    assert (needed <= paired).all()
    assert not paired.all()


def test_ink_past_the_reach_is_negligible():
    ink = math.exp(-(reach(0.02, torch.float32) ** 2) / 0.02)
    assert ink == pytest.approx(negligible(torch.float32), rel=1e-9)
    assert 1 - torch.tensor(ink, dtype=torch.float32) == 1


def test_images_and_tiles_turn_into_each_other():
    canvas = canvas_tiles((13, 40), torch.empty(0))
    image = torch.rand(2, 3, 13, 40)
    tiles = to_tiles(image, canvas)
    assert tiles.shape == (2 * 2 * 3, 3, 8 * 16)
    assert torch.equal(from_tiles(tiles, canvas), image)
    # The second sketch's tile in the second row and column, its first pixel and one beyond the edge.
    assert tiles[6 + 4, 1, 0] == image[1, 1, 8, 16]
    assert tiles[6 + 4, 1, 16 * 5] == 0


def test_segments_lie_in_ranks_and_each_once():
    vertices, size = polylines(6), (24, 48)
    canvas = canvas_tiles(size, vertices)
    for chunk in chunks(vertices, canvas, 1e-2, torch.float32):
        found = torch.zeros_like(chunk.matters)
        for pairs in pairs_of(chunk, canvas, 1, torch.float32):
            assert pairs.ranks == sorted(pairs.ranks, reverse=True)
            assert pairs.ranks[0] == len(pairs.stroke)
            for segments in pairs.segment.split(pairs.ranks):
                strokes, tiles = pairs.stroke[: len(segments)], pairs.slot[: len(segments)] % canvas.tiles
                assert torch.equal(segments // 6 + chunk.strokes.start, strokes)
                assert not found[segments // 6, segments % 6, tiles].any()
                found[segments // 6, segments % 6, tiles] = True
        assert torch.equal(found, chunk.matters)
