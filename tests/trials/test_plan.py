"""What the plan of a run warns of."""

import pytest
import torch

from learning_to_draw.datasets.splits import Split
from learning_to_draw.trials.build import Pictures, build_agents, build_batches, seeds_of
from learning_to_draw.trials.config.configure import configure
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
    assert not told or "one picture only: 1 of train, 2 of test; here" in lines[0]
