"""A small ImageNet in its own folders, and the split files that say what is played."""

import pytest
import torch
from PIL import Image

from learning_to_draw.datasets.config import StratifiedImageNetConfig
from learning_to_draw.datasets.stratified_imagenet import StratifiedImageNet
from learning_to_draw.errors import UsageError

CLASSES = ("n01440764", "n01443537", "n01484850")


def name(part, label, number):
    return f"{part}/{CLASSES[label]}/{CLASSES[label]}_{number}.JPEG"


LISTS = {
    "train": [name("train", label, number) for number in range(3) for label in (2, 0, 1)],  # not sorted by class
    "val": [name("val", label, number) for label in (1, 0, 2) for number in range(4)],
    "test": [name("val", 2, 4), name("val", 0, 5)],
}


@pytest.fixture
def root(tmp_path):
    """Wide pictures that tell who they are: red is the class, green the number; white at the left and right ends."""
    root = tmp_path / "data"
    (root / "splits").mkdir(parents=True)
    for part in ("train", "val"):
        for label in range(3):
            (root / part / CLASSES[label]).mkdir(parents=True)
            for number in range(6):
                picture = Image.new("RGB", (160, 80), "white")
                picture.paste((80 * label, 30 * number, 0), (30, 0, 130, 80))
                picture.save(root / name(part, label, number))
    for split, pictures in LISTS.items():
        (root / "splits" / f"split3_{split}.txt").write_text("".join(f"{picture}\n" for picture in pictures))
    return root


def imagenet(root, split=3, **options):
    return StratifiedImageNet(StratifiedImageNetConfig(dataset_root=root, split=split, **options))


def complaint(root, split=3, **options):
    with pytest.raises(UsageError) as caught:
        imagenet(root, split, num_workers=0, **options)
    message = str(caught.value)
    assert len(message.splitlines()) <= 5
    return message


def identities(split):
    """(class, number) of each picture, by the colours in its middle; JPEG changes them by a little."""
    means = split.images[:, :, 4:-4, 4:-4].float().mean((2, 3))
    return [(round(red / 80), round(green / 30)) for red, green, _ in means.tolist()]


def expected(pictures):
    return [(CLASSES.index(picture.split("/")[1]), int(picture[-6])) for picture in pictures]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_pictures_as_listed(root, num_workers):
    data = imagenet(root, image_size=32, num_workers=num_workers)
    for split, listed in (("train", "train"), ("valid", "val"), ("test", "test")):
        found = data.split(split)
        assert identities(found) == expected(LISTS[listed])
        assert found.labels.tolist() == [label for label, _ in expected(LISTS[listed])]
        assert found.classes == CLASSES
        assert found.images.shape == (len(LISTS[listed]), 3, 32, 32)
        assert torch.equal(found.items, torch.arange(len(LISTS[listed])))


def test_the_middle_is_cut_out(root):
    images = imagenet(root, image_size=40).split("train").images
    assert images[:, 2].float().mean() < 20  # none of the white ends, which begin 5 pixels further out


def test_without_a_test_file_val_is_divided(root):
    (root / "splits" / "split3_test.txt").unlink()
    data = imagenet(root)
    valid, test = data.split("valid"), data.split("test")
    assert valid.labels.bincount().tolist() == test.labels.bincount().tolist() == [2, 2, 2]
    assert sorted(identities(valid) + identities(test)) == sorted(expected(LISTS["val"]))
    assert [valid.labels.tolist(), test.labels.tolist()] == [[i for i, _ in identities(s)] for s in (valid, test)]
    again = imagenet(root)
    assert again.listings["test"].pictures == data.listings["test"].pictures


def test_split_files_elsewhere_and_blank_lines(root, tmp_path):
    (root / "splits").rename(tmp_path / "elsewhere")
    path = tmp_path / "elsewhere" / "split3_val.txt"
    path.write_text("\n  \r\n".join(LISTS["val"]))
    data = imagenet(root, split_files=tmp_path / "elsewhere")
    assert data.listings["valid"].pictures == LISTS["val"]


def test_a_missing_split(root):
    message = complaint(root, split=0)
    assert f"split0_train.txt and split0_val.txt not found in {root / 'splits'}" in message
    assert "--split" in message
    (root / "splits" / "split3_val.txt").unlink()
    assert "StratifiedImageNet: split3_val.txt not found" in complaint(root)


@pytest.mark.parametrize("line", ["/etc/n01440764/a.JPEG", "../n01440764/a.JPEG", "n01440764/../../a.JPEG", "a.JPEG"])
def test_lines_that_are_no_paths_of_pictures(root, line):
    with (root / "splits" / "split3_train.txt").open("a") as file:
        file.write(f"{line}\n")
    assert f"split3_train.txt, line 10: {line!r} is not the path" in complaint(root)


def test_a_class_that_is_not_trained(root):
    (root / "splits" / "split3_test.txt").write_text(f"{name('val', 0, 5)}\nval/n99999999/a.JPEG\n")
    message = complaint(root)
    assert "split3_test.txt has a class that split3_train.txt does not have: n99999999" in message
    assert "n01440764, n01443537, n01484850" in message


def other_spellings(picture):
    return [picture, f"./{picture}", picture.replace("/", "//", 1), picture.replace("/", "/./")]


@pytest.mark.parametrize(
    ("part", "first", "others"),
    [("test", "train", name("train", 1, 2)), ("val", "train", name("train", 0, 0)), ("test", "val", name("val", 0, 3))],
)
def test_a_picture_in_two_lists_however_it_is_spelt(root, part, first, others):
    path = root / "splits" / f"split3_{part}.txt"
    usual = path.read_text()
    for line in other_spellings(others):
        path.write_text(f"{usual}{line}\n")
        message = complaint(root)
        assert f"in {root / 'splits'}, {others} is named in split3_{first}.txt and in split3_{part}.txt (" in message
        assert "(repeated lines in all: 1)" in message


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_a_picture_twice_in_one_list_however_it_is_spelt(root, part):
    path = root / "splits" / f"split3_{part}.txt"
    path.write_text(path.read_text() + "".join(f"{line}\n" for line in other_spellings(LISTS[part][1])))
    message = complaint(root)
    assert f"{LISTS[part][1]} is named twice in split3_{part}.txt (repeated lines in all: 4)." in message


def test_paths_are_kept_in_one_spelling(root):
    path = root / "splits" / "split3_val.txt"
    path.write_text("".join(f"{other_spellings(picture)[1 + i % 3]}\n" for i, picture in enumerate(LISTS["val"])))
    assert imagenet(root).listings["valid"].pictures == LISTS["val"]


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_an_empty_split_file(root, content):
    (root / "splits" / "split3_val.txt").write_bytes(content)
    assert "split3_val.txt names no pictures" in complaint(root)


def test_a_split_file_that_is_no_text(root):
    (root / "splits" / "split3_val.txt").write_bytes(b"\xff\xfe\x80")
    assert "split3_val.txt cannot be read" in complaint(root)


def test_too_few_pictures_to_divide(root):
    (root / "splits" / "split3_test.txt").unlink()
    (root / "splits" / "split3_val.txt").write_text("".join(f"{name('val', label, 0)}\n" for label in range(3)))
    assert "cannot be divided" in complaint(root)


def test_a_picture_that_is_not_there(root):
    (root / name("val", 0, 5)).unlink()
    data = imagenet(root)
    assert len(data.split("valid")) == 12
    with pytest.raises(UsageError, match=r"n01440764_5\.JPEG: it cannot be read \(there is no such file\).\nPut it"):
        data.split("test")


def test_a_second_run_sees_the_same_pictures_without_decoding(root, spoil):
    first = imagenet(root, image_size=16).split("train")
    spoil(root.rglob("*.JPEG"))
    again = imagenet(root, image_size=16).split("train")
    assert torch.equal(again.images, first.images)


def test_another_list_of_the_same_pictures_is_decoded_for_itself(root):
    first = imagenet(root, image_size=16).split("train")
    for part, pictures in (("train", LISTS["train"][::-1]), ("val", LISTS["val"])):
        (root / "splits" / f"split4_{part}.txt").write_text("".join(f"{picture}\n" for picture in pictures))
    other = imagenet(root, split=4, image_size=16).split("train")
    assert torch.equal(other.images, first.images.flip(0))


def test_split_files_saved_on_windows_are_read(root):
    for path in (root / "splits").iterdir():
        path.write_text(path.read_text(), encoding="utf-8-sig", newline="\r\n")
    data = imagenet(root)
    assert data.classes == tuple(CLASSES)
    assert identities(data.split("train")) == expected(LISTS["train"])
