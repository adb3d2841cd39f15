"""The benchmark of the GPU kernels: its kernels alone draw what the rasteriser draws.

Triton chooses its interpreter at import, so this file runs itself in another process.
"""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.kernels import kernel_calls, main
from benchmarks.rasteriser import CASES, draw, random_strokes

ROOT = Path(__file__).parents[2]


def run_interpreted(*words):
    if importlib.util.find_spec("triton") is None:
        pytest.skip("needs Triton")
    environment = os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": str(ROOT)}
    run = subprocess.run([sys.executable, *words], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def differences():
    """The largest differences from the rasteriser: of the drawing, and of the gradient."""
    from learning_to_draw.rasteriser.segments import segments_of, to_vertices

    case, cpu = replace(CASES[0], batch=2, strokes=3, size=16), torch.device("cpu")
    forward, backward = kernel_calls(case, cpu)
    strokes = random_strokes(case, cpu)
    image = draw(strokes, case.sigma2, None, case)
    (gradient,) = torch.autograd.grad(image.sum(), strokes)
    segments = segments_of(strokes.detach().double())
    pulled = to_vertices(backward().double().sum(2) * 2 / case.sigma2, segments, strokes.shape)
    return [
        (1 - forward() - image).abs().max().item(),
        (pulled - gradient).abs().max().item() / gradient.abs().max().item(),
    ]


def test_the_kernels_alone_draw_what_the_rasteriser_draws():
    ((of_image, of_gradient),) = run_interpreted(__file__)
    assert of_image <= 1e-5
    assert of_gradient <= 1e-4


def test_a_line_for_every_way():
    lines = run_interpreted("-m", "benchmarks.kernels", "--device", "cpu", "--small")
    assert [line["way"] for line in lines][:2] == ["autograd call", "both kernels"]
    assert all(line["microseconds"] > 0 for line in lines)


def test_a_way_that_fails_tells_its_error_and_the_others_run(capsys):
    main(["--device", "cpu", "--small"])  # not interpreted, the kernels cannot draw on a CPU
    lines = {line["way"]: line for line in map(json.loads, capsys.readouterr().out.splitlines())}
    assert lines["autograd call"]["microseconds"] > 0
    assert lines["both kernels"]["error"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(capsys):
    with pytest.raises(SystemExit) as left:
        main([])
    assert left.value.code == 2
    assert "--device cuda: torch finds no GPU here" in capsys.readouterr().err


if __name__ == "__main__":
    print(json.dumps(differences()))
