"""A plugin's data set of picture files reads its pictures from the cache, unless its options or its code change."""

import logging
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from learning_to_draw.datasets.decoded_cache import cache_folder
from learning_to_draw.trials.config.configure import configure

FILE = """
import functools
from dataclasses import dataclass

import torch
from torch import nn
from torchvision import transforms

from learning_to_draw.components import option, positive_float
from learning_to_draw.datasets.config import PictureFilesConfig
from learning_to_draw.datasets.decoded_cache import cache_of
from learning_to_draw.datasets.decoding import decode, resize_and_crop
from learning_to_draw.datasets.splits import Split
from learning_to_draw.plugins import dataset

@dataclass(frozen=True, kw_only=True)
class DimConfig(PictureFilesConfig):
    dim: float = option(1.0, "brightness", type=positive_float, metavar="X")

class Dim(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, picture):
        return scaled(picture, self.factor)

def scaled(picture, factor):
    return picture.point(lambda value: value * factor)

@dataset("Dimmed", DimConfig)
class Dimmed:
    channels, image_size = 3, 8

    def __init__(self, config):
        self.config, self.paths = config, sorted(config.dataset_root.glob("*.png"))

    def split(self, name):
        transform = transforms.Compose([resize_and_crop(8), TRANSFORM])
        images = decode(self.paths, transform, 3, 0, name, cache=cache_of(self.config, f"Dimmed-{name}"))
        labels = torch.zeros(len(images), dtype=torch.int64)
        return Split(name, images, labels, ("all",), torch.arange(len(images)))
"""
LAMBDA = "transforms.Lambda(lambda picture: scaled(picture, self.config.dim))"
PARTIAL = "functools.partial(scaled, factor=self.config.dim)"


@pytest.fixture
def pictures(folder, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "home"))
    Path("pictures").mkdir()
    for i in range(3):
        Image.fromarray(np.full((9, 9, 3), 200, dtype=np.uint8)).save(f"pictures/{i}.png")


def level(dim):
    """The brightness of the pictures with --dim."""
    config = configure("train", plugin="dim.py", dataset="Dimmed", dim=dim, dataset_root="pictures").dataset
    (found,) = config.build().split("train").images.unique().tolist()
    return found


@pytest.mark.parametrize("transform", ["Dim(self.config.dim)", LAMBDA, PARTIAL])
def test_other_options_and_edited_code_give_other_pixels(transform, folder, pictures, caplog):
    caplog.set_level(logging.INFO, "learning_to_draw.datasets")
    file = Path("dim.py")
    file.write_text(FILE.replace("TRANSFORM", transform))
    assert [level(1.0), level(0.1)] == [200, 20]
    file.write_text(file.read_text().replace("value * factor", "value * factor / 2"))
    assert [level(1.0), level(0.1)] == [100, 10]
    assert "read decoded pictures" not in caplog.text
    file.write_text(FILE.replace("TRANSFORM", transform))
    assert [level(1.0), level(0.1)] == [200, 20]
    assert caplog.text.count("read decoded pictures") == 2


def test_pictures_of_a_notebook_are_not_cached(folder, pictures, monkeypatch):
    cell = {"__name__": "__main__"}
    exec(FILE.replace("TRANSFORM", "transforms.Lambda(halved)").replace('@dataset("Dimmed", DimConfig)', ""), cell)
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)  # as in a notebook
    config = cell["DimConfig"](dataset_root=Path("pictures"))
    for divisor in (2, 4):
        exec(f"def halved(picture): return picture.point(lambda value: value / {divisor})", cell)
        assert cell["Dimmed"](config).split("train").images.unique().tolist() == [200 / divisor]
    assert not list(cache_folder(config).glob("*.npz"))
