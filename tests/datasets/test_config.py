"""The configurations: names, defaults and types of the options, and values that they refuse."""

from pathlib import Path

import pytest

from learning_to_draw.components import InvalidValueError, options_of
from learning_to_draw.datasets import DATASETS
from learning_to_draw.datasets.config import (
    CelebAConfig,
    ImageFolderConfig,
    PictureFilesConfig,
    QuickDrawConfig,
    StratifiedImageNetConfig,
)
from learning_to_draw.errors import UsageError


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
                "group": ("yoga",),
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
    values = DATASETS[name].config().values()
    expected = {**expected, "num_workers": 4}
    if issubclass(DATASETS[name].config, PictureFilesConfig):
        expected |= {"cache_dir": None, "no_cache": False}
    assert values == expected
    assert [type(values[option]) for option in expected] == [type(value) for value in expected.values()]


@pytest.mark.parametrize("name", DATASETS)
def test_help_is_a_phrase(name):
    for option in options_of(DATASETS[name].config).values():
        assert option.help
        assert not option.help.endswith("."), "the default follows it"


@pytest.mark.parametrize(
    ("name", "word", "value"),
    [
        ("image_size", "0", 0),
        ("num_workers", "-1", -1),
        ("val_fraction", "1", 1),
        ("test_fraction", "0", 0),
        ("dataset_seed", "x", "x"),
    ],
)
def test_values_out_of_range_are_refused(name, word, value):
    with pytest.raises(InvalidValueError, match="is not a"):
        options_of(ImageFolderConfig)[name].type(word)
    with pytest.raises(UsageError, match=f"{name} = {value!r} is not valid"):
        ImageFolderConfig(**{name: value})


def test_values_that_are_no_choice_or_of_another_kind_are_refused():
    with pytest.raises(UsageError, match="labels = 'names' is not valid"):
        CelebAConfig(labels="names")
    with pytest.raises(UsageError, match="group = 'cat' is not valid"):
        QuickDrawConfig(group="cat")
    with pytest.raises(UsageError, match="skeleton = 1 is not valid"):
        QuickDrawConfig(skeleton=1)


def test_words_of_the_command_line_become_paths_and_tuples():
    config = StratifiedImageNetConfig(dataset_root="here", split_files="lists")
    assert (config.dataset_root, config.split_files) == (Path("here"), Path("lists"))
    assert QuickDrawConfig(group=["cat", "The Eiffel Tower"]).group == ("cat", "The Eiffel Tower")
