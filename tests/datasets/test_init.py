"""The table of data sets."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from learning_to_draw.datasets import DATASETS


def test_importing_the_table_does_not_import_torch():
    code = "import sys, datasets, datasets.options; print('torch' in sys.modules, 'sklearn' in sys.modules)"
    root = Path(__file__).parents[2]
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "False"]


def test_names():
    names = """
        Digits STL10 MNIST KMNIST ScaledMNIST CIFAR10 CIFAR100 Omniglot C28pxOmniglot Caltech101 CelebA TinyImageNet
        StratifiedImageNet QuickDraw Jon_QuickDraw ImageFolder
    """
    assert list(DATASETS) == names.split()


@pytest.mark.parametrize("name", DATASETS)
def test_options_are_exactly_the_constructors_arguments_with_the_same_defaults(name):
    part = DATASETS[name]
    parameters = inspect.signature(part.load()).parameters
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in parameters.values())
    actions = {action.dest: action for action in part.option_actions()}
    assert set(actions) == set(parameters)
    for dest, action in actions.items():
        assert type(action.default)(parameters[dest].default) == action.default
        assert not action.help.endswith("."), "a phrase: the default follows it"


def test_built_from_options():
    data = DATASETS["Digits"].build({"image_size": 24, "dataset_seed": 3, "num_workers": 0, "epochs": 9})
    assert (data.image_size, data.dataset_seed, data.channels) == (24, 3, 1)
