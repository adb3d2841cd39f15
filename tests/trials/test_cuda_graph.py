"""Steps from a CUDA graph: on a GPU with real graphs; without one, the handling of batches, gradients and results.

Without a GPU, `repeating` stands for the graph: it repeats the captured function and writes each result into the memory
of the first, as a graph does.
"""

import logging

import pytest
import torch

from learning_to_draw.games.sampling import GameIndices
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import Pictures, build_loss, seeds_of
from learning_to_draw.trials.config.configure import configure
from learning_to_draw.trials.loop.batches import Batch
from learning_to_draw.trials.loop.cuda_graph import FIRST, GraphedStep, record_cuda_graph, why_no_graph
from learning_to_draw.trials.loop.step import GameModule, adam, train_step

BATCH, SIZE = 5, 16


def batch_of(number, extra=0, device="cpu"):
    """A batch of one game; other numbers give other pictures and targets. extra: photos that only receivers see."""
    generator = torch.Generator().manual_seed(number)
    photos = torch.rand(BATCH + extra, 1, SIZE, SIZE, generator=generator)
    pool = torch.randperm(BATCH + extra, generator=generator)
    targets = torch.argsort(pool)[:BATCH]
    games = GameIndices(torch.arange(BATCH), pool[None], targets)
    tensors = (tensor.to(device) for tensor in (photos, pool[None], targets))
    return Batch(*tensors, games, seen=torch.arange(BATCH + extra, device=device))


def repeating(captures):
    """A recorder that counts its captures in the list `captures`."""

    def record(function):
        captures.append(function)
        (played, loss) = first = function()

        def replay():
            again, loss_again = function()
            loss.data.copy_(loss_again)
            played.play.scores.data.copy_(again.play.scores)
            for name, term in played.terms.items():
                term.data.copy_(again.terms[name])

        return first, replay

    return record


def trained(record, steps, device="cpu", anneal_at=None, extras=None, **options):
    """Trains for some steps, plainly if `record` is None. Returns losses, scores' sums, and the final weights."""
    config = configure("train", encoder="SimpleMLPEncoder", nlines=3, sigma2=0.02, **options)
    torch.manual_seed(0)
    agents = build_agents(config.agents, Pictures({}, SIZE, 1))
    loss = build_loss(config.loss, config.auxiliary.values(), agents, seeds_of(config))
    module = GameModule(agents, loss).to(device).train()
    optimizer = adam(module.parameters(), 1e-3)
    graphed = None if record is None else GraphedStep(module, optimizer, record)
    seen = []
    for number in range(steps):
        if number == anneal_at:
            agents.decoder.sigma2 = 0.01
        batch = batch_of(number, (extras or {}).get(number, 0), device)
        played, value = train_step(module, optimizer, batch) if graphed is None else graphed(batch)
        optimizer.step()
        seen.append((value, *played.terms.values(), played.play.scores.detach().sum()))
    return seen, [weight.detach().clone() for weight in module.parameters()]


def assert_same(one, other, **tolerance):
    (seen, weights), (other_seen, other_weights) = one, other
    for left, right in zip(seen, other_seen, strict=True):
        torch.testing.assert_close(torch.stack(left), torch.stack(right), **tolerance)
    for left, right in zip(weights, other_weights, strict=True):
        torch.testing.assert_close(left, right, **tolerance)


EXACT = {"rtol": 0, "atol": 0}


@pytest.mark.parametrize(
    "options", [{}, {"separate_encoders": True, "stroke_gates": True, "ink_price": 0.1}], ids=["plain", "more"]
)
def test_replayed_steps_are_the_steps_and_results_are_kept(options):
    captures = []
    assert_same(trained(repeating(captures), FIRST + 5, **options), trained(None, FIRST + 5, **options), **EXACT)
    assert len(captures) == 1


def test_another_sigma2_is_captured_again():
    captures = []
    options = {"steps": FIRST + 6, "anneal_at": FIRST + 3}
    assert_same(trained(repeating(captures), **options), trained(None, **options), **EXACT)
    assert len(captures) == 2


def test_a_batch_of_another_shape_runs_without_the_graph():
    captures = []
    options = {"steps": FIRST + 6, "extras": {FIRST + 2: 3, FIRST + 3: 1}}
    assert_same(trained(repeating(captures), **options), trained(None, **options), **EXACT)
    assert len(captures) == 1


def test_a_step_that_cannot_be_captured_runs_and_the_log_says_why(caplog):
    def fails(function):
        function()  # a capture may fail after it has changed the gradients
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    with caplog.at_level(logging.WARNING, logger="commgame"):
        assert_same(trained(fails, FIRST + 4), trained(None, FIRST + 4), **EXACT)
    (message,) = caplog.messages
    assert message == (
        "--cuda-graph auto: the step cannot be captured (RuntimeError: operation not permitted when stream is "
        "capturing); it runs without a graph"
    )


@pytest.mark.parametrize(
    ("device", "options", "reason"),
    [
        ("cpu", {}, "on cpu, not on a CUDA GPU"),
        ("cuda", {}, ""),
        ("cuda", {"population": 2}, "in a population"),
        ("cuda", {"channel_noise": "drop=0.1"}, "random numbers on the CPU"),
    ],
)
def test_when_steps_are_not_captured(device, options, reason):
    config = configure("train", **options)
    agents = build_agents(config.agents, Pictures({}, SIZE, 1))
    loss = build_loss(config.loss, config.auxiliary.values(), agents, seeds_of(config))
    told = why_no_graph(torch.device(device), agents, loss)
    assert reason in told
    assert bool(reason) == bool(told)


@pytest.mark.gpu
@pytest.mark.parametrize("anneal_at", [None, FIRST + 3])
def test_a_real_graph_gives_the_steps(anneal_at):
    options = {"steps": FIRST + 8, "device": "cuda", "anneal_at": anneal_at, "extras": {FIRST + 2: 3}}
    assert_same(trained(record_cuda_graph, **options), trained(None, **options), rtol=1e-4, atol=1e-5)
