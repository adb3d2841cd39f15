"""Omniglot: handwritten characters of fifty alphabets, 105 x 105 pixels. Twenty people drew each character."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image, ImageOps
from torchvision import transforms

from learning_to_draw.datasets.augment import HANDWRITING_VIEW
from learning_to_draw.datasets.config import OmniglotConfig
from learning_to_draw.datasets.decoded_cache import cache_of
from learning_to_draw.datasets.decoding import Picture, Transform, decode, resize_and_crop
from learning_to_draw.datasets.download import download_folder
from learning_to_draw.datasets.listing import visible
from learning_to_draw.datasets.skeleton import check_available, skeletonise
from learning_to_draw.datasets.splits import Split, check_split_name, official_positions
from learning_to_draw.errors import UsageError

FOLDER = "omniglot-py"
SIZE = 105
PARTS = {"train": "images_background", "valid": "images_background", "test": "images_evaluation"}


class Omniglot:
    """17352 / 1928 / 13180 pictures for training / validation / test: light strokes on black (the files have black on
    white), 1 channel.

    The "background" set, 964 characters, is divided into train and valid. The "evaluation" set, 659 other characters,
    is the test split, so testing uses new classes. Classes have names such as "Greek/character01". Classes and pictures
    are sorted by name; the official code uses the order of the file system.

    Reads `<dataset_root>/omniglot-py/{images_background,images_evaluation}/`. `augment` slightly rotates, translates,
    scales and shears the training pictures, differently each time; `skeleton` thins the strokes to one pixel.
    """

    channels = 1
    image_size = SIZE
    _fit: tuple[Transform, ...] = ()  # applied to each picture before its strokes are thinned

    def __init__(self, config: OmniglotConfig = OmniglotConfig()) -> None:
        self.config = config
        self.valset_size_per_class = config.valset_size_per_class
        self.dataset_seed = config.dataset_seed
        self.augment = HANDWRITING_VIEW if config.augment else None
        self.num_workers = config.num_workers
        if config.skeleton:
            check_available()
        thin = (_thinned,) if config.skeleton else ()
        # Resizing and cropping do not change a picture of 105 x 105 pixels, the size of all the original ones.
        self._transform = transforms.Compose([resize_and_crop(SIZE), ImageOps.invert, *self._fit, *thin])
        self.root = config.dataset_root
        self.folder = self.root / FOLDER
        missing = [part for part in dict.fromkeys(PARTS.values()) if not (self.folder / part).is_dir()]
        if missing:
            download_folder(
                self.root,
                FOLDER,
                _download,
                missing=f"Omniglot: {' and '.join(missing)} not found in {self.folder}.",
                advice="Unpack images_background.zip and images_evaluation.zip there by hand, "
                "or give the right --dataset-root.",
            )

    def split(self, name: str) -> Split:
        check_split_name(name)
        classes, paths, labels = _list_pictures(self.folder / PARTS[name])
        chosen = official_positions(
            name,
            labels,
            classes=len(classes),
            valset_size_per_class=self.valset_size_per_class,
            seed=self.dataset_seed,
            data_set="Omniglot",
        )
        images = decode(
            [paths[position] for position in chosen],
            self._transform,
            self.channels,
            self.num_workers,
            f"decoding {name}",
            cache=cache_of(self.config, f"{type(self).__name__}-{name}"),
        )
        return Split(
            name=name,
            images=images,
            labels=torch.from_numpy(labels[chosen]),
            classes=classes,
            items=torch.arange(len(chosen)),
            augment=self.augment if name == "train" else None,
        )


def centre(picture: Picture) -> Picture:
    """The picture with its centre of mass (of brightness) shifted to the middle, by whole pixels; padded with black."""
    mass = np.asarray(picture, dtype=np.float64)
    if not mass.any():
        return picture
    offsets = []
    for axis, profile in enumerate((mass.sum(0), mass.sum(1))):  # by column (x), by row (y)
        middle = (picture.size[axis] - 1) / 2
        offsets.append(round(float(profile @ np.arange(len(profile)) / profile.sum() - middle)))
    left, top = offsets
    return picture.crop((left, top, left + picture.width, top + picture.height))


class C28pxOmniglot(Omniglot):
    """Omniglot with every character's centre of mass in the middle, scaled to 28 x 28 pixels.

    Characters are centred and scaled once, when they are read, so `augment` moves them off centre again.
    """

    image_size = 28
    _fit = (centre, transforms.Resize(28))


def _thinned(picture: Picture) -> Picture:
    return Image.fromarray(skeletonise(np.asarray(picture)))


def _download(folder: Path) -> None:
    for background in (True, False):
        torchvision.datasets.Omniglot(folder, background=background, download=True)


def _list_pictures(folder: Path) -> tuple[tuple[str, ...], list[Path], np.ndarray]:
    """The class names, the sorted paths of the pictures, and the pictures' labels, int64 [N].

    Raises UsageError if there are no pictures.
    """
    classes, paths, labels = [], [], []
    for character in (path for path in visible(folder, "*/*") if path.is_dir()):
        pictures = visible(character, "*.png")
        if pictures:
            labels.extend([len(classes)] * len(pictures))
            classes.append(f"{character.parent.name}/{character.name}")
            paths.extend(pictures)
    if not paths:
        raise UsageError(
            f"Omniglot: no pictures in {folder}.\n"
            "Expected files <alphabet>/<character>/*.png.\n"
            f"Unpack {folder.name}.zip again in the folder omniglot-py, or give the right --dataset-root."
        )
    return tuple(classes), paths, np.array(labels, dtype=np.int64)
