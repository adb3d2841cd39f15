"""Holds the pictures of a split, divides pictures into splits, and balances classes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from learning_to_draw.datasets.ragged import RaggedImages
from learning_to_draw.errors import UsageError

SPLITS = ("train", "valid", "test")


class Augment(Protocol):
    """Returns a new random view of each of the pictures `indices`: float32 [B, C, S, S] in 0..1, on `device`."""

    def __call__(
        self,
        images: Tensor | RaggedImages,
        indices: Tensor,
        generator: torch.Generator | None,
        device: torch.device | str | None = None,
    ) -> Tensor: ...


@dataclass(frozen=True, eq=False)
class Split:
    """N decoded, labelled pictures, and the M items of an epoch, each of which shows one picture.

    ids: numbers that identify pictures across runs, to detect test pictures that were used in training (see
    `identity.py`); None if the data set has none. by_ids: whether the ids decide which pictures are in the split.
    """

    name: str  # "train", "valid" or "test"
    images: Tensor | RaggedImages  # uint8 [N, C, H, W], or pictures of different sizes, which need an `augment`
    labels: Tensor  # int64 [N], index into classes
    classes: tuple[str, ...]
    items: Tensor  # int64 [M]: the picture that each item shows; arange(N) unless balanced
    augment: Augment | None = None
    ids: Tensor | None = None  # int64 [N]
    by_ids: bool = False

    def __post_init__(self) -> None:
        assert len(self.images) == len(self.labels), (len(self.images), len(self.labels))

    def __len__(self) -> int:
        return len(self.items)

    @property
    def channels(self) -> int:
        """The channels of the pictures, 1 or 3."""
        return self.images.shape[1] if isinstance(self.images, Tensor) else self.images.channels

    @property
    def item_labels(self) -> Tensor:
        """int64 [M]: the class of each item."""
        return self.labels[self.items]

    def view(
        self,
        items: Tensor,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
    ) -> Tensor:
        """The pictures of the items at positions `items` (int64 [B]), float32 [B, C, S, S] in 0..1, on `device`.

        generator: the CPU generator that a split's augmentation draws from; None for torch's global one. Augmented
        views differ between calls and between items. device: None for the device of `images`.
        """
        indices = self.items[items.to(self.items.device)]
        if self.augment is not None:
            return self.augment(self.images, indices, generator, device)
        assert isinstance(self.images, Tensor), "pictures of different sizes need an augmentation"
        return gather(self.images, indices, device)

    def pictures(self, indices: Tensor, device: torch.device | str | None = None) -> Tensor:
        """The pictures `indices` (int64 [B]) of `images`, not augmented: float32 [B, C, S, S] in 0..1, on `device`."""
        assert isinstance(self.images, Tensor), "pictures of different sizes need an augmentation"
        return gather(self.images, indices, device)

    def to(self, device: torch.device | str) -> Split:
        """The same split with its pixels on `device` (N * C * H * W bytes); labels and items stay on the CPU."""
        return replace(self, images=self.images.to(device))


def gather(images: Tensor, indices: Tensor, device: torch.device | str | None = None) -> Tensor:
    """float32 [B, C, H, W] in 0..1, on `device`: the pictures `images[indices]`, which are copied there as uint8."""
    return to_unit_range(images[to_device(indices, images.device)], device)


def to_unit_range(pixels: Tensor, device: torch.device | str | None = None) -> Tensor:
    """float32 in 0..1 from uint8 pixels, converted on `device`."""
    return to_device(pixels, device).float().div_(255)


def to_device(values: Tensor, device: torch.device | str | None) -> Tensor:
    """`values` on `device`, or unchanged if `device` is None.

    A copy to a CUDA GPU does not wait for the GPU's queued work.
    """
    if device is None or values.device == (device := torch.device(device)):
        return values
    if values.device.type == "cpu" and device.type == "cuda":  # only a copy from pinned memory does not block
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)


def check_split_name(name: str) -> None:
    if name not in SPLITS:
        raise ValueError(f"split {name!r}: the splits are {', '.join(SPLITS)}")


def stratified_split(
    positions: np.ndarray, labels: np.ndarray, held_out: int | float, seed: int, data_set: str
) -> tuple[np.ndarray, np.ndarray]:
    """(kept, held out): `positions` [M] in two parts with the same mix of classes, each in a seeded random order.

    labels: [M], the class of each position. held_out: a number of positions (int), or a fraction of them (float;
    rounded up). The result equals that of scikit-learn's `train_test_split(..., stratify=labels)`, whose import takes
    most of a second. Raises UsageError if a class has a single position, or if a part would have fewer positions than
    there are classes.
    """
    class_indices, counts = np.unique(labels, return_inverse=True, return_counts=True)[1:]
    held = math.ceil(held_out * len(positions)) if isinstance(held_out, float) else held_out
    if counts.min() < 2 or min(held, len(positions) - held) < len(counts):
        raise UsageError(
            f"{data_set} cannot be divided: {held} of {len(positions)} pictures would be set aside "
            f"(number of classes: {len(counts)}; pictures in the smallest class: {counts.min()}).\n"
            "Each class needs at least 2 pictures. Both the pictures set aside and the others must be at least as many "
            "as the classes.\n"
            "Check that the data set is complete, or change --valset-size-per-class if the data set has this option."
        )
    rng = np.random.RandomState(seed)
    kept_counts = _shares(counts, len(positions) - held, rng)
    held_counts = _shares(counts - kept_counts, held, rng)
    members = np.split(np.argsort(class_indices, kind="stable"), np.cumsum(counts)[:-1])
    kept_parts, held_parts = [], []
    for of_class, kept_count, held_count in zip(members, kept_counts, held_counts, strict=True):
        shuffled = of_class[rng.permutation(len(of_class))]
        kept_parts.append(shuffled[:kept_count])
        held_parts.append(shuffled[kept_count : kept_count + held_count])
    kept, set_aside = (rng.permutation(np.concatenate(parts)) for parts in (kept_parts, held_parts))
    return positions[kept], positions[set_aside]


def _shares(counts: np.ndarray, total: int, rng: np.random.RandomState) -> np.ndarray:
    """int [K]: how many positions to take from each class, `total` in all, in proportion to `counts` [K].

    The largest remainders are rounded up; `rng` chooses between equal remainders.
    """
    exact = counts / counts.sum() * total
    shares = np.floor(exact)
    remainders, missing = exact - shares, int(total - shares.sum())
    for remainder in np.unique(remainders)[::-1]:
        if missing == 0:
            break
        equal = np.flatnonzero(remainders == remainder)
        shares[rng.choice(equal, size=min(len(equal), missing), replace=False)] += 1
        missing -= min(len(equal), missing)
    return shares.astype(int)


def official_positions(
    name: str, labels: np.ndarray, *, classes: int, valset_size_per_class: int, seed: int, data_set: str
) -> np.ndarray:
    """The positions of a split's pictures: in the official test part for "test", else in the official training part.

    labels: [M], the classes of that part's pictures. The test part is used whole. From the training part,
    `valset_size_per_class * classes` pictures with the same mix of classes are set aside for validation.
    """
    everything = np.arange(len(labels))
    if name == "test":
        return everything
    train, valid = stratified_split(everything, labels, valset_size_per_class * classes, seed, data_set)
    return train if name == "train" else valid


def balanced_items(labels: Tensor) -> Tensor:
    """int64 [M]: items that show every class equally often; M = classes * (size of the largest class).

    Each round takes one picture per class; the classes are in order of first appearance in `labels` (int64 [N]). Round
    r takes picture number -r modulo n of a class of n pictures: 0, n - 1, n - 2, ..., 1, 0, ...
    """
    names, appearances = np.unique(labels.numpy(), return_index=True)
    members = [torch.nonzero(labels == int(label)).flatten() for label in names[np.argsort(appearances)]]
    rounds = torch.arange(max(len(positions) for positions in members))
    return torch.stack([positions[-rounds % len(positions)] for positions in members], dim=1).flatten()
