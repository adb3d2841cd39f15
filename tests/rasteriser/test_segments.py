"""The reach of ink, and segments with their axes, against the plain distances."""

import math

import pytest
import torch

from learning_to_draw.rasteriser import line_edt2, pixel_grid
from learning_to_draw.rasteriser.segments import negligible, reach, segments_of, to_vertices


def test_ink_past_the_reach_is_negligible():
    ink = math.exp(-(reach(torch.tensor(0.02).double(), torch.float32).item() ** 2) / 0.02)
    assert ink == pytest.approx(negligible(torch.float32), rel=1e-9)
    assert 1 - torch.tensor(ink, dtype=torch.float32) == 1


@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_a_pixel_has_the_same_distance_on_a_segment_s_axes(scale):
    generator = torch.Generator().manual_seed(0)
    vertices = (torch.rand(2, 5, 4, 2, dtype=torch.float64, generator=generator) * 2 - 1) * scale
    segments = segments_of(vertices)
    pixels = pixel_grid(9, dtype=torch.float64).view(-1, 1, 1, 1, 2)
    offsets = pixels - segments.origin
    along, across = (offsets * segments.along).sum(-1), (offsets * segments.across).sum(-1)
    beyond = along - along.clamp(min=segments.first.squeeze(-1), max=segments.last.squeeze(-1))
    lines = torch.stack([vertices[:, :, :-1], vertices[:, :, 1:]], dim=-2)
    expected = line_edt2(lines, pixel_grid(9, dtype=torch.float64)).flatten(3).permute(3, 0, 1, 2)
    torch.testing.assert_close(across**2 + beyond**2, expected, rtol=1e-9, atol=1e-9 * scale)


def test_a_pull_is_shared_between_the_ends_as_by_a_lever():
    # A pixel beside the segment pulls at a quarter of its length from the start: the start gets three quarters.
    vertices = torch.tensor([[[[0.0, 0.0], [0.0, 0.8]]]], dtype=torch.float64)
    segments = segments_of(vertices)
    pixel = torch.tensor([0.1, 0.2], dtype=torch.float64)
    foot = ((pixel - segments.origin[0, 0, 0]) * segments.along[0, 0, 0]).sum()
    assert (segments.fraction * 0.8 + foot).item() == pytest.approx(0.2)
    across = ((pixel - segments.origin[0, 0, 0]) * segments.across[0, 0, 0]).sum()
    pulls = torch.stack([torch.stack([across, across * 0]), torch.stack([foot * across, across * 0])]).view(
        1, 1, 1, 2, 2
    )
    grad = to_vertices(pulls, segments, vertices.shape)
    torch.testing.assert_close(grad[0, 0], torch.tensor([[0.075, 0.0], [0.025, 0.0]], dtype=torch.float64))
