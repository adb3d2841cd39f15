"""STL-10: 96 x 96 photographs of ten kinds of animals and vehicles."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image
from torch import Tensor

from learning_to_draw.datasets.config import STL10Config
from learning_to_draw.datasets.decoding import each, resize_and_crop, stack, to_tensor
from learning_to_draw.datasets.download import download_folder
from learning_to_draw.datasets.splits import Split, check_split_name, official_positions
from learning_to_draw.errors import UsageError

log = logging.getLogger(__name__)

# Used only to download and verify the files: its constructor computes the md5 of all 2.9 GB at every start.
OFFICIAL = torchvision.datasets.STL10
SIZE = 96
CLASSES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")
FILES = {"train": ("train_X.bin", "train_y.bin"), "test": ("test_X.bin", "test_y.bin")}
UNLABELLED = "unlabeled_X.bin"
NAMES = "class_names.txt"
PICTURE = 3 * SIZE * SIZE  # bytes
CHUNK = 1000  # pictures


class STL10:
    """4900 / 100 / 8000 pictures for training / validation / test. The validation pictures are taken from the 5000
    official training pictures.

    Reads `<dataset_root>/stl10_binary/{train,test}_{X,y}.bin`. With `unlabelled_train` the training pictures are the
    100000 of `unlabeled_X.bin` instead (2.8 GB in memory). They are all of one class, which allows only the original
    game. valid and test do not change.
    """

    channels = 3

    def __init__(self, config: STL10Config = STL10Config()) -> None:
        self.image_size = config.image_size
        self.valset_size_per_class = config.valset_size_per_class
        self.dataset_seed = config.dataset_seed
        self.unlabelled_train = config.unlabelled_train
        self.num_workers = config.num_workers
        self.root = config.dataset_root
        self.folder = self.root / OFFICIAL.base_folder
        files = [*FILES["train"], *FILES["test"], *([UNLABELLED] if self.unlabelled_train else [])]
        missing = [file for file in files if not (self.folder / file).is_file()]
        if missing:
            download_folder(
                self.root,
                OFFICIAL.base_folder,
                lambda temporary: OFFICIAL(temporary, download=True),
                missing=f"STL10: {', '.join(missing)} not found in {self.folder}.",
                advice=f"Unpack {OFFICIAL.filename} in {self.root} by hand, or give the right --dataset-root.",
            )

    def split(self, name: str) -> Split:
        check_split_name(name)
        if name == "train" and self.unlabelled_train:
            return self._unlabelled()
        files = FILES["test" if name == "test" else "train"]
        labels = _read_labels(self.folder, *files)
        chosen = official_positions(
            name,
            labels,
            classes=len(CLASSES),
            valset_size_per_class=self.valset_size_per_class,
            seed=self.dataset_seed,
            data_set="STL10",
        )
        kept = torch.from_numpy(labels[chosen])
        images = self._pixels(_map_pictures(self.folder / files[0], len(labels)), chosen, name)
        return Split(name, images, kept, _class_names(self.folder / NAMES), torch.arange(len(kept)))

    def _unlabelled(self) -> Split:
        path = self.folder / UNLABELLED
        count, rest = divmod(path.stat().st_size, PICTURE)
        if count == 0 or rest:
            raise UsageError(
                f"STL10: {path} is damaged or incomplete: it has {path.stat().st_size} bytes, which is not "
                f"one or more pictures of {PICTURE} bytes.\n"
                "Delete it to download the data set again, or replace it with an intact copy."
            )
        images = self._pixels(_map_pictures(path, count), np.arange(count), "train")
        return Split("train", images, torch.zeros(count, dtype=torch.int64), ("unlabelled",), torch.arange(count))

    def _pixels(self, data: np.ndarray, chosen: np.ndarray, name: str) -> Tensor:
        if self.image_size == SIZE:
            images = np.empty((len(chosen), 3, SIZE, SIZE), dtype=np.uint8)
            for start in range(0, len(chosen), CHUNK):  # in chunks: indexing makes a second copy
                images[start : start + CHUNK] = data[chosen[start : start + CHUNK]]
            return torch.from_numpy(images)
        resize = resize_and_crop(self.image_size)

        def load(position: int) -> Tensor:
            return to_tensor(resize(Image.fromarray(np.ascontiguousarray(data[position].transpose(1, 2, 0)))))

        return stack(each(load, chosen.tolist(), self.num_workers, f"resizing {name}"), len(chosen))


def _map_pictures(path: Path, count: int) -> np.ndarray:
    """uint8 [count, 3, 96, 96] from a file that stores each colour plane column by column.

    The file is memory-mapped: pixels are read when they are used, and the system may drop them from memory afterwards.
    """
    return np.memmap(path, np.uint8, "r", shape=(count, 3, SIZE, SIZE)).transpose(0, 1, 3, 2)


def _class_names(path: Path) -> tuple[str, ...]:
    """The ten names in the file, or `CLASSES` if it is missing or unusable."""
    try:
        names = tuple(line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip())
    except FileNotFoundError:
        return CLASSES
    except (OSError, UnicodeDecodeError) as error:
        log.warning("STL10: %s cannot be read (%s); the known names are used", path, error)
        return CLASSES
    if len(names) != len(CLASSES):
        log.warning("STL10: the number of names in %s is %d, not 10; the known names are used", path, len(names))
        return CLASSES
    return names


def _read_labels(folder: Path, images: str, labels: str) -> np.ndarray:
    """Labels, int64 [N], from 0. Raises UsageError if sizes or labels show that a file is damaged or incomplete."""
    pictures, rest = divmod((folder / images).stat().st_size, PICTURE)
    numbers = np.fromfile(folder / labels, dtype=np.uint8)
    if pictures == len(numbers) > 0 and rest == 0 and numbers.min() >= 1 and numbers.max() <= len(CLASSES):
        return numbers.astype(np.int64) - 1
    raise UsageError(
        f"STL10: {images} and {labels} in {folder} are damaged or incomplete:\n"
        f"pictures: {pictures} (bytes left over: {rest}), labels: {len(numbers)}"
        f"{f', from {numbers.min()} to {numbers.max()}' if len(numbers) else ''} (allowed: one per picture, 1 to 10).\n"
        "Delete both to download the data set again, or replace them with intact copies."
    )
