"""Generations that overlap: in a population, new agents take the place of the oldest ones."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torchbearer
from torch import nn
from torchbearer.callbacks import Callback

from learning_to_draw.models.agents import Agents
from learning_to_draw.models.population import Population


class Turnover(Callback):
    """After every `interval` epochs, gives one pair of a population new weights: pair 0 first, then 1, and so on.

    The new pair keeps the number of the old one. Adam forgets the moments of the replaced weights. Frozen weights, such
    as those of a shared backbone, stay. Nothing is replaced after the last epoch.
    """

    def __init__(self, population: Population, interval: int, build: Callable[[], Agents], seed: int):
        """build: a new pair, on the CPU, with initial weights from torch's global generator.

        seed: with the epoch, decides the weights. It must be equal in all processes.
        """
        super().__init__()
        self.population, self.interval, self.build, self.seed = population, interval, build, seed

    @torch.no_grad()
    def on_checkpoint(self, state):
        epoch = state[torchbearer.EPOCH] + 1
        if epoch % self.interval or epoch == state[torchbearer.MAX_EPOCHS]:
            return
        old = self.population.pairs[(epoch // self.interval - 1) % len(self.population.pairs)]
        with torch.random.fork_rng():
            torch.manual_seed((self.seed + epoch) % 2**32)
            values = self.build().state_dict()
        for name, value in old.state_dict(keep_vars=True).items():
            if value.requires_grad or not isinstance(value, nn.Parameter):
                value.copy_(values[name])
                state[torchbearer.OPTIMIZER].state.pop(value, None)
