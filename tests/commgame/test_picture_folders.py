"""A user's folder of pictures: what a run leaves in it, the cache of decoded pictures, and strange pictures."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torchvision
from PIL import Image

ROOT = Path(__file__).parents[2]
SMALL = ["--dataset", "ImageFolder", "--encoder", "SmallCNNEncoder", "--image-size", "16", "--batch-size", "3"]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The user's cache folder, which does not exist yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user cache"))
    return tmp_path / "user cache" / "learning-to-draw"


def state(folder):
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def plan(out, name):
    return [line for line in out.splitlines() if line.startswith(f"{name}  ")]


def test_after_a_training_the_folder_is_as_before_and_torchvision_reads_it(tmp_path, train, picture_folder, cache):
    root = picture_folder(tmp_path / "mine")
    before = state(root)
    out = train(tmp_path / "run", *SMALL, "--dataset-root", root)
    assert state(root) == before
    assert len(torchvision.datasets.ImageFolder(root)) == 36
    files = sorted(cache.iterdir())
    assert [path.name.split("-")[1] for path in files] == ["test", "train", "valid"]
    megabytes = sum(path.stat().st_size for path in files) / 2**20
    assert plan(out, "cache") == [f"cache          {megabytes:.1f} MiB of files in {cache}"]
    again = train(tmp_path / "again", *SMALL, "--dataset-root", root)
    assert again.count("read decoded pictures from ") == 3
    for name in ("log.csv", "val_games.png"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_cache_options_are_of_one_start(tmp_path, call, train, picture_folder, cache):
    root, mine = picture_folder(tmp_path / "mine"), tmp_path / "my cache"
    words = [*SMALL, "--dataset-root", root]
    out = train(tmp_path / "run", *words, "--cache-dir", mine)
    assert plan(out, "cache")[0].endswith(f" MiB of files in {mine}")
    assert len(list(mine.iterdir())) == 3
    assert not cache.exists()
    code, out, _ = call("test", "--weights", tmp_path / "run" / "model_final.pt", "--output", tmp_path / "tested")
    assert code == 0
    assert [path.name.split("-")[1] for path in cache.iterdir()] == ["test"]
    code, out, err = call("train", "--resume", tmp_path / "run", "--epochs", "2", "--no-cache")
    assert code == 0, err
    assert plan(out, "cache") == ["cache          none (--no-cache)"]
    assert len(list(cache.iterdir())) == 1
    _, out, _ = call("train", *words, "--cache-dir", mine, "--no-cache", "--print-config")
    assert not {"cache_dir", "no_cache"} & json.loads(out)["options"].keys()


def test_every_data_set_accepts_the_cache_options(tmp_path, train):
    out = train(tmp_path / "run", "--no-cache", "--cache-dir", tmp_path / "cache", "--dry-run")
    assert not plan(out, "cache")  # Digits decodes no files


def test_a_cache_folder_that_is_a_file_is_an_error(tmp_path, call, picture_folder):
    root = picture_folder(tmp_path / "mine")
    (tmp_path / "file").write_text("mine")
    words = ["--dataset-root", root, "--cache-dir", tmp_path / "file", "--output", tmp_path / "run"]
    code, _, err = call("train", *SMALL, *words)
    assert code == 2
    assert err.startswith(f"error: --cache-dir {tmp_path / 'file'} is not a folder.")
    assert not (tmp_path / "run").exists()


def test_decoded_pictures_of_an_earlier_version_are_not_used_and_can_be_deleted(tmp_path, train, picture_folder, cache):
    root = picture_folder(tmp_path / "mine")
    (root / ".decoded").mkdir()
    (root / ".decoded" / "ImageFolder-train-0123456789abcdef.npz").write_bytes(b"old")
    before = state(root)
    out = train(tmp_path / "run", *SMALL, "--dataset-root", root)
    assert out.count(".decoded") == 1
    assert plan(out, "old cache") == [f"old cache      {root / '.decoded'} is not used any more and can be deleted"]
    assert state(root) == before


def test_pictures_of_a_twelve_bit_camera_are_warned_of_once(tmp_path, train, cache):
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "mine" / name).mkdir(parents=True)
        for number in range(30):
            pixels = rng.integers(0, 4096, (20, 20)).astype(np.uint16)
            pixels[0, 0] = 4095
            Image.fromarray(pixels).save(tmp_path / "mine" / name / f"{number}.png")
    for run in ("decoded", "from the cache"):
        out = train(tmp_path / run, *SMALL, "--dataset-root", tmp_path / "mine")
        assert out.count("ImageFolder: all pictures are nearly black: the brightest value is 15 of 255.") == 1


def test_a_picture_with_broken_exif_is_trained_on_without_a_word(tmp_path, call, picture_folder, cache):
    root = picture_folder(tmp_path / "mine")
    for path in (root / "cat").glob("*.png"):
        picture = Image.open(path).copy()
        path.unlink()
        picture.save(path.with_suffix(".jpg"), exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x07\x01\x12\0\x03")
    code, _, err = call("train", *SMALL, "--dataset-root", root, "--dry-run")
    assert (code, err) == (0, "")


def test_a_huge_picture_is_one_message_and_no_warning(tmp_path, call, picture_folder, cache):
    root = picture_folder(tmp_path / "mine")
    (root / "dog" / "satellite.ppm").write_bytes(b"P6 12000 10000 255\n")
    code, _, err = call("train", *SMALL, "--dataset-root", root, "--dry-run")
    assert code == 2
    assert err.splitlines() == [
        f"error: picture {root / 'dog' / 'satellite.ppm'}: it cannot be read (it has more than 89,478,485 pixels).",
        "       Scale it down, or remove it.",
    ]


@pytest.mark.slow
def test_a_ruled_line_takes_no_memory(tmp_path, picture_folder, cache):
    root = picture_folder(tmp_path / "mine")
    Image.new("RGB", (30_000, 1), "blue").save(root / "owl" / "line.png")
    words = ["commgame.py", "train", *SMALL, "--image-size", "256", "--dataset-root", root, "--dry-run"]
    code = (
        "import resource, runpy, sys; sys.argv = sys.argv[1:]\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stderr.split()[-1]) < 2 << 20  # KiB; scaled before it was cut, it took more than 5 GiB


def test_pillow_gives_the_memory_of_large_pictures_back():
    code = "from learning_to_draw import commgame; commgame.main(['list']); from PIL import Image; "
    code += "print(Image.core.get_block_size())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == str(64 << 20)  # above glibc's largest threshold for mapping memory


def test_sixty_pictures_with_the_preset_at_the_first_try(tmp_path, call, train, picture_folder, cache):
    root = picture_folder(tmp_path / "mine", pictures=20)
    small = ["--encoder", "SmallCNNEncoder", "--image-size", "16", "--no-sort-of-perceptual-loss"]
    out = train(tmp_path / "run", "--dataset", "ImageFolder", "--dataset-root", root, "--preset", "photos", *small)
    sizes = dict(re.findall(r"(\w+) (\d+)", re.search(r"^data set .*ImageFolder: ([^;]*);", out, re.MULTILINE)[1]))
    name = min(sizes, key=lambda split: int(sizes[split]))
    assert f"\nbatch size     {sizes[name]} instead of 50: the {name} split has {sizes[name]} pictures\n" in out
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert f"\nonly {result['games']} games: the 95% interval is {width(result)} percentage points wide; " in out
    assert out.endswith(
        "; use more pictures, or train with a larger --val-fraction than 0.15 if the folder has no such split of its "
        "own\n"
    )

    weights = tmp_path / "run" / "model_final.pt"
    code, out, err = call("test", "--weights", weights, "--output", tmp_path / "tested")
    assert code == 0, err
    tested = json.loads((tmp_path / "tested" / "result.json").read_text())
    assert tested["candidates"] == result["candidates"] == int(sizes[name])
    assert out.splitlines()[-1] == (
        f"only {tested['games']} games: the 95% interval is {width(tested)} percentage points wide; use more "
        "pictures, or train with a larger --test-fraction than 0.15 if the folder has no such split of its own"
    )
    assert tested["options"] == {name: value for name, value in result["options"].items() if name != "device"}
    assert tested["options"]["preset"] == "photos"
    assert tested["options"]["dataset_root"] == str(root)

    code, _, err = call(
        "train", "--preset", "photos", *small, "--dataset-root", root, "--batch-size", "50", "--dry-run"
    )
    assert code == 2
    assert err == (
        f"error: --batch-size 50: the {name} split has {sizes[name]} pictures.\n"
        f"       Give at most {sizes[name]}, or use more pictures.\n"
    )


def width(result):
    low, high = result["interval"]
    return round(100 * (high - low))
