"""The options of each family of data sets. An option's destination is the name of a constructor argument.

Nothing here imports torch, so help pages are fast.
"""

from pathlib import Path
from typing import Any

from learning_to_draw.components import add_flag, fraction, non_negative_int, positive_int, seed

KEPT = "; decoded pictures are saved for the next run in FOLDER/.decoded/, which can be deleted at any time"


def add_digits_options(group: Any) -> None:
    _add_image_size(group, 32)
    _add_dataset_seed(group)
    _add_num_workers(group)


def add_stl10_options(group: Any) -> None:
    _add_dataset_root(group, "folder that holds stl10_binary/, which is downloaded (2.6 GB) if missing")
    _add_image_size(group, 96)
    _add_valset_size(group, 10)
    _add_dataset_seed(group)
    add_flag(
        group,
        "--unlabelled-train",
        help="train with the 100000 unlabelled pictures (2.8 GB) instead of the labelled ones; only for the original "
        "game, because all of them have one class",
    )
    _add_num_workers(group)


def add_mnist_options(group: Any) -> None:
    _add_mnist_options(group, "MNIST/raw/", "12 MB")


def add_kmnist_options(group: Any) -> None:
    _add_mnist_options(group, "KMNIST/raw/", "21 MB")


def _add_mnist_options(group: Any, folder: str, download: str) -> None:
    _add_dataset_root(group, f"folder that holds {folder}, which is downloaded ({download}) if missing")
    _add_valset_size(group, 10)
    _add_dataset_seed(group)
    _add_skeleton(group)
    _add_num_workers(group)


def add_cifar10_options(group: Any) -> None:
    _add_cifar_options(group, "cifar-10-batches-py/")


def add_cifar100_options(group: Any) -> None:
    _add_cifar_options(group, "cifar-100-python/")


def _add_cifar_options(group: Any, folder: str) -> None:
    _add_dataset_root(group, f"folder that holds {folder}, which is downloaded (170 MB) if missing")
    _add_valset_size(group, 10)
    _add_dataset_seed(group)
    _add_num_workers(group)


def add_omniglot_options(group: Any) -> None:
    _add_dataset_root(group, f"folder that holds omniglot-py/, which is downloaded (15 MB) if missing{KEPT}")
    _add_valset_size(group, 2)
    _add_dataset_seed(group)
    _add_augment(group)
    _add_skeleton(group)
    _add_num_workers(group)


def add_caltech101_options(group: Any) -> None:
    _add_dataset_root(
        group,
        "folder that holds caltech101/101_ObjectCategories/, which is downloaded (130 MB, needs the package gdown) if "
        f"missing{KEPT}",
    )
    _add_image_size(group, 64)
    _add_num_workers(group)


def add_celeba_options(group: Any) -> None:
    _add_dataset_root(
        group, f"folder that holds celeba/, which is downloaded (1.4 GB, needs the package gdown) if missing{KEPT}"
    )
    _add_image_size(group, 64)
    group.add_argument(
        "--labels",
        choices=("identity", "none"),
        default="identity",
        help="identity: each person is a class; none: all pictures are one class, which allows only the original game "
        "and does not need identity_CelebA.txt",
    )
    _add_num_workers(group)


def add_tiny_imagenet_options(group: Any) -> None:
    _add_dataset_root(
        group,
        "folder that holds tiny-imagenet-200/, which is downloaded (240 MB) if missing. Its test pictures have no "
        f"labels, so half of its val pictures is for validation and half for testing{KEPT}",
    )
    _add_num_workers(group)


def add_quickdraw_options(group: Any) -> None:
    _add_dataset_root(
        group,
        "folder that holds quickdraw/<group>.ndjson or quickdraw/<group>.bin, which is downloaded (about 100 MB per "
        "group) if missing",
    )
    group.add_argument(
        "--group",
        nargs="+",
        default=["yoga"],
        metavar="NAME",
        help="one or more groups of drawings, such as --group cat 'The Eiffel Tower'; each is a class, and the first "
        "70,000 drawings of each are used",
    )
    group.add_argument(
        "--size",
        type=positive_int,
        default=256,
        metavar="PIXELS",
        help="height and width of the scaled drawings, in pixels",
    )
    group.add_argument(
        "--stroke-width",
        type=positive_int,
        default=16,
        metavar="PIXELS",
        help="width of the strokes before scaling, in pixels of a 256 x 256 canvas",
    )
    group.add_argument(
        "--valset-size-per-class",
        type=non_negative_int,
        default=0,
        metavar="N",
        help="drawings per group that are set aside for validation, on average; 0: one seventh, as for testing",
    )
    _add_dataset_seed(group)
    _add_augment(group)
    _add_skeleton(group)
    _add_num_workers(group)


def add_stratified_imagenet_options(group: Any) -> None:
    _add_dataset_root(group, f"folder of the pictures; a picture's class is the name of its folder{KEPT}")
    group.add_argument(
        "--split",
        type=non_negative_int,
        default=0,
        metavar="N",
        help="use the split files splitN_train.txt, splitN_val.txt and splitN_test.txt; each line is the path of a "
        "picture, relative to --dataset-root; without a test file, half of the val pictures is for testing",
    )
    group.add_argument(
        "--split-files",
        type=Path,
        default=Path("splits"),
        metavar="FOLDER",
        help="folder of the split files, relative to --dataset-root or absolute",
    )
    _add_image_size(group, 64)
    _add_num_workers(group)


def add_image_folder_options(group: Any) -> None:
    _add_dataset_root(
        group,
        "folder with one folder of pictures per class, or with folders train, val and test that each hold such class "
        f"folders{KEPT}",
    )
    _add_image_size(group, 64)
    _add_dataset_seed(group)
    for option, split in (("--val-fraction", "validation"), ("--test-fraction", "testing")):
        group.add_argument(
            option,
            type=fraction,
            default=0.15,
            metavar="FRACTION",
            help=f"fraction of each class's pictures that is set aside for {split}, between 0 and 1, at least one "
            "picture; ignored if the folder is already divided into train, val and test",
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
        help="height and width of the pictures after scaling and cropping, in pixels",
    )


def _add_dataset_seed(group: Any) -> None:
    group.add_argument(
        "--dataset-seed",
        type=seed,
        default=1234,
        metavar="SEED",
        help="seed of the random division into training, validation and test pictures",
    )


def _add_valset_size(group: Any, default: int) -> None:
    group.add_argument(
        "--valset-size-per-class",
        type=positive_int,
        default=default,
        metavar="N",
        help="training pictures per class that are set aside for validation, on average",
    )


def _add_augment(group: Any) -> None:
    add_flag(
        group,
        "--augment",
        help="rotate the training pictures by up to 3 degrees, translate them by up to 7 %%, scale them by 0.99 to "
        "1.01 and shear them by up to 1 degree, differently each time",
    )


def _add_skeleton(group: Any) -> None:
    add_flag(group, "--skeleton", help="thin the strokes to lines one pixel wide (needs the package scikit-image)")


def _add_num_workers(group: Any) -> None:
    group.add_argument(
        "--num-workers",
        type=non_negative_int,
        default=4,
        metavar="THREADS",
        help="threads that decode pictures before the run starts; 0: decode them in the main thread",
    )
