"""Batch normalisation for agents, whose networks see photos and sketches in turn."""

from __future__ import annotations

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

    def forward(self, maps: Tensor, drawn: bool = False) -> Tensor:
        mean, var = self.running_mean, self.running_var
        if drawn:
            mean, var = self.drawn_running_mean, self.drawn_running_var
        # One value a channel has no deviation.
        learning = self.training and self.weight.requires_grad and maps.numel() > maps.shape[1]
        if learning:
            self.num_batches_tracked.add_(1)
        return nn.functional.batch_norm(maps, mean, var, self.weight, self.bias, learning, self.momentum, self.eps)


class PhotoSketchSequential(PhotoSketchLayer, nn.Sequential):
    """Layers in turn, which are told whether they see sketches where that matters to them."""

    def forward(self, values: Tensor, drawn: bool = False) -> Tensor:
        for layer in self:
            values = pass_through(layer, values, drawn)
        return values


def pass_through(layer: nn.Module, values: Tensor, drawn: bool) -> Tensor:
    """What `layer` makes of `values`. drawn: they come from sketches."""
    return layer(values, drawn) if isinstance(layer, PhotoSketchLayer) else layer(values)
