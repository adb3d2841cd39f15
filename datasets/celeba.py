"""CelebA: 202599 portraits of 10177 famous people, centred on the face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torchvision
from torch import Tensor

from learning_to_draw.datasets.config import CelebAConfig
from learning_to_draw.datasets.decoded_cache import cache_of
from learning_to_draw.datasets.decoding import decode, resize_and_crop
from learning_to_draw.datasets.download import download_folder
from learning_to_draw.datasets.splits import SPLITS, Split, check_split_name
from learning_to_draw.errors import UsageError
from learning_to_draw.reading import read_text

FOLDER = "celeba"
PICTURES = "img_align_celeba"
PARTITION = "list_eval_partition.txt"
IDENTITIES = "identity_CelebA.txt"


class CelebA:
    """The official splits: 162770 / 19867 / 19962 pictures for training / validation / test. A class is a person, named
    by number; no person is in two splits, so each split has its own classes. With `labels="none"` all pictures are of
    one class, "portrait", which allows only the original game.

    Reads `img_align_celeba/`, `list_eval_partition.txt` and, unless `labels="none"`, `identity_CelebA.txt` in
    `<dataset_root>/celeba/`, and no other file. A whole split is held in memory: 2.0 GB for training at 64 pixels,
    6.1 GB at 112.
    """

    channels = 3

    def __init__(self, config: CelebAConfig = CelebAConfig()) -> None:
        self.config = config
        self.image_size = config.image_size
        self.labels = config.labels
        self.num_workers = config.num_workers
        self.root = config.dataset_root
        self.folder = self.root / FOLDER
        needed = (PICTURES, PARTITION) if self.labels == "none" else (PICTURES, PARTITION, IDENTITIES)
        missing = [file for file in needed if not (self.folder / file).exists()]
        if missing:
            advice = f"Put the missing files there by hand (unzip {PICTURES}.zip), or give the right --dataset-root."
            if missing == [IDENTITIES]:
                advice = f"Put {IDENTITIES} there by hand, or train without identities: --labels none."
            download_folder(
                self.root,
                FOLDER,
                lambda temporary: torchvision.datasets.CelebA(temporary, download=True),
                missing=f"CelebA: {', '.join(missing)} not found in {self.folder}.",
                advice=advice,
            )

    def split(self, name: str) -> Split:
        check_split_name(name)
        partition = _read_list(self.folder / PARTITION)
        files = [file for file, number in partition.items() if number == SPLITS.index(name)]
        if not files:
            raise _not_the_original(f"{PARTITION} has no pictures for {name}", self.folder)
        classes, labels = ("portrait",), torch.zeros(len(files), dtype=torch.int64)
        if self.labels == "identity":
            classes, labels = self._people(files)
        paths = [self.folder / PICTURES / file for file in files]
        images = decode(
            paths,
            resize_and_crop(self.image_size),
            self.channels,
            self.num_workers,
            f"decoding {name}",
            cache=cache_of(self.config, f"CelebA-{name}"),
        )
        return Split(
            name=name,
            images=images,
            labels=labels,
            classes=classes,
            items=torch.arange(len(labels)),
        )

    def _people(self, files: list[str]) -> tuple[tuple[str, ...], Tensor]:
        """Class names (the people's numbers), and the label of each picture, int64 [N]."""
        identities = _read_list(self.folder / IDENTITIES)
        unnamed = next((file for file in files if file not in identities), None)
        if unnamed:
            raise _not_the_original(f"{IDENTITIES} does not name {unnamed}", self.folder)
        people, labels = np.unique([identities[file] for file in files], return_inverse=True)
        return tuple(str(person) for person in people), torch.from_numpy(labels).long()


def _not_the_original(problem: str, folder: Path) -> UsageError:
    return UsageError(f"CelebA: {problem}, in {folder}.\nReplace the file with the original list of the data set.")


def _read_list(path: Path) -> dict[str, int]:
    """Numbers by file name, from lines such as "000001.jpg 2880". Raises UsageError for any other non-blank line."""
    try:
        rows = [line.split() for line in read_text(path).splitlines() if line.strip()]
        return {file: int(number) for file, number in rows}
    except ValueError as error:
        raise UsageError(
            f"CelebA: {path} cannot be read ({error}).\n"
            'Each line must be a file name and a number, such as "000001.jpg 2880".\n'
            "Replace the file with the original list of the data set."
        ) from None
