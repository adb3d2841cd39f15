"""Captures a training step as a CUDA graph, and replays it for later batches: one call starts all kernels.

A small encoder's step is several hundred short kernels, which a GPU runs faster than Python can start them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from learning_to_draw.errors import first_line
from learning_to_draw.games.losses.terms import TotalLoss
from learning_to_draw.models.encoders.base import Features
from learning_to_draw.models.population import Community, decoders_of
from learning_to_draw.trials.loop import distributed
from learning_to_draw.trials.loop.batches import Batch, PlayedBatch
from learning_to_draw.trials.loop.step import GameModule, train_step

logger = logging.getLogger("commgame")

FIRST = 3  # steps before the capture: they compile kernels and choose convolution algorithms
Stepped = tuple[PlayedBatch, Tensor]
# Records the work of a function; returns the function's result, and a function that repeats the work.
Record = Callable[[Callable[[], Any]], tuple[Any, Callable[[], None]]]


class GraphedStep:
    """`train_step` for a model and an optimiser, replayed from a CUDA graph where possible.

    The graph computes the loss and the gradients; the optimiser's update is not part of it. A graph reads its pictures
    from fixed memory, so a batch of another shape runs without it. The graph is captured again when a decoder's sigma2
    changes. If a capture fails, all further steps run without a graph, and the log says why. The tensors of a result
    are overwritten by the next step, except the loss and its terms.
    """

    def __init__(self, model: GameModule, optimizer: torch.optim.Optimizer, record: Record):
        self.model, self.optimizer, self.record = model, optimizer, record
        self._steps, self._failed, self._told = 0, False, False
        self._captured_for: tuple[float, ...] = ()
        self._batch: Batch
        self._result: Stepped
        self._replay: Callable[[], None]

    def __call__(self, batch: Batch) -> Stepped:
        self._steps += 1
        if self._steps <= FIRST or self._failed:
            return train_step(self.model, self.optimizer, batch)
        widths = tuple(decoder.sigma2 for decoder in decoders_of(self.model.agents))
        if self._captured_for != widths and not self._capture(batch, widths):
            return train_step(self.model, self.optimizer, batch)
        if not _same_shapes(batch, self._batch):
            if not self._told:
                logger.info("--cuda-graph auto: batches with another number of photos run without the graph")
            self._told = True
            return self._without_graph(batch)
        for fixed, values in zip(_tensors(self._batch), _tensors(batch), strict=True):
            fixed.copy_(values)
        self._replay()
        played, loss = self._result
        terms = {name: term.detach().clone() for name, term in played.terms.items()}
        return PlayedBatch(played.play, terms), loss.detach().clone()

    def _capture(self, batch: Batch, widths: tuple[float, ...]) -> bool:
        """Captures the step. Returns whether it succeeded."""
        fixed = _copy(batch)
        try:
            result, replay = self.record(lambda: train_step(self.model, self.optimizer, fixed))
        except Exception as error:  # an operation that cannot be captured; the kinds of errors vary
            self._failed = True
            cause = error.__cause__ or error
            logger.warning(
                "--cuda-graph auto: the step cannot be captured (%s: %s); it runs without a graph",
                type(cause).__name__,
                first_line(cause),
            )
            return False
        self._batch, self._result, self._replay, self._captured_for = fixed, result, replay, widths
        return True

    def _without_graph(self, batch: Batch) -> Stepped:
        """Takes a step outside the graph, and copies its gradients into the memory where the graph writes gradients."""
        weights = [weight for weight in self.model.parameters() if weight.grad is not None]
        graphs_own = [weight.grad for weight in weights]
        result = train_step(self.model, self.optimizer, batch)
        for weight, grad in zip(weights, graphs_own, strict=True):
            assert weight.grad is not None
            weight.grad = grad.copy_(weight.grad)
        return result


def _copy(batch: Batch) -> Batch:
    """The batch with a copy of every tensor that a step reads."""
    copies = {name: getattr(batch, name).clone() for name in ("photos", "candidates", "targets", "seen")}
    if batch.features is not None:
        maps = {name: maps.clone() for name, maps in batch.features.feature_maps.items()}
        copies["features"] = Features(batch.features.values.clone(), maps)
    return replace(batch, **copies)


def _tensors(batch: Batch) -> list[Tensor]:
    """The tensors that a step reads."""
    features = () if batch.features is None else (batch.features.values, *batch.features.feature_maps.values())
    assert batch.seen is not None
    return [batch.photos, batch.candidates, batch.targets, batch.seen, *features]


def _same_shapes(one: Batch, other: Batch) -> bool:
    return all(a.shape == b.shape for a, b in zip(_tensors(one), _tensors(other), strict=True))


def record_cuda_graph(function: Callable[[], Any]) -> tuple[Any, Callable[[], None]]:
    """Captures the kernels that `function` starts, without running them.

    Returns the result of `function`, and a function without arguments that runs the kernels.
    """
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = function()
    return result, graph.replay


def why_no_graph(device: torch.device, agents: Community, loss: TotalLoss) -> str:
    """The reason why the steps of a training cannot be captured; empty if nothing is known to prevent it."""
    if device.type != "cuda":
        return f"this run is on {device.type}, not on a CUDA GPU"
    if distributed.world_size() > 1:
        return "there are several processes"
    if len(agents.pairs) > 1:
        return "in a population, different agents play in each step"
    if agents.pairs[0].channel_noise is not None or loss.generators():
        return "a step draws random numbers on the CPU"
    return ""
