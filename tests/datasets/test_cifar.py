"""Small stand-ins for CIFAR-10 and CIFAR-100, pickled as Python 2 did it for the originals."""

import hashlib
import io
import pickle
import struct
import tarfile

import numpy as np
import pytest
import torch
import torchvision

from learning_to_draw.datasets.cifar import CIFAR10, CIFAR100, BytesUnpickler
from learning_to_draw.datasets.config import CIFAR10Config, CIFAR100Config
from learning_to_draw.errors import UsageError

NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
BATCH, TEST = 20, 30  # pictures in each of the five training files, and in the test file


def python2_pickle(value):
    """What Python 2's pickle, protocol 2, wrote: texts of bytes, and arrays by numpy's old names."""
    return b"\x80\x02" + _opcodes(value) + b"."


def _opcodes(value):
    if isinstance(value, dict):
        return b"}(" + b"".join(_opcodes(part) for item in value.items() for part in item) + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(map(_opcodes, value)) + b"e"
    if isinstance(value, str):
        return b"U" + bytes([len(value)]) + value.encode("latin1")
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    kind = value.dtype.str[1:].encode()
    dtype = b"cnumpy\ndtype\nU\x02" + kind + b"K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    shape = b"".join(_opcodes(size) for size in value.shape) + b"\x86"
    return empty + b"(K\x01" + shape + dtype + b"\x89T" + struct.pack("<i", value.nbytes) + value.tobytes() + b"tb"


def pictures(count, seed):
    """uint8 [count, 3, 32, 32]; the first pixel of channel 1 is the picture's number."""
    images = np.random.default_rng(seed).integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)
    images[:, 1, 0, 0] = np.arange(count)
    return images


def write_cifar10(folder):
    folder.mkdir(parents=True)
    train = pictures(5 * BATCH, 0)
    parts = {f"data_batch_{i + 1}": train[i * BATCH : (i + 1) * BATCH] for i in range(5)}
    for file, images in {**parts, "test_batch": pictures(TEST, 1)}.items():
        labels = [int(number) % 10 for number in images[:, 1, 0, 0]]
        content = {"batch_label": file, "labels": labels, "data": images.reshape(len(images), -1), "filenames": []}
        (folder / file).write_bytes(python2_pickle(content))
    meta = {"num_cases_per_batch": BATCH, "label_names": NAMES, "num_vis": 3072}
    (folder / "batches.meta").write_bytes(python2_pickle(meta))


@pytest.fixture
def root(tmp_path):
    write_cifar10(tmp_path / "data" / "cifar-10-batches-py")
    return tmp_path / "data"


def numbers(split):
    return split.images[:, 1, 0, 0].long()


def trust(monkeypatch, official, folder):
    """torchvision only reads files with the originals' md5 sums."""
    for name in ("train_list", "test_list"):
        files = [[file, md5(folder / file)] for file, _ in getattr(official, name)]
        monkeypatch.setattr(official, name, files)
    monkeypatch.setattr(official, "meta", {**official.meta, "md5": md5(folder / official.meta["filename"])})


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


@pytest.mark.filterwarnings("ignore:dtype:Warning")  # torchvision unpickles as it always has
def test_the_test_split_is_what_torchvision_reads(root, monkeypatch):
    test = CIFAR10(CIFAR10Config(dataset_root=root)).split("test")
    trust(monkeypatch, torchvision.datasets.CIFAR10, root / "cifar-10-batches-py")
    theirs = torchvision.datasets.CIFAR10(root, train=False)
    assert test.images.shape == (TEST, 3, 32, 32)
    assert np.array_equal(test.images.numpy().transpose(0, 2, 3, 1), theirs.data)
    assert test.labels.tolist() == theirs.targets
    assert test.labels.dtype == torch.int64
    assert list(test.classes) == theirs.classes == NAMES


def test_validation_comes_out_of_the_training_files_stratified(root):
    data = CIFAR10(CIFAR10Config(dataset_root=root, valset_size_per_class=2))
    train, valid = data.split("train"), data.split("valid")
    assert (len(train), len(valid)) == (80, 20)
    assert valid.labels.bincount().tolist() == [2] * 10
    assert sorted([*numbers(train).tolist(), *numbers(valid).tolist()]) == list(range(100))
    for split in (train, valid):
        assert torch.equal(split.labels, numbers(split) % 10)
        assert torch.equal(split.images, torch.from_numpy(pictures(100, 0))[numbers(split)])


def test_seeded(root):
    first, again, other = (
        numbers(CIFAR10(CIFAR10Config(dataset_root=root, valset_size_per_class=2, dataset_seed=seed)).split("valid"))
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_cifar100_has_the_fine_labels(tmp_path):
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    names = [f"fine{i}" for i in range(100)]
    for file, count in (("train", 300), ("test", 100)):
        images = pictures(count, count)
        fine = [i % 100 for i in range(count)]
        content = {"fine_labels": fine, "coarse_labels": [i // 5 for i in fine], "data": images.reshape(count, -1)}
        (folder / file).write_bytes(python2_pickle(content))
    meta = {"fine_label_names": names, "coarse_label_names": ["coarse"] * 20}
    (folder / "meta").write_bytes(python2_pickle(meta))
    data = CIFAR100(CIFAR100Config(dataset_root=tmp_path, valset_size_per_class=1))
    test = data.split("test")
    assert test.labels.tolist() == list(range(100))
    assert list(test.classes) == names
    assert torch.equal(test.images, torch.from_numpy(pictures(100, 100)))
    assert (len(data.split("train")), len(data.split("valid"))) == (200, 100)
    assert data.split("valid").labels.bincount().tolist() == [1] * 100


class Runs:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_nothing_in_a_file_is_run(root, tmp_path):
    victim = tmp_path / "written"
    harm = pickle.dumps(Runs(victim), protocol=2)
    pickle.loads(harm).close()
    assert victim.exists()  # so it would do harm
    victim.unlink()
    (root / "cifar-10-batches-py" / "test_batch").write_bytes(harm)
    with pytest.raises(UsageError, match=r"test_batch in .* it refers to _?io\.open, which pictures do not need"):
        CIFAR10(CIFAR10Config(dataset_root=root)).split("test")
    assert not victim.exists()


def without(key):
    return {name: value for name, value in GOOD.items() if name != key}


GOOD = {"labels": [0, 1], "data": pictures(2, 0).reshape(2, -1)}
STATE_OF_TYPE = b"U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK%ctb"  # its last number is numpy's flags
ARRAY_WITHOUT_STATE = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"


def test_a_file_says_nothing_about_an_array_but_its_shape_and_bytes():
    """numpy believes the flags in a pickle: bytes with all of them are counted as references to objects."""
    harm = python2_pickle(GOOD).replace(STATE_OF_TYPE % 0, STATE_OF_TYPE % 63)
    assert harm != python2_pickle(GOOD)
    pixels = BytesUnpickler(io.BytesIO(harm)).load()["data"].array
    assert np.array_equal(pixels, GOOD["data"])
    assert pixels.dtype.flags == 0


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "ran out of input"),
        (python2_pickle(GOOD)[:-100], "truncated|ran out"),
        (python2_pickle([]), "holds a list, not a dict"),
        (python2_pickle(without("labels")), "does not have both data and labels"),
        (python2_pickle(without("data")), "does not have both data and labels"),
        (python2_pickle({**GOOD, "labels": [0]}), r"1 labels for data of \(2, 3072\)"),
        (python2_pickle({**GOOD, "labels": [0, 10]}), "not all of its labels are numbers from 0 to 9"),
        (python2_pickle({**GOOD, "labels": [0, "x"]}), "not all of its labels are numbers from 0 to 9"),
        (python2_pickle({**GOOD, "data": GOOD["data"].view(np.int16)}), "an array of i2, not of bytes"),
        (python2_pickle({**GOOD, "data": GOOD["data"][:, 1:]}), r"2 labels for data of \(2, 3071\)"),
        (python2_pickle(without("data"))[:-2] + b"U\x04data" + ARRAY_WITHOUT_STATE + b"u.", r"data of \(0,\)"),
    ],
)
def test_damaged_files(root, content, problem):
    (root / "cifar-10-batches-py" / "test_batch").write_bytes(content)
    with pytest.raises(UsageError, match=f"(?i){problem}") as caught:
        CIFAR10(CIFAR10Config(dataset_root=root)).split("test")
    assert str(caught.value).startswith("CIFAR10: test_batch in")
    assert len(str(caught.value).splitlines()) <= 5
    assert len(CIFAR10(CIFAR10Config(dataset_root=root, valset_size_per_class=1)).split("train")) == 90


def test_damaged_names(root):
    (root / "cifar-10-batches-py" / "batches.meta").write_bytes(python2_pickle({"label_names": []}))
    with pytest.raises(UsageError, match=r"batches\.meta .* no list label_names"):
        CIFAR10(CIFAR10Config(dataset_root=root)).split("test")


def test_missing_and_not_to_be_downloaded(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(torchvision.datasets.CIFAR100, "url", "http://127.0.0.1:9/cifar-100-python.tar.gz")
    with pytest.raises(UsageError) as caught:
        CIFAR100(CIFAR100Config(dataset_root=tmp_path / "data"))
    message = str(caught.value)
    assert message.startswith("CIFAR100: train, test, meta not found in")
    assert "refused" in message
    assert len(message.splitlines()) <= 5
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore:Python 3.14 will:DeprecationWarning")  # torchvision unpacks as it always has
@pytest.mark.parametrize("intact", [True, False])
def test_downloaded(tmp_path, monkeypatch, server, intact):
    source = tmp_path / "source" / "cifar-10-batches-py"
    write_cifar10(source)
    archive = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        tar.add(source, source.name)
    official = torchvision.datasets.CIFAR10
    monkeypatch.setattr(official, "url", f"{server}/{archive.name}")
    monkeypatch.setattr(official, "tgz_md5", md5(archive) if intact else "0" * 32)
    root = tmp_path / "data"
    if intact:
        data = CIFAR10(CIFAR10Config(dataset_root=root))
        assert [path.name for path in root.iterdir()] == [source.name]
        assert torch.equal(numbers(data.split("test")), torch.arange(TEST))
    else:
        with pytest.raises(UsageError, match="corrupted"):
            CIFAR10(CIFAR10Config(dataset_root=root))
        assert not root.exists()
