"""A small stand-in for CelebA, in its own layout."""

import pytest
import torch
import torchvision
from PIL import Image

from learning_to_draw.datasets.celeba import CelebA
from learning_to_draw.datasets.config import CelebAConfig
from learning_to_draw.errors import UsageError

# picture number: (split, identity). Identities are neither sorted nor without gaps.
PICTURES = {1: (0, 2880), 2: (0, 17), 3: (1, 9), 4: (0, 2880), 5: (2, 5), 6: (2, 10177), 7: (1, 9), 8: (2, 5)}


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "data" / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    for number in PICTURES:
        Image.new("RGB", (178, 218), (number * 20, 0, 0)).save(folder / "img_align_celeba" / f"{number:06d}.jpg")
    partition = "".join(f"{number:06d}.jpg {split}\n" for number, (split, _) in PICTURES.items())
    identities = "".join(f"{number:06d}.jpg {person}\n" for number, (_, person) in reversed(PICTURES.items()))
    (folder / "list_eval_partition.txt").write_text(partition)
    (folder / "identity_CelebA.txt").write_text(identities)
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("name", "numbers", "classes", "labels"),
    [
        ("train", [1, 2, 4], ("17", "2880"), [1, 0, 1]),
        ("valid", [3, 7], ("9",), [0, 0]),
        ("test", [5, 6, 8], ("5", "10177"), [0, 1, 0]),
    ],
)
def test_official_splits_with_people_as_classes(root, name, numbers, classes, labels):
    split = CelebA(CelebAConfig(dataset_root=root, image_size=16, num_workers=2)).split(name)
    assert split.images.shape == (len(numbers), 3, 16, 16)
    assert torch.equal((split.images[:, 0].float().mean((1, 2)) / 20).round().long(), torch.tensor(numbers))
    assert split.classes == classes
    assert split.labels.tolist() == labels
    assert split.labels.dtype == torch.int64


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(("name", "numbers"), [("train", [1, 2, 4]), ("valid", [3, 7]), ("test", [5, 6, 8])])
def test_without_labels_all_are_portraits_whoever_they_show(root, known, name, numbers):
    if not known:
        (root / "celeba" / "identity_CelebA.txt").unlink()
    split = CelebA(CelebAConfig(dataset_root=root, image_size=16, labels="none")).split(name)
    assert torch.equal((split.images[:, 0].float().mean((1, 2)) / 20).round().long(), torch.tensor(numbers))
    assert split.classes == ("portrait",)
    assert split.labels.tolist() == [0] * len(numbers)
    assert split.labels.dtype == torch.int64


def test_without_labels_the_other_list_is_needed_all_the_same(root):
    (root / "celeba" / "list_eval_partition.txt").write_text("000001.jpg 1\n")
    with pytest.raises(UsageError, match="no pictures for train"):
        CelebA(CelebAConfig(dataset_root=root, labels="none")).split("train")


def test_a_picture_that_is_not_there(root):
    (root / "celeba" / "img_align_celeba" / "000005.jpg").unlink()
    assert len(CelebA(CelebAConfig(dataset_root=root)).split("train")) == 3
    with pytest.raises(UsageError, match=r"000005\.jpg: it cannot be read \(there is no such file\).\nPut it"):
        CelebA(CelebAConfig(dataset_root=root)).split("test")


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("list_eval_partition.txt", "000001.jpg zero\n", "cannot be read"),
        ("list_eval_partition.txt", "<html>\n", "cannot be read"),
        ("list_eval_partition.txt", "000001.jpg 1\n", "no pictures for train"),
        ("identity_CelebA.txt", "000001.jpg 1\n", r"does not name 000002\.jpg"),
    ],
)
def test_damaged_lists(root, file, content, problem):
    (root / "celeba" / file).write_text(content)
    with pytest.raises(UsageError, match=problem) as caught:
        CelebA(CelebAConfig(dataset_root=root)).split("train")
    lines = str(caught.value).splitlines()
    assert len(lines) <= 5
    assert lines == [line.strip() for line in lines]


@pytest.fixture
def offline(monkeypatch):
    def fail(self):
        raise RuntimeError("'gdown' is required")

    monkeypatch.setattr(torchvision.datasets.CelebA, "download", fail)


@pytest.mark.usefixtures("offline")
def test_missing_and_not_to_be_downloaded(tmp_path):
    (tmp_path / "celeba").mkdir()
    (tmp_path / "celeba" / "identity_CelebA.txt").write_text("")
    with pytest.raises(UsageError) as caught:
        CelebA(CelebAConfig(dataset_root=tmp_path))
    message = str(caught.value)
    assert message.startswith(f"CelebA: img_align_celeba, list_eval_partition.txt not found in {tmp_path / 'celeba'}.")
    assert "'gdown' is required" in message
    assert "--labels" not in message
    assert len(message.splitlines()) <= 5
    assert [path.name for path in tmp_path.iterdir()] == ["celeba"]


@pytest.mark.usefixtures("offline")
def test_where_only_the_identities_are_missing_one_can_do_without(root):
    (root / "celeba" / "identity_CelebA.txt").unlink()
    with pytest.raises(UsageError, match="--labels none") as caught:
        CelebA(CelebAConfig(dataset_root=root))
    assert len(str(caught.value).splitlines()) <= 5


def test_a_second_run_sees_the_same_pictures_without_decoding(root, spoil):
    first = CelebA(CelebAConfig(dataset_root=root, image_size=16)).split("train")
    spoil(root.rglob("*.jpg"))
    again = CelebA(CelebAConfig(dataset_root=root, image_size=16, labels="none")).split("train")
    assert torch.equal(again.images, first.images)
    assert again.classes == ("portrait",)


def test_lists_with_a_byte_order_mark_are_read(root):
    for path in (root / "celeba").glob("*.txt"):
        path.write_text(path.read_text(), encoding="utf-8-sig", newline="\r\n")
    split = CelebA(CelebAConfig(dataset_root=root, image_size=16)).split("train")
    assert split.classes == ("17", "2880")
    assert len(split.labels) == 3
