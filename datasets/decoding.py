"""Decodes picture files to uint8 tensors, in threads: Pillow releases the GIL while it decodes and resizes."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from learning_to_draw import console
from learning_to_draw.datasets.decoded_cache import DecodedCache
from learning_to_draw.datasets.picture_file import UnreadablePicture, take_from, together
from learning_to_draw.datasets.ragged import RaggedImages

log = logging.getLogger(__name__)

Picture = Image.Image
Transform = Callable[[Picture], Picture]
Loaded = TypeVar("Loaded")

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")  # in the repr of a function
LONGEST = 16  # times the shorter side; see `shortened`
ROWS = 256  # rows of a transparent picture that are composited on white at a time, to limit memory
ORIENTATION = 0x0112  # the EXIF tag
# The transposition that makes a picture upright, by EXIF orientation; orientation 1 needs none.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def resize(size: int) -> Transform:
    """A transform that crops very long pictures (`shortened`), then scales the shorter side to `size` pixels."""
    from torchvision import transforms  # here: the import takes more than a second, and few callers need it

    return transforms.Compose([shortened, transforms.Resize(size)])


def resize_and_crop(size: int) -> Transform:
    """A transform that scales the shorter side to `size` pixels and keeps the central square."""
    from torchvision import transforms

    return transforms.Compose([resize(size), transforms.CenterCrop(size)])


def shortened(picture: Picture) -> Picture:
    """The picture with its longer side cropped, at both ends, to at most 16 times the shorter one.

    A picture of 1 x 40,000 pixels would need gigabytes when its shorter side is scaled up.
    """
    longest = LONGEST * min(picture.size)
    if max(picture.size) <= longest:
        return picture
    width, height = (min(side, longest) for side in picture.size)
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))


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

    num_workers, description: see `each`. cache: where the decoded pictures are saved for the next run; None: nowhere.
    upright: rotate pictures by their EXIF orientation. Raises one UsageError for all pictures that cannot be read.
    """

    def decoded() -> Tensor:
        return stack(_each_picture(paths, transform, channels, upright, num_workers, description), len(paths))

    recipe = _recipe(transform, channels, upright)
    return decoded() if cache is None or recipe is None else cache.fetch(paths, recipe, decoded)


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

    def decoded() -> RaggedImages:
        return RaggedImages.of(list(_each_picture(paths, transform, channels, False, num_workers, description)))

    recipe = _recipe(transform, channels, upright=False)
    return decoded() if cache is None or recipe is None else cache.fetch(paths, recipe, decoded)


def _each_picture(
    paths: Sequence[Path | str], transform: Transform, channels: int, upright: bool, num_workers: int, description: str
) -> Iterator[Tensor]:
    """Yields the transformed pictures, uint8 [C, H, W].

    Tries all pictures, then raises one UsageError for the unreadable ones; yields nothing after the first of these.
    """

    def load(path: Path | str) -> Tensor | UnreadablePicture:
        try:
            return _read(path, channels, upright, lambda picture: to_tensor(transform(picture)))
        except UnreadablePicture as error:
            return error

    unreadable = []
    for loaded in each(load, paths, num_workers, description):
        if isinstance(loaded, UnreadablePicture):
            unreadable.append(loaded)
        elif not unreadable:
            yield loaded
    if unreadable:
        raise together(unreadable, len(paths))


def _recipe(transform: Transform, channels: int, upright: bool) -> dict[str, object] | None:
    """What is done to a picture, for the cache. None if a step is defined in a notebook: a change of its code could not
    be noticed, so these pictures are not cached."""
    steps = steps_of(transform)
    if any(name.startswith("__main__.") and not code for name, _, code in steps):
        return None
    return {"transform": steps, "channels": channels, "upright": upright}


def steps_of(transform: Any) -> list[tuple[str, str, str]]:
    """What a transform does, as text that is the same in every process. For each step: its function or class, its repr,
    and the hash of the file that defines it.

    Settings that repr does not show, such as a module's attribute or a lambda's variable, are not covered: they come
    from options of the data set, which `DecodedCache` covers. Code of other files that a step uses is not covered.
    """
    if hasattr(transform, "transforms"):  # torchvision's Compose
        return [step for inner in transform.transforms for step in steps_of(inner)]
    if isinstance(transform, functools.partial):
        return [
            *steps_of(transform.func),
            ("arguments", ADDRESS.sub("", repr((transform.args, transform.keywords))), ""),
        ]
    code = getattr(transform, "lambd", transform)  # torchvision's Lambda
    code = code if hasattr(code, "__qualname__") else type(code)
    return [(f"{code.__module__}.{code.__qualname__}", ADDRESS.sub("", repr(transform)), _hash_of(code.__module__))]


def _hash_of(module: str) -> str:
    """The SHA-256 of a module's file; "" for a module without a file, such as a compiled one or a notebook."""
    file = getattr(sys.modules.get(module), "__file__", None)
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file and os.path.isfile(file) else ""


def read_picture(path: Path | str, channels: int, *, upright: bool = False) -> Picture:
    """The picture in a file, as RGB (3 channels) or greyscale (1), composited on white if it is transparent.

    upright: apply the EXIF orientation. Raises `UnreadablePicture` if the file cannot be read.
    """

    return _read(path, channels, upright, lambda picture: picture)


def _read(path: Path | str, channels: int, upright: bool, then: Callable[[Picture], Loaded]) -> Loaded:
    """Returns `then(picture)` for the picture as `read_picture` returns it.

    Only one thread at a time handles a large picture.
    """

    return take_from(path, lambda picture: with_channels(picture, channels, upright=upright), then)


def with_channels(picture: Picture, channels: int, *, upright: bool = False) -> Picture:
    """The picture as RGB (3 channels) or greyscale (1), composited on white if it is transparent.

    upright: apply the EXIF orientation. Raises ValueError if the pixels are 32-bit integers or floats.
    """
    picture.load()
    converted = _as_mode(picture, "RGB" if channels == 3 else "L")
    turn = _turn(picture) if upright else None
    return converted if turn is None else converted.transpose(turn)


def _turn(picture: Picture) -> Image.Transpose | None:
    """The transposition that makes a picture upright; None if it is upright, or if its EXIF block is unreadable."""
    try:
        return TURNS.get(picture.getexif().get(ORIENTATION, 1))
    except Exception:  # Pillow can raise almost any exception for a broken EXIF block; viewers ignore it
        return None


def _as_mode(picture: Picture, mode: str) -> Picture:
    if picture.mode.startswith("I;16") or (picture.mode == "I" and picture.format in ("PNG", "PPM")):
        # 16-bit greyscale (mode "I" in older Pillows), which convert() would clip. Always divide by 256: a file says
        # that it has 16 bits, but not how many of them the camera used.
        picture = Image.fromarray((np.asarray(picture) // 256).astype(np.uint8))
    if picture.mode in ("I", "F"):
        kind = "whole numbers of 32 bits" if picture.mode == "I" else "floating-point numbers"
        raise ValueError(f"its pixels are {kind}; convert them to 8 or 16 bits")
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        return _on_white(picture, mode)
    return picture.convert(mode)


def _on_white(picture: Picture, mode: str) -> Picture:
    """A transparent picture composited on white, as `mode`."""
    composited = Image.new(mode, picture.size)
    for top in range(0, picture.height, ROWS):
        strip = picture.crop((0, top, picture.width, min(top + ROWS, picture.height))).convert("RGBA")
        paper = Image.new("RGBA", strip.size, "white")
        composited.paste(Image.alpha_composite(paper, strip).convert(mode), (0, top))
    return composited


def to_tensor(picture: Picture) -> Tensor:
    """A picture as uint8 [C, H, W]."""
    pixels = np.asarray(picture)
    planes = pixels.transpose(2, 0, 1) if pixels.ndim == 3 else pixels[None]
    return torch.from_numpy(np.array(planes, order="C"))  # copied by numpy: torch would start threads in each thread


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
    load: Callable[..., Loaded], sources: Sequence | np.ndarray, num_workers: int, description: str
) -> Iterator[Loaded]:
    """Yields `load(source)` for every source, in order, with a progress bar on a terminal.

    num_workers: the number of threads; 0: the calling thread loads. If the system allows fewer threads, half of those
    it allows are used. description: the text of the progress bar.
    """
    threads = _available_threads(num_workers)
    if threads < num_workers:
        used = max(threads, 1)  # the calling thread
        log.warning("using %d of %d threads for %s, because the system limits them", used, num_workers, description)
    bar = tqdm(total=len(sources), desc=description, unit=" pictures", disable=console.hidden(), leave=False)
    with bar:
        for picture in map(load, sources) if threads == 0 else _in_threads(load, sources, threads):
            yield picture
            bar.update()


def _available_threads(wanted: int) -> int:
    """`wanted` if the system allows that many threads, each with one open file; else half the number it allows."""
    end, threads = threading.Event(), []
    with ExitStack() as files:
        try:
            for _ in range(wanted):
                files.enter_context(open(os.devnull, "rb"))
                thread = threading.Thread(target=end.wait)
                thread.start()
                threads.append(thread)
        except (RuntimeError, OSError):  # "can't start new thread", "Too many open files"
            return len(threads) // 2  # the program needs the rest itself
        finally:
            end.set()
            for thread in threads:
                thread.join()
    return wanted


def _in_threads(load: Callable[..., Loaded], sources: Sequence | np.ndarray, num_workers: int) -> Iterator[Loaded]:
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
