"""Which way a drawing is computed, and what holds of the ways beside what they draw (for that see `test_draw.py`)."""

import math

import pytest
import torch

import rasteriser.draw
from rasteriser import draw_lines
from rasteriser.dense import DensePolylines
from rasteriser.draw import _path
from rasteriser.tiles import TiledPolylines

SIGMA2 = 5e-4


def random(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_thick_strokes_are_drawn_densely_and_thin_ones_in_tiles():
    lines = random(3, 12, 2, 2).double()
    assert _path(lines, torch.float32, SIGMA2) is TiledPolylines
    assert _path(lines, torch.float32, 0.5) is DensePolylines
    # Points are covered less by the same ink; the curves' pieces count together.
    assert _path(lines[:, :, :1], torch.float32, 0.01) is TiledPolylines
    assert _path(lines[:, :, [0, 1, 0, 1]], torch.float32, 0.01) is DensePolylines
    assert _path(lines * math.nan, torch.float32, SIGMA2) is TiledPolylines


def test_drawing_in_tiles_takes_one_thread_and_gives_the_others_back():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        lines = random(1, 3, 2, 2).requires_grad_()
        draw_lines(lines, 16, SIGMA2).sum().backward()
        with pytest.raises(TypeError):
            TiledPolylines.apply(lines.detach().double(), None, (8, 8), 0.01, None)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, vertices, intensities, size, sigma2, dtype):
        return vertices.new_zeros(len(vertices), 1, *size, dtype=dtype)

    @staticmethod
    def backward(ctx, grad):
        return torch.zeros(2, 3, 2, 2), None, None, None, None


def test_a_path_that_draws_something_else_or_fails_is_found_out(caplog):
    cpu = torch.device("cpu")
    assert rasteriser.draw.agrees(DensePolylines, cpu)
    assert not caplog.records
    assert not rasteriser.draw.agrees(Wrong, cpu)
    assert "draws something else" in caplog.text
    assert not rasteriser.draw.agrees(None, cpu)
    assert "AttributeError" in caplog.text
