"""The benchmark of populations: its steps train the agents who meet."""

import math

import pytest

from benchmarks.population import step_of


@pytest.mark.parametrize(("agents", "shared"), [(1, True), (2, True), (2, False)])
def test_a_step_trains_the_agents(agents, shared):
    step = step_of(agents, shared=shared, batch=3, size=32)
    losses = [step().item() for _ in range(6)]
    assert all(map(math.isfinite, losses))
    assert len(set(losses)) > 1
