"""A person's own pictures, and all that can be wrong with their folders."""

import pytest
import torch
from PIL import Image

from learning_to_draw.datasets.config import ImageFolderConfig
from learning_to_draw.datasets.image_folder import ImageFolder
from learning_to_draw.errors import UsageError


def fill(folder, count, red=0, suffix=".png"):
    """Pictures that tell who they are: red is the class, green the number."""
    folder.mkdir(parents=True)
    for i in range(count):
        Image.new("RGB", (30, 20), (red, i, 0)).save(folder / f"{i:02d}{suffix}")


@pytest.fixture
def flat(tmp_path):
    for red, (name, count) in enumerate({"cat": 20, "dog": 3, "emu": 40}.items()):
        fill(tmp_path / name, count, red)
    return tmp_path


@pytest.fixture
def divided(tmp_path):
    for split, counts in {"train": (5, 6), "val": (2, 3), "test": (4, 1)}.items():
        for red, (name, count) in enumerate(zip(("cat", "dog"), counts, strict=True)):
            fill(tmp_path / split / name, count, red)
    return tmp_path


def complaint(folder, split=None, **options):
    """What the user is told, by the constructor or by the split asked for."""
    with pytest.raises(UsageError) as caught:
        ImageFolder(ImageFolderConfig(dataset_root=folder, num_workers=0, **options)).split(split)
    message = str(caught.value)
    assert len(message.splitlines()) <= 5
    return message


def identities(split):
    return [(int(image[0, 0, 0]), int(image[1, 0, 0])) for image in split.images]


def test_flat_folder_is_divided_class_by_class(flat):
    data = ImageFolder(ImageFolderConfig(dataset_root=flat, image_size=8))
    splits = {name: data.split(name) for name in ("train", "valid", "test")}
    counts = {name: split.labels.bincount().tolist() for name, split in splits.items()}
    assert counts == {"train": [14, 1, 28], "valid": [3, 1, 6], "test": [3, 1, 6]}
    everything = [identity for split in splits.values() for identity in identities(split)]
    assert len(set(everything)) == len(everything) == 63
    for split in splits.values():
        assert split.classes == ("cat", "dog", "emu")
        assert split.labels.tolist() == [red for red, _ in identities(split)]
        assert split.images.shape[1:] == (3, 8, 8)


def test_fractions_and_seed(flat):
    halves = ImageFolder(ImageFolderConfig(dataset_root=flat, val_fraction=0.25, test_fraction=0.5))
    assert [halves.listings[name].labels.bincount().tolist() for name in ("train", "valid", "test")] == [
        [5, 1, 10],
        [5, 1, 10],
        [10, 1, 20],
    ]
    first, again, other = (
        ImageFolder(ImageFolderConfig(dataset_root=flat, dataset_seed=s)).listings["test"].paths for s in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_every_split_of_a_class_of_three_has_one_picture_whatever_the_fractions(flat):
    data = ImageFolder(ImageFolderConfig(dataset_root=flat, val_fraction=0.01, test_fraction=0.98))
    assert [int((listing.labels == 1).sum()) for listing in data.listings.values()] == [1, 1, 1]


@pytest.mark.parametrize("name", ["val", "valid", "validation", "VAL"])
def test_divided_folder(divided, name):
    (divided / "val").rename(divided / "renamed")
    (divided / "renamed").rename(divided / name)
    data = ImageFolder(ImageFolderConfig(dataset_root=divided, image_size=8))
    counts = [data.split(split).labels.bincount().tolist() for split in ("train", "valid", "test")]
    assert counts == [[5, 6], [2, 3], [4, 1]]
    assert identities(data.split("test")) == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0)]


def test_labels_follow_the_training_classes_when_a_class_is_not_tested(divided):
    (divided / "test" / "cat").rename(divided / "elsewhere")
    (divided / "elsewhere").rename(divided / ".hidden")
    assert ImageFolder(ImageFolderConfig(dataset_root=divided)).split("test").labels.tolist() == [1]


def test_hidden_files_other_files_and_deeper_folders(flat):
    (flat / ".git").mkdir()
    (flat / "__MACOSX").mkdir()
    (flat / "notes.txt").write_text("x")
    (flat / "dog" / "._00.png").write_text("x")
    (flat / "dog" / "notes.txt").write_text("x")
    fill(flat / "dog" / "puppies", 2, 1, ".JPG")
    data = ImageFolder(ImageFolderConfig(dataset_root=flat))
    assert data.classes == ("cat", "dog", "emu")
    assert sum(int((listing.labels == 1).sum()) for listing in data.listings.values()) == 5


def test_pictures_are_upright(divided):
    picture = Image.new("RGB", (8, 8))
    picture.paste((255, 255, 255), (0, 0, 8, 4))  # white above
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    for path in (divided / "test" / "dog").iterdir():
        picture.save(path, exif=exif)
    image = ImageFolder(ImageFolderConfig(dataset_root=divided, image_size=8)).split("test").images[-1]
    assert (image[:, :4] == 0).all()
    assert (image[:, 4:] == 255).all()


def test_a_class_called_train(tmp_path):
    fill(tmp_path / "train", 4)
    fill(tmp_path / "bus", 4)
    assert ImageFolder(ImageFolderConfig(dataset_root=tmp_path)).classes == ("bus", "train")


def test_no_such_folder(tmp_path):
    assert "there is no such folder" in complaint(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    assert "it is not a folder" in complaint(tmp_path / "file")


def test_no_class_folders(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    assert f"there are no class folders in {tmp_path}" in complaint(tmp_path)


def test_empty_class(flat):
    (flat / "fox").mkdir()
    message = complaint(flat)
    assert "no pictures in the class folder fox of" in message
    assert ".webp" in message


def test_class_too_small(flat):
    (flat / "dog" / "02.png").unlink()
    assert "too few pictures to be divided into train, valid and test: dog" in complaint(flat)


def test_fractions_that_leave_nothing(flat):
    assert "--val-fraction 0.5 and --test-fraction 0.5" in complaint(flat, val_fraction=0.5, test_fraction=0.5)


def test_unknown_class(divided):
    fill(divided / "test" / "fox", 1)
    message = complaint(divided)
    assert f"{divided / 'test'} has a class that {divided / 'train'} does not have: fox" in message
    assert "cat, dog" in message


@pytest.mark.parametrize("missing", ["train", "val", "test"])
def test_split_folder_missing(divided, missing):
    for name in ("cat", "dog"):
        for path in (divided / missing / name).iterdir():
            path.unlink()
        (divided / missing / name).rmdir()
    (divided / missing).rmdir()
    assert f"has no folder {missing}." in complaint(divided)


def test_split_folder_twice(divided):
    fill(divided / "valid" / "cat", 1)
    assert "has both val and valid" in complaint(divided)


def test_split_folders_without_classes(tmp_path):
    for name in ("train", "val", "test"):
        fill(tmp_path / name, 3)
    assert f"no class folders in {tmp_path / 'train'}" in complaint(tmp_path)


def test_unreadable_picture_is_named_when_its_split_is_decoded(divided):
    broken = divided / "train" / "dog" / "03.png"
    broken.write_bytes(broken.read_bytes()[:40])
    data = ImageFolder(ImageFolderConfig(dataset_root=divided, image_size=8))
    assert torch.equal(data.split("test").labels, torch.tensor([0, 0, 0, 0, 1]))
    assert f"picture {broken}: it cannot be read" in complaint(divided, "train")


def test_a_second_run_sees_the_same_pictures_without_decoding(flat, spoil):
    first = ImageFolder(ImageFolderConfig(dataset_root=flat, image_size=8)).split("train")
    spoil(flat.glob("*/*.png"))
    again = ImageFolder(ImageFolderConfig(dataset_root=flat, image_size=8))
    assert again.classes == ("cat", "dog", "emu")  # what is kept in the same folder is no class
    assert torch.equal(again.split("train").images, first.images)
    with pytest.raises(UsageError, match="cannot be read"):
        ImageFolder(ImageFolderConfig(dataset_root=flat, image_size=9)).split("train")
