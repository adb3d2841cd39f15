"""Batch normalisation for agents, whose networks see photos and sketches in turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class PhotoSketchLayer(nn.Module):
    """A layer whose `forward` takes, after its input, whether that comes from sketches (`drawn`)."""


class PhotoSketchBatchNorm2d(PhotoSketchLayer, nn.BatchNorm2d):
    """Batch normalisation [B, C, H, W] with one set of weights but separate running statistics for photos and sketches.

    With common statistics (as in the official code) photos and sketches are mixed into averages that fit neither, and
    agents that understand each other in training fall to near chance at test time. Once its weights are frozen, it
    keeps to the statistics that it has, in training too.
    """

    def __init__(self, channels: int):
        super().__init__(channels)
        self.register_buffer("drawn_running_mean", torch.zeros(channels))
        self.register_buffer("drawn_running_var", torch.ones(channels))
        self._averaged: dict[bool, int] | None = None  # how many batches, drawn or not, while `plain_averages` counts

    def forward(self, maps: Tensor, drawn: bool = False) -> Tensor:
        mean, var = self.running_mean, self.running_var
        if drawn:
            mean, var = self.drawn_running_mean, self.drawn_running_var
        # One value a channel has no deviation.
        learning = self.training and self.weight.requires_grad and maps.numel() > maps.shape[1]
        momentum = self.momentum
        if learning and self._averaged is not None:
            self._averaged[drawn] += 1
            momentum = 1 / self._averaged[drawn]
        elif learning:
            self.num_batches_tracked.add_(1)
        return nn.functional.batch_norm(maps, mean, var, self.weight, self.bias, learning, momentum, self.eps)


@contextmanager
def plain_averages(network: nn.Module) -> Iterator[bool]:
    """Within it, running statistics start again and become the plain mean over the batches that are seen.

    Gives whether the network learns any.
    """
    layers = _learning(network)
    for layer in layers:
        layer._averaged = {False: 0, True: 0}
    try:
        yield bool(layers)
    finally:
        for layer in layers:
            layer._averaged = None


def running_statistics(network: nn.Module) -> list[Tensor]:
    """The running means and variances that a network learns."""
    names = ("running_mean", "running_var", "drawn_running_mean", "drawn_running_var")
    return [getattr(layer, name) for layer in _learning(network) for name in names]


def _learning(network: nn.Module) -> list[PhotoSketchBatchNorm2d]:
    layers = [layer for layer in network.modules() if isinstance(layer, PhotoSketchBatchNorm2d)]
    return [layer for layer in layers if layer.weight.requires_grad]


class PhotoSketchSequential(PhotoSketchLayer, nn.Sequential):
    """Layers in turn, which are told whether they see sketches where that matters to them."""

    def forward(self, values: Tensor, drawn: bool = False) -> Tensor:
        for layer in self:
            values = pass_through(layer, values, drawn)
        return values


def pass_through(layer: nn.Module, values: Tensor, drawn: bool) -> Tensor:
    """What `layer` makes of `values`. drawn: they come from sketches."""
    return layer(values, drawn) if isinstance(layer, PhotoSketchLayer) else layer(values)
