"""Keeps decoded pictures on disk, so the next run with the same pictures does not decode them again."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from learning_to_draw import user_folders
from learning_to_draw.datasets.config import PictureFilesConfig
from learning_to_draw.datasets.ragged import RaggedImages
from learning_to_draw.errors import UsageError

log = logging.getLogger(__name__)

Images = TypeVar("Images", Tensor, RaggedImages)

FORMAT = 2  # increase it whenever the same pictures would give other pixels or another file format
# Options that change no decoded pixels. Those in the second and third line decide which pictures a split has, and their
# classes.
NOT_IN_PIXELS = ("dataset_root", "num_workers", "cache_dir", "no_cache", "augment")
NOT_IN_PIXELS += ("dataset_seed", "split_files", "split", "val_fraction", "test_fraction", "valset_size_per_class")
NOT_IN_PIXELS += ("labels",)
PACKAGES = ("pillow", "torchvision", "scikit-image")  # another version may give other pixels


TEMPORARY = f".*-{16 * '[0-9a-f]'}.{8 * '[0-9a-f]'}.tmp.npz"  # files that are being written
ABANDONED = 24 * 3600  # seconds; a temporary file older than this was left by a killed run


@dataclass(frozen=True)
class DecodedCache:
    """The cache file of one split's decoded pictures: `<folder>/<name>-<fingerprint>.npz`.

    root: the data set's `dataset_root`. name: the data set and its split, such as "Caltech101-train". options: those of
    the data set that can change the pixels.

    Other pictures, options or transforms get another file (`fingerprint`). Old files are not deleted; the folder can be
    deleted at any time. Files are written atomically, so concurrent runs do not disturb each other. If no file can be
    written (read-only or full disk), the run continues without one.
    """

    folder: Path
    root: Path
    name: str
    options: Mapping[str, object] = field(default_factory=dict)

    def fetch(
        self,
        sources: Sequence[Path | str],
        recipe: Mapping[str, object],
        decode: Callable[[], Images],
    ) -> Images:
        """The pictures of the files `sources`: read from the cache, or else decoded by `decode()` and saved there.

        recipe: what `decode` does to a picture, as values that JSON can hold.
        """
        try:
            path = Path(self.folder, f"{self.name}-{self.fingerprint(sources, recipe)}.npz")
        except OSError:  # a picture is missing: decoding reports it
            return decode()
        cached = _read(path, len(sources))
        if cached is not None:
            return cast(Images, cached)  # the fingerprint tells images of one size from ragged ones
        images = decode()
        _keep(path, images)
        return images

    def fingerprint(self, sources: Sequence[Path | str], recipe: Mapping[str, object]) -> str:
        """16 hex digits: a hash of what the pixels depend on.

        That is the recipe, the options, the root, the data set and split, the versions of `PACKAGES`, and every file's
        path (relative to the root), size and modification time. The root distinguishes data sets whose files otherwise
        agree. Takes about 10 us per file, because files are not read. Raises OSError if a file does not exist.
        """
        place = os.path.realpath(self.root)
        settings = {"format": FORMAT, "data": self.name, "root": place, "recipe": recipe, "packages": _versions()}
        settings["options"] = {name: str(value) for name, value in self.options.items()}
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        root = os.path.join(self.root, "")
        for source in sources:
            state = os.stat(source)
            line = (os.fspath(source).removeprefix(root), state.st_size, state.st_mtime_ns)
            digest.update(repr(line).encode())
        return digest.hexdigest()[:16]


def cache_of(config: PictureFilesConfig, name: str) -> DecodedCache | None:
    """The cache for one split of a data set; None if `cache_folder` returns None.

    name: the data set and the split, such as "Caltech101-train".
    """
    folder = cache_folder(config)
    options = {name: value for name, value in config.values().items() if name not in NOT_IN_PIXELS}
    return None if folder is None else DecodedCache(folder, config.dataset_root, name, options)


def cache_folder(config: PictureFilesConfig) -> Path | None:
    """The folder of cache files, which may not exist yet. None with --no-cache.

    Without --cache-dir, also None for a user without a home folder. Raises UsageError if --cache-dir is a file.
    """
    if config.no_cache:
        return None
    if config.cache_dir is None:
        return user_folders.cache_folder()
    if os.path.exists(config.cache_dir) and not os.path.isdir(config.cache_dir):
        raise UsageError(
            f"--cache-dir {config.cache_dir} is not a folder.\nGive a folder, or a name that does not exist yet."
        )
    return config.cache_dir


def cached_bytes(folder: Path) -> int:
    """Size of all cache files in a folder; 0 if the folder cannot be read."""
    with suppress(OSError):
        return sum(path.stat().st_size for path in folder.glob("*.npz"))
    return 0


def _remove_abandoned(folder: Path) -> None:
    for path in folder.glob(TEMPORARY):
        with suppress(OSError):  # another run may remove it at the same time
            if time.time() - path.stat().st_mtime > ABANDONED:
                path.unlink()


def _versions() -> dict[str, str]:
    versions = {}
    for package in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return versions


def _read(path: Path, count: int) -> Tensor | RaggedImages | None:
    """The `count` pictures in a file, or None if it is missing or damaged.

    The file is read, not memory-mapped: pictures are gathered in random order every epoch, and torch has no read-only
    tensors. numpy reads in pieces, so memory holds the pictures only once. Reading verifies the zip format's checksum.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            images = _from_arrays({name: archive[name] for name in archive.files})
        if len(images) != count:
            raise ValueError(f"{len(images)} pictures, not {count}")
    except FileNotFoundError:
        return None
    except Exception as error:  # numpy and zipfile can raise almost any exception for a damaged file
        log.info("%s is damaged (%s): decoding its pictures again", path, str(error) or type(error).__name__)
        return None
    log.info("read decoded pictures from %s", path)
    return images


def _keep(path: Path, images: Tensor | RaggedImages) -> None:
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.tmp.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path.parent)
        np.savez(temporary, **_to_arrays(images))
        os.replace(temporary, path)
        log.info("saved decoded pictures in %s (%.0f MiB) for the next run", path, path.stat().st_size / 2**20)
    except OSError as error:
        log.info("decoded pictures cannot be saved in %s for the next run: %s", path.parent, error.strerror or error)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _to_arrays(images: Tensor | RaggedImages) -> dict[str, Any]:
    """numpy arrays for `_from_arrays`, by name; they share the images' memory."""
    if isinstance(images, Tensor):
        return {"images": images.numpy()}
    return {part.name: np.asarray(getattr(images, part.name)) for part in fields(images)}


def _from_arrays(arrays: dict[str, np.ndarray]) -> Tensor | RaggedImages:
    """The images from which `_to_arrays` made `arrays`. Other arrays can raise almost any exception."""
    if "images" in arrays:
        images = torch.from_numpy(arrays["images"])
        if images.dtype != torch.uint8 or images.ndim != 4:
            raise ValueError(f"{images.dtype} of shape {tuple(images.shape)}")
        return images
    channels = int(arrays.pop("channels"))
    ragged = RaggedImages(channels=channels, **{name: torch.from_numpy(array) for name, array in arrays.items()})
    if ragged.pixels.dtype != torch.uint8 or len(ragged.pixels) != channels * int(ragged.heights @ ragged.widths):
        raise ValueError(f"{len(ragged.pixels)} bytes of pixels do not fit the sizes of {len(ragged)} pictures")
    return ragged
