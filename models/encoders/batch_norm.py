"""Batch normalisation for networks that see both photos and sketches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class PhotoSketchLayer(nn.Module):
    """A layer whose `forward` takes a second argument, `is_sketch`: whether the input comes from sketches."""


class PhotoSketchBatchNorm2d(PhotoSketchLayer, nn.BatchNorm2d):
    """Batch normalisation of [B, C, H, W], with shared weights and separate running statistics for photos and sketches.

    With shared statistics (as in the official code), the running averages mix photos and sketches and fit neither;
    agents that understand each other in training fall to near chance at test time. A layer with frozen weights
    normalises by its running statistics and leaves them unchanged, even in training mode.
    """

    running_mean: Tensor  # [C], of photos, like running_var
    running_var: Tensor
    drawn_running_mean: Tensor  # [C], of sketches, like drawn_running_var
    drawn_running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def __init__(self, channels: int):
        super().__init__(channels)
        self.register_buffer("drawn_running_mean", torch.zeros(channels))
        self.register_buffer("drawn_running_var", torch.ones(channels))
        self._averaged: dict[bool, int] | None = None  # number of batches by `is_sketch`, within `plain_averages`

    def forward(self, maps: Tensor, is_sketch: bool = False) -> Tensor:
        mean, var = self.running_mean, self.running_var
        if is_sketch:
            mean, var = self.drawn_running_mean, self.drawn_running_var
        # A single value per channel has no variance.
        learning = self.training and self.weight.requires_grad and maps.numel() > maps.shape[1]
        momentum = self.momentum
        if learning and self._averaged is not None:
            self._averaged[is_sketch] += 1
            momentum = 1 / self._averaged[is_sketch]
        elif learning:
            self.num_batches_tracked.add_(1)
        return nn.functional.batch_norm(maps, mean, var, self.weight, self.bias, learning, momentum, self.eps)


@contextmanager
def plain_averages(network: nn.Module) -> Iterator[bool]:
    """Context manager: inside it, running statistics restart and become the plain mean over the batches seen.

    Yields whether the network has batch normalisation that is not frozen. Frozen layers keep their statistics.
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
    """The running means and variances of all layers whose weights are not frozen."""
    names = ("running_mean", "running_var", "drawn_running_mean", "drawn_running_var")
    return [getattr(layer, name) for layer in _learning(network) for name in names]


def _learning(network: nn.Module) -> list[PhotoSketchBatchNorm2d]:
    layers = [layer for layer in network.modules() if isinstance(layer, PhotoSketchBatchNorm2d)]
    return [layer for layer in layers if layer.weight.requires_grad]


class PhotoSketchSequential(PhotoSketchLayer, nn.Sequential):
    """Layers in sequence; passes `is_sketch` to those that take it."""

    def forward(self, values: Tensor, is_sketch: bool = False) -> Tensor:
        for layer in self:
            values = pass_through(layer, values, is_sketch)
        return values


def pass_through(layer: nn.Module, values: Tensor, is_sketch: bool) -> Tensor:
    """The output of `layer` for `values`. is_sketch: the values come from sketches."""
    return layer(values, is_sketch) if isinstance(layer, PhotoSketchLayer) else layer(values)
