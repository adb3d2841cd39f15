"""What a split is, and how items are divided into splits and balanced between classes."""

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
    """A fresh random view of each picture asked for: float32 [B, C, S, S] in 0..1, on `device`."""

    def __call__(
        self,
        images: Tensor | RaggedImages,
        indices: Tensor,
        generator: torch.Generator | None,
        device: torch.device | str | None = None,
    ) -> Tensor: ...


@dataclass(frozen=True, eq=False)
class Split:
    """N labelled pictures, decoded, and the M items that an epoch shows of them."""

    name: str  # "train", "valid" or "test"
    images: Tensor | RaggedImages  # uint8 [N, C, H, W] in pixels, or pictures of different sizes
    labels: Tensor  # int64 [N], index into classes
    classes: tuple[str, ...]
    items: Tensor  # int64 [M]: which image each item shows; arange(N) unless balanced
    augment: Augment | None = None

    def __post_init__(self) -> None:
        assert len(self.images) == len(self.labels), (len(self.images), len(self.labels))

    def __len__(self) -> int:
        return len(self.items)

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

        `generator` (a CPU generator; None is torch's global one) only matters where there is an augmentation, which
        then differs from call to call and from item to item. `device` None stays where the images are.
        """
        indices = self.items[items.to(self.items.device)]
        if self.augment is not None:
            return self.augment(self.images, indices, generator, device)
        return gather(self.images, indices, device)

    def pictures(self, indices: Tensor, device: torch.device | str | None = None) -> Tensor:
        """The pictures at places `indices` (int64 [B]) of `images` as they are, float32 [B, C, S, S] in 0..1."""
        return gather(self.images, indices, device)

    def to(self, device: torch.device | str) -> Split:
        """The same split with its pixels on `device` (N * C * H * W bytes); labels and items stay on the CPU."""
        return replace(self, images=self.images.to(device))


def gather(images: Tensor, indices: Tensor, device: torch.device | str | None = None) -> Tensor:
    """Images `indices` of uint8 [N, C, H, W] as float32 [B, C, H, W] in 0..1; what travels to `device` is uint8."""
    return to_unit_range(images[indices.to(images.device)], device)


def to_unit_range(pixels: Tensor, device: torch.device | str | None = None) -> Tensor:
    """uint8 0..255 to float32 0..1, scaled on `device`."""
    return pixels.to(device).float().div_(255)


def check_split_name(name: str) -> None:
    if name not in SPLITS:
        raise ValueError(f"split {name!r}: the splits are {', '.join(SPLITS)}")


def stratified_split(
    positions: np.ndarray, labels: np.ndarray, held_out: int | float, seed: int, data_set: str
) -> tuple[np.ndarray, np.ndarray]:
    """(kept, held out): `positions` [M] divided so that both have the same mix of classes, in a seeded random order.

    labels: [M], the classes of the positions. held_out: a number of items, or a share of them (rounded up). The result
    is that of scikit-learn's `train_test_split(..., stratify=labels)`, which takes most of a second to import.
    Raises UsageError where a class has a single item, or a part would have fewer items than there are classes.
    """
    of_class, counts = np.unique(labels, return_inverse=True, return_counts=True)[1:]
    held = math.ceil(held_out * len(positions)) if isinstance(held_out, float) else held_out
    if counts.min() < 2 or min(held, len(positions) - held) < len(counts):
        raise UsageError(
            f"{data_set} cannot be divided into train, valid and test: {len(positions)} pictures of {len(counts)} "
            f"classes, the smallest with {counts.min()}, and {held} to be set aside.\n"
            "A class needs at least 2 pictures, and each part at least as many as there are classes.\n"
            "Check that the data set is complete, or set aside another number of pictures."
        )
    rng = np.random.RandomState(seed)
    kept_counts = _shares(counts, len(positions) - held, rng)
    held_counts = _shares(counts - kept_counts, held, rng)
    members = np.split(np.argsort(of_class, kind="stable"), np.cumsum(counts)[:-1])
    kept_parts, held_parts = [], []
    for of_this, kept, out in zip(members, kept_counts, held_counts, strict=True):
        shuffled = of_this[rng.permutation(len(of_this))]
        kept_parts.append(shuffled[:kept])
        held_parts.append(shuffled[kept : kept + out])
    return tuple(positions[rng.permutation(np.concatenate(parts))] for parts in (kept_parts, held_parts))


def _shares(counts: np.ndarray, total: int, rng: np.random.RandomState) -> np.ndarray:
    """`total` items divided between classes in proportion to `counts` [K]: int [K].

    Largest remainders are rounded up, and equal ones drawn by `rng`.
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
    """Where the pictures of a split lie in their official part, which has the test pictures or all the others.

    `labels` [M] are the classes of that part's pictures. The test part is taken whole. Out of the other one
    `valset_size_per_class * classes` pictures, in the mix that it has, are set aside for validation.
    """
    everything = np.arange(len(labels))
    if name == "test":
        return everything
    train, valid = stratified_split(everything, labels, valset_size_per_class * classes, seed, data_set)
    return train if name == "train" else valid


def balanced_items(labels: Tensor) -> Tensor:
    """int64 [M]: items that show every class equally often, M = classes * (size of the largest class).

    Rounds over the classes in order of first appearance in `labels` (int64 [N]). Round r takes from a class of n
    pictures its picture number -r modulo n: 0, n - 1, n - 2, ..., 1, 0, ...
    """
    names, appearances = np.unique(labels.numpy(), return_index=True)
    members = [torch.nonzero(labels == int(label)).flatten() for label in names[np.argsort(appearances)]]
    rounds = torch.arange(max(len(positions) for positions in members))
    return torch.stack([positions[-rounds % len(positions)] for positions in members], dim=1).flatten()
