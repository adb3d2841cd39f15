"""Small stand-ins for MNIST and KMNIST: the real files' format, 60 training and 20 test pictures."""

import gzip
import hashlib

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torchvision.transforms import v2

from learning_to_draw.datasets.config import KMNISTConfig, MNISTConfig
from learning_to_draw.datasets.mnist import KMNIST, MNIST, ScaledMNIST, dim, enlarge
from learning_to_draw.errors import UsageError

COUNTS = {"train": 60, "t10k": 20}
FILES = {part: (f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte") for part in COUNTS}


def pictures(part):
    """uint8 [N, 28, 28] with a light bar each; the first pixel is the picture's number."""
    count = COUNTS[part]
    images = np.random.default_rng(count).integers(0, 40, (count, 28, 28), dtype=np.uint8)
    images[:, 6:20, 10:14] = 220
    images[:, 0, 0] = np.arange(count)
    return images


def write(folder, pack=lambda content: content, ending=""):
    folder.mkdir(parents=True)
    for part, (images, labels) in FILES.items():
        size = COUNTS[part].to_bytes(4, "big")
        header = b"\0\0\x08\x03" + size + 2 * (28).to_bytes(4, "big")
        (folder / f"{images}{ending}").write_bytes(pack(header + pictures(part).tobytes()))
        numbers = np.arange(COUNTS[part]) % 10
        (folder / f"{labels}{ending}").write_bytes(pack(b"\0\0\x08\x01" + size + numbers.astype(np.uint8).tobytes()))


@pytest.fixture
def root(tmp_path):
    write(tmp_path / "data" / "MNIST" / "raw")
    return tmp_path / "data"


def numbers(split):
    return split.images[:, 0, 0, 0].long()


def test_the_test_split_is_what_torchvision_reads(root):
    test = MNIST(MNISTConfig(dataset_root=root)).split("test")
    theirs = torchvision.datasets.MNIST(root, train=False)
    assert test.images.shape == (20, 1, 28, 28)
    assert torch.equal(test.images[:, 0], theirs.data)
    assert torch.equal(test.labels, theirs.targets)
    assert test.classes == tuple("0123456789")
    row, column = 3, 25
    assert test.images[4, 0, row, column] == pictures("t10k")[4, row, column]


def test_validation_comes_out_of_the_training_file_stratified(root):
    data = MNIST(MNISTConfig(dataset_root=root, valset_size_per_class=2))
    train, valid = data.split("train"), data.split("valid")
    assert (len(train), len(valid)) == (40, 20)
    assert valid.labels.bincount().tolist() == [2] * 10
    assert sorted([*numbers(train).tolist(), *numbers(valid).tolist()]) == list(range(60))
    for split in (train, valid):
        assert torch.equal(split.labels, numbers(split) % 10)
        assert torch.equal(split.images[:, 0], torch.from_numpy(pictures("train"))[numbers(split)])


def test_seeded(root):
    first, again, other = (
        numbers(MNIST(MNISTConfig(dataset_root=root, valset_size_per_class=2, dataset_seed=seed)).split("valid"))
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_compressed_files_are_enough(tmp_path, root):
    write(tmp_path / "packed" / "MNIST" / "raw", gzip.compress, ".gz")
    packed = MNIST(MNISTConfig(dataset_root=tmp_path / "packed")).split("test")
    assert torch.equal(packed.images, MNIST(MNISTConfig(dataset_root=root)).split("test").images)


def test_kmnist_has_a_folder_and_names_of_its_own(tmp_path):
    write(tmp_path / "KMNIST" / "raw")
    test = KMNIST(KMNISTConfig(dataset_root=tmp_path)).split("test")
    assert torch.equal(test.images[:, 0], torch.from_numpy(pictures("t10k")))
    assert test.classes[0] == "o"
    assert test.classes[9] == "wo"
    (tmp_path / "KMNIST" / "raw" / "t10k-labels-idx1-ubyte").write_bytes(b"")
    with pytest.raises(UsageError, match=r"KMNIST: t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte in .*KMNIST"):
        KMNIST(KMNISTConfig(dataset_root=tmp_path)).split("test")


@pytest.mark.parametrize("num_workers", [0, 2])
def test_scaled(root, num_workers):
    data = ScaledMNIST(MNISTConfig(dataset_root=root, num_workers=num_workers))
    images = data.split("test").images
    assert data.image_size == 256
    assert images.shape == (20, 1, 256, 256)
    # 120 pixels from torchvision's other resampler, which rounds differently by a level at most.
    small = torch.from_numpy(pictures("t10k"))[:, None]
    larger = v2.functional.pad(v2.functional.resize(small, [120, 120], antialias=True), [68])
    assert (images - 0.6 * larger).abs().max() <= 0.6 + 0.5
    assert not images[:, :, :68].any()
    assert not images[:, :, :, 188:].any()
    assert images.max() == round(0.6 * int(larger.max()))


def test_steps_of_scaling_one_by_one():
    white = np.full((28, 28), 255, dtype=np.uint8)
    larger = enlarge(white)
    assert np.argwhere(larger == 255).min() == 68
    assert np.argwhere(larger == 255).max() == 187
    assert (larger == 255).sum() == 120**2
    assert dim(np.array([[0, 1, 2, 255]], dtype=np.uint8)).tolist() == [[0, 1, 1, 153]]


def test_skeleton(root):
    images = MNIST(MNISTConfig(dataset_root=root, skeleton=True, num_workers=2)).split("test").images
    assert images.shape == (20, 1, 28, 28)
    assert images.unique().tolist() == [0, 255]
    rows = images[:, 0, 8:18]  # of the bar that is four pixels wide in columns 10 to 13
    assert (rows.sum(2) == 255).all()
    assert (rows[:, :, 10:14].sum(2) == 255).all()


def test_skeleton_of_scaled_digits_is_one_pixel_wide_and_dimmed(root):
    images = ScaledMNIST(MNISTConfig(dataset_root=root, skeleton=True)).split("test").images
    assert images.unique().tolist() == [0, 153]
    assert (images[:, 0, 110:140].sum(2) == 153).all()


def test_pictures_are_upright(root):
    """Saved and read back as a picture, the bar stands: it is taller than wide."""
    image = Image.fromarray(MNIST(MNISTConfig(dataset_root=root)).split("test").images[0, 0].numpy())
    left, upper, right, lower = image.point(lambda level: 255 * (level > 100)).getbbox()
    assert (left, upper, right, lower) == (10, 6, 14, 20)


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("t10k-images-idx3-ubyte", lambda content: content[:-1]),
        ("t10k-labels-idx1-ubyte", lambda content: content[:-1]),
        ("t10k-labels-idx1-ubyte", lambda content: content[:7] + b"\x13" + content[8:-1]),  # 19 labels, 20 pictures
        ("t10k-labels-idx1-ubyte", lambda content: content[:-1] + b"\x0a"),  # there is no class 10
        ("t10k-images-idx3-ubyte", lambda content: b""),
    ],
)
def test_damaged_files(root, file, change):
    path = root / "MNIST" / "raw" / file
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(UsageError, match="damaged or incomplete") as caught:
        MNIST(MNISTConfig(dataset_root=root)).split("test")
    assert len(str(caught.value).splitlines()) <= 5
    assert len(MNIST(MNISTConfig(dataset_root=root, valset_size_per_class=1)).split("train")) == 50


def test_too_large_a_validation_set(root):
    with pytest.raises(UsageError, match="MNIST cannot be divided"):
        MNIST(MNISTConfig(dataset_root=root, valset_size_per_class=6)).split("train")


def test_missing_and_not_to_be_downloaded(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(UsageError) as caught:
        MNIST(MNISTConfig(dataset_root=tmp_path / "data"))
    message = str(caught.value)
    assert "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte" in message
    assert str(tmp_path / "data" / "MNIST" / "raw") in message
    assert "refused" in message
    assert len(message.splitlines()) <= 5
    assert list(tmp_path.iterdir()) == []


def test_downloaded(tmp_path, monkeypatch, server):
    write(tmp_path / "mirror", gzip.compress, ".gz")
    files = list((tmp_path / "mirror").iterdir())
    resources = [(path.name, hashlib.md5(path.read_bytes()).hexdigest()) for path in files]
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [f"{server}/mirror/"])
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", resources)
    root = tmp_path / "data"
    assert torch.equal(numbers(MNIST(MNISTConfig(dataset_root=root)).split("test")), torch.arange(20))
    assert [path.name for path in root.iterdir()] == ["MNIST"]
