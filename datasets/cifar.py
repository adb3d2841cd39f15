"""CIFAR-10 and CIFAR-100: photographs in 32 x 32 pixels, of 10 and of 100 kinds of things."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from torchvision.datasets.utils import download_and_extract_archive

from learning_to_draw.datasets.download import download_folder
from learning_to_draw.datasets.splits import Split, check_split_name, official_positions
from learning_to_draw.errors import UsageError, first_line

SIZE = 32


class CIFAR10:
    """49900 / 100 / 10000 pictures; the validation pictures come out of the official 50000 for training.

    Reads the pickles in `<dataset_root>/cifar-10-batches-py/` ("python version"), without running anything from them.
    """

    channels = 3
    image_size = SIZE
    _official = torchvision.datasets.CIFAR10
    _labels = "labels"

    def __init__(
        self,
        *,
        dataset_root: Path | str = "./data/",
        valset_size_per_class: int = 10,
        dataset_seed: int = 1234,
        num_workers: int = 4,
    ) -> None:
        """`num_workers` is not used: there is nothing to decode."""
        self.valset_size_per_class = valset_size_per_class
        self.dataset_seed = dataset_seed
        official = self._official
        self._files = {
            "train": [file for file, _ in official.train_list],
            "test": [file for file, _ in official.test_list],
        }
        self.folder = Path(dataset_root) / official.base_folder
        files = [*self._files["train"], *self._files["test"], official.meta["filename"]]
        missing = [file for file in files if not (self.folder / file).is_file()]
        if missing:
            download_folder(
                Path(dataset_root),
                official.base_folder,
                # Not the class itself: it would then unpickle the files, with a warning from numpy.
                lambda temporary: download_and_extract_archive(
                    official.url, temporary, filename=official.filename, md5=official.tgz_md5
                ),
                missing=f"{official.__name__}: {', '.join(missing)} not found in {self.folder}.",
                advice=f"Unpack {official.filename} in {dataset_root} by hand, or give the right --dataset-root.",
            )

    def split(self, name: str) -> Split:
        check_split_name(name)
        classes = self._class_names()
        parts = [self._read(file, len(classes)) for file in self._files["test" if name == "test" else "train"]]
        pixels = np.concatenate([pixels for pixels, _ in parts])
        labels = np.concatenate([labels for _, labels in parts])
        chosen = official_positions(
            name,
            labels,
            classes=len(classes),
            valset_size_per_class=self.valset_size_per_class,
            seed=self.dataset_seed,
            data_set=self._official.__name__,
        )
        images = torch.from_numpy(pixels[chosen])
        return Split(name, images, torch.from_numpy(labels[chosen]), classes, torch.arange(len(chosen)))

    def _class_names(self) -> tuple[str, ...]:
        meta = self._official.meta
        names = self._load(meta["filename"]).get(meta["key"])
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise self._damaged(meta["filename"], f"it has no list {meta['key']}")
        return tuple(names)

    def _read(self, file: str, classes: int) -> tuple[np.ndarray, np.ndarray]:
        """uint8 [N, 3, 32, 32] and int64 [N] of one file."""
        entries = self._load(file)
        pixels, labels = entries.get("data"), entries.get(self._labels)
        if not isinstance(pixels, np.ndarray) or not isinstance(labels, list):
            raise self._damaged(file, f"it does not have both data and {self._labels}")
        if pixels.shape != (len(labels), 3 * SIZE * SIZE) or not labels:
            raise self._damaged(file, f"{len(labels)} labels for data of {pixels.shape} (pictures, bytes in each)")
        if not all(isinstance(label, int) and 0 <= label < classes for label in labels):
            raise self._damaged(file, f"not all of its labels are numbers from 0 to {classes - 1}")
        return pixels.reshape(-1, 3, SIZE, SIZE), np.array(labels, dtype=np.int64)

    def _load(self, file: str) -> dict[str, Any]:
        try:
            with (self.folder / file).open("rb") as stream:
                entries = BytesUnpickler(stream).load()
        except OSError:
            raise
        except Exception as error:  # a broken pickle raises nearly anything
            reason = first_line(error)
            raise self._damaged(file, reason) from None
        if not isinstance(entries, dict):
            raise self._damaged(file, f"it holds a {type(entries).__name__}, not a dict")
        return entries

    def _damaged(self, file: str, problem: str) -> UsageError:
        return UsageError(
            f"{self._official.__name__}: {file} in {self.folder} is damaged, or not the original: {problem}.\n"
            "Delete it, so that the data set is downloaded again, or replace it by an intact copy."
        )


class CIFAR100(CIFAR10):
    """As CIFAR-10, with 100 classes (the fine labels) and so 49000 / 1000 / 10000 pictures.

    Reads `<dataset_root>/cifar-100-python/`.
    """

    _official = torchvision.datasets.CIFAR100
    _labels = "fine_labels"


class BytesUnpickler(pickle.Unpickler):
    """Reads numbers, texts, lists, dicts and arrays of bytes, as Python 2 wrote them; refuses everything else.

    A pickle can name any function and have it called. The only names that CIFAR's files use are numpy's for an
    array; they get stand-ins here that can do no more than that, so a file from anywhere can be read safely.
    """

    def __init__(self, stream: Any) -> None:
        super().__init__(stream, encoding="latin1")  # Python 2's texts, which were bytes

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in STAND_INS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no picture needs")
        return STAND_INS[module, name]


def _empty_array(kind: object, shape: tuple[int], code: str) -> np.ndarray:
    """What an array is before its state is set, which brings shape and values."""
    return np.empty(0, np.uint8)


def _byte_type(code: str, align: int, copy: int) -> np.dtype:
    if code != "u1":
        raise pickle.UnpicklingError(f"it has an array of {code}, not of bytes")
    return np.dtype(np.uint8, copy=True)  # its state is set too: the original must stay as it is


STAND_INS = {
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
    ("numpy", "dtype"): _byte_type,
    ("numpy", "ndarray"): None,  # named as the kind of the array, never called
}
