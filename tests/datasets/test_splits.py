"""Views of a split, stratified splitting, and balancing."""

import numpy as np
import pytest
import torch
from sklearn.model_selection import train_test_split

from learning_to_draw.datasets.splits import (
    Split,
    balanced_items,
    check_split_name,
    gather,
    official_positions,
    stratified_split,
)
from learning_to_draw.errors import UsageError


def make_split(**changes):
    images = torch.arange(3 * 2 * 4, dtype=torch.uint8).view(3, 2, 2, 2) * 10
    values = {
        "name": "train",
        "images": images,
        "labels": torch.tensor([1, 0, 1]),
        "classes": ("a", "b"),
        "items": torch.tensor([2, 1, 0, 1]),
    }
    return Split(**{**values, **changes})


def test_length_and_labels_count_items_not_images():
    split = make_split()
    assert len(split) == 4
    assert split.item_labels.tolist() == [1, 0, 1, 0]


def test_view_gathers_and_scales():
    split = make_split()
    view = split.view(torch.tensor([0, 3]), None)
    assert view.dtype == torch.float32
    assert torch.equal(view, split.images[[2, 1]].float() / 255)


def test_view_on_another_device():
    assert make_split().view(torch.tensor([0]), None, "meta").device.type == "meta"
    moved = make_split().to("meta")
    assert moved.images.device.type == "meta"
    assert moved.items.device.type == "cpu"
    assert moved.view(torch.tensor([0, 1])).device.type == "meta"


def test_view_hands_image_indices_generator_and_device_to_the_augmentation():
    seen = []

    def augment(images, indices, generator, device=None):
        seen.append((indices.tolist(), generator, device))
        return gather(images, indices, device) / 2

    generator = torch.Generator()
    split = make_split(augment=augment)
    view = split.view(torch.tensor([1, 0]), generator, "cpu")
    assert seen == [([1, 2], generator, "cpu")]
    assert torch.equal(view, split.images[[1, 2]].float() / 255 / 2)


def test_labels_and_images_have_to_agree():
    with pytest.raises(AssertionError):
        make_split(labels=torch.tensor([0]))


def test_white_is_one_and_black_is_zero():
    images = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1)
    assert gather(images, torch.tensor([1, 0])).flatten().tolist() == [1.0, 0.0]


def test_stratified_split_keeps_the_mix_and_is_seeded():
    positions = np.arange(100, 200)
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    kept, out = stratified_split(positions, labels, 10, 7, "Things")
    assert sorted([*kept, *out]) == positions.tolist()
    assert np.bincount(labels[out - 100]).tolist() == [5, 3, 2]
    again = stratified_split(positions, labels, 10, 7, "Things")
    assert np.array_equal(out, again[1])
    assert not np.array_equal(out, stratified_split(positions, labels, 10, 8, "Things")[1])


def test_stratified_split_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    for seed in range(40):
        labels = rng.integers(0, rng.integers(2, 8), size=rng.integers(60, 200)) * 3
        positions = rng.permutation(len(labels))
        held_out = [0.5, 0.3, 20][seed % 3]
        expected = train_test_split(positions, test_size=held_out, stratify=labels, random_state=seed)
        for part, other in zip(stratified_split(positions, labels, held_out, seed, ""), expected, strict=True):
            assert np.array_equal(part, other)


@pytest.mark.parametrize(
    ("labels", "held_out", "told"),
    [
        (
            [0, 0, 0, 0, 1],
            2,
            "2 of 5 pictures would be set aside (number of classes: 2; pictures in the smallest class: 1)",
        ),
        (
            [0, 0, 0, 1, 1, 1],
            1,
            "1 of 6 pictures would be set aside (number of classes: 2; pictures in the smallest class: 3",
        ),
        (
            [0, 0, 0, 1, 1, 1],
            0.8,
            "5 of 6 pictures would be set aside (number of classes: 2; pictures in the smallest class: 3",
        ),
        ([0, 0, 1, 1], 9, "9 of 4 pictures would be set aside"),
    ],
)
def test_a_split_that_cannot_be_stratified_is_the_users_to_mend(labels, held_out, told):
    with pytest.raises(UsageError) as caught:
        stratified_split(np.arange(len(labels)), np.array(labels), held_out, 0, "Things")
    message = str(caught.value)
    assert message.startswith("Things cannot be divided")
    assert told in message
    assert len(message.splitlines()) <= 5


def test_official_positions():
    labels = np.arange(60) % 3
    common = {"classes": 3, "valset_size_per_class": 4, "seed": 7, "data_set": "Things"}
    train, valid, test = (official_positions(name, labels, **common) for name in ("train", "valid", "test"))
    assert test.tolist() == list(range(60))
    assert sorted([*train, *valid]) == list(range(60))
    assert np.bincount(labels[valid]).tolist() == [4, 4, 4]
    kept, out = stratified_split(np.arange(60), labels, 12, 7, "Things")
    assert (train.tolist(), valid.tolist()) == (kept.tolist(), out.tolist())


def test_balanced_items_worked_out_by_hand():
    # Class 5 appears first, with pictures 0, 2, 3, 6; then class 1 with 1, 5; then class 9 with 4 alone.
    labels = torch.tensor([5, 1, 5, 5, 9, 1, 5])
    rounds = [[0, 1, 4], [6, 5, 4], [3, 1, 4], [2, 5, 4]]
    assert balanced_items(labels).view(4, 3).tolist() == rounds


def test_balanced_items_show_every_class_equally_often_and_every_picture():
    labels = torch.randint(7, (200,), generator=torch.Generator().manual_seed(1))
    items = balanced_items(labels)
    counts = labels.bincount()
    assert len(items) == 7 * counts.max()
    assert labels[items].bincount().tolist() == [int(counts.max())] * 7
    assert set(items.tolist()) == set(range(200))


def test_unknown_split_name():
    with pytest.raises(ValueError, match="train, valid, test"):
        check_split_name("val")
