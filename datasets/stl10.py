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
from datasets.splits import Split, check_split_name, stratified_split
from errors import UsageError

log = logging.getLogger(__name__)

SIZE = 96
CLASSES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")
FILES = {"train": ("train_X.bin", "train_y.bin"), "test": ("test_X.bin", "test_y.bin")}


class STL10:
    """4900 / 100 / 8000 pictures; the validation pictures come out of the official 5000 for training.

    Reads `<dataset_root>/stl10_binary/{train,test}_{X,y}.bin`; the unlabelled pictures are not needed.
    """

    channels = 3

    def __init__(
        self,
        *,
        dataset_root: Path | str = "./data/",
        image_size: int = SIZE,
        valset_size_per_class: int = 10,
        dataset_seed: int = 1234,
        num_workers: int = 4,
    ) -> None:
        self.image_size = image_size
        self.valset_size_per_class = valset_size_per_class
        self.dataset_seed = dataset_seed
        self.num_workers = num_workers
        self.root = Path(dataset_root)
        folder = self.root / _Files.base_folder
        missing = [file for pair in FILES.values() for file in pair if not (folder / file).is_file()]
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
        files = "test" if name == "test" else "train"
        _check_sizes(self.root / _Files.base_folder, *FILES[files])
        official = _Files(self.root, split=files)
        classes = _class_names(official)
        labels = official.labels.astype(np.int64)
        chosen = self._positions(labels, name)
        kept = torch.from_numpy(labels[chosen])
        return Split(name, self._pixels(official.data, chosen, name), kept, classes, torch.arange(len(kept)))

    def _positions(self, labels: np.ndarray, name: str) -> np.ndarray:
        everything = np.arange(len(labels))
        if name == "test":
            return everything
        count = self.valset_size_per_class * len(CLASSES)
        train, valid = stratified_split(everything, labels, count, self.dataset_seed, "STL10")
        return train if name == "train" else valid

    def _pixels(self, data: np.ndarray, chosen: np.ndarray, name: str) -> Tensor:
        if self.image_size == SIZE:
            return torch.from_numpy(np.ascontiguousarray(data[chosen]))
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
    picture = 3 * SIZE * SIZE
    pictures, rest = divmod((folder / images).stat().st_size, picture)
    names = np.fromfile(folder / labels, dtype=np.uint8)
    if pictures == len(names) > 0 and rest == 0 and names.min() >= 1 and names.max() <= len(CLASSES):
        return
    raise UsageError(
        f"STL10: {images} and {labels} in {folder} are damaged or incomplete:\n"
        f"{pictures} whole pictures of {picture} bytes and {rest} bytes over, {len(names)} labels"
        f"{f' from {names.min()} to {names.max()}' if len(names) else ''} (they are to be as many, from 1 to 10).\n"
        "Delete both, so that they are downloaded again, or replace them by intact copies."
    )
