"""The options of each family of pictures. An option's destination is the name of a constructor's argument.

Nothing here imports torch, so that a help page is quick.
"""

from pathlib import Path
from typing import Any

from parts import fraction, non_negative_int, positive_int, seed


def add_digits_options(group: Any) -> None:
    _add_image_size(group, 32)
    _add_dataset_seed(group)
    _add_num_workers(group)


def add_stl10_options(group: Any) -> None:
    _add_dataset_root(group, "folder that holds stl10_binary/; downloaded into it (2.6 GB) if that is missing")
    _add_image_size(group, 96)
    group.add_argument(
        "--valset-size-per-class",
        type=positive_int,
        default=10,
        metavar="N",
        help="training pictures of each class that are set aside for validation, on average",
    )
    _add_dataset_seed(group)
    _add_num_workers(group)


def add_caltech101_options(group: Any) -> None:
    _add_dataset_root(
        group,
        "folder that holds caltech101/101_ObjectCategories/; downloaded into it (130 MB, with the package gdown) if "
        "missing",
    )
    _add_image_size(group, 64)
    _add_num_workers(group)


def add_celeba_options(group: Any) -> None:
    _add_dataset_root(
        group, "folder that holds celeba/; downloaded into it (1.4 GB, with the package gdown) if missing"
    )
    _add_image_size(group, 64)
    _add_num_workers(group)


def add_image_folder_options(group: Any) -> None:
    _add_dataset_root(
        group,
        "folder with one folder of pictures for each class, or with folders train, val and test that each hold "
        "such class folders",
    )
    _add_image_size(group, 64)
    _add_dataset_seed(group)
    for option, split in (("--val-fraction", "validation"), ("--test-fraction", "testing")):
        group.add_argument(
            option,
            type=fraction,
            default=0.15,
            metavar="FRACTION",
            help=f"share of each class's pictures that is set aside for {split}, between 0 and 1, at least one "
            "picture; not used for a folder that is already divided into train, val and test",
        )
    _add_num_workers(group)


def _add_dataset_root(group: Any, text: str) -> None:
    group.add_argument("--dataset-root", type=Path, default=Path("./data/"), metavar="FOLDER", help=text)


def _add_image_size(group: Any, default: int) -> None:
    group.add_argument(
        "--image-size",
        type=positive_int,
        default=default,
        metavar="PIXELS",
        help="height and width, in pixels, that the pictures are scaled and cropped to",
    )


def _add_dataset_seed(group: Any) -> None:
    group.add_argument(
        "--dataset-seed",
        type=seed,
        default=1234,
        metavar="SEED",
        help="seed that decides which pictures are for training, for validation and for testing",
    )


def _add_num_workers(group: Any) -> None:
    group.add_argument(
        "--num-workers",
        type=non_negative_int,
        default=4,
        metavar="THREADS",
        help="threads that decode pictures before the run starts; 0 decodes them in the main thread",
    )
