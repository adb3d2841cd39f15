"""Which path computes a drawing, and that kernels are used only if they draw correctly."""

import importlib.util
import subprocess
import sys

import pytest
import torch

from learning_to_draw.rasteriser import draw, draw_lines
from learning_to_draw.rasteriser.dense import DensePolylines
from learning_to_draw.rasteriser.draw import _path, agreeing, in_plain_torch
from learning_to_draw.rasteriser.numba_kernels import NumbaPolylines

CPU = torch.device("cpu")


@pytest.fixture
def afresh():
    """Kernels are checked once per process; this fixture has them checked again."""
    draw._kernels.cache_clear()
    yield
    draw._kernels.cache_clear()


def test_a_cpu_draws_float32_by_its_kernels_and_float64_in_plain_torch():
    assert _path(CPU, torch.float32) is NumbaPolylines
    assert _path(CPU, torch.float64) is DensePolylines
    assert _path(torch.device("meta"), torch.float32) is DensePolylines


def test_plain_torch_on_request():
    with in_plain_torch():
        assert _path(CPU, torch.float32) is DensePolylines
    assert _path(CPU, torch.float32) is NumbaPolylines


def test_without_numba_plain_torch_draws_the_same(afresh, monkeypatch):
    lines = torch.rand(2, 5, 2, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    image, find = draw_lines(lines, 24, 0.01), importlib.util.find_spec
    draw._kernels.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "numba" else find(name))
    assert _path(CPU, torch.float32) is DensePolylines
    torch.testing.assert_close(draw_lines(lines, 24, 0.01), image, rtol=0, atol=5e-6)


def test_an_empty_folder_named_numba_is_not_numba(afresh, tmp_path, monkeypatch, caplog):
    (tmp_path / "numba").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "numba")  # which is found first
    draw._kernels.cache_clear()
    assert _path(CPU, torch.float32) is DensePolylines
    assert caplog.messages == []


def test_kernels_are_not_loaded_before_something_is_drawn():
    program = "import sys, rasteriser; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, vertices, intensities, size, widths, dtype):
        return vertices.new_zeros(len(vertices), 1, *size, dtype=dtype)

    @staticmethod
    def backward(ctx, grad):
        return torch.zeros(2, 3, 2, 2), None, None, torch.zeros(2, 3), None


def test_kernels_that_draw_something_else_or_fail_are_found_out(caplog):
    with torch.no_grad():
        assert agreeing(lambda: NumbaPolylines, CPU) is NumbaPolylines
    assert not caplog.records
    assert agreeing(lambda: Wrong, CPU) is None
    assert "results differ" in caplog.text
    assert agreeing(lambda: None, CPU) is None
    assert "AttributeError" in caplog.text
