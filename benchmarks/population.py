"""One training step of a population, compared with one of a pair: seconds and memory.

    python -m benchmarks.population                                     # two CPU cores: about a minute and 1 GB
    python -m benchmarks.population --size 32 --batch 4 --agents 2      # seconds, to check that it runs

Prints one line of JSON for each: a pair, a population whose agents share a frozen SqueezeNet, and a population in which
sender K and receiver K share a frozen SqueezeNet of their own. In every step of a population, a random sender meets a
random receiver. All weights are random; their values do not affect the time. The step encodes the photos and the
sketches of a game; no features are cached.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.measure import measure_in_turn, peak_extra_memory, report
from learning_to_draw.components import positive_int
from learning_to_draw.games.losses.terms import HingeLoss
from learning_to_draw.games.partners import Partners, meeting_weights
from learning_to_draw.models.agents import Meeting
from learning_to_draw.models.population import Population
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import Pictures
from learning_to_draw.trials.config.configure import configure
from learning_to_draw.trials.loop.step import adam


def step_of(agents_count: int, *, shared: bool, batch: int, size: int) -> Callable[[], Tensor]:
    """Returns a function that takes one step and returns its loss.

    The game has `batch` candidates; the sender sketches all of them. shared: all agents share one backbone.
    """
    torch.manual_seed(0)
    config = configure(
        "train",
        encoder="SqueezeNetBackbone",
        freeze_backbone=True,
        nlines=20,
        sigma2=1e-3,
        latent_size=128,
        population=agents_count,
    )
    agents = build_agents(config.agents, Pictures({}, size, 3))
    if shared and isinstance(agents, Population):
        first = agents.pairs[0].sender_encoder
        for pair in agents.pairs:  # pretrained encoders would be equal from the start
            pair.sender_encoder.load_state_dict(first.state_dict())
        agents.share_backbones()
    optimiser = adam([weight for weight in agents.parameters() if weight.requires_grad], 3e-4)
    partners = Partners(meeting_weights("random", agents_count, agents_count), torch.Generator().manual_seed(0))
    photos, targets, loss = torch.rand(batch, 3, size, size), torch.arange(batch), HingeLoss()

    def step() -> Tensor:
        optimiser.zero_grad()
        meeting = agents.meeting(Meeting(*partners.draw()))
        total = loss(meeting(photos, targets[None], batch).scores, targets)
        total.backward()
        optimiser.step()
        return total.detach()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.population", description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=positive_int, default=64, help="side of a picture in pixels")
    parser.add_argument("--batch", type=positive_int, default=50, help="pictures per game")
    parser.add_argument(
        "--agents", type=positive_int, default=4, help="number of senders, and of receivers, in the populations"
    )
    parser.add_argument(
        "--repeats", type=positive_int, default=15, help="measurements of each step; the median is reported"
    )
    arguments = parser.parse_args()
    game = {"batch": arguments.batch, "size": arguments.size}
    steps = {
        "pair": step_of(1, shared=True, **game),
        "population, one backbone": step_of(arguments.agents, shared=True, **game),
        "population, a backbone each": step_of(arguments.agents, shared=False, **game),
    }
    seconds = measure_in_turn(list(steps.values()), arguments.repeats)
    memory = [peak_extra_memory(step) for step in steps.values()]
    for (name, time), peak in zip(zip(steps, seconds, strict=True), memory, strict=True):
        report(
            agents=name,
            **game,
            senders=1 if name == "pair" else arguments.agents,
            seconds=round(time, 4),
            times_pair=round(time / seconds[0], 2),
            peak_extra_bytes=peak,
            memory_times_pair=round(peak / memory[0], 2),
        )


if __name__ == "__main__":
    main()
