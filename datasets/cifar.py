"""CIFAR-10 and CIFAR-100: 32 x 32 photographs of 10 and of 100 categories."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import torch
import torchvision
from torchvision.datasets.utils import download_and_extract_archive

from learning_to_draw.datasets.config import CIFAR10Config
from learning_to_draw.datasets.download import download_folder
from learning_to_draw.datasets.splits import Split, check_split_name, official_positions
from learning_to_draw.errors import UsageError, first_line

SIZE = 32


class CIFAR10:
    """49900 / 100 / 10000 pictures for training / validation / test. The validation pictures (by default 10 per class)
    are taken from the 50000 official training pictures.

    Reads the pickles in `<dataset_root>/cifar-10-batches-py/` ("python version") without running any code in them.
    """

    channels = 3
    image_size = SIZE
    _official = torchvision.datasets.CIFAR10
    _labels = "labels"

    def __init__(self, config: CIFAR10Config = CIFAR10Config()) -> None:
        """Ignores num_workers, because nothing has to be decoded."""
        self.valset_size_per_class = config.valset_size_per_class
        self.dataset_seed = config.dataset_seed
        official = self._official
        self._files = {
            "train": [file for file, _ in official.train_list],
            "test": [file for file, _ in official.test_list],
        }
        root = config.dataset_root
        self.folder = root / official.base_folder
        files = [*self._files["train"], *self._files["test"], official.meta["filename"]]
        missing = [file for file in files if not (self.folder / file).is_file()]
        if missing:
            download_folder(
                root,
                official.base_folder,
                # torchvision's class itself would also unpickle the files, and numpy would warn.
                lambda temporary: download_and_extract_archive(
                    official.url, temporary, filename=official.filename, md5=official.tgz_md5
                ),
                missing=f"{official.__name__}: {', '.join(missing)} not found in {self.folder}.",
                advice=f"Unpack {official.filename} in {root} by hand, or give the right --dataset-root.",
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
        """Pictures uint8 [N, 3, 32, 32] and labels int64 [N] of one file."""
        entries = self._load(file)
        pixels, labels = entries.get("data"), entries.get(self._labels)
        if not isinstance(pixels, _Bytes) or not isinstance(labels, list):
            raise self._damaged(file, f"it does not have both data and {self._labels}")
        pixels = pixels.array
        if pixels.shape != (len(labels), 3 * SIZE * SIZE) or not labels:
            raise self._damaged(file, f"{len(labels)} labels for data of {pixels.shape} (pictures, bytes per picture)")
        if not all(isinstance(label, int) and 0 <= label < classes for label in labels):
            raise self._damaged(file, f"not all of its labels are numbers from 0 to {classes - 1}")
        return pixels.reshape(-1, 3, SIZE, SIZE), np.array(labels, dtype=np.int64)

    def _load(self, file: str) -> dict[str, Any]:
        try:
            with (self.folder / file).open("rb") as stream:
                entries = BytesUnpickler(stream).load()
        except OSError:
            raise
        except Exception as error:  # a broken pickle can raise almost any exception
            raise self._damaged(file, first_line(error)) from None
        if not isinstance(entries, dict):
            raise self._damaged(file, f"it holds a {type(entries).__name__}, not a dict")
        return entries

    def _damaged(self, file: str, problem: str) -> UsageError:
        return UsageError(
            f"{self._official.__name__}: {file} in {self.folder} is damaged, or not the original: {problem}.\n"
            "Delete it to download the data set again, or replace it with an intact copy."
        )


class CIFAR100(CIFAR10):
    """Like CIFAR-10, with 100 classes (the fine labels), so 49000 / 1000 / 10000 pictures.

    Reads `<dataset_root>/cifar-100-python/`.
    """

    _official = torchvision.datasets.CIFAR100
    _labels = "fine_labels"


class BytesUnpickler(pickle.Unpickler):
    """Unpickles numbers, strings, lists, dicts and arrays of bytes, as Python 2 wrote them; refuses everything else.

    A pickle can name and call any function. CIFAR's files name only what numpy needs to build an array. These names
    are mapped to stand-ins that can only build arrays of bytes, so files from any source are safe to read.
    """

    def __init__(self, stream: Any) -> None:
        super().__init__(stream, encoding="latin1")  # Python 2's strings were bytes

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in STAND_INS:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}, which pictures do not need")
        return STAND_INS[module, name]


class _Bytes:
    """Stands for an array of bytes. numpy's own methods trust the state in a pickle, and crash if it is wrong."""

    array = np.empty(0, np.uint8)

    def __setstate__(self, state: tuple) -> None:
        _, shape, _, fortran_order, content = state
        if fortran_order or not isinstance(content, str):
            raise pickle.UnpicklingError("it has an array that does not consist of rows of bytes")
        self.array = np.frombuffer(bytearray(content, "latin1"), np.uint8).reshape(shape)


class _ByteType:
    """Stands for the type of an array of bytes; the state in the pickle is not needed."""

    def __setstate__(self, state: tuple) -> None:
        pass


def _bytes(kind: object, shape: tuple[int], code: str) -> _Bytes:
    return _Bytes()


def _byte_type(code: str, align: int, copy: int) -> _ByteType:
    if code != "u1":
        raise pickle.UnpicklingError(f"it has an array of {code}, not of bytes")
    return _ByteType()


STAND_INS = {
    ("numpy.core.multiarray", "_reconstruct"): _bytes,
    ("numpy", "dtype"): _byte_type,
    ("numpy", "ndarray"): None,  # the pickle names it as the array's type; it is never called
}
