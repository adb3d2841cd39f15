"""The torchbearer trial that plays games: model, closure, metrics. `train` and `test` add their callbacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torchbearer
from torch import Tensor, nn
from torchbearer import metrics
from torchbearer.callbacks import Callback

from games.losses import TotalLoss
from games.scores import correct_guesses
from models.agents import Agents, Play
from trials.batches import Batch, GameBatches

TERMS = torchbearer.state_key("loss_terms")
"""State: every loss term of this batch by name, scalars; their sum is the loss."""


class ForwardError(BaseException):
    """Carries an exception out of torchbearer, which would catch it, run the model again and lose the traceback."""


class Player(nn.Module):
    """The agents as torchbearer calls a model: with a batch, and a state that they have no use for.

    Their loss lives beside them, so that it is switched between training and evaluation, and moved, together with them.
    """

    def __init__(self, agents: Agents, loss: TotalLoss):
        super().__init__()
        self.agents = agents
        self.loss = loss

    def forward(self, batch: Batch, state: Any = None) -> Play:
        try:
            return self.agents(
                batch.photos,
                batch.candidates,
                batch.senders,
                perceive=self.loss.perceives,
                features=batch.features,
            )
        except Exception as error:
            raise ForwardError from error


class QuietRunningMean(metrics.RunningMean):
    """torchbearer's running mean, left on the device as a tensor: no GPU is waited for until `settle_metrics`."""

    def _step(self, cache: list[Tensor]) -> Tensor:
        return torch.stack(cache).mean()

    def saved(self) -> list[Tensor]:
        """What it remembers from epoch to epoch: its last batches' values."""
        return list(self._cache)

    def load(self, values: list[Tensor], device: torch.device) -> None:
        self._cache.clear()
        self._cache.extend(value.to(device) for value in values)


def with_running_mean(metric: metrics.MetricTree) -> metrics.MetricTree:
    """The metric, logged as running_NAME, too: of the last 50 batches, renewed at every tenth, as officially."""
    metric.add_child(metrics.ToDict(QuietRunningMean(f"running_{metric.root.name}")))
    return metric


def settle_metrics(state: dict) -> None:
    """Turns metrics that are tensors into numbers."""
    for name, value in state[torchbearer.METRICS].items():
        if isinstance(value, Tensor):
            state[torchbearer.METRICS][name] = value.item()


@metrics.mean
class BatchLoss(metrics.Metric):
    """The loss of a batch; logged as loss."""

    def __init__(self):
        super().__init__("loss")

    def process(self, state: dict) -> Tensor:
        return state[torchbearer.LOSS].detach()


@metrics.std
@metrics.mean
class CommunicationRate(metrics.Metric):
    """Right guesses of a batch, float [B] of 0 and 1; logged as commrate and commrate_std."""

    def __init__(self):
        super().__init__("commrate")

    def process(self, state: dict) -> Tensor:
        return correct_guesses(state[torchbearer.Y_PRED].scores, state[torchbearer.Y_TRUE]).float()


def loss_term_metric(term: str) -> metrics.Metric:
    """The mean of one loss term over the batches of an epoch, logged as TERM_loss."""

    @metrics.mean
    class LossTerm(metrics.Metric):
        def __init__(self):
            super().__init__(f"{term}_loss")

        def process(self, state: dict) -> Tensor:
            return state[TERMS][term].detach()

    return LossTerm()


def build_trial(
    agents: Agents,
    loss: TotalLoss,
    device: torch.device,
    *,
    optimizer: torch.optim.Optimizer | None = None,
    callbacks: Sequence[Callback] = (),
) -> torchbearer.Trial:
    """A trial on `device` whose batches are `Batch`es and whose prediction is a `Play`."""

    def criterion(state: dict) -> Tensor:
        state[TERMS] = loss(state[torchbearer.Y_PRED], state[torchbearer.Y_TRUE])
        return torch.stack([term.reshape(()) for term in state[TERMS].values()]).sum()

    def closure(state: dict) -> None:
        state[torchbearer.OPTIMIZER].zero_grad()
        state[torchbearer.Y_PRED] = state[torchbearer.MODEL](state[torchbearer.X], state=state)
        state[torchbearer.CALLBACK_LIST].on_forward(state)
        state[torchbearer.LOSS] = criterion(state)
        state[torchbearer.CALLBACK_LIST].on_criterion(state)
        state[torchbearer.LOSS].backward()
        state[torchbearer.CALLBACK_LIST].on_backward(state)

    measured = [with_running_mean(BatchLoss()), with_running_mean(CommunicationRate())]
    if optimizer is not None:
        measured.append("lr")
    if loss.auxiliary:
        measured += [loss_term_metric(term) for term in ("game", *loss.auxiliary)]
    trial = torchbearer.Trial(Player(agents, loss), optimizer, criterion, measured, list(callbacks), verbose=0)
    return trial.with_loader(_load_batch).with_closure(closure).to(device)


def _load_batch(state: dict) -> None:
    state[torchbearer.X] = next(state[torchbearer.ITERATOR])
    state[torchbearer.Y_TRUE] = state[torchbearer.X].targets


def run(trial: torchbearer.Trial, train: GameBatches, valid: GameBatches, epochs: int) -> list[dict[str, Any]]:
    """Trains for `epochs`; the history has a dict of metrics for every epoch."""
    return _unwrapped(lambda: trial.with_generators(train, valid).run(epochs))


def evaluate(trial: torchbearer.Trial, batches: GameBatches) -> dict[str, float]:
    """Plays all batches once without learning; metrics by name, each beginning with test_."""
    return _unwrapped(
        lambda: trial.with_test_generator(batches).evaluate(data_key=torchbearer.TEST_DATA),
    )


def _unwrapped(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except ForwardError as wrapper:
        raise wrapper.__cause__ from None
