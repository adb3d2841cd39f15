"""Identifies pictures by numbers (ids), and divides pictures into splits by these ids."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from learning_to_draw.datasets.decoding import each
from learning_to_draw.datasets.ragged import RaggedImages

BLOCK = 4096  # bytes
SMALL = 1 << 16  # bytes; smaller files are read whole
UNCOMPRESSED = (".bmp", ".pgm", ".ppm", ".tif", ".tiff")  # in these formats, different pictures can have equal blocks


def content_ids(paths: Sequence[Path], num_workers: int, description: str) -> np.ndarray:
    """int64 [N]: a number computed from the content of each file.

    Copies of a file have the same number in all folders and under all names with the same ending. To save time, the
    number of a large file in a compressed format depends only on its size and on its first, middle and last 4096 bytes.
    Takes about 20 us per file on a local disk. The number of a file that cannot be read depends on its path; decoding
    reports the file.
    """
    numbers = each(_content_id, paths, num_workers, description)
    return np.fromiter((int(number) for number in numbers), np.int64, len(paths))


def _content_id(path: Path) -> Tensor:
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            digest = hashlib.blake2b(str(size).encode(), digest_size=8)
            if size <= SMALL or path.suffix.lower() in UNCOMPRESSED:
                digest.update(file.read())
            else:
                for start in (0, size // 2, size - BLOCK):
                    file.seek(start)
                    digest.update(file.read(BLOCK))
    except OSError:
        digest = hashlib.blake2b(os.fsencode(path), digest_size=8)
    return torch.tensor(int.from_bytes(digest.digest(), "little", signed=True))


def path_ids(names: Iterable[str]) -> np.ndarray:
    """int64 [N]: a number for each of the names, such as paths relative to the data set's folder."""
    digests = (hashlib.blake2b(name.encode(errors="surrogateescape"), digest_size=8).digest() for name in names)
    return np.array([int.from_bytes(digest, "little", signed=True) for digest in digests], dtype=np.int64)


def pixels_hash(images: Tensor | RaggedImages, labels: Tensor) -> str:
    """A hash of pictures and labels, in hexadecimal. Takes about a second per gigabyte."""
    digest = hashlib.blake2b(labels.numpy().tobytes(), digest_size=16)
    for part in (images,) if isinstance(images, Tensor) else (images.pixels, images.heights, images.widths):
        digest.update(part.cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def places(ids: np.ndarray, seed: int) -> np.ndarray:
    """float64 [N] in 0..1, uniform: a random number for each picture that depends on its id and the seed only."""
    digests = (hashlib.blake2b(f"{seed} {number}".encode(), digest_size=8).digest() for number in ids.tolist())
    return np.array([int.from_bytes(digest, "little") / 2**64 for digest in digests])


def divide(ids: np.ndarray, labels: np.ndarray, fractions: Sequence[float], seed: int) -> np.ndarray:
    """int64 [N], the part of each picture: k for the fraction `fractions[k]`, and len(fractions) for the rest.

    Every picture has a place in 0..1, which depends on its id and the seed only (`places`), and a part is an interval
    of places. So a picture's part stays the same when other pictures are added, removed or renamed, and copies of a
    picture are in one part. There are two exceptions. If a part would get no picture of a class (`labels` [N]), the
    intervals change for this class, just as far as needed to give every part a picture. A class with fewer pictures
    than parts is not divided: all its pictures belong to the rest.
    """
    place, bounds = places(ids, seed), np.cumsum(fractions)
    parts = np.searchsorted(bounds, place, side="right")
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) <= len(fractions):
            parts[members] = len(fractions)
            continue
        members = members[np.argsort(place[members], kind="stable")]
        counts = np.bincount(parts[members], minlength=len(fractions) + 1)
        if counts.min() == 0:
            ends = np.cumsum(counts)[:-1]
            for number in range(len(ends)):  # at least one picture for every part before and after
                low = ends[number - 1] + 1 if number else 1
                ends[number] = min(max(ends[number], low), len(members) - len(fractions) + number)
            parts[members] = np.searchsorted(ends, np.arange(len(members)), side="right")
    return parts
