"""The table of data sets."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from learning_to_draw.components import Chosen
from learning_to_draw.datasets import DATASETS
from learning_to_draw.datasets.config import DigitsConfig


def test_importing_the_table_does_not_import_torch():
    code = "import sys, datasets, datasets.config; print('torch' in sys.modules, 'sklearn' in sys.modules)"
    root = Path(__file__).parents[2]
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "False"]


def test_names():
    names = """
        Digits STL10 MNIST KMNIST ScaledMNIST CIFAR10 CIFAR100 Omniglot C28pxOmniglot Caltech101 CelebA TinyImageNet
        StratifiedImageNet QuickDraw Jon_QuickDraw ImageFolder
    """
    assert {*names.split()} <= {*DATASETS}  # saved runs have these names


@pytest.mark.parametrize("name", DATASETS)
def test_the_configuration_is_the_constructors_only_argument(name):
    part = DATASETS[name]
    ((argument, parameter),) = inspect.signature(part.load()).parameters.items()
    assert argument == "config"
    assert issubclass(part.config, type(parameter.default))
    assert part.config().values() == parameter.default.values()


def test_built_from_its_configuration():
    config = DigitsConfig(image_size=24, dataset_seed=3, num_workers=0)
    data = Chosen("Digits", DATASETS["Digits"], config).build()
    assert (data.image_size, data.dataset_seed, data.channels) == (24, 3, 1)
