"""Tiny ImageNet: 64 x 64 photographs of 200 categories, 500 of each for training."""

from __future__ import annotations

import logging
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torchvision.datasets.utils import download_and_extract_archive

from learning_to_draw.datasets.config import TinyImageNetConfig
from learning_to_draw.datasets.decoded_cache import cache_of
from learning_to_draw.datasets.decoding import decode, resize_and_crop
from learning_to_draw.datasets.download import download_folder
from learning_to_draw.datasets.listing import visible
from learning_to_draw.datasets.splits import Split, check_split_name, stratified_split
from learning_to_draw.errors import UsageError

log = logging.getLogger(__name__)

FOLDER = "tiny-imagenet-200"
URL = f"http://cs231n.stanford.edu/{FOLDER}.zip"
MD5 = "90528d7ca1a48142e341f4ef8d21d0de"
CLASS_LIST, WORDS, ANNOTATIONS = "wnids.txt", "words.txt", "val_annotations.txt"
SIZE = 64
PICTURES = {"train": 100_000, "val": 10_000}  # in the complete data set
SEED = 1234  # decides which labelled pictures of val/ are for testing

Listing = tuple[list[Path], np.ndarray]  # picture files and int64 [N], the class of each


class TinyImageNet:
    """100000 / 5000 / 5000 pictures for training / validation / test. The official test pictures have no labels, so
    the pictures of val/ are divided into two halves, stratified by class and always the same: one for validation, one
    for testing.

    Reads `<dataset_root>/tiny-imagenet-200/`: wnids.txt, words.txt (optional), the pictures in `train/<wnid>/images/`,
    and those in `val/images/` with val_annotations.txt, or in `val/<wnid>/`, where the official code moves them. A
    whole split is held in memory: 1.2 GB for training.
    """

    channels = 3
    image_size = SIZE

    def __init__(self, config: TinyImageNetConfig = TinyImageNetConfig()) -> None:
        self.config = config
        self.num_workers = config.num_workers
        self.root = config.dataset_root
        self.folder = self.root / FOLDER
        missing = [name for name in (CLASS_LIST, "train", "val") if not (self.folder / name).exists()]
        if missing:
            download_folder(
                self.root,
                FOLDER,
                lambda temporary: download_and_extract_archive(URL, temporary, md5=MD5),
                missing=f"TinyImageNet: {', '.join(missing)} not found in {self.folder}.",
                advice=f"Unpack {FOLDER}.zip in {self.root} by hand, or give the right --dataset-root.",
            )
        wnids = _read_class_list(self.folder / CLASS_LIST)
        words = _read_table(self.folder / WORDS) if (self.folder / WORDS).exists() else {}
        self.classes = tuple(words.get(wnid, wnid) for wnid in wnids)
        train = _list_by_folder(self.folder / "train", wnids)
        self.listings = {"train": train, **_halves(_list_val(self.folder / "val", wnids))}
        held_out = len(self.listings["valid"][0]) + len(self.listings["test"][0])
        if {"train": len(train[0]), "val": held_out} != PICTURES:
            log.warning(
                "TinyImageNet: %d labelled pictures in train and %d in val, not %d and %d: the data set is incomplete",
                len(train[0]),
                held_out,
                *PICTURES.values(),
            )

    def split(self, name: str) -> Split:
        check_split_name(name)
        paths, labels = self.listings[name]
        cache = cache_of(self.config, f"TinyImageNet-{name}")
        images = decode(paths, resize_and_crop(SIZE), self.channels, self.num_workers, f"decoding {name}", cache=cache)
        return Split(name, images, torch.from_numpy(labels), self.classes, torch.arange(len(labels)))


def _halves(listing: Listing) -> dict[str, Listing]:
    paths, labels = listing
    divided = stratified_split(np.arange(len(labels)), labels, 0.5, SEED, "TinyImageNet's val part")
    return {
        name: ([paths[position] for position in half], labels[half])
        for name, half in zip(("valid", "test"), divided, strict=True)
    }


def _list_by_folder(folder: Path, wnids: list[str]) -> Listing:
    """The pictures at any depth below `folder/<wnid>/`, sorted by class and then by path."""
    paths, labels = [], []
    for label, wnid in enumerate(wnids):
        pictures = visible(folder / wnid, "**/*.JPEG")
        if not pictures:
            raise _incomplete(f"no pictures (*.JPEG) in {folder / wnid}")
        paths.extend(pictures)
        labels.extend([label] * len(pictures))
    return paths, np.array(labels, dtype=np.int64)


def _list_val(folder: Path, wnids: list[str]) -> Listing:
    """The val pictures, which are all in images/ or in one folder per class; both layouts give the same order."""
    pictures = folder / "images"
    if (folder / wnids[0]).is_dir():
        return _list_by_folder(folder, wnids)
    table = _read_table(folder / ANNOTATIONS)
    for file, wnid in table.items():
        if wnid not in wnids or Path(file).name != file:
            raise _incomplete(
                f'{folder / ANNOTATIONS} has a line "{file} {wnid}", which is not a picture of a known class'
            )
    annotated = sorted((wnids.index(wnid), file) for file, wnid in table.items())
    if not annotated:
        raise _incomplete(f"{folder / ANNOTATIONS} is empty")
    return [pictures / file for _, file in annotated], np.array([label for label, _ in annotated], dtype=np.int64)


def _read_class_list(path: Path) -> list[str]:
    wnids = sorted(_read_lines(path))
    invalid = next((wnid for wnid in wnids if not re.fullmatch(r"n\d{8}", wnid)), None)
    repeated = next((wnid for wnid, following in pairwise(wnids) if wnid == following), None)
    if invalid or repeated or len(wnids) < 2:
        problem = (
            f"the line {invalid[:40]!r}" if invalid else f"{repeated} twice" if repeated else "fewer than two lines"
        )
        raise _incomplete(f"{path} must have a different class on every line, such as n01443537, but has {problem}")
    return wnids


def _read_table(path: Path) -> dict[str, str]:
    """A dict from the first to the second column of a tab-separated table. Ignores other columns."""
    rows = [line.split("\t") for line in _read_lines(path)]
    if any(len(row) < 2 for row in rows):
        raise _incomplete(f"{path} must have two or more columns on every line, with a tab between them")
    return {row[0].strip(): row[1].strip() for row in rows}


def _read_lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _incomplete(f"{path} cannot be read ({error})") from None
    return [line.strip() for line in lines if line.strip()]


def _incomplete(problem: str) -> UsageError:
    return UsageError(
        f"TinyImageNet: {problem}.\n"
        f"Delete the folder {FOLDER} to download it again, or replace its contents with those of {FOLDER}.zip."
    )
