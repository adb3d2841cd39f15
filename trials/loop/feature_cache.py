"""What a frozen backbone makes of photos that do not change: computed once a run, and looked up from then on."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor
from tqdm import tqdm

from learning_to_draw import console
from learning_to_draw.datasets.splits import Split
from learning_to_draw.models.encoders.base import BackboneEncoder, Features

PICTURES_AT_ONCE = 50


class FeatureCache:
    """Features of all N pictures of a split, on one device; `take` looks them up."""

    def __init__(self, features: Features):
        self.features = features

    def take(self, indices: Tensor) -> Features:
        """The features of pictures `indices`, int64 [B], places in the split's `images`."""
        values = self.features.values
        rows = indices.to(values.device)
        maps = {layer: kept.index_select(0, rows) for layer, kept in self.features.feature_maps.items()}
        return Features(values.index_select(0, rows), maps)


@torch.no_grad()
def compute(
    encoder: BackboneEncoder, split: Split, layers: Collection[str], device: torch.device, batch: int = PICTURES_AT_ONCE
) -> FeatureCache:
    """Passes every picture of a split without augmentation through the encoder's backbone, with the maps of `layers`.

    The features are those that a training step would compute, but for the rounding that depends on a batch's size.
    """
    everything = torch.arange(len(split.images))
    kept: Features | None = None
    title = f"features of {split.name} pictures"
    for rows in tqdm(everything.split(batch), desc=title, unit=" batches", disable=console.hidden(), leave=False):
        found = encoder.extract(encoder.prepare(split.pictures(rows, device)), maps=layers)
        if kept is None:
            kept = Features(
                _room(found.values, len(everything)),
                {layer: _room(values, len(everything)) for layer, values in found.feature_maps.items()},
            )
        kept.values[rows] = found.values
        for layer, values in found.feature_maps.items():
            kept.feature_maps[layer][rows] = values
    assert kept is not None, "a split without pictures"
    return FeatureCache(kept)


@torch.no_grad()
def needed_bytes(encoder: BackboneEncoder, split: Split, layers: Collection[str], device: torch.device) -> int:
    """How much memory the features of a split take, found by computing those of one picture."""
    found = encoder.extract(encoder.prepare(split.pictures(torch.arange(1), device)), maps=layers)
    return len(split.images) * sum(_bytes(kept) for kept in (found.values, *found.feature_maps.values()))


def _room(example: Tensor, count: int) -> Tensor:
    return example.new_empty((count, *example.shape[1:]))


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
