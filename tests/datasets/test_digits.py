"""The digits that come with scikit-learn."""

from types import SimpleNamespace

import pytest
import torch
from sklearn.datasets import load_digits

from learning_to_draw.datasets import digits
from learning_to_draw.datasets.config import DigitsConfig
from learning_to_draw.datasets.digits import Digits, enlarge


@pytest.fixture(scope="module")
def splits():
    data = Digits()
    return {name: data.split(name) for name in ("train", "valid", "test")}


def test_sizes_kinds_and_classes(splits):
    assert {name: len(split) for name, split in splits.items()} == {"train": 1257, "valid": 180, "test": 360}
    for name, split in splits.items():
        assert split.name == name
        assert split.images.shape == (len(split), 1, 32, 32)
        assert split.images.dtype == torch.uint8
        assert split.labels.dtype == split.items.dtype == torch.int64
        assert split.classes == tuple("0123456789")
    assert (splits["train"].augment is None, splits["test"].augment is None) == (False, True)


def test_they_are_those_of_scikit_learn():
    images, targets = digits._digits()
    assert (images == load_digits().images).all()
    assert (targets == load_digits().target).all()


@pytest.mark.parametrize("spec", [SimpleNamespace(origin="nowhere/__init__.py"), SimpleNamespace(origin=None), None])
def test_scikit_learn_reads_them_if_their_file_is_not_found(monkeypatch, spec):
    monkeypatch.setattr(digits, "find_spec", lambda name: spec)
    images, targets = digits._digits.__wrapped__()
    assert (images == digits._digits()[0]).all()
    assert (targets == digits._digits()[1]).all()


def test_stratified(splits):
    assert splits["valid"].labels.bincount().tolist() == [18] * 10
    assert set(splits["test"].labels.bincount().tolist()) <= {35, 36, 37}


def test_disjoint_and_complete():
    data = Digits()
    positions = data._positions(load_digits().target)
    assert sorted(position for part in positions.values() for position in part) == list(range(1797))


def test_a_picture_has_the_same_id_whatever_the_seed():
    found = {}
    for split in (Digits(DigitsConfig(dataset_seed=seed)).split(name) for seed in (1, 2) for name in ("train", "test")):
        for number, image in zip(split.ids.tolist(), split.images, strict=True):
            assert torch.equal(found.setdefault(number, image), image)
    assert 1257 + 360 < len(found) <= 1797


def test_seeded():
    first, again, other = (Digits(DigitsConfig(dataset_seed=seed)).split("valid") for seed in (1, 1, 2))
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images)


def test_ink_is_bright_on_black_and_does_not_touch_the_edge(splits):
    images = splits["test"].images
    assert images.min() == 0
    assert images.max() == 255
    assert images[:, :, [0, -1]].max() < 30
    assert images[:, :, :, [0, -1]].max() < 30
    assert images.float().mean() < 100


def test_enlarging_keeps_what_was_drawn():
    images = torch.from_numpy(load_digits().images[:20])
    large = enlarge(images, 80)
    centres = large[:, 0, 12:72:8, 12:72:8].float()
    assert (centres - images * 255 / 16).abs().mean() < 12
    assert enlarge(images, 7).shape == (20, 1, 7, 7)


def test_training_views_vary(splits):
    train = splits["train"]
    views = train.view(torch.tensor([0, 0]), torch.Generator().manual_seed(0))
    assert views.shape == (2, 1, 32, 32)
    assert not torch.equal(views[0], views[1])
