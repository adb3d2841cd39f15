"""Caches a frozen backbone's features of photos that are not augmented: computed once per run, then looked up."""

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
    """The features of all N pictures of a split, on one device."""

    def __init__(self, features: Features):
        self.features = features

    def take(self, indices: Tensor) -> Features:
        """The features of the pictures at `indices`, int64 [B], in the split's `images`."""
        values = self.features.values
        rows = indices.to(values.device)
        maps = {layer: kept.index_select(0, rows) for layer, kept in self.features.feature_maps.items()}
        return Features(values.index_select(0, rows), maps)


@torch.no_grad()
def compute(
    encoder: BackboneEncoder, split: Split, layers: Collection[str], device: torch.device, batch: int = PICTURES_AT_ONCE
) -> FeatureCache:
    """Computes the features of all pictures of a split, with the feature maps of `layers`, without augmentation.

    batch: pictures per forward pass. The values equal those of a training step up to rounding, which depends on the
    batch size.
    """
    everything = torch.arange(len(split.images))
    kept: Features | None = None
    title = f"features of {split.name} pictures"
    for rows in tqdm(everything.split(batch), desc=title, unit=" batches", disable=console.hidden(), leave=False):
        features = encoder.extract(encoder.preprocess(split.pictures(rows, device)), layers=layers)
        if kept is None:
            kept = Features(
                _room(features.values, len(everything)),
                {layer: _room(values, len(everything)) for layer, values in features.feature_maps.items()},
            )
        kept.values[rows] = features.values
        for layer, values in features.feature_maps.items():
            kept.feature_maps[layer][rows] = values
    assert kept is not None, "a split without pictures"
    return FeatureCache(kept)


@torch.no_grad()
def needed_bytes(encoder: BackboneEncoder, split: Split, layers: Collection[str], device: torch.device) -> int:
    """The number of bytes that the features of a split take, estimated from one picture."""
    features = encoder.extract(encoder.preprocess(split.pictures(torch.arange(1), device)), layers=layers)
    return len(split.images) * sum(_bytes(kept) for kept in (features.values, *features.feature_maps.values()))


def _room(example: Tensor, count: int) -> Tensor:
    return example.new_empty((count, *example.shape[1:]))


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
