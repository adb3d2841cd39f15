"""The data sets by command-line name, and their configurations. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from learning_to_draw.components import (
    Component,
    Config,
    flag,
    fraction,
    non_negative_int,
    option,
    positive_int,
    positive_int_up_to,
    seed,
)


def _dataset_root(help: str) -> Any:
    return option(Path("./data/"), help, type=Path, metavar="FOLDER")


def _image_size(default: int) -> Any:
    return option(
        default,
        "height and width of the pictures after scaling and cropping, in pixels",
        type=positive_int_up_to(4096),
        metavar="PIXELS",
    )


def _dataset_seed() -> Any:
    return option(
        1234,
        "seed of the random division of the pictures into splits",
        type=seed,
        metavar="SEED",
    )


def _valset_size(default: int) -> Any:
    return option(
        default,
        "training pictures per class that are set aside for validation, on average",
        type=positive_int,
        metavar="N",
    )


def _held_out_fraction(purpose: str) -> Any:
    return option(
        0.15,
        f"set aside about this fraction of the pictures for {purpose}, with at least one of each class that has "
        f"enough; ignored if there is a folder of pictures for {purpose}",
        type=fraction,
        metavar="FRACTION",
    )


def _augment() -> Any:
    return flag(
        "rotate the training pictures by up to 3 degrees, translate them by up to 7 %, scale them by 0.99 to 1.01 and "
        "shear them by up to 1 degree, differently each time"
    )


def _skeleton() -> Any:
    return flag("thin the strokes to lines one pixel wide (needs the package scikit-image)")


def _num_workers() -> Any:
    return option(
        4,
        "threads that decode pictures before the run starts; 0: decode them in the main thread",
        type=non_negative_int,
        metavar="THREADS",
    )


def cache_dir_option() -> Any:
    return option(
        None,
        "folder that keeps decoded pictures for the next run and can be deleted at any time; left out: the user's "
        "cache folder",
        type=Path,
        metavar="DIR",
    )


def no_cache_option() -> Any:
    return flag("decode all picture files again, and save nothing for the next run")


@dataclass(frozen=True, kw_only=True)
class PictureFilesConfig(Config):
    """The options of data sets of picture files. Every run accepts `cache_dir` and `no_cache`, with any data set."""

    dataset_root: Path = _dataset_root("folder of the data set")
    num_workers: int = _num_workers()
    cache_dir: Path | None = cache_dir_option()
    no_cache: bool = no_cache_option()


@dataclass(frozen=True, kw_only=True)
class DigitsConfig(Config):
    image_size: int = _image_size(32)
    dataset_seed: int = _dataset_seed()
    num_workers: int = _num_workers()


@dataclass(frozen=True, kw_only=True)
class STL10Config(Config):
    dataset_root: Path = _dataset_root("folder that holds stl10_binary/, which is downloaded (2.6 GB) if missing")
    image_size: int = _image_size(96)
    valset_size_per_class: int = _valset_size(10)
    dataset_seed: int = _dataset_seed()
    unlabelled_train: bool = flag(
        "train with the 100000 unlabelled pictures (2.8 GB) instead of the labelled ones; only for the original game, "
        "because all of them have the same class"
    )
    num_workers: int = _num_workers()


@dataclass(frozen=True, kw_only=True)
class MNISTConfig(Config):
    """The options of MNIST and ScaledMNIST."""

    dataset_root: Path = _dataset_root("folder that holds MNIST/raw/, which is downloaded (12 MB) if missing")
    valset_size_per_class: int = _valset_size(10)
    dataset_seed: int = _dataset_seed()
    skeleton: bool = _skeleton()
    num_workers: int = _num_workers()


@dataclass(frozen=True, kw_only=True)
class KMNISTConfig(MNISTConfig):
    dataset_root: Path = _dataset_root("folder that holds KMNIST/raw/, which is downloaded (21 MB) if missing")


@dataclass(frozen=True, kw_only=True)
class CIFAR10Config(Config):
    dataset_root: Path = _dataset_root(
        "folder that holds cifar-10-batches-py/, which is downloaded (170 MB) if missing"
    )
    valset_size_per_class: int = _valset_size(10)
    dataset_seed: int = _dataset_seed()
    num_workers: int = _num_workers()


@dataclass(frozen=True, kw_only=True)
class CIFAR100Config(CIFAR10Config):
    dataset_root: Path = _dataset_root("folder that holds cifar-100-python/, which is downloaded (170 MB) if missing")


@dataclass(frozen=True, kw_only=True)
class OmniglotConfig(PictureFilesConfig):
    """The options of both Omniglot data sets."""

    dataset_root: Path = _dataset_root("folder that holds omniglot-py/, which is downloaded (15 MB) if missing")
    valset_size_per_class: int = _valset_size(2)
    dataset_seed: int = _dataset_seed()
    augment: bool = _augment()
    skeleton: bool = _skeleton()


@dataclass(frozen=True, kw_only=True)
class Caltech101Config(PictureFilesConfig):
    dataset_root: Path = _dataset_root(
        "folder that holds caltech101/101_ObjectCategories/, which is downloaded if missing (130 MB; older versions of "
        "torchvision need the package gdown)"
    )
    image_size: int = _image_size(64)


@dataclass(frozen=True, kw_only=True)
class CelebAConfig(PictureFilesConfig):
    dataset_root: Path = _dataset_root(
        "folder that holds celeba/, which is downloaded (1.4 GB, needs the package gdown) if missing"
    )
    image_size: int = _image_size(64)
    labels: Literal["identity", "none"] = option(
        "identity",
        "identity: each person is a class; none: all pictures are one class, which allows only the original game and "
        "does not need identity_CelebA.txt",
        choices=("identity", "none"),
    )


@dataclass(frozen=True, kw_only=True)
class TinyImageNetConfig(PictureFilesConfig):
    dataset_root: Path = _dataset_root(
        "folder that holds tiny-imagenet-200/, which is downloaded (240 MB) if missing. Its test pictures have no "
        "labels, so half of its val pictures are for validation and half for testing"
    )


@dataclass(frozen=True, kw_only=True)
class QuickDrawConfig(Config):
    dataset_root: Path = _dataset_root(
        "folder that holds quickdraw/<group>.ndjson or quickdraw/<group>.bin; if both are missing, the .ndjson file is "
        "downloaded (about 100 MB per group)"
    )
    group: tuple[str, ...] = option(
        ("yoga",),
        "one or more groups of drawings, such as --group cat 'The Eiffel Tower'; each is a class, and the first 70,000 "
        "drawings of each are used",
        nargs="+",
        metavar="NAME",
    )
    size: int = option(
        256, "height and width of the scaled drawings, in pixels", type=positive_int_up_to(4096), metavar="PIXELS"
    )
    stroke_width: int = option(
        16,
        "width of the strokes before scaling, in pixels of a 256 x 256 canvas",
        type=positive_int,
        metavar="PIXELS",
    )
    valset_size_per_class: int = option(
        0,
        "drawings per group that are set aside for validation, on average; 0: one seventh, as for testing",
        type=non_negative_int,
        metavar="N",
    )
    dataset_seed: int = _dataset_seed()
    augment: bool = _augment()
    skeleton: bool = _skeleton()
    num_workers: int = _num_workers()


@dataclass(frozen=True, kw_only=True)
class StratifiedImageNetConfig(PictureFilesConfig):
    dataset_root: Path = _dataset_root("folder of the pictures; a picture's class is the name of its folder")
    split: int = option(
        0,
        "use the split files splitN_train.txt, splitN_val.txt and splitN_test.txt; each line is the path of a picture, "
        "relative to --dataset-root; without a test file, half of the val pictures are for testing",
        type=non_negative_int,
        metavar="N",
    )
    split_files: Path = option(
        Path("splits"),
        "folder of the split files, relative to --dataset-root or absolute",
        type=Path,
        metavar="FOLDER",
    )
    image_size: int = _image_size(64)


@dataclass(frozen=True, kw_only=True)
class ImageFolderConfig(PictureFilesConfig):
    dataset_root: Path = _dataset_root(
        "folder with one folder of pictures per class, or with folders train, val and test that each hold such class "
        "folders; val and test may be missing"
    )
    image_size: int = _image_size(64)
    dataset_seed: int = _dataset_seed()
    val_fraction: float = _held_out_fraction("validation")
    test_fraction: float = _held_out_fraction("testing")


QUICKDRAW = Component(QuickDrawConfig, "datasets.quickdraw:QuickDraw", summary="drawings of Quick, Draw! by group")

DATASETS: dict[str, Component] = {
    "Digits": Component(
        DigitsConfig,
        "datasets.digits:Digits",
        summary="handwritten digits, 32 px; nothing to download",
        defaults={
            "encoder": "TinyCNNEncoder",
            "latent_size": 128,
            "decoder_hidden": 256,
            "sigma2": 5e-3,
            "stroke_spread": 0.7,
            "rx_hidden": 256,
            "rx_latent_size": 128,
            "batch_size": 32,
            "learning_rate": "0.0007*cosine",
            "epochs": 45,
        },
        defaults_with={"SinglePassSimpleLineDecoder": {"nlines": 8}},
    ),
    "STL10": Component(STL10Config, "datasets.stl10:STL10", summary="photos of 10 classes, 96 px"),
    "MNIST": Component(MNISTConfig, "datasets.mnist:MNIST", summary="handwritten digits, 28 px"),
    "KMNIST": Component(KMNISTConfig, "datasets.mnist:KMNIST", summary="cursive Japanese syllables, 28 px"),
    "ScaledMNIST": Component(MNISTConfig, "datasets.mnist:ScaledMNIST", summary="MNIST's digits on a canvas of 256 px"),
    "CIFAR10": Component(CIFAR10Config, "datasets.cifar:CIFAR10", summary="photos of 10 classes, 32 px"),
    "CIFAR100": Component(CIFAR100Config, "datasets.cifar:CIFAR100", summary="photos of 100 classes, 32 px"),
    "Omniglot": Component(
        OmniglotConfig, "datasets.omniglot:Omniglot", summary="handwritten characters of many alphabets"
    ),
    "C28pxOmniglot": Component(OmniglotConfig, "datasets.omniglot:C28pxOmniglot", summary="Omniglot, centred, 28 px"),
    "Caltech101": Component(Caltech101Config, "datasets.caltech101:Caltech101", summary="photos of 101 classes"),
    "CelebA": Component(CelebAConfig, "datasets.celeba:CelebA", summary="faces; a class is a person"),
    "TinyImageNet": Component(
        TinyImageNetConfig, "datasets.tiny_imagenet:TinyImageNet", summary="photos of 200 classes, 64 px"
    ),
    "StratifiedImageNet": Component(
        StratifiedImageNetConfig,
        "datasets.stratified_imagenet:StratifiedImageNet",
        summary="any pictures, in splits listed in text files",
    ),
    "QuickDraw": QUICKDRAW,
    "Jon_QuickDraw": QUICKDRAW,  # its name in the official code
    "ImageFolder": Component(
        ImageFolderConfig, "datasets.image_folder:ImageFolder", summary="your own pictures, one folder per class"
    ),
}
