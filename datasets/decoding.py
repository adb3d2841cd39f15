"""Decodes picture files to uint8 tensors, in threads: Pillow releases the GIL while it decodes and resizes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from tqdm import tqdm

from learning_to_draw import console
from learning_to_draw.datasets.decoded_cache import DecodedCache
from learning_to_draw.datasets.ragged import RaggedImages
from learning_to_draw.errors import UsageError, first_line

Picture = Image.Image
Transform = Callable[[Picture], Picture]


def resize_and_crop(size: int) -> Transform:
    """A transform that scales the shorter side to `size` pixels and crops the central square."""
    from torchvision import transforms  # here: the import takes more than a second, and few callers need it

    return transforms.Compose([transforms.Resize(size), transforms.CenterCrop(size)])


def decode(
    paths: Sequence[Path | str],
    transform: Transform,
    channels: int,
    num_workers: int,
    description: str,
    *,
    cache: DecodedCache | None = None,
    upright: bool = False,
) -> Tensor:
    """uint8 [N, C, H, W]: the pictures at `paths` (at least one), all brought to one size by `transform`.

    cache: where the decoded pictures are saved for the next run. upright: rotate pictures by their EXIF orientation.
    Raises UsageError if a picture cannot be read.
    """

    def load(path: Path | str) -> Tensor:
        return to_tensor(transform(read_picture(path, channels, upright=upright)))

    def decoded() -> Tensor:
        return stack(each(load, paths, num_workers, description), len(paths))

    return decoded() if cache is None else cache.fetch(paths, _recipe(transform, channels, upright), decoded)


def decode_ragged(
    paths: Sequence[Path | str],
    transform: Transform,
    channels: int,
    num_workers: int,
    description: str,
    *,
    cache: DecodedCache | None = None,
) -> RaggedImages:
    """Like `decode`, for a `transform` that returns pictures of different sizes."""

    def load(path: Path | str) -> Tensor:
        return to_tensor(transform(read_picture(path, channels)))

    def decoded() -> RaggedImages:
        return RaggedImages.of(list(each(load, paths, num_workers, description)))

    return decoded() if cache is None else cache.fetch(paths, _recipe(transform, channels, False), decoded)


def _recipe(transform: Transform, channels: int, upright: bool) -> dict[str, object]:
    return {"transform": in_words(transform), "channels": channels, "upright": upright}


def in_words(transform: Transform) -> str:
    """A transform and its settings, as text that is the same in every process: functions by name, others by repr."""
    if hasattr(transform, "transforms"):  # torchvision's Compose
        return ", ".join(in_words(step) for step in transform.transforms)
    is_function = inspect.isfunction(transform)
    words = f"{transform.__module__}.{transform.__qualname__}" if is_function else repr(transform)
    assert "<" not in words, f"{words} does not say what is done to a picture"  # a lambda, or an object's address
    return words


def read_picture(path: Path | str, channels: int, *, upright: bool = False) -> Picture:
    """The picture in a file, as RGB (3 channels) or greyscale (1), composited on white if it is transparent.

    upright: apply the EXIF orientation. Raises UsageError if it cannot be read.
    """
    try:
        with Image.open(path) as picture:
            picture.load()
            if upright:
                picture = ImageOps.exif_transpose(picture)
            return _as_mode(picture, "RGB" if channels == 3 else "L")
    except FileNotFoundError:
        raise UsageError(
            f"picture {path}: it cannot be read (there is no such file).\nPut it there, or correct the path."
        ) from None
    except Exception as error:  # Pillow can raise almost any exception for a broken file
        problem = first_line(error)
    raise UsageError(
        f"picture {path}: it cannot be read ({problem}).\nReplace the file with an intact copy, or remove it."
    )


def _as_mode(picture: Picture, mode: str) -> Picture:
    if picture.mode.startswith("I"):  # 16-bit greyscale ("I" in older Pillows): convert() would clip it
        levels = np.asarray(picture)
        picture = Image.fromarray((levels // 256 if levels.max() > 255 else levels).clip(0, 255).astype(np.uint8))
    if picture.mode == "F":
        raise ValueError("its pixels are floating-point numbers: save it with 8 bits")
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        paper = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(paper, picture.convert("RGBA"))
    return picture.convert(mode)


def to_tensor(picture: Picture) -> Tensor:
    """A picture as uint8 [C, H, W]."""
    pixels = np.asarray(picture)
    planes = pixels.transpose(2, 0, 1) if pixels.ndim == 3 else pixels[None]
    return torch.from_numpy(np.array(planes, order="C"))  # numpy copies: torch would start threads in each thread


def stack(pictures: Iterable[Tensor], count: int) -> Tensor:
    """uint8 [count, C, H, W] from pictures [C, H, W], copied as they arrive, so memory never holds them all twice."""
    images = None
    for i, picture in enumerate(pictures):
        if images is None:
            images = np.empty((count, *picture.shape), dtype=np.uint8)
        images[i] = picture.numpy()
    assert images is not None, "no pictures to stack"
    return torch.from_numpy(images)


def each(
    load: Callable[..., Tensor], sources: Sequence | np.ndarray, num_workers: int, description: str
) -> Iterator[Tensor]:
    """Yields `load(source)` for every source, in order, with a progress bar on a terminal.

    num_workers: the number of threads; 0 loads in the calling thread.
    """
    bar = tqdm(total=len(sources), desc=description, unit=" pictures", disable=console.hidden(), leave=False)
    with bar:
        for picture in map(load, sources) if num_workers == 0 else _in_threads(load, sources, num_workers):
            yield picture
            bar.update()


def _in_threads(load: Callable[..., Tensor], sources: Sequence | np.ndarray, num_workers: int) -> Iterator[Tensor]:
    """Yields results in order; prefetches at most 64 sources per thread, to limit memory."""
    with ThreadPoolExecutor(num_workers, thread_name_prefix="decoding") as pool:
        chunk = 64 * num_workers
        try:
            pending = [pool.submit(load, source) for source in sources[:chunk]]
            for i in range(len(sources)):
                yield pending[i % chunk].result()
                if i + chunk < len(sources):
                    pending[i % chunk] = pool.submit(load, sources[i + chunk])
        finally:
            pool.shutdown(cancel_futures=True)
