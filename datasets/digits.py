"""Handwritten digits that come with scikit-learn: nothing to download, and training takes about a minute."""

from __future__ import annotations

import functools
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from learning_to_draw.datasets.augment import AffineView
from learning_to_draw.datasets.config import DigitsConfig
from learning_to_draw.datasets.identity import path_ids
from learning_to_draw.datasets.splits import Split, check_split_name, stratified_split

TEST_SIZE, VALID_SIZE = 360, 180


class Digits:
    """1797 digits of 8 x 8 pixels, enlarged: light strokes on black, 1 channel.

    1257 / 180 / 360 pictures for training / validation / test. Training pictures are randomly rotated, translated and
    scaled, differently each time.
    """

    channels = 1

    def __init__(self, config: DigitsConfig = DigitsConfig()) -> None:
        """Ignores num_workers, because there are no files to decode."""
        self.image_size = config.image_size
        self.dataset_seed = config.dataset_seed

    def split(self, name: str) -> Split:
        check_split_name(name)
        images, targets = _digits()
        chosen = self._positions(targets)[name]
        labels = torch.from_numpy(targets[chosen])
        return Split(
            name=name,
            images=enlarge(torch.from_numpy(images[chosen]), self.image_size),
            labels=labels,
            classes=tuple(str(label) for label in np.unique(targets)),
            items=torch.arange(len(labels)),
            augment=AffineView(degrees=10, translate=0.08, scale=(0.9, 1.1)) if name == "train" else None,
            ids=torch.from_numpy(path_ids(f"Digits/{position}" for position in chosen)),
        )

    def _positions(self, labels: np.ndarray) -> dict[str, np.ndarray]:
        everything = np.arange(len(labels))
        rest, test = stratified_split(everything, labels, TEST_SIZE, self.dataset_seed, "Digits")
        train, valid = stratified_split(rest, labels[rest], VALID_SIZE, self.dataset_seed, "Digits")
        return {"train": train, "valid": valid, "test": test}


@functools.cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's digits: images float64 [1797, 8, 8] in 0..16, and labels int64 [1797].

    The file is read directly, because importing scikit-learn takes most of a second. If scikit-learn has moved the
    file, its own function reads it.
    """
    package = find_spec("sklearn")
    folder = Path(package.origin).parent if package is not None and package.origin is not None else Path()
    file = folder / "datasets" / "data" / "digits.csv.gz"
    if not file.exists():
        from sklearn.datasets import load_digits

        rows, labels = load_digits(return_X_y=True)
        return rows.reshape(-1, 8, 8), labels.astype(np.int64)
    rows = np.loadtxt(file, delimiter=",")
    return rows[:, :-1].reshape(-1, 8, 8), rows[:, -1].astype(np.int64)


def enlarge(digits: Tensor, size: int) -> Tensor:
    """uint8 [N, 1, size, size] from digits [N, 8, 8] in 0..16: adds a margin of one pixel, then resizes (bicubic).

    The digits touch the upper and lower edges; the margin lets their strokes end inside the picture.
    """
    ink = F.pad(digits.float()[:, None] * (255 / 16), (1, 1, 1, 1))
    larger = F.interpolate(ink, (size, size), mode="bicubic", align_corners=False, antialias=size < ink.shape[-1])
    return larger.round().clamp(0, 255).to(torch.uint8)
