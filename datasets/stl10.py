"""STL-10: photographs of ten kinds of animals and vehicles, 96 x 96 pixels."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image
from torch import Tensor

from datasets.decoding import each, resize_and_crop, stack, to_tensor
from datasets.download import download_folder
from datasets.splits import Split, check_split_name, official_positions
from errors import UsageError

log = logging.getLogger(__name__)

SIZE = 96
CLASSES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")
FILES = {"train": ("train_X.bin", "train_y.bin"), "test": ("test_X.bin", "test_y.bin")}
UNLABELLED = "unlabeled_X.bin"
PICTURE = 3 * SIZE * SIZE  # bytes
CHUNK = 1000  # pictures


class STL10:
    """4900 / 100 / 8000 pictures; the validation pictures come out of the official 5000 for training.

    Reads `<dataset_root>/stl10_binary/{train,test}_{X,y}.bin`. With `unlabelled_train` the training pictures are the
    100000 of `unlabeled_X.bin` instead (2.8 GB in memory), all of one class, so that only the original game can be
    played with them; valid and test stay what they are.
    """

    channels = 3

    def __init__(
        self,
        *,
        dataset_root: Path | str = "./data/",
        image_size: int = SIZE,
        valset_size_per_class: int = 10,
        dataset_seed: int = 1234,
        unlabelled_train: bool = False,
        num_workers: int = 4,
    ) -> None:
        self.image_size = image_size
        self.valset_size_per_class = valset_size_per_class
        self.dataset_seed = dataset_seed
        self.unlabelled_train = unlabelled_train
        self.num_workers = num_workers
        self.root = Path(dataset_root)
        folder = self.root / _Files.base_folder
        files = [*FILES["train"], *FILES["test"], *([UNLABELLED] if unlabelled_train else [])]
        missing = [file for file in files if not (folder / file).is_file()]
        if missing:
            download_folder(
                self.root,
                _Files.base_folder,
                lambda temporary: torchvision.datasets.STL10(temporary, download=True),
                missing=f"STL10: {', '.join(missing)} not found in {folder}.",
                advice=f"Unpack {_Files.filename} in {self.root} by hand, or give the right --dataset-root.",
            )

    def split(self, name: str) -> Split:
        check_split_name(name)
        if name == "train" and self.unlabelled_train:
            return self._unlabelled()
        files = "test" if name == "test" else "train"
        _check_sizes(self.root / _Files.base_folder, *FILES[files])
        official = _Files(self.root, split=files)
        classes = _class_names(official)
        labels = official.labels.astype(np.int64)
        chosen = official_positions(
            name,
            labels,
            classes=len(CLASSES),
            valset_size_per_class=self.valset_size_per_class,
            seed=self.dataset_seed,
            data_set="STL10",
        )
        kept = torch.from_numpy(labels[chosen])
        return Split(name, self._pixels(official.data, chosen, name), kept, classes, torch.arange(len(kept)))

    def _unlabelled(self) -> Split:
        path = self.root / _Files.base_folder / UNLABELLED
        count, rest = divmod(path.stat().st_size, PICTURE)
        if count == 0 or rest:
            raise UsageError(
                f"STL10: {path} is damaged or incomplete: {count} whole pictures of {PICTURE} bytes, {rest} bytes over."
                "\nDelete it, so that the data set is downloaded again, or replace it by an intact copy."
            )
        # Mapped, not read: the file's pages are the system's to drop, so memory holds the pictures once.
        data = np.memmap(path, np.uint8, "r", shape=(count, 3, SIZE, SIZE)).transpose(0, 1, 3, 2)
        images = self._pixels(data, np.arange(count), "train")
        return Split("train", images, torch.zeros(count, dtype=torch.int64), ("unlabelled",), torch.arange(count))

    def _pixels(self, data: np.ndarray, chosen: np.ndarray, name: str) -> Tensor:
        if self.image_size == SIZE:
            images = np.empty((len(chosen), 3, SIZE, SIZE), dtype=np.uint8)
            for start in range(0, len(chosen), CHUNK):  # a second copy, which picking makes, only of one chunk
                images[start : start + CHUNK] = data[chosen[start : start + CHUNK]]
            return torch.from_numpy(images)
        resize = resize_and_crop(self.image_size)

        def load(position: int) -> Tensor:
            return to_tensor(resize(Image.fromarray(np.ascontiguousarray(data[position].transpose(1, 2, 0)))))

        return stack(each(load, chosen.tolist(), self.num_workers, f"resizing {name}"), len(chosen))


class _Files(torchvision.datasets.STL10):
    """torchvision's reader without its check at every start, which takes the md5 of all 2.9 GB.

    Downloads are made by the class itself, which does check them.
    """

    def _check_integrity(self) -> bool:
        return all((Path(self.root) / self.base_folder / file).is_file() for file in FILES[self.split])


def _class_names(official: torchvision.datasets.STL10) -> tuple[str, ...]:
    names = tuple(name.strip() for name in getattr(official, "classes", ()) if name.strip())
    if names and len(names) != len(CLASSES):
        log.warning("STL10: class_names.txt has %d names, not 10; the known names are used", len(names))
    return names if len(names) == len(CLASSES) else CLASSES


def _check_sizes(folder: Path, images: str, labels: str) -> None:
    """A download that was cut short is noticed by the files' sizes and labels."""
    pictures, rest = divmod((folder / images).stat().st_size, PICTURE)
    names = np.fromfile(folder / labels, dtype=np.uint8)
    if pictures == len(names) > 0 and rest == 0 and names.min() >= 1 and names.max() <= len(CLASSES):
        return
    raise UsageError(
        f"STL10: {images} and {labels} in {folder} are damaged or incomplete:\n"
        f"{pictures} whole pictures of {PICTURE} bytes and {rest} bytes over, {len(names)} labels"
        f"{f' from {names.min()} to {names.max()}' if len(names) else ''} (they are to be as many, from 1 to 10).\n"
        "Delete both, so that they are downloaded again, or replace them by intact copies."
    )
