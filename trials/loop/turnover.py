"""Overlapping generations: in a population, new agents replace the oldest ones."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torchbearer
from torchbearer.callbacks import Callback

from learning_to_draw.models.agents import Agents
from learning_to_draw.models.population import Population


class Turnover(Callback):
    """After every `interval` epochs, gives one pair of a population new weights: pair 0 first, then 1, and so on.

    The new pair keeps the number of the old one. Adam forgets the moments of the replaced weights. Frozen modules, such
    as a shared backbone, keep their weights. If `interval` divides the number of epochs, a pair is replaced after the
    last epoch too, once model_final.pt has been saved: so a run that is resumed with more epochs equals a run that was
    longer from the start.
    """

    def __init__(self, population: Population, interval: int, build: Callable[[int], Agents], seed: int):
        """build: the pair's number -> a new pair on the CPU, with initial weights from torch's global generator.

        seed: a number that is equal in all processes. Before `build`, the global generator is seeded with seed + epoch.
        """
        super().__init__()
        self.population, self.interval, self.build, self.seed = population, interval, build, seed

    @torch.no_grad()
    def on_checkpoint(self, state):
        epoch = state[torchbearer.EPOCH] + 1
        if epoch % self.interval:
            return
        number = (epoch // self.interval - 1) % len(self.population.pairs)
        old = self.population.pairs[number]
        with torch.random.fork_rng(devices=[]):  # not the GPUs' generators: the pair is built on the CPU
            torch.default_generator.manual_seed((self.seed + epoch) % 2**32)
            new = self.build(number)
        for module, other in zip(old.modules(), new.modules(), strict=True):
            weights = dict(module.named_parameters(recurse=False))
            if weights and not any(weight.requires_grad for weight in weights.values()):
                continue  # frozen, with its running statistics
            values = dict(other.named_parameters(recurse=False)) | dict(other.named_buffers(recurse=False))
            for name, value in (weights | dict(module.named_buffers(recurse=False))).items():
                value.copy_(values[name])
                state[torchbearer.OPTIMIZER].state.pop(value, None)
