"""Handwritten characters of 28 x 28 pixels: MNIST and KMNIST; and MNIST's digits on 256 x 256 pixels: ScaledMNIST."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torchvision
from PIL import Image
from torch import Tensor
from torchvision import transforms

from learning_to_draw.datasets.config import MNISTConfig
from learning_to_draw.datasets.decoding import each, stack
from learning_to_draw.datasets.download import download_folder
from learning_to_draw.datasets.idx import find_idx, read_idx
from learning_to_draw.datasets.skeleton import check_available, skeletonise
from learning_to_draw.datasets.splits import Split, check_split_name, official_positions
from learning_to_draw.errors import UsageError

SIZE = 28
FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}

Step = Callable[[np.ndarray], np.ndarray]  # uint8 [H, W] to uint8 [H, W]

_to_the_middle = transforms.Compose([transforms.Resize(120), transforms.Pad(68)])


def enlarge(pixels: np.ndarray) -> np.ndarray:
    """uint8 [256, 256] from [28, 28]: scaled to 120 x 120, with a black margin of 68 pixels."""
    return np.asarray(_to_the_middle(Image.fromarray(pixels)))


def dim(pixels: np.ndarray) -> np.ndarray:
    """Pixels at 0.6 of their brightness: white becomes 153."""
    return np.rint(pixels * 0.6).astype(np.uint8)


class MNIST:
    """59900 / 100 / 10000 digits for training / validation / test, light strokes on black, 1 channel. The validation
    pictures are taken from the 60000 official training pictures.

    Reads the four idx files in `<dataset_root>/MNIST/raw/`, plain or as .gz. `skeleton` thins the strokes to one pixel.
    """

    channels = 1
    image_size = SIZE
    classes: tuple[str, ...] = tuple("0123456789")
    _official = torchvision.datasets.MNIST
    _before: tuple[Step, ...] = ()  # applied to each picture before `skeleton` thins its strokes
    _after: tuple[Step, ...] = ()  # applied after that

    def __init__(self, config: MNISTConfig = MNISTConfig()) -> None:
        self.valset_size_per_class = config.valset_size_per_class
        self.dataset_seed = config.dataset_seed
        self.num_workers = config.num_workers
        if config.skeleton:
            check_available()
        self._steps = (*self._before, *((skeletonise,) if config.skeleton else ()), *self._after)
        self._data_set = self._official.__name__
        self.folder = config.dataset_root / self._data_set / "raw"
        missing = [name for pair in FILES.values() for name in pair if find_idx(self.folder, name) is None]
        if missing:
            download_folder(
                config.dataset_root,
                self._data_set,
                lambda folder: self._official(folder, download=True),
                missing=f"{self._data_set}: {', '.join(missing)} not found in {self.folder}.",
                advice="Put these files (plain or as .gz) there by hand, or give the right --dataset-root.",
            )

    def split(self, name: str) -> Split:
        check_split_name(name)
        pixels, labels = self._read("test" if name == "test" else "train")
        chosen = official_positions(
            name,
            labels,
            classes=len(self.classes),
            valset_size_per_class=self.valset_size_per_class,
            seed=self.dataset_seed,
            data_set=self._data_set,
        )
        images = self._prepare(pixels[chosen], name)
        return Split(name, images, torch.from_numpy(labels[chosen]), self.classes, torch.arange(len(chosen)))

    def _read(self, part: str) -> tuple[np.ndarray, np.ndarray]:
        """Pictures uint8 [N, 28, 28] and labels int64 [N] of the official part "train" or "test".

        Raises UsageError for damaged files.
        """
        images, labels = (find_idx(self.folder, name) or self.folder / name for name in FILES[part])
        try:
            pixels, numbers = read_idx(images, 3), read_idx(labels, 1).astype(np.int64)
            if pixels.shape != (len(numbers), SIZE, SIZE) or len(numbers) == 0:
                number, height, width = pixels.shape
                raise ValueError(
                    f"labels: {len(numbers)}, pictures: {number} of {height} x {width} pixels "
                    f"(allowed: one label per picture, {SIZE} x {SIZE} pixels)"
                )
            if numbers.max() >= len(self.classes):
                raise ValueError(f"the largest label is {numbers.max()}, but the last class is {len(self.classes) - 1}")
        except ValueError as error:
            raise UsageError(
                f"{self._data_set}: {images.name} and {labels.name} in {self.folder} are damaged or incomplete:\n"
                f"{error}.\nDelete both to download all files again, or replace them with intact copies."
            ) from None
        return pixels, numbers

    def _prepare(self, pixels: np.ndarray, name: str) -> Tensor:
        """uint8 [N, 1, S, S] from pixels [N, 28, 28]."""
        if not self._steps:
            return torch.from_numpy(pixels)[:, None]

        def load(picture: np.ndarray) -> Tensor:
            for step in self._steps:
                picture = step(picture)
            return torch.from_numpy(picture[None])

        return stack(each(load, pixels, self.num_workers, f"preparing {name}"), len(pixels))


class KMNIST(MNIST):
    """Like MNIST, with ten syllables of cursive Japanese; reads `<dataset_root>/KMNIST/raw/`."""

    classes = tuple(torchvision.datasets.KMNIST.classes)
    _official = torchvision.datasets.KMNIST


class ScaledMNIST(MNIST):
    """The pictures of MNIST's files, scaled to 120 x 120 pixels, centred in 256 x 256, at 0.6 of their brightness.

    A whole split is held in memory: 3.9 GB for training.
    """

    image_size = 256
    _before = (enlarge,)
    _after = (dim,)
