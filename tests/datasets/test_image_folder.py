"""A person's own pictures, and all that can be wrong with their folders."""

import logging
import os
import shutil
import unicodedata

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


@pytest.fixture
def hundreds(tmp_path):
    """Three classes of 100 pictures."""
    for red, name in enumerate(("ant", "bee", "cow")):
        fill(tmp_path / name, 100, red)
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
    assert [sum(count) for count in zip(*counts.values(), strict=True)] == [20, 3, 40]
    assert [count[1] for count in counts.values()] == [1, 1, 1]
    assert min(counts["train"]) >= 1
    assert counts["train"][2] > 20  # 28 expected
    everything = [identity for split in splits.values() for identity in identities(split)]
    assert len(set(everything)) == len(everything) == 63
    for split in splits.values():
        assert split.classes == ("cat", "dog", "emu")
        assert split.labels.tolist() == [red for red, _ in identities(split)]
        assert split.images.shape[1:] == (3, 8, 8)
        assert len(set(split.ids.tolist())) == len(split.labels)


def test_fractions(hundreds):
    data = ImageFolder(ImageFolderConfig(dataset_root=hundreds, val_fraction=0.25, test_fraction=0.5))
    sizes = [len(data.listings[name].paths) for name in ("train", "valid", "test")]
    assert sum(sizes) == 300
    # Binomial: within four standard deviations of 75, 75 and 150.
    assert abs(sizes[0] - 75) < 30
    assert abs(sizes[1] - 75) < 30
    assert abs(sizes[2] - 150) < 35


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
    assert "fewer than 3 pictures in the class folder dog." in complaint(flat)


def test_fractions_that_leave_nothing(flat):
    assert "--val-fraction 0.5 and --test-fraction 0.5" in complaint(flat, val_fraction=0.5, test_fraction=0.5)


def test_a_class_without_test_pictures_is_named(divided, caplog):
    shutil.rmtree(divided / "test" / "dog")
    ImageFolder(ImageFolderConfig(dataset_root=divided, image_size=16, num_workers=0))
    assert f"{divided / 'test'} has no pictures of the classes dog" in caplog.text


def test_unknown_class(divided):
    fill(divided / "test" / "fox", 1)
    message = complaint(divided)
    assert f"{divided / 'test'} has a class that {divided / 'train'} does not have: fox" in message
    assert "cat, dog" in message


def test_without_a_training_folder(divided):
    shutil.rmtree(divided / "train")
    assert f"{divided} has val and test, but no folder named train." in complaint(divided)


def test_a_missing_split_folder_is_taken_from_the_training_folder(divided, caplog):
    shutil.rmtree(divided / "val")
    with caplog.at_level(logging.INFO):
        data = ImageFolder(ImageFolderConfig(dataset_root=divided, image_size=8, val_fraction=0.5))
    splits = {name: identities(data.split(name)) for name in ("train", "valid", "test")}
    assert splits["test"] == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0)]  # the folder's, whole
    assert sorted(splits["train"] + splits["valid"]) == [(0, n) for n in range(5)] + [(1, n) for n in range(6)]
    assert {red for red, _ in splits["valid"]} == {red for red, _ in splits["train"]} == {0, 1}
    told = f"from {divided / 'train'} are taken for splits without a folder: {len(splits['valid'])} for valid"
    assert told in caplog.text


def test_a_training_folder_alone_is_divided_in_three(divided):
    shutil.rmtree(divided / "val")
    shutil.rmtree(divided / "test")
    (divided / "train").rename(divided / "Training")
    data = ImageFolder(ImageFolderConfig(dataset_root=divided))
    assert data.classes == ("cat", "dog")
    assert sum(len(listing.paths) for listing in data.listings.values()) == 11
    assert all(set(listing.labels) == {0, 1} for listing in data.listings.values())


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


def test_a_second_run_sees_the_same_pictures_without_decoding(divided, spoil):
    first = ImageFolder(ImageFolderConfig(dataset_root=divided, image_size=8)).split("train")
    spoil(divided.glob("*/*/*.png"))
    again = ImageFolder(ImageFolderConfig(dataset_root=divided, image_size=8))
    assert again.classes == ("cat", "dog")
    assert torch.equal(again.split("train").images, first.images)
    with pytest.raises(UsageError, match="cannot be read"):
        ImageFolder(ImageFolderConfig(dataset_root=divided, image_size=9)).split("train")


def places(root):
    """The split of every picture, by what it shows."""
    listings = ImageFolder(ImageFolderConfig(dataset_root=root)).listings
    return {Image.open(path).getpixel((0, 0)): split for split, listing in listings.items() for path in listing.paths}


def add(root):
    fill(root / "ape", 40, 9)
    Image.new("RGB", (30, 20), (0, 200, 0)).save(root / "ant" / "000.png")


def remove(root):
    for number in (0, 17, 55):
        (root / "ant" / f"{number:02d}.png").unlink()
    shutil.rmtree(root / "bee")


def rename(root):
    (root / "ant").rename(root / "zebra")
    for path in sorted((root / "bee").iterdir()):
        path.rename(path.with_name(f"holiday {99 - int(path.stem):02d} (copy).png"))


@pytest.mark.parametrize("change", [add, remove, rename, lambda root: root.rename(root.with_name("moved"))])
def test_a_picture_keeps_its_split_when_other_pictures_come_and_go(change, hundreds):
    before = places(hundreds)
    assert 25 < sum(split == "test" for split in before.values()) < 70  # 45 expected; this is four deviations
    change(hundreds)
    root = hundreds if hundreds.exists() else hundreds.with_name("moved")
    after = places(root)
    kept = before.keys() & after.keys()
    assert len(kept) >= 197
    assert {picture: before[picture] for picture in kept} == {picture: after[picture] for picture in kept}


def test_copies_of_a_picture_are_in_one_split(hundreds):
    for path in (hundreds / "ant").iterdir():
        shutil.copy(path, hundreds / "bee" / f"again-{path.name}")
    listings = ImageFolder(ImageFolderConfig(dataset_root=hundreds)).listings
    ids = {name: set(listing.ids.tolist()) for name, listing in listings.items()}
    assert not ids["train"] & ids["test"]
    assert not ids["train"] & ids["valid"]
    assert not ids["valid"] & ids["test"]


def test_another_seed_is_another_division(hundreds):
    first, other = (
        ImageFolder(ImageFolderConfig(dataset_root=hundreds, dataset_seed=seed)).listings["test"].ids for seed in (1, 2)
    )
    assert len(set(first.tolist()) & set(other.tolist())) < 0.4 * len(first)  # 0.15 expected


def test_thumbnails_and_waste_bins_of_systems_are_no_pictures(divided, caplog):
    fill(divided / "train" / "cat" / "@eaDir" / "00.png", 2)
    fill(divided / "train" / "dog" / "deeper" / "#recycle", 3)
    fill(divided / "train" / "$RECYCLE.BIN", 1)
    (divided / "train" / "dog" / "Thumbs.db").write_text("x")
    for name in ("03.tga", "04.tga"):
        (divided / "test" / "cat" / name).write_text("x")
    (divided / "train" / "cat" / ".DS_Store").write_text("x")
    (divided / "old").mkdir()
    os.mkfifo(divided / "train" / "cat" / "pipe.png")
    with caplog.at_level(logging.INFO):
        data = ImageFolder(ImageFolderConfig(dataset_root=divided, image_size=8))
    assert [len(data.listings[name].paths) for name in ("train", "valid", "test")] == [11, 5, 5]
    told = caplog.messages[-1]
    assert told == (
        "ImageFolder: skipped files and folders: "
        "1 #recycle/, 1 $RECYCLE.BIN/, 1 .db, 1 .png, 2 .tga, 1 @eaDir/, 1 hidden, 1 old/"
    )


@pytest.mark.parametrize("ending", [".jfif", ".jpe", ".gif", ".JFIF"])
def test_endings_that_pillow_reads(tmp_path, ending):
    fill(tmp_path / "plain", 3)
    (tmp_path / "other").mkdir()
    for number in range(3):
        kind = "GIF" if ending == ".gif" else "JPEG"
        Image.new("RGB", (9, 9), (0, 80 * number, 99)).save(tmp_path / "other" / f"{number}{ending}", kind)
    data = ImageFolder(ImageFolderConfig(dataset_root=tmp_path, image_size=8))
    assert sum(int((data.split(name).labels == 0).sum()) for name in ("train", "valid", "test")) == 3


def test_parts_under_well_known_names(tmp_path):
    for part, count in (("Training", 8), ("Testing", 2)):
        for red, name in enumerate(("glioma", "no tumor")):
            fill(tmp_path / part / name, count, red)
    data = ImageFolder(ImageFolderConfig(dataset_root=tmp_path))
    assert data.classes == ("glioma", "no tumor")
    assert data.listings["test"].labels.tolist() == [0, 0, 1, 1]


def test_parts_under_other_names_are_warned_of(tmp_path, caplog):
    for part in ("2023", "2024"):
        for red, name in enumerate(("elm", "oak")):
            fill(tmp_path / part / name, 3, red)
    ImageFolder(ImageFolderConfig(dataset_root=tmp_path))
    assert "the classes are 2023, 2024, and each of these folders holds the folders elm, oak" in caplog.text
    caplog.clear()
    fill(tmp_path / "2023" / "fir", 3)  # not the same folders: two classes with something in them
    ImageFolder(ImageFolderConfig(dataset_root=tmp_path))
    assert "the classes are" not in caplog.text


def test_a_class_is_the_same_however_its_accents_are_written(tmp_path):
    for part, form in (("train", "NFC"), ("test", "NFD")):
        for red, name in enumerate(("crème", "pâté")):
            fill(tmp_path / part / unicodedata.normalize(form, name), 6, red)
    fill(tmp_path / "train" / unicodedata.normalize("NFD", "pâté"), 2, 5)
    data = ImageFolder(ImageFolderConfig(dataset_root=tmp_path))
    assert data.classes == ("crème", "pâté")
    assert data.listings["test"].labels.tolist() == [0] * 6 + [1] * 6
    assert sum(int((data.listings[name].labels == 1).sum()) for name in ("train", "valid")) == 8
