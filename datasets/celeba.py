"""CelebA: 202599 portraits of 10177 famous people, centred on the face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torchvision

from datasets.decoding import decode, resize_and_crop
from datasets.download import download_folder
from datasets.splits import SPLITS, Split, check_split_name
from errors import UsageError

FOLDER = "celeba"
PICTURES = "img_align_celeba"
PARTITION = "list_eval_partition.txt"
IDENTITIES = "identity_CelebA.txt"


class CelebA:
    """The official splits, 162770 / 19867 / 19962 pictures. A class is a person, named by number; no person is in two
    splits, so each split has classes of its own.

    Reads `<dataset_root>/celeba/`: the folder of pictures and the two lists named above, out of all that torchvision
    would read. A split is held in memory whole: 2.0 GB for training at 64 pixels, 6.1 GB at 112.
    """

    channels = 3

    def __init__(self, *, dataset_root: Path | str = "./data/", image_size: int = 64, num_workers: int = 4) -> None:
        self.image_size = image_size
        self.num_workers = num_workers
        self.folder = Path(dataset_root) / FOLDER
        missing = [file for file in (PICTURES, PARTITION, IDENTITIES) if not (self.folder / file).exists()]
        if missing:
            download_folder(
                Path(dataset_root),
                FOLDER,
                lambda temporary: torchvision.datasets.CelebA(temporary, download=True),
                missing=f"CelebA: {', '.join(missing)} not found in {self.folder}.",
                advice=f"Put {PICTURES}/ (unzipped) and both lists there by hand, or give the right --dataset-root.",
            )

    def split(self, name: str) -> Split:
        check_split_name(name)
        partition = _read_list(self.folder / PARTITION)
        identities = _read_list(self.folder / IDENTITIES)
        files = [file for file, number in partition.items() if number == SPLITS.index(name)]
        unnamed = next((file for file in files if file not in identities), None)
        if not files or unnamed:
            problem = f"{IDENTITIES} does not name {unnamed}" if files else f"{PARTITION} has no pictures for {name}"
            raise UsageError(
                f"CelebA: {problem}, in {self.folder}.\nReplace the file by the original list of the data set."
            )
        people, labels = np.unique([identities[file] for file in files], return_inverse=True)
        paths = [self.folder / PICTURES / file for file in files]
        images = decode(paths, resize_and_crop(self.image_size), self.channels, self.num_workers, f"decoding {name}")
        return Split(
            name=name,
            images=images,
            labels=torch.from_numpy(labels).long(),
            classes=tuple(str(person) for person in people),
            items=torch.arange(len(labels)),
        )


def _read_list(path: Path) -> dict[str, int]:
    """Lines of "000001.jpg 2880"."""
    try:
        rows = [line.split() for line in path.read_text().splitlines() if line.strip()]
        return {file: int(number) for file, number in rows}
    except (OSError, ValueError) as error:
        raise UsageError(
            f"CelebA: {path} cannot be read ({error}).\n"
            '       It is to hold a file name and a number a line, such as "000001.jpg 2880".\n'
            "Replace it by the original list of the data set."
        ) from None
