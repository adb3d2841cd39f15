"""Decoded pictures come back from disk as they were, and never for other pictures or from a damaged file."""

import logging
import os
import pwd
import resource
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
import torch
from PIL import Image

from learning_to_draw.datasets import decoded_cache
from learning_to_draw.datasets.config import PictureFilesConfig
from learning_to_draw.datasets.decoded_cache import DecodedCache, cache_folder, cache_of
from learning_to_draw.datasets.decoding import decode, decode_ragged, resize, resize_and_crop
from learning_to_draw.datasets.ragged import RaggedImages
from learning_to_draw.errors import UsageError

RECIPE = {"transform": "none", "channels": 3}


@pytest.fixture
def paths(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "data" / "things"
    folder.mkdir(parents=True)
    for i in range(5):
        Image.fromarray(rng.integers(0, 256, (20 + i, 30, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    return sorted(folder.iterdir())


@pytest.fixture
def cache(tmp_path, paths):
    return DecodedCache(tmp_path / "cache", tmp_path / "data", "Things-train")


def kept(cache):
    return sorted(cache.folder.iterdir())


def square(paths, cache, size=16):
    return decode(paths, resize_and_crop(size), 3, 0, "decoding", cache=cache)


def unneeded():
    raise AssertionError("decoded again")


def test_pictures_of_one_size_come_back_as_they_were_without_the_files_being_read(paths, cache, spoil):
    first = square(paths, cache)
    assert torch.equal(first, square(paths, None))
    spoil(paths)
    again = square(paths, cache)
    assert torch.equal(again, first)
    assert again.dtype == torch.uint8
    again += 1  # it is memory of its own, not the file's
    assert torch.equal(square(paths, cache), first)
    with pytest.raises(UsageError, match="cannot be read"):
        square(paths, None)


def test_pictures_of_many_sizes_come_back_as_they_were(paths, cache, spoil):
    def rows(cache):
        ragged = decode_ragged(paths, resize(8), 3, 0, "decoding", cache=cache)
        assert isinstance(ragged, RaggedImages)
        return [ragged.picture(i).tolist() for i in range(len(ragged))], ragged.offsets.dtype, ragged.channels

    first = rows(cache)
    assert first == rows(None)
    spoil(paths)
    assert rows(cache) == first


def test_anything_that_changes_the_pixels_has_a_file_of_its_own(paths, cache):
    expected = {size: square(paths, None, size) for size in (16, 8)}
    for size in (16, 8, 16):
        assert torch.equal(square(paths, cache, size), expected[size])
    assert len(kept(cache)) == 2
    other = DecodedCache(cache.folder, cache.root, "Things-test")
    grey = decode(paths, resize_and_crop(16), 1, 0, "decoding", cache=cache)
    upright = decode(paths, resize_and_crop(16), 3, 0, "decoding", cache=cache, upright=True)
    assert (grey.shape[1], upright.shape[1], len(square(paths[::-1], cache))) == (1, 3, 5)
    assert torch.equal(square(paths[::-1], cache), expected[16].flip(0))
    assert torch.equal(square(paths[:3], other), expected[16][:3])
    assert len(kept(cache)) == 6


def test_the_fingerprint_follows_the_files_and_the_packages(paths, cache, monkeypatch):
    prints = [cache.fingerprint(paths, RECIPE)]
    assert prints[0] == cache.fingerprint([str(path) for path in paths], dict(reversed(RECIPE.items())))
    state = paths[2].stat()
    os.utime(paths[2], ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    prints.append(cache.fingerprint(paths, RECIPE))
    paths[2].write_bytes(paths[2].read_bytes() + b"\0")
    os.utime(paths[2], ns=(state.st_atime_ns, state.st_mtime_ns))
    prints.append(cache.fingerprint(paths, RECIPE))
    paths[2] = paths[2].rename(paths[2].with_name("2b.png"))
    prints.append(cache.fingerprint(paths, RECIPE))
    monkeypatch.setattr(decoded_cache, "PACKAGES", ("pillow", "no-such-package"))
    prints.append(cache.fingerprint(paths, RECIPE))
    monkeypatch.setattr(decoded_cache, "FORMAT", -1)
    prints.append(cache.fingerprint(paths, RECIPE))
    assert len(set(prints)) == 6


def test_the_data_root_may_be_named_in_another_way(paths, cache, tmp_path, monkeypatch):
    first = cache.fingerprint(paths, RECIPE)
    (tmp_path / "link").symlink_to(tmp_path / "data")
    linked = [tmp_path / "link" / "things" / path.name for path in paths]
    assert DecodedCache(cache.folder, tmp_path / "link", cache.name).fingerprint(linked, RECIPE) == first
    monkeypatch.chdir(tmp_path / "data")
    here = [path.relative_to(tmp_path / "data") for path in paths]
    assert DecodedCache(cache.folder, here[0].parents[1], cache.name).fingerprint(here, RECIPE) == first


def test_two_data_sets_that_differ_in_their_pixels_only_do_not_mix(paths, cache, tmp_path):
    first = square(paths, cache)
    other = tmp_path / "other"
    shutil.copytree(cache.root, other)  # names, sizes and times are those of the first one
    copies = [other / path.relative_to(cache.root) for path in paths]
    for path in copies:
        state = path.stat()
        Image.new("RGB", (30, 20), "red").save(path)
        path.write_bytes(path.read_bytes().ljust(state.st_size, b"\0"))
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert [path.stat().st_size for path in copies] == [path.stat().st_size for path in paths]
    again = square(copies, DecodedCache(cache.folder, other, cache.name))
    assert torch.equal(again, square(copies, None))
    assert not torch.equal(again, first)


def test_temporary_files_of_killed_runs_are_removed_after_a_day(paths, cache):
    square(paths, cache)
    name = kept(cache)[0].stem
    old, recent = (cache.folder / f".{name}.{number}.tmp.npz" for number in ("0123abcd", "4567abcd"))
    unknown = cache.folder / ".mine.tmp.npz"
    for path in (old, recent, unknown):
        path.write_bytes(b"half a file")
    for path in (old, unknown):
        os.utime(path, (time.time() - 90_000,) * 2)
    square(paths, cache)  # reads only
    assert old.exists()
    square(paths[1:], cache)
    assert not old.exists()
    assert recent.exists()
    assert unknown.exists()


def test_a_killed_run_leaves_a_temporary_file_that_the_next_run_recognises(paths, cache):
    script = "import os, signal, sys\nimport numpy as np\nfrom pathlib import Path\nimport torch\n"
    script += "from learning_to_draw.datasets import decoded_cache\n"
    script += "save = np.savez\n"
    script += "np.savez = lambda *a, **k: (save(*a, **k), os.kill(os.getpid(), signal.SIGKILL))\n"
    script += "cache = decoded_cache.DecodedCache(Path(sys.argv[1]), Path(sys.argv[2]), 'Things-train')\n"
    script += "cache.fetch(sys.argv[3:], {}, lambda: torch.zeros(5, 3, 4, 4, dtype=torch.uint8))\n"
    words = [sys.executable, "-c", script, cache.folder, cache.root, *paths]
    assert subprocess.run(words, cwd=Path(__file__).parents[2]).returncode == -signal.SIGKILL
    (left,) = kept(cache)
    os.utime(left, (time.time() - 90_000,) * 2)
    square(paths, cache)
    assert left not in kept(cache)
    assert len(kept(cache)) == 1


def test_where_the_cache_is(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    root = tmp_path / "pictures"
    assert cache_folder(PictureFilesConfig(dataset_root=root)) == tmp_path / "home" / "learning-to-draw"
    assert cache_folder(PictureFilesConfig(dataset_root=root, cache_dir=tmp_path / "mine")) == tmp_path / "mine"
    assert cache_of(PictureFilesConfig(dataset_root=root, no_cache=True), "Things-train") is None
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match=r"--cache-dir .*file is not a folder"):
        cache_folder(PictureFilesConfig(dataset_root=root, cache_dir=tmp_path / "file"))


def test_a_user_without_a_home_folder_has_no_cache_by_default(tmp_path, monkeypatch):
    def unknown(_):
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", unknown)  # as for a container's user who is not in its list of users
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME")
    assert cache_folder(PictureFilesConfig()) is None
    assert cache_folder(PictureFilesConfig(cache_dir=tmp_path)) == tmp_path


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1  # in the middle of the pixels
    path.write_bytes(content)


def save_other_arrays(path):
    np.savez(path, pixels=np.zeros(3))


def save_fewer_pictures(path):
    np.savez(path, images=np.zeros((4, 3, 16, 16), dtype=np.uint8))


def save_numbers_of_another_kind(path):
    np.savez(path, images=np.zeros((5, 3, 16, 16)))


def save_sizes_that_do_not_fit(path):
    pixels, sizes = np.zeros(5 * 3 * 16, dtype=np.uint8), np.full(5, 4)
    np.savez(path, pixels=pixels, offsets=np.arange(5) * 48, heights=sizes, widths=sizes + 1, channels=np.array(3))


def save_python_objects(path):
    np.savez(path, images=np.array([print, len], dtype=object))


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"something else"),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes()[:2000]),
        flip_a_byte,
        save_other_arrays,
        save_fewer_pictures,
        save_numbers_of_another_kind,
        save_sizes_that_do_not_fit,
        save_python_objects,
    ],
)
def test_a_damaged_file_is_made_anew(paths, cache, caplog, damage):
    caplog.set_level(logging.INFO, "learning_to_draw.datasets")
    first = square(paths, cache)
    (file,) = kept(cache)
    content = file.read_bytes()
    damage(file)
    assert torch.equal(square(paths, cache), first)
    assert f"{file} is damaged (" in caplog.text
    assert kept(cache) == [file]
    assert len(file.read_bytes()) == len(content)
    caplog.clear()
    assert torch.equal(square(paths, cache), first)
    assert f"read decoded pictures from {file}" in caplog.text


def test_a_cache_folder_that_cannot_be_made_is_no_error(paths, cache, caplog):
    caplog.set_level(logging.INFO, "learning_to_draw.datasets")
    cache.folder.write_text("in the way")
    assert torch.equal(square(paths, cache), square(paths, None))
    assert f"decoded pictures cannot be saved in {cache.folder} for the next run: " in caplog.text
    assert cache.folder.read_text() == "in the way"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_cache_folder_is_no_error(paths, cache):
    cache.folder.mkdir()
    cache.folder.chmod(0o555)
    try:
        assert torch.equal(square(paths, cache), square(paths, None))
    finally:
        cache.folder.chmod(0o755)
    assert kept(cache) == []


# Python 3.10 tries once more to finish a zip file when it is collected, and says so.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_disk_that_is_full_leaves_nothing_half_written(paths, cache, caplog):
    caplog.set_level(logging.INFO, "learning_to_draw.datasets")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))  # bytes a file may have
    try:
        images = square(paths, cache)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert torch.equal(images, square(paths, None))
    assert "decoded pictures cannot be saved in " in caplog.text
    assert kept(cache) == []


def test_runs_that_start_at_once_do_not_disturb_each_other(paths, cache):
    runs = 6
    together = Barrier(runs)

    def slow():
        together.wait(timeout=30)  # every one of them has found nothing and decodes
        return square(paths, None)

    with ThreadPoolExecutor(runs) as pool:
        results = [pool.submit(cache.fetch, paths, RECIPE, slow) for _ in range(runs)]
        images = [result.result() for result in results]
    assert all(torch.equal(one, images[0]) for one in images)
    assert len(kept(cache)) == 1
    assert torch.equal(cache.fetch(paths, RECIPE, unneeded), images[0])


def test_a_picture_that_is_gone_is_named_although_its_pixels_are_kept(paths, cache):
    square(paths, cache)
    paths[1].unlink()
    with pytest.raises(UsageError, match=f"picture {paths[1]}: it cannot be read .there is no such file"):
        square(paths, cache)
