"""A small stand-in for Omniglot, in its own layout: black strokes on white in PNG files of one bit a pixel."""

import hashlib
import zipfile

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from learning_to_draw.datasets.config import OmniglotConfig
from learning_to_draw.datasets.omniglot import C28pxOmniglot, Omniglot, centre
from learning_to_draw.errors import UsageError

PEOPLE = 4
BACKGROUND = ("Latin/character01", "Latin/character02", "Greek/character01")
EVALUATION = ("Tengwar/character01", "Tengwar/character02")
SQUARE = (60, 20)  # row and column of a stroke's upper left corner


def character(number):
    """A horizontal bar, `number` pixels further right for each picture: bool [105, 105], True where there is ink."""
    ink = np.zeros((105, 105), dtype=bool)
    row, column = SQUARE
    ink[row : row + 5, column + number : column + number + 21] = True
    return ink


def write(folder):
    number = 0
    for part, characters in (("images_background", BACKGROUND), ("images_evaluation", EVALUATION)):
        for name in characters:
            (folder / part / name).mkdir(parents=True)
            for person in range(1, PEOPLE + 1):
                Image.fromarray(~character(number)).convert("1").save(folder / part / name / f"{person:04d}_01.png")
                number += 1


@pytest.fixture
def root(tmp_path):
    write(tmp_path / "data" / "omniglot-py")
    return tmp_path / "data"


def numbers(split):
    """Which picture each one is, from where its bar begins."""
    return split.images[:, 0, SQUARE[0] + 2].argmax(1) - SQUARE[1]


def test_strokes_are_light_on_black_and_upright(root):
    test = Omniglot(OmniglotConfig(dataset_root=root)).split("test")
    assert test.images.shape == (8, 1, 105, 105)
    expected = torch.stack([torch.from_numpy(character(12 + i)) for i in range(8)])[:, None]
    assert torch.equal(test.images, expected.to(torch.uint8) * 255)


def test_each_part_has_classes_of_its_own(root):
    data = Omniglot(OmniglotConfig(dataset_root=root, valset_size_per_class=1))
    assert data.split("test").classes == EVALUATION
    assert data.split("test").labels.tolist() == [0] * 4 + [1] * 4
    for name in ("train", "valid"):
        assert data.split(name).classes == ("Greek/character01", "Latin/character01", "Latin/character02")


def test_validation_comes_out_of_the_background_set_stratified(root):
    data = Omniglot(OmniglotConfig(dataset_root=root, valset_size_per_class=1))
    train, valid = data.split("train"), data.split("valid")
    assert valid.labels.bincount().tolist() == [1] * 3
    assert train.labels.bincount().tolist() == [3] * 3
    assert sorted([*numbers(train).tolist(), *numbers(valid).tolist()]) == list(range(12))
    for split in (train, valid):
        assert [BACKGROUND[number // PEOPLE] for number in numbers(split)] == [split.classes[i] for i in split.labels]


def test_augmented_in_training_only_and_each_picture_by_itself(root):
    plain = Omniglot(OmniglotConfig(dataset_root=root))
    assert all(plain.split(name).augment is None for name in ("train", "valid", "test"))
    data = Omniglot(OmniglotConfig(dataset_root=root, augment=True))
    assert data.split("valid").augment is None
    assert data.split("test").augment is None
    train = data.split("train")
    generator = torch.Generator().manual_seed(0)
    views = train.view(torch.zeros(50, dtype=torch.long), generator)  # fifty times the same picture
    assert views.flatten(1).unique(dim=0).shape[0] == 50
    assert torch.equal(views[:, :, 0], torch.zeros(50, 1, 105))  # what comes in from outside is black
    row, column = torch.meshgrid(torch.arange(105.0), torch.arange(105.0), indexing="ij")
    mass = views.sum((1, 2, 3))
    moved = torch.stack([(views[:, 0] * axis).sum((1, 2)) / mass for axis in (row, column)])
    original = train.view(torch.zeros(1, dtype=torch.long), None)
    assert 5 * 21 * 0.97 < mass.min() <= mass.max() < 5 * 21 * 1.03  # scaled by 1 % either way, in both directions
    assert original.shape == (1, 1, 105, 105)
    # 7 % are 7 pixels, and turning by 3 degrees moves what is 30 pixels from the middle by 1.6 pixels.
    begin = torch.tensor([SQUARE[0] + 2.0, SQUARE[1] + 10 + float(numbers(train)[0])])[:, None]
    shift = (moved - begin).abs().amax(1)
    assert (shift > 4).all()
    assert (shift < 7 + 3).all()


def test_centred_pictures(root):
    data = C28pxOmniglot(OmniglotConfig(dataset_root=root))
    assert data.image_size == 28
    images = data.split("test").images
    assert images.shape == (8, 1, 28, 28)
    ink = images[:, 0].double()
    places = torch.arange(28, dtype=torch.double)
    for profile in (ink.sum(1), ink.sum(2)):
        # Moved by whole pixels of 105, half a one off at most, which is 0.13 of the 28.
        assert ((profile @ places) / profile.sum(1) - 13.5).abs().max() <= 0.15
    # 5 x 21 white pixels of 105 x 105 keep their mass when scaled.
    assert torch.allclose(ink.sum((1, 2)), torch.tensor(5 * 21 * 255 * (28 / 105) ** 2).double(), rtol=0.02)


def test_centre_moves_by_whole_pixels_and_fills_with_black():
    pixels = np.zeros((105, 105), dtype=np.uint8)
    pixels[2, 100] = 90
    moved = np.asarray(centre(Image.fromarray(pixels)))
    assert moved[52, 52] == 90
    assert moved.sum() == 90
    assert not np.asarray(centre(Image.new("L", (105, 105)))).any()


@pytest.mark.parametrize(("cls", "size"), [(Omniglot, 105), (C28pxOmniglot, 28)])
def test_skeleton(root, cls, size):
    images = cls(OmniglotConfig(dataset_root=root, skeleton=True, num_workers=2)).split("test").images
    assert images.shape == (8, 1, size, size)
    assert images.unique().tolist() == [0, 255]
    columns = (images > 0).sum(2)
    assert (columns <= 1).all()  # of a horizontal bar, one row stays
    assert (columns.sum(2) >= 14 * size / 105).all()
    if size == 105:
        assert images[:, 0, SQUARE[0] + 2].any()


def test_pictures_of_another_size_are_fitted(root):
    Image.new("1", (50, 60), 1).save(root / "omniglot-py" / "images_evaluation" / EVALUATION[0] / "0009_01.png")
    assert Omniglot(OmniglotConfig(dataset_root=root)).split("test").images.shape == (9, 1, 105, 105)


def test_no_pictures(root):
    for path in (root / "omniglot-py" / "images_evaluation").glob("*/*/*.png"):
        path.unlink()
    with pytest.raises(UsageError, match=r"no pictures in .*images_evaluation"):
        Omniglot(OmniglotConfig(dataset_root=root)).split("test")


def test_too_large_a_validation_set(root):
    with pytest.raises(UsageError, match="Omniglot cannot be divided"):
        Omniglot(OmniglotConfig(dataset_root=root, valset_size_per_class=4)).split("train")


def test_missing_and_not_to_be_downloaded(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(torchvision.datasets.Omniglot, "download_url_prefix", "http://127.0.0.1:9")
    with pytest.raises(UsageError) as caught:
        Omniglot(OmniglotConfig(dataset_root=tmp_path / "data"))
    message = str(caught.value)
    assert "images_background and images_evaluation not found in" in message
    assert "refused" in message
    assert len(message.splitlines()) <= 5
    assert list(tmp_path.iterdir()) == []


def test_downloaded(tmp_path, monkeypatch, server):
    write(tmp_path / "source")
    sums = {}
    for part in ("images_background", "images_evaluation"):
        archive = tmp_path / f"{part}.zip"
        with zipfile.ZipFile(archive, "w") as packed:
            for path in sorted((tmp_path / "source" / part).rglob("*.png")):
                packed.write(path, path.relative_to(tmp_path / "source"))
        sums[part] = hashlib.md5(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(torchvision.datasets.Omniglot, "download_url_prefix", server)
    monkeypatch.setattr(torchvision.datasets.Omniglot, "zips_md5", sums)
    data = Omniglot(OmniglotConfig(dataset_root=tmp_path / "data"))
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["omniglot-py"]
    assert numbers(data.split("test")).tolist() == list(range(12, 20))


def test_a_second_run_sees_the_same_pictures_without_decoding(root, spoil):
    kinds = [(Omniglot, {}), (Omniglot, {"skeleton": True}), (C28pxOmniglot, {}), (Omniglot, {"augment": True})]
    first = [cls(OmniglotConfig(dataset_root=root, **options)).split("test").images for cls, options in kinds]
    assert not torch.equal(first[0], first[1])
    spoil(root.rglob("*.png"))
    for (cls, options), images in zip(kinds, first, strict=True):
        assert torch.equal(cls(OmniglotConfig(dataset_root=root, **options)).split("test").images, images)


def test_hidden_files_and_system_folders_are_passed_over(root):
    expected = [numbers(Omniglot(OmniglotConfig(dataset_root=root)).split(name)).tolist() for name in ("train", "test")]
    for picture in list(root.rglob("*.png")):
        picture.with_name(f"._{picture.name}").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        ")
        (picture.parent / "@eaDir").mkdir(exist_ok=True)
        (picture.parent / "@eaDir" / picture.name).write_bytes(b"a thumbnail")
    hidden = root / "omniglot-py" / "images_evaluation" / "Tengwar" / ".ipynb_checkpoints"
    hidden.mkdir()
    (hidden / "0001_01.png").write_bytes(b"a copy")
    data = Omniglot(OmniglotConfig(dataset_root=root, no_cache=True))
    assert [numbers(data.split(name)).tolist() for name in ("train", "test")] == expected
    assert data.split("test").classes == EVALUATION
