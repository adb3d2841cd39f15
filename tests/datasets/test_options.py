"""Names and kinds of the options."""

import argparse
from pathlib import Path

import pytest

from learning_to_draw.datasets import DATASETS


def parse(name, *words):
    parser = argparse.ArgumentParser(exit_on_error=False)
    DATASETS[name].add_options(parser)
    return vars(parser.parse_args(words))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Digits", {"image_size": 32, "dataset_seed": 1234}),
        (
            "STL10",
            {
                "dataset_root": Path("data"),
                "image_size": 96,
                "valset_size_per_class": 10,
                "dataset_seed": 1234,
                "unlabelled_train": False,
            },
        ),
        *[
            (
                name,
                {"dataset_root": Path("data"), "valset_size_per_class": 10, "dataset_seed": 1234, "skeleton": False},
            )
            for name in ("MNIST", "KMNIST", "ScaledMNIST")
        ],
        *[
            (name, {"dataset_root": Path("data"), "valset_size_per_class": 10, "dataset_seed": 1234})
            for name in ("CIFAR10", "CIFAR100")
        ],
        *[
            (
                name,
                {
                    "dataset_root": Path("data"),
                    "valset_size_per_class": 2,
                    "dataset_seed": 1234,
                    "augment": False,
                    "skeleton": False,
                },
            )
            for name in ("Omniglot", "C28pxOmniglot")
        ],
        ("Caltech101", {"dataset_root": Path("data"), "image_size": 64}),
        ("CelebA", {"dataset_root": Path("data"), "image_size": 64, "labels": "identity"}),
        ("TinyImageNet", {"dataset_root": Path("data")}),
        (
            "StratifiedImageNet",
            {"dataset_root": Path("data"), "split": 0, "split_files": Path("splits"), "image_size": 64},
        ),
        (
            "Jon_QuickDraw",
            {
                "dataset_root": Path("data"),
                "group": ["yoga"],
                "size": 256,
                "stroke_width": 16,
                "valset_size_per_class": 0,
                "dataset_seed": 1234,
                "augment": False,
                "skeleton": False,
            },
        ),
        (
            "ImageFolder",
            {
                "dataset_root": Path("data"),
                "image_size": 64,
                "dataset_seed": 1234,
                "val_fraction": 0.15,
                "test_fraction": 0.15,
            },
        ),
    ],
)
def test_defaults(name, expected):
    assert parse(name) == {**expected, "num_workers": 4}


@pytest.mark.parametrize(
    "words",
    [
        ("--image-size", "0"),
        ("--num-workers", "-1"),
        ("--val-fraction", "1"),
        ("--test-fraction", "0"),
        ("--dataset-seed", "x"),
    ],
)
def test_values_out_of_range_are_refused(words):
    with pytest.raises(argparse.ArgumentError, match="is not a"):
        parse("ImageFolder", *words)
