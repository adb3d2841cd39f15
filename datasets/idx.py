"""Reading files in the idx format, in which MNIST and its relatives are handed out, plain or compressed."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np

BYTES = 8  # the format's number for values of one unsigned byte


def find_idx(folder: Path, name: str) -> Path | None:
    """The file of that name in a folder, or its compressed form, or None."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """uint8 array of so many `dimensions` from an idx file, which a name ending in .gz says is compressed.

    The format: two zero bytes, the kind of the values, the number of dimensions; then the size of each dimension in
    four bytes, the largest first; then the values. Raises ValueError that says what is wrong with the file.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path.name} cannot be unpacked ({error})") from None
    header = 4 + 4 * dimensions
    if len(content) < header or content[:4] != bytes([0, 0, BYTES, dimensions]):
        raise ValueError(f"{path.name} is no idx file of bytes in {dimensions} dimension(s)")
    shape = np.frombuffer(content[4:header], dtype=">u4").astype(np.int64)
    if len(content) - header != np.prod(shape):
        raise ValueError(
            f"{path.name} has {len(content) - header} bytes for {' x '.join(str(size) for size in shape)} values"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)
