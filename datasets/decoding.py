"""Picture files to uint8 tensors, once, in threads (Pillow lets go of the interpreter while it decodes and scales)."""

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
    """Scales the shorter side to `size` pixels and cuts out the square in the middle."""
    from torchvision import transforms  # takes more than a second, and most readers of pictures do not need it

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

    `cache` keeps what was decoded for the next run. `upright` turns pictures as their EXIF orientation says. A picture
    that cannot be read is a UsageError.
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
    """As `decode`, for a `transform` that leaves pictures of different sizes."""

    def load(path: Path | str) -> Tensor:
        return to_tensor(transform(read_picture(path, channels)))

    def decoded() -> RaggedImages:
        return RaggedImages.of(list(each(load, paths, num_workers, description)))

    return decoded() if cache is None else cache.fetch(paths, _recipe(transform, channels, False), decoded)


def _recipe(transform: Transform, channels: int, upright: bool) -> dict[str, object]:
    return {"transform": in_words(transform), "channels": channels, "upright": upright}


def in_words(transform: Transform) -> str:
    """A transform with its settings, as text that is the same in every process: functions by name, others by repr."""
    if hasattr(transform, "transforms"):  # torchvision's Compose
        return ", ".join(in_words(step) for step in transform.transforms)
    named = inspect.isfunction(transform)
    words = f"{transform.__module__}.{transform.__qualname__}" if named else repr(transform)
    assert "<" not in words, f"{words} does not say what is done to a picture"  # a lambda, an object's address
    return words


def read_picture(path: Path | str, channels: int, *, upright: bool = False) -> Picture:
    """The picture in a file, as RGB (3 channels) or greyscale (1); what is transparent becomes white."""
    try:
        with Image.open(path) as picture:
            picture.load()
            if upright:
                picture = ImageOps.exif_transpose(picture)
            return _as_mode(picture, "RGB" if channels == 3 else "L")
    except FileNotFoundError:
        raise UsageError(
            f"picture {path}: it cannot be read (there is no such file).\n"
            "Put it there: a data set has to be complete, and a picture that is asked for has to exist."
        ) from None
    except Exception as error:  # a broken file makes Pillow raise nearly anything
        problem = first_line(error)
    raise UsageError(
        f"picture {path}: it cannot be read ({problem}).\nReplace the file by an intact copy, or remove it."
    )


def _as_mode(picture: Picture, mode: str) -> Picture:
    if picture.mode.startswith("I"):  # 16-bit greyscale ("I" to older Pillows): it would be clipped, not scaled
        levels = np.asarray(picture)
        picture = Image.fromarray((levels // 256 if levels.max() > 255 else levels).clip(0, 255).astype(np.uint8))
    if picture.mode == "F":
        raise ValueError("its pixels are floating-point numbers: save it with 8 bits")
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        paper = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(paper, picture.convert("RGBA"))
    return picture.convert(mode)


def to_tensor(picture: Picture) -> Tensor:
    """uint8 [C, H, W]."""
    pixels = np.asarray(picture)
    planes = pixels.transpose(2, 0, 1) if pixels.ndim == 3 else pixels[None]
    return torch.from_numpy(np.array(planes, order="C"))  # copied by numpy: torch would start threads in each thread


def stack(pictures: Iterable[Tensor], count: int) -> Tensor:
    """uint8 [count, C, H, W] from pictures [C, H, W] as they arrive, so that memory never holds everything twice."""
    images = None
    for i, picture in enumerate(pictures):
        if images is None:
            images = np.empty((count, *picture.shape), dtype=np.uint8)
        images[i] = picture.numpy()
    assert images is not None, "no pictures to stack"
    return torch.from_numpy(images)


def each(load: Callable[..., Tensor], sources: Sequence, num_workers: int, description: str) -> Iterator[Tensor]:
    """`load(source)` for every source, in order, in `num_workers` threads; a progress bar where there is a terminal."""
    bar = tqdm(total=len(sources), desc=description, unit=" pictures", disable=console.hidden(), leave=False)
    with bar:
        for picture in map(load, sources) if num_workers == 0 else _in_threads(load, sources, num_workers):
            yield picture
            bar.update()


def _in_threads(load: Callable[..., Tensor], sources: Sequence, num_workers: int) -> Iterator[Tensor]:
    """In order, and never many more pictures ahead than there are threads: what waits to be taken costs memory."""
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
