"""The size and the channels of the pictures that trained agents see, for data sets whose class does not define them."""

import sys
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import pytest
import torch

import learning_to_draw
from learning_to_draw import commgame
from learning_to_draw.components import Component, Config, flag
from learning_to_draw.datasets import DATASETS
from learning_to_draw.datasets.splits import Split
from learning_to_draw.errors import UsageError

SMALL = ["--encoder", "SimpleMLPEncoder", "--latent-size", "8", "--encoder-hidden", "8", "--decoder-hidden", "8"]
SMALL += ["--decoder-hidden2", "8", "--nlines", "2", "--rx-hidden", "8", "--rx-latent-size", "8", "--epochs", "1"]
SMALL += ["--batch-size", "6", "--quiet", "--dataset", "Flat", "--output", "run"]


@dataclass(frozen=True, kw_only=True)
class FlatConfig(Config):
    grey: bool = flag("one channel")


class Flat:
    built = 0

    def __init__(self, config):
        type(self).built += 1
        self.image_size, self.channels = 12, 1 if config.grey else 3

    def split(self, name):
        images = torch.randint(256, (6, self.channels, 12, 12), dtype=torch.uint8)
        return Split(name, images, torch.arange(6) % 2, ("a", "b"), torch.arange(6))


class MisleadingFlat(Flat):
    channels, image_size = 3, 20


@pytest.fixture(params=["built in", "misleading class", "plugin"])
def trained(request, tmp_path, monkeypatch):
    """The data set's class, after a training with grey pictures in the folder run."""
    cls = Flat if request.param == "built in" else MisleadingFlat
    module = ModuleType("learning_to_draw.datasets.flat")
    module.Flat = cls
    monkeypatch.setitem(sys.modules, module.__name__, module)
    target = cls if request.param == "plugin" else "datasets.flat:Flat"
    monkeypatch.setitem(DATASETS, "Flat", Component(FlatConfig, target))
    monkeypatch.chdir(tmp_path)
    assert commgame.main(["train", *SMALL, "--grey"]) == 0
    cls.built = 0
    return cls


def test_the_checkpoint_says_them_and_no_data_set_is_built(trained, tmp_path):
    pytest.importorskip("safetensors")
    assert commgame.main(["pack", "run", "--output", "packed"]) == 0
    drawings = []
    for weights in ("run", "packed"):
        pair = learning_to_draw.load(weights)
        assert (pair.image_size, pair.channels) == (12, 1)
        drawings.append(pair.draw(np.zeros((12, 12))).points)
    assert np.array_equal(*drawings)
    assert trained.built == 0
    assert pair.play(allow_trained=True).games == 6
    assert trained.built == 1
    assert "12 x 12 pixels" in (tmp_path / "packed" / "README.md").read_text()


def test_without_them_in_the_checkpoint_the_class_says_them_or_the_data_set_is_built(trained):
    content = torch.load("run/model_final.pt", weights_only=True)
    del content["image_size"], content["channels"]
    torch.save(content, "run/model_final.pt")
    if trained is Flat or isinstance(DATASETS["Flat"].target, type):
        assert learning_to_draw.load("run").channels == 1
    else:
        with pytest.raises(UsageError, match="size mismatch"):
            learning_to_draw.load("run")


def test_other_options_of_the_data_set_give_other_pictures(trained):
    pair = learning_to_draw.load("run")
    with pytest.raises(UsageError, match=r"shape \[3, .*the agents see \[1, 12, 12\]"):
        pair.play(grey=False)


def test_pictures_of_another_kind_or_size_than_exist_are_refused(trained):
    for entries in ({"channels": 2}, {"image_size": 10**6}):
        content = torch.load("run/model_final.pt", weights_only=True)
        torch.save(content | entries, "other.pt")
        with pytest.raises(UsageError, match=r"other\.pt is not a checkpoint of this program"):
            learning_to_draw.load("other.pt")
