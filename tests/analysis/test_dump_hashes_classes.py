"""The names that game logs give to test pictures, and their classes, against pictures hashed by hand."""

import csv
import hashlib

import numpy as np
import pytest
from PIL import Image

from learning_to_draw.analysis.official.dump_hashes_classes import dump_hashes_classes
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.config.configure import configure


@pytest.fixture
def pictures(tmp_path):
    """Test pictures of two classes, one with a comma in its name: (data set, [(md5, class number, name)])."""
    rng, rows = np.random.default_rng(0), []
    for label, name in enumerate(("cat, tame", "dog")):
        for split in ("train", "val", "test"):
            folder = tmp_path / "data" / split / name
            folder.mkdir(parents=True)
            for number in range(3):
                pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
                if split == "test":
                    rows.append((hashlib.md5(pixels.tobytes()).hexdigest(), label, name))
    options = {"dataset_root": tmp_path / "data", "image_size": 8, "num_workers": 0}
    return configure("train", dataset="ImageFolder", **options).dataset, rows


def test_a_line_for_every_test_picture(pictures):
    dataset, rows = pictures
    numbers = dump_hashes_classes(dataset, None, name=False)
    assert numbers.splitlines() == [f"{md5},{label}" for md5, label, _ in rows]
    names = dump_hashes_classes(dataset, None, name=True)
    assert list(csv.reader(names.splitlines())) == [[md5, name] for md5, _, name in rows]


def test_to_a_file(pictures, tmp_path):
    dataset, _ = pictures
    said = dump_hashes_classes(dataset, tmp_path / "classes.csv", name=True)
    assert said == f"6 pictures of 2 classes written to {tmp_path / 'classes.csv'}"
    text = (tmp_path / "classes.csv").read_text()
    assert text == dump_hashes_classes(dataset, None, name=True) + "\n"
    with pytest.raises(UsageError, match="already exists"):
        dump_hashes_classes(dataset, tmp_path / "classes.csv", name=True)


def test_a_picture_of_two_classes_is_listed_with_both(pictures, caplog):
    dataset, rows = pictures
    folder = dataset.config.dataset_root / "test"
    (folder / "dog" / "0.png").write_bytes((folder / "cat, tame" / "0.png").read_bytes())
    (folder / "dog" / "9.png").write_bytes((folder / "dog" / "2.png").read_bytes())  # twice, in one class
    lines = dump_hashes_classes(dataset, None, name=False).splitlines()
    expected = [f"{md5},{label}" for md5, label, _ in rows]
    expected[3] = expected[0].replace(",0", ",1")
    assert lines == expected
    assert "test pictures that occur in several classes, and are listed once per class: 1" in caplog.text
