"""Quick, Draw! in both of its file formats, a few drawings each."""

import json
import struct

import numpy as np
import pytest
import torch

from learning_to_draw.datasets import quickdraw
from learning_to_draw.datasets.config import QuickDrawConfig
from learning_to_draw.datasets.quickdraw import QuickDraw, read_drawings, render
from learning_to_draw.errors import UsageError

CROSS = [[[0, 255], [128, 128]], [[100, 100, 140], [0, 255, 255]]]  # a horizontal line, and one down and to the right


def line(drawing, word="yoga"):
    """A drawing as the simplified .ndjson files hold it."""
    record = {"word": word, "countrycode": "GB", "timestamp": "2017-03-01 10:00:00.1 UTC", "recognized": False}
    return json.dumps(record | {"key_id": "5201136883597312", "drawing": drawing}) + "\n"


def record(drawing):
    """The same in the binary form, little-endian and without gaps."""
    content = struct.pack("<Q", 5201136883597312) + b"GB" + struct.pack("<bIH", 0, 1488362400, len(drawing))
    for xs, ys in drawing:
        content += struct.pack("<H", len(xs)) + bytes(xs) + bytes(ys)
    return content


def numbered(count, x):
    """Drawings that tell who they are: a single dot in column x, in row 20 + its number."""
    return [[[[x], [20 + number]]] for number in range(count)]


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "data" / "quickdraw"
    folder.mkdir(parents=True)
    (folder / "yoga.ndjson").write_text("".join(line(drawing) for drawing in numbered(70, 100)))
    (folder / "The Eiffel Tower.bin").write_bytes(b"".join(record(drawing) for drawing in numbered(140, 200)))
    return tmp_path / "data"


def complaint(root, **options):
    with pytest.raises(UsageError) as caught:
        QuickDraw(QuickDrawConfig(dataset_root=root, num_workers=0, **options))
    message = str(caught.value)
    assert len(message.splitlines()) <= 5
    return message


def numbers(split):
    """The number of each drawing of a split at full size, by its dot's row."""
    return [int(image[0].amax(1).nonzero()[0]) - 20 for image in split.images]


def test_strokes_are_light_on_black_and_lie_where_the_coordinates_say():
    picture = render([(bytes([40, 200]), bytes([100, 100])), (bytes([60]), bytes([220]))], 256, 1)[0]
    expected = torch.zeros(256, 256, dtype=torch.uint8)
    expected[100, 40:201] = 255
    expected[220, 60] = 255
    assert torch.equal(picture, expected)


@pytest.mark.parametrize("width", [5, 16])
def test_strokes_are_round_and_as_wide_as_asked_for(width):
    points = np.random.default_rng(width).integers(0, 256, (6, 2))
    picture = render([(bytes(points[:, 0].tolist()), bytes(points[:, 1].tolist()))], 256, width)[0].numpy()
    pixels = np.stack(np.meshgrid(np.arange(256), np.arange(256)), axis=-1)[:, :, None]  # [row, column, 1, (x, y)]
    starts, ways = points[:-1], np.diff(points, axis=0)
    along = (((pixels - starts) * ways).sum(-1) / (ways**2).sum(-1)).clip(0, 1)
    distance = np.linalg.norm(pixels - starts - along[..., None] * ways, axis=-1).min(-1)
    assert (picture[distance < width / 2 - 1.5] == 255).all()
    assert (picture[distance > width / 2 + 1.5] == 0).all()


def test_scaled_with_grey_edges_and_no_change_of_the_amount_of_ink():
    strokes = [(bytes([40, 200, 90]), bytes([30, 120, 230]))]
    full, small = render(strokes, 256, 16).float(), render(strokes, 64, 16)
    assert small.shape == (1, 64, 64)
    assert small.float().mean() == pytest.approx(float(full.mean()), rel=0.01)
    assert ((small > 0) & (small < 255)).any()
    blocks = torch.nn.functional.avg_pool2d(full, 4)
    assert (small[blocks == 0] <= 64).all()
    assert (small[blocks == 255] >= 191).all()


def test_both_formats_hold_the_same_drawings(tmp_path):
    drawings = [CROSS, [[[7], [9]]], [[[1, 2, 3], [4, 5, 6]], [[0, 255], [255, 0]]]]
    (tmp_path / "a.ndjson").write_text("".join(line(drawing) for drawing in drawings))
    (tmp_path / "a.bin").write_bytes(b"".join(record(drawing) for drawing in drawings))
    expected = [[(bytes(xs), bytes(ys)) for xs, ys in drawing] for drawing in drawings]
    assert read_drawings(tmp_path / "a.ndjson") == expected
    assert read_drawings(tmp_path / "a.bin") == expected


def test_blank_lines_are_skipped_but_counted(tmp_path, monkeypatch):
    path = tmp_path / "a.ndjson"
    path.write_text(f"{line(CROSS)}\n{line(CROSS)}\n \n")
    assert len(read_drawings(path)) == 2
    monkeypatch.setattr(quickdraw, "MOST", 2)
    assert len(read_drawings(path)) == 2
    monkeypatch.setattr(quickdraw, "MOST", 3)
    path.write_text(f"\n{line(CROSS)}\n<html>")
    with pytest.raises(UsageError, match="line 4"):
        read_drawings(path)


@pytest.mark.parametrize("name", ["cat.ndjson", "full_simplified_cat.ndjson", "cat.bin", "full_binary_cat.bin"])
def test_file_names(root, name):
    content = "".join(line(drawing) for drawing in numbered(21, 50)).encode()
    if name.endswith(".bin"):
        content = b"".join(record(drawing) for drawing in numbered(21, 50))
    (root / "quickdraw" / name).write_bytes(content)
    split = QuickDraw(QuickDrawConfig(dataset_root=root, group=["cat"], stroke_width=1)).split("test")
    assert split.images[:, 0].amax(1).argmax(1).tolist() == [50, 50, 50]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_splits_are_disjoint_complete_and_stratified(root, num_workers):
    groups = ["yoga", "The Eiffel Tower"]
    data = QuickDraw(QuickDrawConfig(dataset_root=root, group=groups, stroke_width=1, num_workers=num_workers))
    splits = {name: data.split(name) for name in ("train", "valid", "test")}
    counts = {name: split.labels.bincount().tolist() for name, split in splits.items()}
    assert counts == {"train": [50, 100], "valid": [10, 20], "test": [10, 20]}
    seen = []
    for split in splits.values():
        assert split.classes == ("yoga", "The Eiffel Tower")
        assert split.images.shape == (len(split), 1, 256, 256)
        columns = split.images[:, 0].amax(1).argmax(1)
        assert torch.equal(columns, torch.tensor([100, 200])[split.labels])
        seen += zip(columns.tolist(), numbers(split), strict=True)
    assert sorted(seen) == [(100, number) for number in range(70)] + [(200, number) for number in range(140)]


def test_seeded(root):
    first, again, other = (
        numbers(QuickDraw(QuickDrawConfig(dataset_root=root, stroke_width=1, dataset_seed=seed)).split("test"))
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_a_drawing_has_the_same_id_whatever_the_seed_and_the_groups(root):
    found = {}
    for groups, seed in ((["yoga"], 1), (["yoga"], 2), (["The Eiffel Tower", "yoga"], 1)):
        data = QuickDraw(QuickDrawConfig(dataset_root=root, group=groups, stroke_width=1, dataset_seed=seed))
        for name in ("train", "valid", "test"):
            split = data.split(name)
            columns = split.images[:, 0].amax(1).argmax(1).tolist()
            for drawing, column, number in zip(split.ids.tolist(), columns, numbers(split), strict=True):
                assert found.setdefault(drawing, (column, number)) == (column, number)
    assert len(found) == 70 + 140


def test_the_official_sizes_for_a_large_group(tmp_path):
    (tmp_path / "quickdraw").mkdir()
    (tmp_path / "quickdraw" / "yoga.bin").write_bytes(record([[[3], [4]]]) * 70_001)
    positions = QuickDraw(QuickDrawConfig(dataset_root=tmp_path))._positions()
    assert {name: len(part) for name, part in positions.items()} == {"train": 50000, "valid": 10000, "test": 10000}
    assert len(np.unique(np.concatenate(list(positions.values())))) == 70000


def test_size_of_the_validation_part(root):
    groups = ["The Eiffel Tower", "yoga"]
    data = QuickDraw(QuickDrawConfig(dataset_root=root, group=groups, size=32, valset_size_per_class=6))
    assert [len(data.split(name)) for name in ("train", "valid", "test")] == [168, 12, 30]
    assert data.split("valid").labels.bincount().tolist() == [8, 4]
    assert data.image_size == 32


def test_only_training_drawings_are_augmented(root):
    data = QuickDraw(QuickDrawConfig(dataset_root=root, size=64, augment=True))
    train, items = data.split("train"), torch.arange(5)
    first, second = (train.view(items, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    plain = train.images[:5].float() / 255
    assert not torch.equal(first, second)
    for view in (first, second):
        assert view.sum((1, 2, 3)) == pytest.approx(plain.sum((1, 2, 3)), rel=0.1)
    assert data.split("valid").augment is None
    assert data.split("test").augment is None
    assert QuickDraw(QuickDrawConfig(dataset_root=root, size=64)).split("train").augment is None


def test_thinned_strokes(root):
    (root / "quickdraw" / "bar.bin").write_bytes(record([[[20, 230], [128, 128]]]) * 7)
    data = QuickDraw(QuickDrawConfig(dataset_root=root, group=["bar"], size=64, skeleton=True, num_workers=0))
    picture = data.split("test").images[0, 0]
    rows, columns = (picture == 255).nonzero(as_tuple=True)
    assert picture.unique().tolist() == [0, 255]
    assert ((rows - 31.5).abs() <= 1).all()  # row 128 of 256
    assert columns.unique().numel() == len(columns)  # one pixel a column
    assert columns.min() <= 8
    assert columns.max() >= 55


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (line(CROSS)[:-20], "line 3: JSONDecodeError"),
        ("<html>", "line 3: JSONDecodeError"),
        ('{"word": "yoga"}', "line 3: KeyError: 'drawing'"),
        ("[1]", "line 3: TypeError"),
        (line([[[1, 2], [3]]]), "line 3: ValueError: a stroke's x and y have different lengths: 2 and 1"),
        (line([[[1, 256], [3, 4]]]), "line 3: ValueError"),
        (line([[[1.5, 2.5], [3.5, 4.5]]]), "line 3: TypeError"),
        (line([[[1, 2], [3, 4], [0, 17]]]), "line 3: ValueError"),  # a raw drawing, with times
        (line([[3, 4]]), "line 3: TypeError"),
        ("[" * 200_000, "line 3: RecursionError"),
    ],
)
def test_a_damaged_line(root, text, problem):
    (root / "quickdraw" / "yoga.ndjson").write_text(line(CROSS) + line(CROSS) + text)
    message = complaint(root)
    assert f"{root / 'quickdraw' / 'yoga.ndjson'} is damaged, {problem}" in message


@pytest.mark.parametrize("cut", [1, 3, 8, 14, 20, len(record(CROSS)) - 1])
def test_a_binary_file_that_was_cut_short(root, cut):
    content = record(CROSS)
    (root / "quickdraw" / "cat.bin").write_bytes(content + content[:-cut])
    assert f"cat.bin is damaged, the drawing at byte {len(content)}: " in complaint(root, group=["cat"])


def test_a_file_that_is_not_binary_drawings(root):
    (root / "quickdraw" / "cat.bin").write_bytes(b"<!DOCTYPE html><html><body>404</body></html>")
    assert "the drawing at byte 0: " in complaint(root, group=["cat"])


@pytest.mark.parametrize("name", ["cat.bin", "cat.ndjson"])
def test_an_empty_file(root, name):
    (root / "quickdraw" / name).write_bytes(b"")
    assert "there are no drawings in" in complaint(root, group=["cat"])


def test_too_few_drawings(root):
    (root / "quickdraw" / "cat.bin").write_bytes(record(CROSS) * 5)
    with pytest.raises(UsageError, match="QuickDraw cannot be divided") as caught:
        QuickDraw(QuickDrawConfig(dataset_root=root, group=["cat"])).split("train")
    assert len(str(caught.value).splitlines()) <= 5


def test_a_group_named_twice(root):
    assert "--group yoga yoga" in complaint(root, group=["yoga", "yoga"])


def test_a_missing_group_is_downloaded(root, tmp_path, monkeypatch, server):
    bucket = tmp_path / "bucket"
    bucket.mkdir()
    (bucket / "alarm clock.ndjson").write_text("".join(line(drawing) for drawing in numbered(14, 30)))
    monkeypatch.setattr(quickdraw, "URL", f"{server}/bucket/")
    data = QuickDraw(QuickDrawConfig(dataset_root=root, group=["alarm clock"], stroke_width=1))
    assert len(data.split("test")) == 2
    names = sorted(path.name for path in root.rglob("*"))
    assert names == ["The Eiffel Tower.bin", "alarm clock.ndjson", "quickdraw", "yoga.ndjson"]


def test_missing_and_not_to_be_downloaded(tmp_path, monkeypatch, server):
    monkeypatch.setattr(quickdraw, "URL", f"{server}/bucket/")
    message = complaint(tmp_path / "data", group=["yoag"])
    assert f"no yoag.ndjson or yoag.bin in {tmp_path / 'data' / 'quickdraw'}" in message
    assert "404" in message
    assert f"{server}/bucket/yoag.ndjson" in message
    assert list(tmp_path.iterdir()) == []
