"""ImageNet, or any pictures sorted into class folders, with splits given by lists of files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch

from learning_to_draw.datasets.config import StratifiedImageNetConfig
from learning_to_draw.datasets.decoded_cache import cache_of
from learning_to_draw.datasets.decoding import decode, resize_and_crop
from learning_to_draw.datasets.identity import path_ids
from learning_to_draw.datasets.splits import Split, check_split_name, stratified_split
from learning_to_draw.errors import UsageError, listed

SEED = 1234  # decides which val pictures are for testing if there is no test list


@dataclass(frozen=True)
class Listing:
    """The pictures of a split file and their classes."""

    pictures: list[str]  # relative to dataset_root, such as train/n01440764/n01440764_10026.JPEG
    labels: np.ndarray  # int64 [N], index into the training classes


class StratifiedImageNet:
    """The pictures listed in the split files `split<N>_train.txt`, `split<N>_val.txt` and `split<N>_test.txt`.

    Each line of a split file is the path of a picture, relative to `dataset_root`; the folder of the picture is its
    class. `split_files` is the folder of the split files, relative to `dataset_root` or absolute. Without a test file,
    the val pictures are divided into two halves, stratified by class and always the same: one for validation, one for
    testing. (The official code validates and tests with the same pictures.)

    The shorter side is scaled to `image_size` and the centre is cropped. A whole split is held in memory:
    3 * image_size^2 bytes per picture, so 12 GB for a million at 64 pixels.
    """

    channels = 3

    def __init__(self, config: StratifiedImageNetConfig = StratifiedImageNetConfig()) -> None:
        """Reads the split files. A missing picture is reported when its split is decoded."""
        self.config = config
        self.image_size = config.image_size
        self.num_workers = config.num_workers
        self.root = config.dataset_root
        folder = self.root / config.split_files
        files = {name: folder / f"split{config.split}_{name}.txt" for name in ("train", "val", "test")}
        missing = [files[name].name for name in ("train", "val") if not files[name].is_file()]
        if missing:
            raise UsageError(
                f"StratifiedImageNet: {' and '.join(missing)} not found in {folder}.\n"
                "Give the folder of the split files with --split-files, and the number in their names with --split.\n"
                "Each line of these files is a picture's path relative to --dataset-root, such as "
                "train/n01440764/a.JPEG."
            )
        lists = {name: _read_split_file(path) for name, path in files.items() if path.is_file()}
        _check_named_once(lists, files)
        self.classes = tuple(sorted({_class_of(picture) for picture in lists["train"]}))
        listings = {name: _label(lists[name], self.classes, files[name], files["train"]) for name in lists}
        self.listings = {"train": listings["train"], **_held_out(listings)}

    def split(self, name: str) -> Split:
        check_split_name(name)
        listing = self.listings[name]
        paths = [self.root / picture for picture in listing.pictures]
        images = decode(
            paths,
            resize_and_crop(self.image_size),
            self.channels,
            self.num_workers,
            f"decoding {name}",
            cache=cache_of(self.config, f"StratifiedImageNet-{name}"),
        )
        labels, ids = torch.from_numpy(listing.labels), torch.from_numpy(path_ids(listing.pictures))
        return Split(name, images, labels, self.classes, torch.arange(len(paths)), ids=ids)


def _class_of(picture: str) -> str:
    return PurePosixPath(picture).parent.name


def _read_split_file(path: Path) -> list[str]:
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"StratifiedImageNet: {path} cannot be read ({error}).\nGive a readable text file in UTF-8."
        ) from None
    for number, line in enumerate(lines, 1):
        picture = PurePosixPath(line)
        if line and (picture.is_absolute() or ".." in picture.parts or not picture.parent.name):
            raise UsageError(
                f"StratifiedImageNet: {path}, line {number}: {line[:100]!r} is not the path of a picture in a class "
                "folder.\n"
                "Write it relative to --dataset-root and without .., such as train/n01440764/a.JPEG."
            )
    pictures = [str(PurePosixPath(line)) for line in lines if line]  # ./a//b.JPEG and a/b.JPEG name the same picture
    if not pictures:
        raise UsageError(f"StratifiedImageNet: {path} names no pictures.\nWrite one path per line.")
    return pictures


def _check_named_once(lists: dict[str, list[str]], files: dict[str, Path]) -> None:
    """Raises UsageError if a picture is named twice: tests must not repeat pictures, or use training pictures."""
    first: dict[str, str] = {}
    repeated = []
    for name, pictures in lists.items():
        for picture in pictures:
            if picture in first:
                repeated.append((picture, first[picture], name))
            else:
                first[picture] = name
    if repeated:
        picture, list1, list2 = repeated[0]
        file1, file2 = files[list1].name, files[list2].name
        place = f"twice in {file1}" if list1 == list2 else f"in {file1} and in {file2}"
        raise UsageError(
            f"StratifiedImageNet: in {files[list1].parent}, {picture} is named {place} "
            f"(repeated lines in all: {len(repeated)}).\n"
            "Name each picture once, in one split."
        )


def _label(pictures: Sequence[str], classes: tuple[str, ...], path: Path, train: Path) -> Listing:
    number = {name: label for label, name in enumerate(classes)}
    unknown = sorted({_class_of(picture) for picture in pictures} - number.keys())
    if unknown:
        raise UsageError(
            f"StratifiedImageNet: {path} has {'a class' if len(unknown) == 1 else 'classes'} that {train.name} does "
            f"not have: {listed(unknown)}.\n"
            f"Training classes: {listed(classes)}.\n"
            f"Remove every line with such a class, or add pictures of the class to {train.name}."
        )
    return Listing(list(pictures), np.array([number[_class_of(picture)] for picture in pictures], dtype=np.int64))


def _held_out(listings: dict[str, Listing]) -> dict[str, Listing]:
    """Listings of valid and test: the val and test lists or, without a test list, the two halves of val."""
    val = listings["val"]
    if "test" in listings:
        return {"valid": val, "test": listings["test"]}
    halves = stratified_split(np.arange(len(val.labels)), val.labels, 0.5, SEED, "StratifiedImageNet's val list")
    return {
        name: Listing([val.pictures[position] for position in half], val.labels[half])
        for name, half in zip(("valid", "test"), halves, strict=True)
    }
