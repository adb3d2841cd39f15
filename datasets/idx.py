"""Reads files in the idx format of MNIST and related data sets, plain or compressed with gzip."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np

BYTES = 8  # the format's code for unsigned bytes


def find_idx(folder: Path, name: str) -> Path | None:
    """The path of `name` in `folder`, plain if that exists, else compressed (.gz), else None."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """uint8 array with `dimensions` axes from an idx file, which is compressed if its name ends in .gz.

    The format: two zero bytes, the type code, the number of dimensions; the size of each dimension in four bytes
    (big-endian); the values. The array is read-only. Raises ValueError for another format and for a damaged file.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path.name} cannot be unpacked ({error})") from None
    header = 4 + 4 * dimensions
    if len(content) < header or content[:4] != bytes([0, 0, BYTES, dimensions]):
        raise ValueError(f"{path.name} is not an idx file of bytes with {dimensions} dimension{'s' * (dimensions > 1)}")
    shape = np.frombuffer(content[4:header], dtype=">u4").astype(np.int64)
    if len(content) - header != np.prod(shape):
        raise ValueError(
            f"{path.name} has {len(content) - header} bytes for {' x '.join(str(size) for size in shape)} values"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)
