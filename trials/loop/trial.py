"""Builds the torchbearer trial, which calls step.py for every batch and computes the metrics of an epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torchbearer
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torchbearer import metrics
from torchbearer.callbacks import Callback

from learning_to_draw.games.losses.terms import TotalLoss
from learning_to_draw.games.scores import correct_guesses
from learning_to_draw.models.population import Community
from learning_to_draw.trials.loop import distributed
from learning_to_draw.trials.loop.batches import GameBatches
from learning_to_draw.trials.loop.cuda_graph import GraphedStep, Record
from learning_to_draw.trials.loop.divided import DividedGames
from learning_to_draw.trials.loop.step import ForwardError, GameModule, total_loss, train_step


class QuietRunningMean(metrics.RunningMean):
    """torchbearer's running mean, but as a tensor on the device: computing it does not synchronise with the GPU."""

    def _step(self, cache: list[Tensor]) -> Tensor:
        return torch.stack(cache).mean()


def with_running_mean(metric: metrics.MetricTree) -> metrics.MetricTree:
    """Makes `metric` also log running_NAME: its mean over the last 50 batches, updated every 10. Returns `metric`."""
    metric.add_child(metrics.ToDict(QuietRunningMean(f"running_{metric.root.name}")))
    return metric


def metrics_to_floats(state: dict) -> None:
    """Converts metrics from tensors to numbers, in place."""
    for name, value in state[torchbearer.METRICS].items():
        if isinstance(value, Tensor):
            state[torchbearer.METRICS][name] = value.item()


def of_all(state: dict, combine: Callable[[Tensor], Tensor], value: Tensor) -> Tensor:
    """`combine(value)` in training, where each process has its own games; `value` itself for held-out games.

    Every process has the results of all held-out games. combine: joins or averages the values of all processes.
    """
    return combine(value) if state[torchbearer.MODEL].training else value


@metrics.mean
class BatchLoss(metrics.Metric):
    """The loss of a batch, averaged over the processes. Logged as loss."""

    def __init__(self):
        super().__init__("loss")

    def process(self, state: dict) -> Tensor:
        return of_all(state, distributed.mean, state[torchbearer.LOSS].detach())


@metrics.to_dict
class LearningRate(metrics.AdvancedMetric):
    """The learning rate, as one number; with --decoder-lr-factor, that of the weights outside the decoders.

    torchbearer's own metric gives a list if the decoder has its own rate.
    """

    def __init__(self):
        super().__init__("lr")

    def process_train(self, state: dict) -> float:
        return state[torchbearer.OPTIMIZER].param_groups[0]["lr"]

    process_final_train = process_train


@metrics.std
@metrics.mean
class CommunicationRate(metrics.Metric):
    """Whether each guess of a batch is correct: float [B] of 0 and 1, gathered from all processes.

    Logged as commrate (the mean) and commrate_std (the standard deviation).
    """

    def __init__(self):
        super().__init__("commrate")

    def process(self, state: dict) -> Tensor:
        correct = correct_guesses(state[torchbearer.Y_PRED].play.scores, state[torchbearer.Y_TRUE]).float()
        return of_all(state, distributed.all_gather, correct)


def loss_term_metric(term: str) -> metrics.Metric:
    """A metric: the mean of one loss term over the batches of an epoch. Logged as TERM_loss."""

    @metrics.mean
    class LossTerm(metrics.Metric):
        def __init__(self):
            super().__init__(f"{term}_loss")

        def process(self, state: dict) -> Tensor:
            return of_all(state, distributed.mean, state[torchbearer.Y_PRED].terms[term].detach())

    return LossTerm()


def build_trial(
    agents: Community,
    loss: TotalLoss,
    device: torch.device,
    *,
    optimizer: torch.optim.Optimizer | None = None,
    callbacks: Sequence[Callback] = (),
    gather_candidates: bool = False,
    record: Record | None = None,
) -> torchbearer.Trial:
    """A trial on `device` whose input is a `Batch` and whose prediction is a `PlayedBatch`.

    optimizer: None if the trial only tests. record: captures a training step as a CUDA graph, which later steps replay
    (see `GraphedStep`); None: steps run normally. With several processes, agents and loss have to be on the device
    already, and gradients are averaged over the processes.
    """
    player = GameModule(agents, loss, gather_candidates=gather_candidates)
    model: nn.Module = player
    if optimizer is not None and distributed.world_size() > 1:
        # static_graph is not used: it does not find the tensors inside a Play, and then averages no gradients.
        # In a population, a step uses the weights of one sender and one receiver only.
        model = DistributedDataParallel(player, find_unused_parameters=len(agents.pairs) > 1)

    step = partial(train_step, model, optimizer)
    if record is not None and optimizer is not None:
        step = GraphedStep(player, optimizer, record)

    def learn(state: dict) -> None:  # called by the optimizer, which then updates the weights
        state[torchbearer.Y_PRED], state[torchbearer.LOSS] = step(state[torchbearer.X])

    def criterion(state: dict) -> Tensor:  # of held-out games
        return total_loss(state[torchbearer.Y_PRED])

    logged = [with_running_mean(BatchLoss()), with_running_mean(CommunicationRate())]
    if optimizer is not None:
        logged.append(LearningRate())
    if loss.auxiliary:
        logged += [loss_term_metric(term) for term in ("game", *loss.auxiliary)]
    trial = torchbearer.Trial(model, optimizer, criterion, logged, list(callbacks), verbose=0)
    return trial.with_loader(_load_batch).with_closure(learn).to(device)


def _load_batch(state: dict) -> None:
    state[torchbearer.X] = next(state[torchbearer.ITERATOR])
    state[torchbearer.Y_TRUE] = state[torchbearer.X].targets


def run(trial: torchbearer.Trial, train: GameBatches, valid: GameBatches, epochs: int) -> list[dict[str, Any]]:
    """Trains and validates until `epochs` epochs are complete. Returns the history: one dict of metrics per epoch."""
    return _unwrapped(lambda: trial.with_generators(train, _divided(trial, valid)).run(epochs))


def evaluate(trial: torchbearer.Trial, batches: GameBatches) -> dict[str, Any]:
    """Plays all batches once without training. Returns the metrics by name; every name begins with test_.

    A metric is a number, or None if it could not be measured.
    """
    measured = _unwrapped(
        lambda: trial.with_test_generator(_divided(trial, batches)).evaluate(data_key=torchbearer.TEST_DATA),
    )
    # Callbacks add the metrics of all held-out games with the prefix val_.
    return {name.replace("val_", "test_", 1) if name.startswith("val_") else name: measured[name] for name in measured}


def _divided(trial: torchbearer.Trial, batches: GameBatches) -> GameBatches | DividedGames:
    model = trial.state[torchbearer.MODEL]
    player = model.module if isinstance(model, DistributedDataParallel) else model
    return DividedGames(batches, player) if distributed.world_size() > 1 else batches


def _unwrapped(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except ForwardError as wrapper:
        raise wrapper.__cause__ from None
