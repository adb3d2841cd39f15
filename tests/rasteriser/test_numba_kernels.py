"""Which pixels the CPU kernels visit, and how threads share the work; `test_draw.py` tests the drawings."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from learning_to_draw.rasteriser import draw_lines, line_edt2, pixel_grid
from learning_to_draw.rasteriser import numba_kernels as kernels
from learning_to_draw.rasteriser.grid import pixel_axes
from learning_to_draw.rasteriser.segments import reach


def polylines(segments):
    vertices = torch.rand(2, 30, segments + 1, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    vertices = vertices * 3 - 1.5
    vertices[0, 0, :, 0] = 0.5  # along a row
    vertices[0, 1, :, 1] = -0.25  # along a column
    return vertices


def visited(vertices, size, widths):
    """bool [B, N, K, H, W]: the pixels that the kernels visit for each segment."""
    batch, strokes, count, _ = vertices.shape
    mask, rows = np.zeros((batch, strokes, count - 1, *size), bool), pixel_axes(size, torch.float64)[0].numpy()
    reaches = reach(widths, torch.float32).numpy()
    for sketch, stroke, piece in np.ndindex(*mask.shape[:3]):
        segment = kernels._segment(vertices.numpy(), sketch, stroke, piece)
        first, last = kernels._rows(segment, reaches[sketch, stroke], 0, size[0], size[0])
        for row in range(first, last):
            begin, end = kernels._columns(segment, rows[row], reaches[sketch, stroke], size[1])
            mask[sketch, stroke, piece, row, begin:end] = True
    return torch.from_numpy(mask)


@pytest.mark.parametrize("size", [(24, 48), (13, 70), (1, 40), (5, 1)])
@pytest.mark.parametrize("segments", [1, 5])
def test_all_pixels_within_reach_are_visited(size, segments):
    vertices = polylines(segments)
    widths = torch.logspace(-5, -1, 60, dtype=torch.float64).view(2, 30)
    lines = torch.stack([vertices[:, :, :-1], vertices[:, :, 1:]], dim=-2)
    reach2 = reach(widths, torch.float32)[..., None, None, None] ** 2
    near = line_edt2(lines, pixel_grid(size, dtype=torch.float64)) <= reach2
    assert (near <= visited(vertices, size, widths)).all()


def test_few_other_pixels_are_visited():
    vertices, widths = polylines(1), torch.full((2, 30), 5e-4, dtype=torch.float64)
    reach2 = reach(widths, torch.float32)[..., None, None] ** 2
    near = line_edt2(vertices, pixel_grid(96, dtype=torch.float64)) <= reach2
    assert near.sum() < visited(vertices, (96, 96), widths).sum() < 1.1 * near.sum()


def test_the_exponential_is_exact_to_two_roundings():
    exponents = -np.linspace(0, 120, 6001, dtype=np.float32)
    powers = np.array([kernels._exp2(x) for x in exponents])
    assert np.abs(powers / np.exp2(exponents.astype(np.float64)) - 1).max() <= 2 * np.finfo(np.float32).eps
    assert kernels._exp2(np.float32(0)) == 1


def test_an_error_in_a_thread_is_raised(monkeypatch):
    monkeypatch.setattr(kernels, "_WORTH_A_THREAD", 0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)

    def broken(*_):
        raise MemoryError("no room")

    monkeypatch.setattr(kernels, "_draw", broken)
    with pytest.raises(MemoryError, match="no room"):
        kernels.NumbaPolylines.apply(polylines(1), None, (8, 8), torch.full((2, 30), 0.01).double(), torch.float32)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("batch", [1, 2, 7, 60])
def test_every_piece_of_work_is_done_once(batch, threads, monkeypatch):
    lines = torch.rand(batch, 4, 2, 2) * 2 - 1
    image = draw_lines(lines, (11, 9), 0.01)
    monkeypatch.setattr(kernels, "_WORTH_A_THREAD", 0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert torch.equal(image, draw_lines(lines, (11, 9), 0.01))
    done = torch.zeros(batch, 11)

    def note(work, *_):
        first, last, _band, row_from, row_to = work
        done[first:last, row_from:row_to] += 1

    kernels._share(note, (batch, 1, 11, 9), torch.empty(batch, 4))
    assert done.eq(1).all()


def test_an_end_has_to_be_nearer_by_more_than_rounding():
    inside, end = (kernels._with_margin(np.float32(0.25), np.float32(beyond)) for beyond in (0, 1e-9))
    assert inside == 0.25
    assert 0 < end - 0.25 < 3e-7


@pytest.mark.slow
def test_a_copy_made_as_the_page_says_compiles_its_own_kernels(tmp_path):
    root = Path(__file__).parents[2]
    draw_lines(torch.rand(1, 2, 2, 2), 16, 0.01)  # kernels are compiled and cached in the folder that is copied
    commands = re.search(r"```sh\n(cp .*?)```", (root / "docs/rasteriser.md").read_text(), re.DOTALL)[1]
    subprocess.run(["bash", "-ec", commands.replace("../my-project", str(tmp_path))], cwd=root, check=True)
    code = "import torch, strokes; strokes.draw_lines(torch.rand(1, 2, 2, 2), 16, 0.01)"
    drawn = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert (drawn.returncode, drawn.stderr) == (0, "")
