import pytest
import torch

from learning_to_draw.trials.build import load_pictures
from learning_to_draw.trials.config.parse import parse


@pytest.fixture(scope="session")
def digits():
    """The pictures of Digits, all splits."""
    return load_pictures(parse("train", []).dataset, ("train", "valid", "test"), torch.device("cpu"))
