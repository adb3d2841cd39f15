"""The options of each family of pictures. An option's destination is the name of a constructor's argument.

Nothing here imports torch, so that a help page is quick.
"""

from pathlib import Path
from typing import Any

from learning_to_draw.components import add_flag, fraction, non_negative_int, positive_int, seed

KEPT = "; decoded pictures are kept in .decoded/ there for the next run, and can be deleted at any time"


def add_digits_options(group: Any) -> None:
    _add_image_size(group, 32)
    _add_dataset_seed(group)
    _add_num_workers(group)


def add_stl10_options(group: Any) -> None:
    _add_dataset_root(group, "folder that holds stl10_binary/; downloaded into it (2.6 GB) if that is missing")
    _add_image_size(group, 96)
    _add_valset_size(group, 10)
    _add_dataset_seed(group)
    add_flag(
        group,
        "--unlabelled-train",
        help="train with the 100000 unlabelled pictures (2.8 GB) instead of the labelled ones; only in the original "
        "game, because they are all of one class",
    )
    _add_num_workers(group)


def add_mnist_options(group: Any) -> None:
    _add_mnist_options(group, "MNIST/raw/", "12 MB")


def add_kmnist_options(group: Any) -> None:
    _add_mnist_options(group, "KMNIST/raw/", "21 MB")


def _add_mnist_options(group: Any, folder: str, download: str) -> None:
    _add_dataset_root(group, f"folder that holds {folder}; downloaded into it ({download}) if that is missing")
    _add_valset_size(group, 10)
    _add_dataset_seed(group)
    _add_skeleton(group)
    _add_num_workers(group)


def add_cifar10_options(group: Any) -> None:
    _add_cifar_options(group, "cifar-10-batches-py/")


def add_cifar100_options(group: Any) -> None:
    _add_cifar_options(group, "cifar-100-python/")


def _add_cifar_options(group: Any, folder: str) -> None:
    _add_dataset_root(group, f"folder that holds {folder}; downloaded into it (170 MB) if that is missing")
    _add_valset_size(group, 10)
    _add_dataset_seed(group)
    _add_num_workers(group)


def add_omniglot_options(group: Any) -> None:
    _add_dataset_root(group, f"folder that holds omniglot-py/; downloaded into it (15 MB) if that is missing{KEPT}")
    _add_valset_size(group, 2)
    _add_dataset_seed(group)
    _add_augment(group)
    _add_skeleton(group)
    _add_num_workers(group)


def add_caltech101_options(group: Any) -> None:
    _add_dataset_root(
        group,
        "folder that holds caltech101/101_ObjectCategories/; downloaded into it (130 MB, with the package gdown) if "
        f"missing{KEPT}",
    )
    _add_image_size(group, 64)
    _add_num_workers(group)


def add_celeba_options(group: Any) -> None:
    _add_dataset_root(
        group, f"folder that holds celeba/; downloaded into it (1.4 GB, with the package gdown) if missing{KEPT}"
    )
    _add_image_size(group, 64)
    group.add_argument(
        "--labels",
        choices=("identity", "none"),
        default="identity",
        help="identity: a class is a person; none: all pictures are one class, so only the original game can be "
        "played, and identity_CelebA.txt is not needed",
    )
    _add_num_workers(group)


def add_tiny_imagenet_options(group: Any) -> None:
    _add_dataset_root(
        group,
        "folder that holds tiny-imagenet-200/; downloaded into it (240 MB) if that is missing. Its test pictures have "
        f"no labels: one half of its val pictures is for validation, the other for testing{KEPT}",
    )
    _add_num_workers(group)


def add_quickdraw_options(group: Any) -> None:
    _add_dataset_root(
        group,
        "folder that holds quickdraw/<group>.ndjson or quickdraw/<group>.bin; downloaded into it (some 100 MB a group) "
        "if missing",
    )
    group.add_argument(
        "--group",
        nargs="+",
        default=["yoga"],
        metavar="NAME",
        help="what was drawn, one or more as in: --group cat 'The Eiffel Tower'; each is a class, of which the first "
        "70,000 drawings are used",
    )
    group.add_argument(
        "--size",
        type=positive_int,
        default=256,
        metavar="PIXELS",
        help="height and width, in pixels, that the drawings are scaled to",
    )
    group.add_argument(
        "--stroke-width",
        type=positive_int,
        default=16,
        metavar="PIXELS",
        help="width of the strokes, in pixels of a canvas of 256, before scaling",
    )
    group.add_argument(
        "--valset-size-per-class",
        type=non_negative_int,
        default=0,
        metavar="N",
        help="drawings of each group that are set aside for validation, on average; 0: a seventh, as for testing",
    )
    _add_dataset_seed(group)
    _add_augment(group)
    _add_skeleton(group)
    _add_num_workers(group)


def add_stratified_imagenet_options(group: Any) -> None:
    _add_dataset_root(group, f"folder below which the pictures lie, those of a class in a folder of its name{KEPT}")
    group.add_argument(
        "--split",
        type=non_negative_int,
        default=0,
        metavar="N",
        help="number of the split files to use: splitN_train.txt, splitN_val.txt and splitN_test.txt, with the path of "
        "a picture below --dataset-root on every line; without a test file, half of the val pictures is for testing",
    )
    group.add_argument(
        "--split-files",
        type=Path,
        default=Path("splits"),
        metavar="FOLDER",
        help="folder of the split files: below --dataset-root, or an absolute path",
    )
    _add_image_size(group, 64)
    _add_num_workers(group)


def add_image_folder_options(group: Any) -> None:
    _add_dataset_root(
        group,
        "folder with one folder of pictures for each class, or with folders train, val and test that each hold "
        f"such class folders{KEPT}",
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


def _add_valset_size(group: Any, default: int) -> None:
    group.add_argument(
        "--valset-size-per-class",
        type=positive_int,
        default=default,
        metavar="N",
        help="training pictures of each class that are set aside for validation, on average",
    )


def _add_augment(group: Any) -> None:
    add_flag(
        group,
        "--augment",
        help="show the training pictures turned by up to 3 degrees, moved by up to 7 %%, scaled by 0.99 to 1.01 and "
        "sheared by up to 1 degree, differently each time",
    )


def _add_skeleton(group: Any) -> None:
    add_flag(group, "--skeleton", help="thin the strokes to lines one pixel wide (with the package scikit-image)")


def _add_num_workers(group: Any) -> None:
    group.add_argument(
        "--num-workers",
        type=non_negative_int,
        default=4,
        metavar="THREADS",
        help="threads that decode pictures before the run starts; 0 decodes them in the main thread",
    )
