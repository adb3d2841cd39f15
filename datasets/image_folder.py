"""The user's own pictures, sorted into folders."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torchvision.datasets.folder import IMG_EXTENSIONS, has_file_allowed_extension

from learning_to_draw.datasets.config import ImageFolderConfig
from learning_to_draw.datasets.decoded_cache import DecodedCache
from learning_to_draw.datasets.decoding import decode, resize_and_crop
from learning_to_draw.datasets.splits import SPLITS, Split, check_split_name
from learning_to_draw.errors import UsageError, listed

SPLIT_FOLDERS = {"train": ("train",), "valid": ("val", "valid", "validation"), "test": ("test",)}


@dataclass(frozen=True)
class Listing:
    """The picture files of a split and their classes."""

    paths: list[Path]
    labels: Tensor  # int64 [N], index into the training classes


class ImageFolder:
    """Colour pictures of any size in the usual formats, in one of two layouts:

    * `<dataset_root>/{train,val,test}/<class>/...`
    * `<dataset_root>/<class>/...`: each class is divided at random (seed `dataset_seed`) into fractions `val_fraction`,
      `test_fraction` and the rest for training, at least one picture each.
    """

    channels = 3

    def __init__(self, config: ImageFolderConfig = ImageFolderConfig()) -> None:
        """Lists the files. Raises UsageError for unusable folders, before any picture is decoded."""
        self.image_size = config.image_size
        self.num_workers = config.num_workers
        self.root = config.dataset_root
        if not self.root.is_dir():
            problem = "it is not a folder" if self.root.exists() else "there is no such folder"
            raise UsageError(
                f"ImageFolder: --dataset-root {self.root}: {problem}.\n"
                "Give the folder that holds one folder of pictures per class."
            )
        divided = _split_folders(self.root)
        if divided:
            self.classes, self.listings = _list_divided(divided)
        else:
            self.classes, pictures = _list_classes(self.root)
            self.listings = _divide(
                self.classes, pictures, config.val_fraction, config.test_fraction, config.dataset_seed
            )

    def split(self, name: str) -> Split:
        check_split_name(name)
        listing = self.listings[name]
        images = decode(
            listing.paths,
            resize_and_crop(self.image_size),
            self.channels,
            self.num_workers,
            f"decoding {name}",
            cache=DecodedCache(self.root, f"ImageFolder-{name}"),
            upright=True,
        )
        return Split(name, images, listing.labels, self.classes, torch.arange(len(listing.labels)))


def _subfolders(folder: Path) -> list[Path]:
    """Folders in a folder, sorted; skips hidden ones and the __MACOSX that archives leave behind."""
    folders = (path for path in folder.iterdir() if path.is_dir())
    return sorted(path for path in folders if not path.name.startswith(".") and path.name != "__MACOSX")


def _split_folders(root: Path) -> dict[str, Path]:
    """The folders train, val and test by split, or {} if the root's folders are classes.

    Raises UsageError if some of them are missing, or two have the same meaning.
    """
    by_split: dict[str, Path] = {}
    for split, names in SPLIT_FOLDERS.items():
        folders = [path for path in _subfolders(root) if path.name.lower() in names]
        if len(folders) > 1:
            raise UsageError(
                f"ImageFolder: {root} has both {folders[0].name} and {folders[1].name}, which mean the same.\n"
                "Remove or rename one of them."
            )
        if folders:
            by_split[split] = folders[0]
    if len(by_split) < 2 and not any(_subfolders(folder) for folder in by_split.values()):
        return {}  # none of them, or a single one that holds pictures: perhaps a class named train
    if len(by_split) < len(SPLITS):
        missing = [SPLIT_FOLDERS[split][0] for split in SPLITS if split not in by_split]
        raise UsageError(
            f"ImageFolder: {root} is divided into {', '.join(path.name for path in by_split.values())}, "
            f"but has no folder {' and no folder '.join(missing)}.\n"
            "Add what is missing, or give the folder that holds the class folders (such as train/): "
            "--val-fraction and --test-fraction then divide it."
        )
    return by_split


def _list_classes(folder: Path) -> tuple[tuple[str, ...], list[list[Path]]]:
    """The class names, sorted, and the pictures of each class. Raises UsageError if a class has none."""
    folders = _subfolders(folder)
    if not folders:
        raise UsageError(
            f"ImageFolder: there are no class folders in {folder}.\n"
            f"Sort the pictures into one folder per class, such as {folder / 'cat' / 'tom.jpg'}."
        )
    pictures = [_list_pictures(path) for path in folders]
    empty = [path.name for path, files in zip(folders, pictures, strict=True) if not files]
    if empty:
        raise UsageError(
            f"ImageFolder: no pictures in the class {'folder' if len(empty) == 1 else 'folders'} {listed(empty)} "
            f"of {folder}.\n"
            f"Known formats: {' '.join(IMG_EXTENSIONS)}\n"
            "Add pictures, or remove the folder."
        )
    return tuple(path.name for path in folders), pictures


def _list_pictures(folder: Path) -> list[Path]:
    """Picture files at any depth, sorted; skips hidden files and folders, and reads linked folders once."""
    paths, seen = [], set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        folders[:] = [] if real in seen else sorted(name for name in folders if not name.startswith("."))
        if real in seen:
            continue
        seen.add(real)
        visible = (name for name in sorted(names) if not name.startswith("."))
        paths.extend(Path(parent, name) for name in visible if has_file_allowed_extension(name, IMG_EXTENSIONS))
    return paths


def _list_divided(folders: dict[str, Path]) -> tuple[tuple[str, ...], dict[str, Listing]]:
    """The classes, which are those of the training folder, and the listings by split.

    Raises UsageError if another folder has a class that the training folder lacks; it may have fewer classes.
    """
    classes, _ = _list_classes(folders["train"])
    listings = {}
    for split, folder in folders.items():
        names, pictures = _list_classes(folder)
        unknown = [name for name in names if name not in classes]
        if unknown:
            raise UsageError(
                f"ImageFolder: {folder} has {'a class' if len(unknown) == 1 else 'classes'} that "
                f"{folders['train']} does not have: {listed(unknown)}.\n"
                f"Training classes: {listed(classes)}.\n"
                "Rename or remove the folder, or add pictures of the class to the training folder."
            )
        listings[split] = _listing({classes.index(name): paths for name, paths in zip(names, pictures, strict=True)})
    return classes, listings


def _divide(
    classes: tuple[str, ...], pictures: list[list[Path]], val_fraction: float, test_fraction: float, seed: int
) -> dict[str, Listing]:
    """Listings by split; each class is divided separately, so every split has pictures of every class.

    Raises UsageError if a class has fewer than three pictures, or the fractions leave none for training.
    """
    if val_fraction + test_fraction >= 1:
        raise UsageError(
            f"--val-fraction {val_fraction} and --test-fraction {test_fraction} leave nothing to train on.\n"
            "Give two fractions whose sum is less than 1."
        )
    small = [name for name, paths in zip(classes, pictures, strict=True) if len(paths) < len(SPLITS)]
    if small:
        raise UsageError(
            f"ImageFolder: too few pictures to be divided into train, valid and test: {listed(small)}.\n"
            "Each class needs at least 3 pictures. Add some, or remove the folder."
        )
    generator = torch.Generator().manual_seed(seed)
    divided: dict[str, dict[int, list[Path]]] = {split: {} for split in SPLITS}
    for label, paths in enumerate(pictures):
        shuffled = [paths[i] for i in torch.randperm(len(paths), generator=generator)]
        tests = min(max(1, round(test_fraction * len(paths))), len(paths) - 2)
        valids = min(max(1, round(val_fraction * len(paths))), len(paths) - tests - 1)
        divided["test"][label] = shuffled[:tests]
        divided["valid"][label] = shuffled[tests : tests + valids]
        divided["train"][label] = shuffled[tests + valids :]
    return {split: _listing(by_class) for split, by_class in divided.items()}


def _listing(by_class: dict[int, list[Path]]) -> Listing:
    paths = [path for label in sorted(by_class) for path in by_class[label]]
    labels = [label for label in sorted(by_class) for _ in by_class[label]]
    return Listing(paths, torch.tensor(labels))
