"""The step's benchmark: all its ways take the same step, and it prints a line for each."""

import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from benchmarks.step import ways

SMALL = {"batch": 4, "size": 32, "lines": 3, "sigma2": 0.01, "pictures": 8}


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("perceptual", [False, True])
def test_all_ways_learn_the_same(perceptual, device):
    steps = ways(Namespace(**SMALL, device=device), perceptual)
    losses = {name: [step().item() for _ in range(3)] for name, step in steps.items()}
    del losses["bf16, whole loop"]  # whose calls are epochs
    for name, values in losses.items():
        close = 1e-4 if name.startswith(("naive", "fp32")) else 2e-2
        assert values == pytest.approx(losses["naive"], rel=close), name


@pytest.mark.slow
def test_a_line_for_every_way():
    call = [sys.executable, "-m", "benchmarks.step", "--small", "--perceptual", "with", "--memory"]
    printed = subprocess.run(call, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True).stdout
    lines = [json.loads(line) for line in printed.splitlines()]
    assert [line["way"] for line in lines][:2] == ["naive", "fp32"]
    assert lines[0]["times_naive"] == 1
    assert all(line["seconds"] > 0 and line["peak_extra_bytes"] > 0 for line in lines)
