"""Decoded pictures kept on disk, so that the next run with the same pictures does not decode them again."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from learning_to_draw.datasets.ragged import RaggedImages

log = logging.getLogger(__name__)

FOLDER = ".decoded"
FORMAT = 1  # to be counted up whenever this program makes other pixels, or another file, of the same pictures
PACKAGES = ("pillow", "torchvision", "scikit-image")  # another version may give other pixels


@dataclass(frozen=True)
class DecodedCache:
    """The file of one split's decoded pictures: `<root>/.decoded/<name>-<fingerprint>.npz`.

    root: the data root. name: of the data set and its split, such as "Caltech101-train".

    The fingerprint stands for all that the pixels depend on, so a file never has to be renewed: other pictures, or
    another size, have another file. Nothing here deletes the old one; the folder can be deleted at any time. A file is
    there whole or not at all, so runs that start at once do not disturb each other. Where none can be written, on a
    read-only or full disk, the run goes on without.
    """

    root: Path
    name: str

    def fetch(
        self,
        sources: Sequence[Path | str],
        recipe: Mapping[str, object],
        decode: Callable[[], Tensor | RaggedImages],
    ) -> Tensor | RaggedImages:
        """What `decode()` returns, a picture for each of the files `sources`: from disk, or decoded and kept there.

        recipe: what `decode` does to a picture, in words and numbers that JSON has.
        """
        try:
            path = Path(self.root, FOLDER, f"{self.name}-{self.fingerprint(sources, recipe)}.npz")
        except OSError:  # a picture that is not there: decoding says so
            return decode()
        images = _read(path, len(sources))
        if images is None:
            images = decode()
            _keep(path, images)
        return images

    def fingerprint(self, sources: Sequence[Path | str], recipe: Mapping[str, object]) -> str:
        """Of each file its name below the root, its size and its time of change: about 10 us a file, none is read.

        Raises OSError for a file that is not there.
        """
        what = {"format": FORMAT, "data": self.name, "recipe": recipe, "packages": _versions()}
        digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode())
        root = os.path.join(self.root, "")
        for source in sources:
            state = os.stat(source)
            line = (os.fspath(source).removeprefix(root), state.st_size, state.st_mtime_ns)
            digest.update(repr(line).encode())
        return digest.hexdigest()[:16]


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def _read(path: Path, count: int) -> Tensor | RaggedImages | None:
    """The `count` pictures in a file, or nothing where it is missing or damaged.

    Read, not mapped: pictures are gathered in random order every epoch, and torch has no read-only tensors. Numpy reads
    piece by piece, so memory holds the pictures once; the zip format's own checksum is compared on the way.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            images = _from_arrays({name: archive[name] for name in archive.files})
        if len(images) != count:
            raise ValueError(f"{len(images)} pictures, not {count}")
    except FileNotFoundError:
        return None
    except Exception as error:  # a damaged file makes numpy and zipfile raise nearly anything
        log.info("%s is damaged (%s): its pictures are decoded again", path, str(error) or type(error).__name__)
        return None
    log.info("pictures decoded before are read from %s", path)
    return images


def _keep(path: Path, images: Tensor | RaggedImages) -> None:
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.tmp.npz")
    try:
        path.parent.mkdir(exist_ok=True)
        np.savez(temporary, **_to_arrays(images))
        os.replace(temporary, path)
        log.info("decoded pictures are kept for the next run in %s (%.0f MiB)", path, path.stat().st_size / 2**20)
    except OSError as error:
        log.info("decoded pictures cannot be kept for the next run in %s: %s", path.parent, error.strerror or error)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _to_arrays(images: Tensor | RaggedImages) -> dict[str, np.ndarray]:
    """Views of the images' memory, by the names that `_from_arrays` knows."""
    if isinstance(images, Tensor):
        return {"images": images.numpy()}
    return {field.name: np.asarray(getattr(images, field.name)) for field in fields(images)}


def _from_arrays(arrays: dict[str, np.ndarray]) -> Tensor | RaggedImages:
    """Raises an error of nearly any kind where the arrays are not those of `_to_arrays`."""
    if "images" in arrays:
        images = torch.from_numpy(arrays["images"])
        if images.dtype != torch.uint8 or images.ndim != 4:
            raise ValueError(f"{images.dtype} of shape {tuple(images.shape)}")
        return images
    channels = int(arrays.pop("channels"))
    ragged = RaggedImages(channels=channels, **{name: torch.from_numpy(array) for name, array in arrays.items()})
    if ragged.pixels.dtype != torch.uint8 or len(ragged.pixels) != channels * int(ragged.heights @ ragged.widths):
        raise ValueError(f"{len(ragged.pixels)} pixels for {len(ragged)} pictures of other sizes")
    return ragged
