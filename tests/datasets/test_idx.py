"""The idx format, against torchvision's reader."""

import gzip

import numpy as np
import pytest
from torchvision.datasets.mnist import read_image_file, read_label_file

from learning_to_draw.datasets.idx import find_idx, read_idx

PICTURES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
HEADER = bytes.fromhex("00000803 00000002 00000003 00000004")


@pytest.fixture
def pictures(tmp_path):
    path = tmp_path / "pictures-idx3-ubyte"
    path.write_bytes(HEADER + PICTURES.tobytes())
    return path


def test_pictures(pictures):
    values = read_idx(pictures, 3)
    assert values.dtype == np.uint8
    assert np.array_equal(values, PICTURES)
    assert np.array_equal(values, read_image_file(pictures).numpy())


def test_labels(tmp_path):
    path = tmp_path / "labels-idx1-ubyte"
    path.write_bytes(bytes.fromhex("00000801 00000003 090007"))
    assert read_idx(path, 1).tolist() == [9, 0, 7] == read_label_file(path).tolist()


def test_more_than_255_values(tmp_path):
    path = tmp_path / "labels-idx1-ubyte"
    path.write_bytes(bytes.fromhex("00000801 00000102") + bytes(258))
    assert read_idx(path, 1).shape == (258,)


def test_compressed(pictures):
    packed = pictures.with_name(f"{pictures.name}.gz")
    packed.write_bytes(gzip.compress(pictures.read_bytes()))
    assert np.array_equal(read_idx(packed, 3), PICTURES)


def test_plain_files_are_found_first_then_compressed_ones(tmp_path):
    assert find_idx(tmp_path, "x") is None
    (tmp_path / "x.gz").touch()
    assert find_idx(tmp_path, "x") == tmp_path / "x.gz"
    (tmp_path / "x").touch()
    assert find_idx(tmp_path, "x") == tmp_path / "x"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "not an idx file of bytes with 3"),
        (HEADER[:12], "not an idx file of bytes with 3"),
        (HEADER.replace(b"\x08", b"\x0d", 1) + PICTURES.tobytes(), "not an idx file of bytes"),
        (HEADER + PICTURES.tobytes()[:-1], "has 23 bytes for 2 x 3 x 4 values"),
        (HEADER + PICTURES.tobytes() + b"x", "has 25 bytes for 2 x 3 x 4 values"),
    ],
)
def test_damaged(pictures, content, problem):
    pictures.write_bytes(content)
    with pytest.raises(ValueError, match=problem):
        read_idx(pictures, 3)


@pytest.mark.parametrize("change", [lambda packed: packed[:-9], lambda packed: b"x" + packed])
def test_damaged_and_compressed(pictures, change):
    packed = pictures.with_name(f"{pictures.name}.gz")
    packed.write_bytes(change(gzip.compress(pictures.read_bytes())))
    with pytest.raises(ValueError, match="cannot be unpacked"):
        read_idx(packed, 3)
