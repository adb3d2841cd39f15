"""The rasteriser's benchmark at toy size, and the memory that its fast path may take."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.measure import peak_extra_memory
from benchmarks.rasteriser import (
    CASES,
    draw,
    main,
    plain,
    plain_functions,
    random_strokes,
    stroke_gates,
    stroke_widths,
)

# Stand-ins for dsketch's modules, of the functions that the official package has there.
DSKETCH = {
    "disttrans": "from learning_to_draw.rasteriser import curve_edt2_polyline, line_edt2, point_edt2",
    "raster": "from learning_to_draw.rasteriser import exp",
    "composite": "from learning_to_draw.rasteriser import softor",
}


@pytest.fixture
def dsketch(tmp_path):
    """A folder that holds a package dsketch."""
    package = tmp_path / "dsketch" / "raster"
    package.mkdir(parents=True)
    (tmp_path / "dsketch" / "__init__.py").touch()
    (package / "__init__.py").touch()
    for module, text in DSKETCH.items():
        (package / f"{module}.py").write_text(text)
    return tmp_path


def test_a_line_for_every_case(capsys):
    assert main(["--small"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["case"] for line in lines] == [case.name for case in CASES]
    assert {line["path"] for line in lines} == {"NumbaPolylines"}
    for line in lines:
        assert line["seconds"] > 0
        assert line["ratio"] == pytest.approx(line["baseline_seconds"] / line["seconds"], rel=0.02, abs=0.1)
        assert line["peak_extra_bytes"] >= 2 * 16 * 16 * 4
        assert (line["batch"], line["size"], line["baseline"]) == (2, 16, "plain functions")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_both_sides_draw_the_same(case):
    case = replace(case, batch=2, strokes=5)
    inputs = [make(case, torch.device("cpu")) for make in (random_strokes, stroke_widths, stroke_gates)]
    expected = plain(*inputs, case, plain_functions(None))
    torch.testing.assert_close(draw(*inputs, case), expected, rtol=0, atol=5e-5)


def test_beside_a_dsketch_in_a_folder(dsketch):
    # In a process of its own, as a package stays imported.
    call = [sys.executable, "-m", "benchmarks.rasteriser", "--small", "--against", str(dsketch)]
    printed = subprocess.run(call, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True).stdout
    lines = [json.loads(line) for line in printed.splitlines()]
    assert [line["baseline"] for line in lines] == ["dsketch"] * len(CASES)


def test_beside_another_checkout():
    # This checkout is the other one, too.
    root = Path(__file__).parents[2]
    call = [sys.executable, "-m", "benchmarks.rasteriser", "--small", "--against", str(root)]
    printed = subprocess.run(call, cwd=root, capture_output=True, text=True, check=True).stdout
    lines = [json.loads(line) for line in printed.splitlines()]
    assert [line["baseline"] for line in lines] == ["another revision"] * len(CASES)
    assert all(line["peak_in_images"] == line["baseline_peak_in_images"] for line in lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--against", "dsketch"], "error: --against dsketch: dsketch cannot be imported"),
        (["--against", "/no/such/folder"], "error: --against /no/such/folder: dsketch cannot be imported"),
        pytest.param(
            ["--device", "cuda"],
            "error: --device cuda: torch finds no GPU here",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU"),
        ),
    ],
)
def test_wrong_calls_are_told_so(arguments, message, capsys):
    assert main(["--small", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("learned_widths", [False, True])
def test_drawing_and_its_gradient_take_at_most_four_images_of_memory(learned_widths):
    case = replace(CASES[0], learned_widths=learned_widths)
    strokes, widths = random_strokes(case, torch.device("cpu")), stroke_widths(case, torch.device("cpu"))
    inputs = [strokes, widths] if learned_widths else [strokes]
    weights = torch.ones(100, 1, 96, 96)
    peak = peak_extra_memory(lambda: torch.autograd.grad(draw(strokes, widths, None, case), inputs, weights))
    assert peak <= 4 * weights.numel() * weights.element_size()
