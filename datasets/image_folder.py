"""The user's own pictures, sorted into folders."""

from __future__ import annotations

import logging
import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torchvision.datasets.folder import IMG_EXTENSIONS, has_file_allowed_extension

from learning_to_draw.datasets.config import ImageFolderConfig
from learning_to_draw.datasets.decoded_cache import cache_of
from learning_to_draw.datasets.decoding import decode, resize_and_crop
from learning_to_draw.datasets.identity import content_ids, divide
from learning_to_draw.datasets.listing import is_hidden
from learning_to_draw.datasets.splits import SPLITS, Split, check_split_name
from learning_to_draw.errors import UsageError, listed

log = logging.getLogger(__name__)

ENDINGS = (*IMG_EXTENSIONS, ".jfif", ".jpe", ".gif")
SPLIT_FOLDERS = {"train": ("train", "training"), "valid": ("val", "valid", "validation"), "test": ("test", "testing")}
Classes = dict[str, list[Path]]  # class name -> its pictures


@dataclass(frozen=True)
class Listing:
    """The picture files of a split and their classes.

    labels: int64 [N], index into the training classes. ids: int64 [N], from the files' contents.
    """

    paths: list[Path]
    labels: np.ndarray
    ids: np.ndarray

    def part(self, chosen: np.ndarray) -> Listing:
        """The pictures for which `chosen`, bool [N], is true."""
        paths = [path for path, taken in zip(self.paths, chosen, strict=True) if taken]
        return Listing(paths, self.labels[chosen], self.ids[chosen])


class ImageFolder:
    """Colour pictures of any size in the usual formats, in one of two layouts:

    * `<dataset_root>/{train,val,test}/<class>/...`. If val or test is missing, its pictures are taken from train.
    * `<dataset_root>/<class>/...`. About `val_fraction` of the pictures are for validation, about `test_fraction` for
      testing, and the rest for training.

    The division depends on the pictures' contents and on `dataset_seed` (see `identity.divide`).
    """

    channels = 3

    def __init__(self, config: ImageFolderConfig = ImageFolderConfig()) -> None:
        """Lists the files. Raises UsageError for unusable folders, before any picture is decoded."""
        self.config = config
        self.image_size = config.image_size
        self.num_workers = config.num_workers
        self.root = config.dataset_root
        if not self.root.is_dir():
            problem = "it is not a folder" if self.root.exists() else "there is no such folder"
            raise UsageError(
                f"ImageFolder: --dataset-root {self.root}: {problem}.\n"
                "Give the folder that holds one folder of pictures per class, or the folders train, val and test."
            )
        self.passed_over: Counter[str] = Counter()  # kind of file or folder that is skipped -> number
        divided = self._split_folders()
        self.folders = divided or {"train": self.root}
        classes = {split: self._classes(folder) for split, folder in self.folders.items()}
        if not divided:
            _warn_of_equal_folders(self.root, classes["train"])
        self.classes = tuple(classes["train"])
        _check_classes(classes, self.folders)
        listings = {split: self._listing(pictures, split) for split, pictures in classes.items()}
        if not divided:
            _check_sizes(classes["train"])
        self.listings = _complete(listings, config)
        if divided and len(divided) < len(SPLITS):
            made = " and ".join(
                f"{len(self.listings[name].paths)} for {name}" for name in SPLITS if name not in divided
            )
            log.info("ImageFolder: pictures from %s are taken for splits without a folder: %s", divided["train"], made)
        if self.passed_over:
            counts = ", ".join(f"{count} {what}" for what, count in sorted(self.passed_over.items()))
            log.info("ImageFolder: skipped files and folders: %s", counts)

    def split(self, name: str) -> Split:
        check_split_name(name)
        listing = self.listings[name]
        images = decode(
            listing.paths,
            resize_and_crop(self.image_size),
            self.channels,
            self.num_workers,
            f"decoding {name}",
            cache=cache_of(self.config, f"ImageFolder-{name}"),
            upright=True,
        )
        labels, items = torch.from_numpy(listing.labels), torch.arange(len(listing.labels))
        ids = torch.from_numpy(listing.ids)
        return Split(name, images, labels, self.classes, items, ids=ids, by_ids=len(self.folders) < len(SPLITS))

    def _split_folders(self) -> dict[str, Path]:
        """The folders train, val and test by split, or {} if the root's folders are classes.

        Raises UsageError if there are split folders but none for training, or if two folders are for the same split.
        """
        by_split: dict[str, Path] = {}
        for split, names in SPLIT_FOLDERS.items():
            folders = [path for path in _subfolders(self.root) if path.name.lower() in names]
            if len(folders) > 1:
                raise UsageError(
                    f"ImageFolder: {self.root} has both {folders[0].name} and {folders[1].name}, which mean the same.\n"
                    "Remove or rename one of them."
                )
            if folders:
                by_split[split] = folders[0]
        if len(by_split) < 2 and not any(_subfolders(folder) for folder in by_split.values()):
            return {}  # no split folder, or a single one without subfolders: perhaps a class named train
        if "train" not in by_split:
            names = " and ".join(path.name for path in by_split.values())
            raise UsageError(
                f"ImageFolder: {self.root} has {names}, but no folder named train.\n"
                "Add it, or set --dataset-root to the folder that holds the class folders."
            )
        others = [path.name for path in _subfolders(self.root) if path not in by_split.values()]
        self.passed_over.update(f"{name}/" for name in others)
        return by_split

    def _classes(self, folder: Path) -> Classes:
        """The pictures of each class, sorted by class. Raises UsageError if there is no class, or a class is empty.

        Class names are in Unicode's form NFC: the names of folders made on Linux and on a Mac encode accents
        differently.
        """
        folders = _subfolders(folder)
        if not folders:
            raise UsageError(
                f"ImageFolder: there are no class folders in {folder}.\n"
                f"Sort the pictures into one folder per class, for example {folder / 'cat' / 'tom.jpg'}."
            )
        self._pass_over(folder, [path.name for path in folder.iterdir() if path not in folders])
        classes: Classes = {}
        for path in folders:
            classes.setdefault(unicodedata.normalize("NFC", path.name), []).extend(self._pictures(path))
        empty = [name for name, pictures in classes.items() if not pictures]
        if empty:
            folders_named = "folder" if len(empty) == 1 else "folders"
            raise UsageError(
                f"ImageFolder: no pictures in the class {folders_named} {listed(empty)} of {folder}.\n"
                f"Known formats: {' '.join(ENDINGS)}\n"
                f"Add pictures, or remove the {folders_named}."
            )
        return dict(sorted(classes.items()))

    def _pictures(self, folder: Path) -> list[Path]:
        """Picture files at any depth, sorted in each folder. Follows links to folders, but reads no folder twice."""
        paths, seen = [], set()
        for parent, folders, names in os.walk(folder, followlinks=True):
            real = os.path.realpath(parent)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            usable = {name for name in names if _is_picture(parent, name)}
            self._pass_over(Path(parent), [name for name in (*names, *folders) if name not in usable])
            folders[:] = sorted(name for name in folders if not is_hidden(name))
            paths.extend(Path(parent, name) for name in sorted(usable))
        return paths

    def _pass_over(self, folder: Path, names: list[str]) -> None:
        """Counts in `passed_over`, by kind, the files and the hidden folders among the entries `names` of `folder`."""
        for name in names:
            path = folder / name
            if path.is_dir():
                self.passed_over.update(["hidden" if name.startswith(".") else f"{name}/"] * is_hidden(name))
            else:
                self.passed_over["hidden" if name.startswith(".") else path.suffix.lower() or "without an ending"] += 1

    def _listing(self, classes: Classes, split: str) -> Listing:
        paths = [path for pictures in classes.values() for path in pictures]
        labels = [self.classes.index(name) for name, pictures in classes.items() for _ in pictures]
        return Listing(paths, np.array(labels), content_ids(paths, self.num_workers, f"comparing {split}"))


def _is_picture(folder: str, name: str) -> bool:
    """Whether `name` is a visible file with a picture's ending. A broken link counts as one; decoding reports it."""
    if name.startswith(".") or not has_file_allowed_extension(name, ENDINGS):
        return False
    try:
        return stat.S_ISREG(os.stat(os.path.join(folder, name)).st_mode)
    except OSError:
        return True


def _subfolders(folder: Path) -> list[Path]:
    """The subfolders of a folder, sorted, without hidden and system folders."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not is_hidden(path.name))


def _check_classes(classes: Mapping[str, Classes], folders: Mapping[str, Path]) -> None:
    """Raises UsageError if val or test has a class that the training folder lacks. Warns if they have fewer classes."""
    for split, pictures in classes.items():
        unknown = [name for name in pictures if name not in classes["train"]]
        if unknown:
            raise UsageError(
                f"ImageFolder: {folders[split]} has {'a class' if len(unknown) == 1 else 'classes'} that "
                f"{folders['train']} does not have: {listed(unknown)}.\n"
                f"Training classes: {listed(list(classes['train']))}.\n"
                "Rename or remove the folder of such a class, or add pictures of the class to the training folder."
            )
        if missing := [name for name in classes["train"] if name not in pictures]:
            log.warning("ImageFolder: %s has no pictures of the classes %s", folders[split], listed(missing))


def _check_sizes(classes: Classes) -> None:
    """Raises UsageError if a class has fewer pictures than there are splits."""
    if small := [name for name, pictures in classes.items() if len(pictures) < len(SPLITS)]:
        folders_named = "folder" if len(small) == 1 else "folders"
        raise UsageError(
            f"ImageFolder: fewer than 3 pictures in the class {folders_named} {listed(small)}.\n"
            f"Add pictures, so that train, valid and test each get one of every class, or remove the {folders_named}."
        )


def _warn_of_equal_folders(root: Path, classes: Classes) -> None:
    """Warns if all pictures lie in subfolders that have the same names in every class folder.

    The subfolders may then be the classes.
    """
    inner = []
    for pictures in classes.values():
        if any(len(path.relative_to(root).parts) < 3 for path in pictures):
            return
        inner.append({path.relative_to(root).parts[1] for path in pictures})
    if len(inner) > 1 and len(inner[0]) > 1 and all(names == inner[0] for names in inner):
        log.warning(
            "ImageFolder: the classes are %s, and each of these folders holds the folders %s. If the inner folders are "
            "the classes, name the outer ones train, val or test.",
            listed(list(classes)),
            listed(sorted(inner[0])),
        )


def _complete(listings: Mapping[str, Listing], config: ImageFolderConfig) -> dict[str, Listing]:
    """All splits; missing ones are taken from the training pictures. Raises UsageError if a split would be empty."""
    fractions = {"test": config.test_fraction, "valid": config.val_fraction}
    missing = [split for split in fractions if split not in listings]
    if sum(fractions[split] for split in missing) >= 1:
        raise UsageError(
            f"--val-fraction {config.val_fraction} and --test-fraction {config.test_fraction} leave nothing to train "
            "on.\nGive two fractions whose sum is less than 1."
        )
    train = listings["train"]
    parts = divide(train.ids, train.labels, [fractions[split] for split in missing], config.dataset_seed)
    taken = {split: train.part(parts == number) for number, split in enumerate(missing)}
    if empty := [split for split, listing in taken.items() if not listing.paths]:
        folders = " and ".join(SPLIT_FOLDERS[split][0] for split in empty)
        raise UsageError(
            f"ImageFolder: no pictures are left for {' and '.join(empty)}: the classes of the training folder are too "
            f"small.\nPut at least {len(missing) + 1} pictures into one of them, or add the "
            f"folder{'s' * (len(empty) > 1)} {folders}."
        )
    everything = {**listings, **taken, "train": train.part(parts == len(missing))}
    return {split: everything[split] for split in SPLITS}
