"""The benchmark of encoders: its steps train the agents, with every encoder."""

import math

import pytest

from benchmarks.encoders import ENCODERS, step_with

pytest.importorskip("timm")


@pytest.mark.parametrize("name", ENCODERS)
def test_a_step_trains_the_agents(name):
    step = step_with(ENCODERS[name], batch=3, size=32)
    losses = [step().item() for _ in range(2)]
    assert all(map(math.isfinite, losses))
    assert losses[0] != losses[1]
