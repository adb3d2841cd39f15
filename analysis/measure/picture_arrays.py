"""Reads pictures of a log into one array."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from learning_to_draw.datasets.decoding import read_picture, to_tensor
from learning_to_draw.datasets.picture_file import take_from
from learning_to_draw.errors import UsageError


def read_pictures(paths: Sequence[Path]) -> np.ndarray:
    """uint8 [N, C, H, W]: the pictures, grey (C = 1) if the first one is grey, else RGB.

    Raises UsageError if a file is not a picture, or differs in size from the first one.
    """
    channels, pictures = _channels(paths[0]), None
    for number, path in enumerate(paths):
        picture = to_tensor(read_picture(path, channels)).numpy()
        if pictures is None:
            pictures = np.empty((len(paths), *picture.shape), dtype=np.uint8)
        if picture.shape != pictures.shape[1:]:
            raise UsageError(
                f"pictures of the log differ in size: {_size(pictures)} in {paths[0]},\n{_size(picture)} in {path}.\n"
                "Give an intact log."
            )
        pictures[number] = picture
    return pictures


def _channels(path: Path) -> int:
    return take_from(path, lambda picture: 1 if picture.mode in ("1", "L") else 3)


def _size(pictures: np.ndarray) -> str:
    return f"{pictures.shape[-1]} x {pictures.shape[-2]} pixels"
