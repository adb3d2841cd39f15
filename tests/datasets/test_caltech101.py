"""A small stand-in for Caltech-101, in its own layout."""

import shutil
from urllib.error import URLError

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from learning_to_draw.datasets.caltech101 import Caltech101
from learning_to_draw.datasets.config import Caltech101Config
from learning_to_draw.datasets.ragged import RaggedImages
from learning_to_draw.errors import UsageError

COUNTS = {"Faces": 20, "accordion": 40, "anchor": 10, "ant": 30}
COLOURS = {"Faces": (255, 0, 0), "accordion": (0, 255, 0), "anchor": (0, 0, 255), "ant": None}  # ant: greyscale


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    for label, (name, count) in enumerate(COUNTS.items()):
        folder = root / "caltech101" / "101_ObjectCategories" / name
        folder.mkdir(parents=True)
        for i in range(1, count + 1):
            size = (60 + label, 40 + i)  # width, height
            picture = Image.new("RGB", size, COLOURS[name]) if COLOURS[name] else Image.new("L", size, 128)
            picture.save(folder / f"image_{i:04d}.jpg")
    background = folder.parent / "BACKGROUND_Google"
    background.mkdir()
    Image.new("RGB", (9, 9)).save(background / "image_0001.jpg")
    (folder.parent / "empty").mkdir()
    (folder / "Thumbs.db").write_text("x")
    (folder.parent / ".DS_Store").write_text("x")
    return root


@pytest.fixture(scope="module")
def data(root):
    return Caltech101(Caltech101Config(dataset_root=root, image_size=16, num_workers=2))


def test_listing_passes_over_what_does_not_belong(data):
    assert data.classes == tuple(COUNTS)
    assert len(data.paths) == 100
    assert data.paths[0].name == "image_0001.jpg"
    assert np.bincount(data.labels).tolist() == list(COUNTS.values())
    assert [path.parent.name for path in data.paths] == [data.classes[label] for label in data.labels]


def test_an_incomplete_data_set_is_mentioned(root, caplog):
    Caltech101(Caltech101Config(dataset_root=root))
    assert "100 pictures, not 8677" in caplog.text


def test_splits_are_disjoint_complete_and_stratified(data):
    positions = data._positions()
    assert {name: len(part) for name, part in positions.items()} == {"train": 70, "valid": 15, "test": 15}
    assert sorted(position for part in positions.values() for position in part) == list(range(100))
    assert np.bincount(data.labels[positions["train"]]).tolist() == [14, 28, 7, 21]
    assert np.bincount(data.labels[positions["test"]]).tolist() in ([3, 6, 1, 5], [3, 6, 2, 4])


def test_training_pictures_stay_rectangular_and_items_are_balanced(data):
    train = data.split("train")
    assert isinstance(train.images, RaggedImages)
    assert torch.equal(torch.minimum(train.images.heights, train.images.widths), torch.full((70,), 26))
    assert (train.images.heights != train.images.widths).any()
    assert len(train) == 4 * 28
    assert train.item_labels.bincount().tolist() == [28] * 4
    assert len(set(train.item_labels[:4].tolist())) == 4


def test_views_show_the_class_that_the_label_says(data):
    train = data.split("train")
    items = torch.arange(len(train))
    views = train.view(items, torch.Generator().manual_seed(0))
    assert views.shape == (112, 3, 16, 16)
    strongest = views.mean((2, 3)).argmax(1)
    coloured = train.item_labels < 3
    assert torch.equal(strongest[coloured], train.item_labels[coloured])
    ants = views[~coloured]
    assert (ants.amax(1) - ants.amin(1)).max() < 0.02


@pytest.mark.parametrize("name", ["valid", "test"])
def test_held_out_pictures_are_square_and_always_the_same(data, name):
    split = data.split(name)
    assert split.images.shape == (15, 3, 16, 16)
    assert split.augment is None
    assert torch.equal(split.items, torch.arange(15))
    assert torch.equal(split.view(torch.tensor([3])), split.view(torch.tensor([3])))


def test_a_split_decodes_its_own_pictures_only(root, tmp_path):
    data = Caltech101(Caltech101Config(dataset_root=root, image_size=16, num_workers=0))
    data.paths = list(data.paths)
    for position in data._positions()["train"]:
        data.paths[position] = tmp_path / "gone.jpg"
    assert len(data.split("test")) == 15
    with pytest.raises(UsageError, match=r"gone\.jpg"):
        data.split("train")


def test_missing_and_not_to_be_downloaded(tmp_path, monkeypatch):
    def offline(self):
        raise URLError("no network here")

    monkeypatch.setattr(torchvision.datasets.Caltech101, "download", offline)
    with pytest.raises(UsageError) as caught:
        Caltech101(Caltech101Config(dataset_root=tmp_path / "data"))
    message = str(caught.value)
    assert str(tmp_path / "data" / "caltech101" / "101_ObjectCategories") in message
    assert "no network here" in message
    assert "--dataset-root" in message
    assert len(message.splitlines()) <= 5
    assert list(tmp_path.iterdir()) == []


def test_no_pictures(tmp_path):
    (tmp_path / "caltech101" / "101_ObjectCategories" / "BACKGROUND_Google").mkdir(parents=True)
    with pytest.raises(UsageError, match="no pictures in") as caught:
        Caltech101(Caltech101Config(dataset_root=tmp_path))
    assert len(str(caught.value).splitlines()) <= 5


def test_too_few_pictures(tmp_path):
    folder = tmp_path / "caltech101" / "101_ObjectCategories" / "ant"
    folder.mkdir(parents=True)
    Image.new("RGB", (9, 9)).save(folder / "image_0001.jpg")
    with pytest.raises(UsageError, match="cannot be divided") as caught:
        Caltech101(Caltech101Config(dataset_root=tmp_path)).split("train")
    assert len(str(caught.value).splitlines()) <= 5


def test_a_second_run_sees_the_same_views_without_decoding(root, tmp_path, spoil):
    shutil.copytree(root / "caltech101", tmp_path / "caltech101")
    items, names = torch.arange(10), ("train", "valid", "test")

    def views():
        data = Caltech101(Caltech101Config(dataset_root=tmp_path, image_size=16, cache_dir=tmp_path / "cache"))
        return [data.split(name).view(items, torch.Generator().manual_seed(0)) for name in names]

    first = views()
    spoil(tmp_path.rglob("*.jpg"))
    for one, other in zip(first, views(), strict=True):
        assert torch.equal(one, other)
    assert len(list((tmp_path / "cache").iterdir())) == 3


def test_hidden_folders_are_no_classes(tmp_path):
    for name in ("ant", "bee", ".trash", "__MACOSX", "@eaDir"):
        folder = tmp_path / "caltech101" / "101_ObjectCategories" / name
        folder.mkdir(parents=True)
        Image.new("RGB", (9, 9)).save(folder / "image_0001.jpg")
        (folder / "._image_0001.jpg").write_bytes(b"\0\5\x16\7")
    data = Caltech101(Caltech101Config(dataset_root=tmp_path))
    assert data.classes == ("ant", "bee")
    assert len(data.paths) == 2


def test_a_thin_training_picture_takes_little_memory(root, tmp_path):
    shutil.copytree(root / "caltech101", tmp_path / "caltech101")
    for path in tmp_path.rglob("ant/image_*.jpg"):
        Image.new("RGB", (2, 9000), "red").save(path)
    data = Caltech101(Caltech101Config(dataset_root=tmp_path, image_size=100))
    train = data.split("train")
    assert train.images.heights.max() == 16 * 110
    assert train.view(torch.tensor([0, 60]), torch.Generator().manual_seed(0)).shape == (2, 3, 100, 100)
