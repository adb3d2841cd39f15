"""Caltech-101: 8677 photographs of 101 categories, of many sizes and with very unbalanced classes."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
import torchvision

from learning_to_draw.datasets.augment import CropFlipJitterView
from learning_to_draw.datasets.config import Caltech101Config
from learning_to_draw.datasets.decoded_cache import cache_of
from learning_to_draw.datasets.decoding import decode, decode_ragged, resize, resize_and_crop
from learning_to_draw.datasets.download import download_folder
from learning_to_draw.datasets.identity import path_ids
from learning_to_draw.datasets.listing import visible
from learning_to_draw.datasets.splits import Split, balanced_items, check_split_name, stratified_split
from learning_to_draw.errors import UsageError

log = logging.getLogger(__name__)

FOLDER = Path("caltech101", "101_ObjectCategories")
NOT_A_CLASS = "BACKGROUND_Google"  # random pictures without a category; left out
PICTURES = 8677  # in the complete data set
SEED = 42  # seed and fractions of the split are those of the original experiments
MARGIN = 10  # pixels; random crops can move at least this far along each side


class Caltech101:
    """6073 / 1302 / 1302 pictures for training / validation / test. A training epoch shows all classes equally often,
    in random views of their pictures.

    Reads `<dataset_root>/caltech101/101_ObjectCategories/<class>/image_NNNN.jpg`.
    """

    channels = 3

    def __init__(self, config: Caltech101Config = Caltech101Config()) -> None:
        self.config = config
        self.image_size = config.image_size
        self.num_workers = config.num_workers
        self.root = config.dataset_root
        self.folder = self.root / FOLDER
        if not self.folder.is_dir():
            download_folder(
                self.root,
                FOLDER.parts[0],
                lambda folder: torchvision.datasets.Caltech101(folder, download=True),
                missing=f"Caltech101: there is no folder {self.folder}.",
                advice="Unpack 101_ObjectCategories.tar.gz in the folder caltech101 by hand, "
                "or give the right --dataset-root.",
            )
        self.classes, self.paths, self.labels = _list_pictures(self.folder)
        if len(self.paths) != PICTURES:
            log.warning("Caltech101: %d pictures, not %d: the splits are not the usual ones", len(self.paths), PICTURES)

    def split(self, name: str) -> Split:
        check_split_name(name)
        chosen = self._positions()[name]
        paths = [self.paths[position] for position in chosen]
        labels = torch.from_numpy(self.labels[chosen])
        ids = torch.from_numpy(path_ids(f"{path.parent.name}/{path.name}" for path in paths))
        description, cache = f"decoding {name}", cache_of(self.config, f"Caltech101-{name}")
        if name == "train":
            larger = resize(self.image_size + MARGIN)
            images = decode_ragged(paths, larger, self.channels, self.num_workers, description, cache=cache)
            view = CropFlipJitterView(self.image_size)
            return Split(name, images, labels, self.classes, balanced_items(labels), view, ids)
        square = resize_and_crop(self.image_size)
        images = decode(paths, square, self.channels, self.num_workers, description, cache=cache)
        return Split(name, images, labels, self.classes, torch.arange(len(labels)), ids=ids)

    def _positions(self) -> dict[str, np.ndarray]:
        everything = np.arange(len(self.labels))
        train, rest = stratified_split(everything, self.labels, 0.3, SEED, "Caltech101")
        valid, test = stratified_split(rest, self.labels[rest], 0.5, SEED, "Caltech101")
        return {"train": train, "valid": valid, "test": test}


def _list_pictures(folder: Path) -> tuple[tuple[str, ...], list[Path], np.ndarray]:
    """The class names, the sorted paths of the pictures, and the pictures' labels, int64 [N].

    Skips BACKGROUND_Google and files not named image_*.jpg. Raises UsageError if there are no pictures.
    """
    classes, paths, labels = [], [], []
    for class_folder in (path for path in visible(folder, "*") if path.is_dir()):
        pictures = visible(class_folder, "image_*.jpg")
        if class_folder.name == NOT_A_CLASS or not pictures:
            continue
        labels.extend([len(classes)] * len(pictures))
        classes.append(class_folder.name)
        paths.extend(pictures)
    if not paths:
        raise UsageError(
            f"Caltech101: no pictures in {folder}.\n"
            "Expected files such as <class>/image_0001.jpg.\n"
            "Unpack 101_ObjectCategories.tar.gz again in the folder caltech101, or give the right --dataset-root."
        )
    return tuple(classes), paths, np.array(labels, dtype=np.int64)
