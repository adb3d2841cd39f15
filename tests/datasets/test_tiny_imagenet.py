"""A Tiny ImageNet of three classes, in its own layout and in the one that the official code leaves behind."""

import hashlib
import shutil

import pytest
import torch
from PIL import Image

from learning_to_draw.datasets import tiny_imagenet
from learning_to_draw.datasets.config import TinyImageNetConfig
from learning_to_draw.datasets.tiny_imagenet import TinyImageNet
from learning_to_draw.errors import UsageError

WNIDS = ("n01443537", "n01629819", "n02124075")  # sorted; wnids.txt has them in another order
TRAIN, VAL = 3, 4  # pictures of each class


def picture(red, green, mode="RGB"):
    return Image.new("RGB", (64, 64), (red, green, 0)).convert(mode)


def write(root):
    """Pictures that tell who they are: red is the class, green the number."""
    folder = root / "tiny-imagenet-200"
    (folder / "val" / "images").mkdir(parents=True)
    (folder / "wnids.txt").write_text("".join(f"{wnid}\n" for wnid in (WNIDS[2], WNIDS[0], WNIDS[1])))
    (folder / "words.txt").write_text(
        "n00001740\tentity\nn01443537\tgoldfish, Carassius auratus\nn02124075\tEgyptian cat\n"
    )
    for label, wnid in enumerate(WNIDS):
        (folder / "train" / wnid / "images").mkdir(parents=True)
        (folder / "train" / wnid / f"{wnid}_boxes.txt").write_text(f"{wnid}_0.JPEG\t0\t10\t63\t58\n")
        for number in range(TRAIN):
            picture(80 * label, 20 * number).save(folder / "train" / wnid / "images" / f"{wnid}_{number}.JPEG")
    lines = []
    for number in range(VAL * len(WNIDS)):
        label = number % len(WNIDS)
        picture(80 * label, 20 * number).save(folder / "val" / "images" / f"val_{number}.JPEG")
        lines.append(f"val_{number}.JPEG\t{WNIDS[label]}\t0\t32\t44\t62\n")
    (folder / "val" / "val_annotations.txt").write_text("".join(lines))
    (folder / "test" / "images").mkdir(parents=True)
    picture(0, 0).save(folder / "test" / "images" / "test_0.JPEG")


def regroup(root, deeper=""):
    val = root / "tiny-imagenet-200" / "val"
    for line in (val / "val_annotations.txt").read_text().splitlines():
        file, wnid = line.split("\t")[:2]
        (val / wnid / deeper).mkdir(parents=True, exist_ok=True)
        (val / "images" / file).rename(val / wnid / deeper / file)
    shutil.rmtree(val / "images")


@pytest.fixture
def root(tmp_path):
    write(tmp_path / "data")
    return tmp_path / "data"


def complaint(root):
    with pytest.raises(UsageError) as caught:
        TinyImageNet(TinyImageNetConfig(dataset_root=root, num_workers=0))
    message = str(caught.value)
    assert len(message.splitlines()) <= 5
    return message


def identities(split):
    """(class, number) of each picture, by its colours; JPEG changes them by a little."""
    means = split.images.float().mean((2, 3))
    return [(round(red / 80), round(green / 20)) for red, green, _ in means.tolist()]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_splits(root, num_workers):
    data = TinyImageNet(TinyImageNetConfig(dataset_root=root, num_workers=num_workers))
    train, valid, test = (data.split(name) for name in ("train", "valid", "test"))
    assert identities(train) == [(label, number) for label in range(3) for number in range(TRAIN)]
    held_out = identities(valid) + identities(test)
    assert sorted(held_out) == sorted((number % 3, number) for number in range(12))
    for split, count in ((train, 3), (valid, 2), (test, 2)):
        assert split.images.shape == (3 * count, 3, 64, 64)
        assert split.labels.bincount().tolist() == [count] * 3
        assert split.labels.tolist() == [red for red, _ in identities(split)]
        assert torch.equal(split.items, torch.arange(3 * count))
        assert split.classes == ("goldfish, Carassius auratus", "n01629819", "Egyptian cat")


@pytest.mark.parametrize("deeper", ["", "images"])
def test_sorted_into_class_folders_the_halves_are_the_same(root, deeper):
    before = TinyImageNet(TinyImageNetConfig(dataset_root=root))
    halves = [identities(before.split(name)) for name in ("valid", "test")]
    regroup(root, deeper)
    after = TinyImageNet(TinyImageNetConfig(dataset_root=root))
    assert [identities(after.split(name)) for name in ("valid", "test")] == halves


def test_grey_pictures_become_coloured(root):
    picture(100, 100, "L").save(root / "tiny-imagenet-200" / "train" / WNIDS[1] / "images" / f"{WNIDS[1]}_1.JPEG")
    image = TinyImageNet(TinyImageNetConfig(dataset_root=root)).split("train").images[4]
    assert image.shape == (3, 64, 64)
    assert torch.equal(image[0], image[2])


def test_without_words(root):
    (root / "tiny-imagenet-200" / "words.txt").unlink()
    assert TinyImageNet(TinyImageNetConfig(dataset_root=root)).classes == WNIDS


def test_an_incomplete_data_set_is_mentioned(root, caplog):
    TinyImageNet(TinyImageNetConfig(dataset_root=root))
    assert "9 labelled pictures in train and 12 in val, not 100000 and 10000" in caplog.text


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("wnids.txt", "<html>\n", "has the line '<html>'"),
        ("wnids.txt", "../../secret\n", "has the line '../../secret'"),
        ("wnids.txt", f"{WNIDS[0]}\n{WNIDS[0]}\n", f"has {WNIDS[0]} twice"),
        ("wnids.txt", "", "has fewer than two lines"),
        ("wnids.txt", f"{WNIDS[0]}\n", "has fewer than two lines"),
        ("wnids.txt", f"{WNIDS[0]}\nn99999999\n", "no pictures (*.JPEG) in"),
        ("val/val_annotations.txt", "val_0.JPEG n01443537\n", "a tab between"),
        ("val/val_annotations.txt", "val_0.JPEG\tn99999999\t0\n", 'a line "val_0.JPEG n99999999"'),
        ("val/val_annotations.txt", f"../val_0.JPEG\t{WNIDS[0]}\t0\n", 'a line "../val_0.JPEG n01443537"'),
        ("val/val_annotations.txt", "", "is empty"),
        ("words.txt", "n01443537 goldfish\n", "a tab between"),
    ],
)
def test_damaged_lists(root, file, content, problem):
    (root / "tiny-imagenet-200" / file).write_text(content)
    message = complaint(root)
    assert problem in message
    assert "replace its contents with those of tiny-imagenet-200.zip" in message


def test_annotations_missing(root):
    (root / "tiny-imagenet-200" / "val" / "val_annotations.txt").unlink()
    assert "val_annotations.txt cannot be read" in complaint(root)


def test_a_picture_that_is_not_there(root):
    (root / "tiny-imagenet-200" / "val" / "images" / "val_3.JPEG").unlink()
    data = TinyImageNet(TinyImageNetConfig(dataset_root=root))
    with pytest.raises(UsageError, match=r"val_3\.JPEG: it cannot be read \(there is no such file\)"):
        [data.split(name) for name in ("valid", "test")]


@pytest.mark.parametrize("intact", [True, False])
def test_downloaded(tmp_path, monkeypatch, server, intact):
    write(tmp_path / "source")
    archive = shutil.make_archive(tmp_path / "tiny-imagenet-200", "zip", tmp_path / "source")
    md5 = hashlib.md5((tmp_path / "tiny-imagenet-200.zip").read_bytes()).hexdigest()
    assert tiny_imagenet.URL.endswith("/tiny-imagenet-200.zip")
    monkeypatch.setattr(tiny_imagenet, "URL", f"{server}/{archive.rsplit('/', 1)[1]}")
    monkeypatch.setattr(tiny_imagenet, "MD5", md5 if intact else "0" * 32)
    root = tmp_path / "data"
    if intact:
        data = TinyImageNet(TinyImageNetConfig(dataset_root=root))
        assert [path.name for path in root.iterdir()] == ["tiny-imagenet-200"]
        assert len(data.split("train")) == 9
    else:
        assert "corrupted" in complaint(root)
        assert not root.exists()


def test_missing_and_not_to_be_downloaded(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(tiny_imagenet, "URL", "http://127.0.0.1:9/tiny-imagenet-200.zip")
    message = complaint(tmp_path / "deep" / "data")
    assert f"wnids.txt, train, val not found in {tmp_path / 'deep' / 'data' / 'tiny-imagenet-200'}" in message
    assert "refused" in message
    assert list(tmp_path.iterdir()) == []


def test_a_second_run_sees_the_same_pictures_without_decoding(root, spoil):
    first = TinyImageNet(TinyImageNetConfig(dataset_root=root)).split("valid")
    spoil(root.rglob("*.JPEG"))
    assert torch.equal(TinyImageNet(TinyImageNetConfig(dataset_root=root)).split("valid").images, first.images)


def test_hidden_files_and_system_folders_are_passed_over(root, caplog):
    for picture in list(root.rglob("*.JPEG")):
        picture.with_name(f"._{picture.name}").write_bytes(b"\0\5\x16\7")
        thumbnails = picture.parent / "@eaDir" / picture.name
        thumbnails.mkdir(parents=True)
        (thumbnails / "SYNOPHOTO_THUMB_M.JPEG").write_bytes(picture.read_bytes())
    data = TinyImageNet(TinyImageNetConfig(dataset_root=root))
    assert f"{3 * TRAIN} labelled pictures in train and {3 * VAL} in val" in caplog.text
    assert identities(data.split("train")) == [(label, number) for label in range(3) for number in range(TRAIN)]


def test_lists_saved_on_windows_are_read(root):
    expected = TinyImageNet(TinyImageNetConfig(dataset_root=root))
    for path in (root / "tiny-imagenet-200").rglob("*.txt"):
        path.write_text(path.read_text(), encoding="utf-8-sig", newline="\r\n")
    data = TinyImageNet(TinyImageNetConfig(dataset_root=root))
    assert data.classes == expected.classes
    assert data.listings["valid"][0] == expected.listings["valid"][0]
