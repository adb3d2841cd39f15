"""Converts a user's files, PIL images, arrays and tensors to pictures of the size that the agents see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from learning_to_draw.datasets.decoding import read_picture, resize_and_crop, to_tensor, with_channels
from learning_to_draw.datasets.splits import to_unit_range
from learning_to_draw.errors import UsageError

GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # weights of red, green and blue, as in Pillow
ROUNDING = 1e-4
KINDS = "a path, a PIL image, a numpy array or a tensor"
SHAPES = (
    "Give [H, W], [H, W, C] or [C, H, W] with C = 1 or 3 channels, or a batch [B, H, W, C] or [B, C, H, W]; "
    "if an image's first and last size are both 1 or 3, give it as a PIL image"
)


def as_seen(images: Any, size: int, channels: int, *, beyond: float = 0.0) -> Tensor:
    """float32 [B, channels, size, size] in 0..1, on the CPU: the images as agents see them.

    The shorter side is scaled to `size` and the central square is kept, as in data sets of picture files. Float
    images of `size` x `size` pixels are not resized, so the result can be passed in again. Colour is converted to grey,
    or grey to colour.

    images: one image, a batch, or a list of images of any sizes. An image is a path (str or Path), a PIL image, or an
    array or tensor. Files and PIL images are rotated as EXIF says, and put on white if they are transparent. Arrays and
    tensors hold uint8 in 0..255 or floats in 0..1; they are [H, W], [H, W, C] or [C, H, W] with C = 1 or 3, or a batch
    [B, H, W, C] or [B, C, H, W]. [3, H, W] is one image in colour, never three grey ones.
    beyond: how far floats may lie outside 0..1, as in sketches with contrast; such floats are not clamped.
    Raises UsageError for anything else, for shapes that can be read in two ways, and for a file that is not a picture.
    """
    if not isinstance(images, list | tuple):
        singles = list(_singles(images, "the image", 4, beyond))
    elif not images:
        raise UsageError(f"the list of images is empty.\nGive at least one image: {KINDS}.")
    else:
        singles = [
            single
            for number, image in enumerate(images)
            for single in _singles(image, f"image {number} of the list", 3, beyond)
        ]
    return torch.stack([_fitted(single, size, channels) for single in singles])


def _singles(image: Any, name: str, most_dimensions: int, beyond: float) -> Iterator[Path | Image.Image | np.ndarray]:
    """Yields the image, or each image of a batch; arrays as [C, H, W], uint8 or float32."""
    if isinstance(image, str | Path):
        yield Path(image)
    elif isinstance(image, Image.Image):
        yield image
    elif isinstance(image, np.ndarray | Tensor):
        yield from _planes(_checked(image, name, beyond), name, most_dimensions)
    else:
        raise UsageError(f"{name} is of the type {type(image).__name__}.\nGive {KINDS}, or one list of these.")


def _checked(image: np.ndarray | Tensor, name: str, beyond: float) -> np.ndarray:
    """The image as a numpy array: uint8 unchanged, floats as float32.

    Raises UsageError for other types, for floats out of range, and for an empty array.
    """
    if isinstance(image, Tensor):
        image = image.detach().cpu()
        image = (image.float() if image.is_floating_point() else image).numpy()
    if image.size == 0:
        raise UsageError(f"{name} has the shape {list(image.shape)}, without pixels.\nGive an image.")
    if image.dtype == np.uint8:
        return image
    if image.dtype.kind != "f":
        raise UsageError(f"{name} has values of the type {image.dtype}.\nGive uint8 in 0..255, or floats in 0..1.")
    low, high = float(image.min()), float(image.max())
    if np.isnan(low):
        raise UsageError(f"{name} has values that are NaN.\nGive floats in 0..1, or uint8 in 0..255.")
    if not (low >= -beyond - ROUNDING and high <= 1 + beyond + ROUNDING):
        raise UsageError(
            f"{name} has floats from {low:g} to {high:g}; they must be in 0..1.\n"
            "Scale them to 0..1, or give uint8 in 0..255."
        )
    return image.astype(np.float32)


def _planes(array: np.ndarray, name: str, most_dimensions: int) -> np.ndarray:
    """The image or batch as [B, C, H, W]."""
    shape = list(array.shape)
    if len(shape) == 2:
        return array[None, None]
    if len(shape) not in (3, 4):
        raise UsageError(f"{name} has the shape {shape}, which is not allowed.\n{SHAPES}.")
    if len(shape) > most_dimensions:
        raise UsageError(
            f"{name} is a batch: its shape is {shape}.\nGive the batch alone, or a list with one image per entry."
        )
    first, last = shape[-3] in (1, 3), shape[-1] in (1, 3)
    if first == last:
        raise UsageError(
            f"{name} has the shape {shape}, which {'can be read in two ways' if first else 'is not allowed'}.\n"
            f"{SHAPES}."
        )
    planes = np.moveaxis(array, -1, -3) if last else array
    return planes.reshape(-1, *planes.shape[-3:])


def _fitted(image: Path | Image.Image | np.ndarray, size: int, channels: int) -> Tensor:
    """float32 [channels, size, size] from a single image."""
    if isinstance(image, Path):
        picture = read_picture(image, channels, upright=True)
    elif isinstance(image, Image.Image):
        try:
            picture = with_channels(image, channels, upright=True)
        except ValueError as error:
            raise UsageError(f"the PIL image cannot be used: {error}.") from error
    elif image.dtype == np.uint8:
        colours = image.transpose(1, 2, 0) if len(image) == 3 else image[0]
        picture = with_channels(Image.fromarray(np.ascontiguousarray(colours)), channels)
    else:
        return _fitted_floats(image, size, channels)
    return to_unit_range(to_tensor(resize_and_crop(size)(picture)))


def _fitted_floats(image: np.ndarray, size: int, channels: int) -> Tensor:
    """float32 [channels, size, size] from floats [C, H, W], without rounding to 8 bits."""
    if len(image) == 3 and channels == 1:
        image = np.tensordot(GREY, image, 1)[None]
    if image.shape[1:] != (size, size):
        fit = resize_and_crop(size)
        image = np.stack([np.asarray(fit(Image.fromarray(np.ascontiguousarray(plane)))) for plane in image])
    return torch.from_numpy(np.array(image)).expand(channels, -1, -1)
