"""What the plan of a run warns of."""

import pytest
import torch

from learning_to_draw.datasets.splits import Split
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import Pictures, build_batches, seeds_of
from learning_to_draw.trials.config.configure import configure
from learning_to_draw.trials.config.parse import parse
from learning_to_draw.trials.plan import describe

CPU = torch.device("cpu")


def split(name, labels, items=None):
    images = torch.zeros(len(labels), 1, 32, 32, dtype=torch.uint8)
    classes = tuple("abcd"[: max(labels) + 1])
    return Split(name, images, torch.tensor(labels), classes, torch.tensor(items or range(len(labels))))


@pytest.mark.parametrize(("kind", "told"), [("different", True), ("mixed", True), ("same", False), ("none", False)])
def test_classes_of_one_picture_are_counted_where_it_matters(kind, told):
    splits = {
        "train": split("train", [0, 0, 1, 1, 2], [0, 1, 2, 3, 4, 4]),  # class c is there twice, with the same picture
        "valid": split("valid", [0, 0, 1, 1, 2, 2]),
        "test": split("test", [0, 1, 2, 2, 2]),
    }
    config = configure("train", object_oriented=kind, batch_size=3)
    pictures = Pictures(splits, 32, 1)
    batches = build_batches(config.game, pictures, CPU, seeds_of(config))
    agents = build_agents(config.agents, pictures)
    lines = [line for line in describe(config, pictures, batches, agents).splitlines() if "one picture" in line]
    assert len(lines) == told
    assert not told or "one picture only: 1 of train, 2 of test; in these" in lines[0]


def test_options_are_listed_by_source_and_those_that_a_test_ignores_are_left_out():
    saved = {
        "dataset": "Digits",
        "nlines": 6,
        "invert": True,
        "stroke_spread": 1.0,
        "freeze_encoders": True,
        "epochs": 9,
    }
    saved |= {"encoder": "SmallCNNEncoder", "batch_size": 32, "latent_size": 64, "sort_of_perceptual_loss": True}
    config = parse("test", ["--weights", "run/m.pt", "--contrast", "0.9"], saved, "m.pt")
    pictures = Pictures({"test": split("test", [0, 1] * 40)}, 32, 1)
    batches = build_batches(config.game, pictures, CPU, seeds_of(config))
    agents = build_agents(config.agents, pictures)
    lines = describe(config, pictures, batches, agents).splitlines()
    assert lines[-5:-2] == [
        "encoder        SmallCNNEncoder",
        "decoder        SinglePassSimpleLineDecoder, nlines 6",
        lines[-3],  # the number of parameters
    ]
    assert lines[-2:] == [
        "m.pt           --invert --latent-size 64",
        "command line   --contrast 0.9 --weights run/m.pt",
    ]


def test_many_options_fit_80_columns():
    words = (
        "--nlines 7 --invert --sigma2 0.002 --stroke-spread 1 --rx-hidden 99 --epochs 3 --seed 5 --output a/b --quiet"
    )
    config = parse("train", [*words.split(), "--learning-rate", "0.001*0.5@[1,2]"])
    splits = {name: split(name, [0, 1] * 40) for name in ("train", "valid", "test")}
    pictures = Pictures(splits, 32, 1)
    batches = build_batches(config.game, pictures, CPU, seeds_of(config))
    text = describe(config, pictures, batches, build_agents(config.agents, pictures))
    assert max(map(len, text.splitlines())) <= 80
    assert all(f" {word}" in text for word in words.split() if word.startswith("--"))
