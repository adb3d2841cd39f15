"""A tiny STL-10 in the real binary layout: each picture is 3 planes, each plane column by column."""

import hashlib
import tarfile

import numpy as np
import pytest
import torch
import torchvision

from learning_to_draw.datasets.config import STL10Config
from learning_to_draw.datasets.stl10 import CLASSES, STL10
from learning_to_draw.errors import UsageError

TRAIN, TEST = 60, 30  # 6 and 3 pictures a class


def pictures(count, seed):
    """uint8 [count, 3, 96, 96] (channel, row, column); the first pixel of channel 1 is the picture's number."""
    images = np.random.default_rng(seed).integers(0, 256, (count, 3, 96, 96), dtype=np.uint8)
    images[:, 1, 0, 0] = np.arange(count)
    return images


def write(folder, names=True):
    folder.mkdir(parents=True)
    for part, count, seed in (("train", TRAIN, 0), ("test", TEST, 1)):
        pictures(count, seed).transpose(0, 1, 3, 2).tofile(folder / f"{part}_X.bin")
        (np.arange(count, dtype=np.uint8) % 10 + 1).tofile(folder / f"{part}_y.bin")
    if names:
        (folder / "class_names.txt").write_text("".join(f"{name}\n" for name in CLASSES))


@pytest.fixture
def root(tmp_path):
    write(tmp_path / "data" / "stl10_binary")
    return tmp_path / "data"


def numbers(split):
    return split.images[:, 1, 0, 0].long()


def test_pixels_are_where_they_belong(root):
    test = STL10(STL10Config(dataset_root=root)).split("test")
    assert test.images.shape == (TEST, 3, 96, 96)
    assert np.array_equal(test.images.numpy(), pictures(TEST, 1))
    row, column = 10, 70
    assert test.images[4, 2, row, column] == pictures(TEST, 1)[4, 2, row, column]
    raw = np.fromfile(root / "stl10_binary" / "test_X.bin", dtype=np.uint8)
    assert test.images[4, 2, row, column] == raw[(4 * 3 + 2) * 96 * 96 + column * 96 + row]


def test_labels_start_at_zero_and_classes_have_names(root):
    test = STL10(STL10Config(dataset_root=root)).split("test")
    assert test.labels.tolist() == [i % 10 for i in range(TEST)]
    assert test.classes == CLASSES
    assert test.labels.dtype == torch.int64


def test_class_names_from_the_file_or_known(root):
    names = root / "stl10_binary" / "class_names.txt"
    names.write_text("\n".join("abcdefghij"))
    assert STL10(STL10Config(dataset_root=root)).split("test").classes == tuple("abcdefghij")
    names.unlink()
    assert STL10(STL10Config(dataset_root=root)).split("test").classes == CLASSES


@pytest.mark.parametrize("content", [b"\xff\xfe\x00 no text", b"airplane\nbird\n", b"", None])
def test_a_damaged_file_of_class_names_gives_way_to_the_known_names(root, caplog, content):
    names = root / "stl10_binary" / "class_names.txt"
    if content is None:
        names.unlink()
        names.mkdir()
    else:
        names.write_bytes(content)
    assert STL10(STL10Config(dataset_root=root)).split("test").classes == CLASSES
    assert "the known names are used" in caplog.text


def test_validation_comes_out_of_the_training_file_stratified(root):
    data = STL10(STL10Config(dataset_root=root, valset_size_per_class=2))
    train, valid = data.split("train"), data.split("valid")
    assert (len(train), len(valid)) == (40, 20)
    assert valid.labels.bincount().tolist() == [2] * 10
    assert sorted([*numbers(train).tolist(), *numbers(valid).tolist()]) == list(range(TRAIN))
    for split in (train, valid):
        assert torch.equal(split.labels, numbers(split) % 10)
        assert torch.equal(split.images, torch.from_numpy(pictures(TRAIN, 0))[numbers(split)])


def test_seeded(root):
    first, again, other = (
        numbers(STL10(STL10Config(dataset_root=root, valset_size_per_class=2, dataset_seed=seed)).split("valid"))
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_resized(root, num_workers):
    small = STL10(STL10Config(dataset_root=root, image_size=48, num_workers=num_workers)).split("test").images
    full = STL10(STL10Config(dataset_root=root)).split("test").images
    assert small.shape == (TEST, 3, 48, 48)
    theirs = torchvision.transforms.functional.resize(full, 48, antialias=True)
    assert (small.int() - theirs.int()).abs().max() <= 1


def test_the_test_split_does_not_read_the_training_pictures(root):
    (root / "stl10_binary" / "train_X.bin").write_bytes(b"broken")
    assert len(STL10(STL10Config(dataset_root=root)).split("test")) == TEST


@pytest.fixture
def unlabelled(root):
    """The root, with 25 unlabelled pictures beside the others."""
    pictures(25, 2).transpose(0, 1, 3, 2).tofile(root / "stl10_binary" / "unlabeled_X.bin")
    return root


@pytest.mark.parametrize("chunk", [1000, 10])
def test_unlabelled_pictures_to_train_with(unlabelled, monkeypatch, chunk):
    monkeypatch.setattr("learning_to_draw.datasets.stl10.CHUNK", chunk)
    data = STL10(STL10Config(dataset_root=unlabelled, unlabelled_train=True))
    train = data.split("train")
    assert torch.equal(train.images, torch.from_numpy(pictures(25, 2)))
    assert train.images.is_contiguous()
    assert train.labels.tolist() == [0] * 25
    assert train.classes == ("unlabelled",)
    assert torch.equal(train.items, torch.arange(25))


def test_validation_and_testing_stay_labelled(unlabelled):
    usual = STL10(STL10Config(dataset_root=unlabelled, valset_size_per_class=2))
    data = STL10(STL10Config(dataset_root=unlabelled, valset_size_per_class=2, unlabelled_train=True))
    for name in ("valid", "test"):
        assert torch.equal(data.split(name).images, usual.split(name).images)
        assert torch.equal(data.split(name).labels, usual.split(name).labels)
        assert data.split(name).classes == CLASSES


def test_unlabelled_pictures_resized(unlabelled):
    data = STL10(STL10Config(dataset_root=unlabelled, unlabelled_train=True, image_size=48, num_workers=2))
    small = data.split("train").images
    theirs = torchvision.transforms.functional.resize(torch.from_numpy(pictures(25, 2)), 48, antialias=True)
    assert (small.int() - theirs.int()).abs().max() <= 1


@pytest.mark.parametrize("size", [0, 3 * 96 * 96 + 1])
def test_damaged_unlabelled_pictures(unlabelled, size):
    (unlabelled / "stl10_binary" / "unlabeled_X.bin").write_bytes(bytes(size))
    with pytest.raises(UsageError, match=r"unlabeled_X\.bin is damaged or incomplete"):
        STL10(STL10Config(dataset_root=unlabelled, unlabelled_train=True)).split("train")


def test_unlabelled_pictures_are_missed_only_where_they_are_wanted(root, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(torchvision.datasets.STL10, "url", "http://127.0.0.1:9/stl10_binary.tar.gz")
    STL10(STL10Config(dataset_root=root))
    with pytest.raises(UsageError, match=r"STL10: unlabeled_X\.bin not found in"):
        STL10(STL10Config(dataset_root=root, unlabelled_train=True))


@pytest.mark.parametrize("file", ["test_X.bin", "test_y.bin"])
@pytest.mark.parametrize("cut", [1, 96 * 96 * 3, None])
def test_damaged_files(root, file, cut):
    path = root / "stl10_binary" / file
    content = path.read_bytes()
    path.write_bytes(content[:-cut] if cut else b"")
    with pytest.raises(UsageError) as caught:
        STL10(STL10Config(dataset_root=root)).split("test")
    message = str(caught.value)
    assert "test_X.bin and test_y.bin" in message
    assert "damaged or incomplete" in message
    assert len(message.splitlines()) <= 5


def test_labels_out_of_range(root):
    (np.arange(TEST, dtype=np.uint8)).tofile(root / "stl10_binary" / "test_y.bin")
    with pytest.raises(UsageError, match="from 0 to 29"):
        STL10(STL10Config(dataset_root=root)).split("test")


def test_too_large_a_validation_set(root):
    with pytest.raises(UsageError, match="STL10 cannot be divided") as caught:
        STL10(STL10Config(dataset_root=root, valset_size_per_class=6)).split("train")
    assert len(str(caught.value).splitlines()) <= 5


def test_missing_and_not_to_be_downloaded(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(torchvision.datasets.STL10, "url", "http://127.0.0.1:9/stl10_binary.tar.gz")
    with pytest.raises(UsageError) as caught:
        STL10(STL10Config(dataset_root=tmp_path / "deep" / "data"))
    message = str(caught.value)
    assert "train_X.bin, train_y.bin, test_X.bin, test_y.bin not found in" in message
    assert str(tmp_path / "deep" / "data" / "stl10_binary") in message
    assert "refused" in message
    assert len(message.splitlines()) <= 5
    assert list(tmp_path.iterdir()) == []


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


@pytest.mark.filterwarnings("ignore:Python 3.14 will:DeprecationWarning")  # torchvision unpacks as it always has
@pytest.mark.parametrize("intact", [True, False])
def test_downloaded(tmp_path, monkeypatch, server, intact):
    source = tmp_path / "source" / "stl10_binary"
    write(source)
    archive = tmp_path / "stl10_binary.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        tar.add(source, "stl10_binary")
    official = torchvision.datasets.STL10
    monkeypatch.setattr(official, "url", f"{server}/{archive.name}")
    monkeypatch.setattr(official, "tgz_md5", md5(archive) if intact else "0" * 32)
    for part in ("train", "test"):  # torchvision's constructor checks what it has downloaded
        files = [[f"{part}_{kind}.bin", md5(source / f"{part}_{kind}.bin")] for kind in "Xy"]
        monkeypatch.setattr(official, f"{part}_list", files)
    root = tmp_path / "data"
    if intact:
        data = STL10(STL10Config(dataset_root=root))
        assert [path.name for path in root.iterdir()] == ["stl10_binary"]
        assert torch.equal(numbers(data.split("test")), torch.arange(TEST))
    else:
        with pytest.raises(UsageError, match="corrupted"):
            STL10(STL10Config(dataset_root=root))
        assert not root.exists()


def test_class_names_with_a_byte_order_mark(root):
    names = root / "stl10_binary" / "class_names.txt"
    names.write_text("\r\n".join(f"kind{i}" for i in range(10)), encoding="utf-8-sig")
    assert STL10(STL10Config(dataset_root=root)).split("test").classes == tuple(f"kind{i}" for i in range(10))
