"""Picture files are opened in one place, which starts no program, does not wait and limits memory."""

import os
import struct
import threading
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from learning_to_draw.datasets.picture_file import FORMATS, UnreadablePicture, take_from
from learning_to_draw.errors import UsageError

ROOT = Path(__file__).parents[2]
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 10\n%%EndComments\nshowpage\n%%EOF\n"


def pixels(picture):
    return np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize("name", [*FORMATS, "MPO"])
def test_every_listed_format_is_read_whatever_the_name_of_the_file(tmp_path, name):
    Image.init()
    if name not in Image.SAVE:
        pytest.skip(f"this Pillow does not write {name}")
    Image.new("RGB", (12, 9), "red").save(tmp_path / "picture.png", name)
    assert take_from(tmp_path / "picture.png", pixels).shape == (9, 12, 3)


@pytest.mark.parametrize("name", ["picture.png", "picture.jpg", "picture.eps"])
def test_postscript_starts_no_program(tmp_path, monkeypatch, name):
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch '{tmp_path}/started'\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)  # what Pillow remembers of an earlier search
    (tmp_path / name).write_bytes(EPS)
    with pytest.raises(
        UsageError, match=rf"{name}: it cannot be read \(it is not a picture of a known format\)\.\nKnown: .*PNG"
    ):
        take_from(tmp_path / name, pixels)
    assert not (tmp_path / "started").exists()


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    errors = []

    def read():
        try:
            take_from(tmp_path / "pipe.png", pixels)
        except UsageError as error:
            errors.append(str(error))

    reader = threading.Thread(target=read, daemon=True)  # it would wait for ever
    reader.start()
    reader.join(timeout=5)
    assert errors == [
        f"picture {tmp_path / 'pipe.png'}: it cannot be read (it is not a regular file).\n"
        "Replace the file, or remove it."
    ]


def test_devices_and_folders_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"/dev/zero: it cannot be read \(it is not a regular file\)"):
        take_from("/dev/zero", pixels)
    with pytest.raises(UsageError, match=r"it cannot be read \(it is a folder\)"):
        take_from(tmp_path, pixels)


def png_header(width, height):
    """The beginning of a PNG file, which says how large the picture is."""
    chunks = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0), b"IDAT" + zlib.compress(bytes(100))
    framed = (struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


@pytest.mark.parametrize("size", [(9_500, 9_500), (60_000, 50_000)])
@pytest.mark.parametrize("kind", ["png", "ppm"])
@pytest.mark.parametrize("warn", ["ignore", "error"])
def test_a_picture_of_absurd_size_is_refused_before_it_is_decoded(tmp_path, size, kind, warn):
    path = tmp_path / f"huge.{kind}"
    path.write_bytes(png_header(*size) if kind == "png" else b"P5 %d %d 255\n" % size)
    with warnings.catch_warnings():
        warnings.simplefilter(warn, Image.DecompressionBombWarning)
        with pytest.raises(UnreadablePicture) as caught:
            take_from(path, lambda picture: pytest.fail("it was accepted"))
    assert str(caught.value) == (
        f"picture {path}: it cannot be read (it has more than 89,478,485 pixels).\nScale it down, or remove it."
    )


@pytest.mark.parametrize(("side", "most"), [(5_000, 1), (50, 3)])
def test_threads_decode_large_pictures_one_at_a_time(tmp_path, side, most):
    path, active, seen = tmp_path / "picture.ppm", [], []
    path.write_bytes(b"P5 %d %d 255\n" % (side, side))
    ready, inside = threading.Barrier(3), threading.Barrier(most)

    def take(_):
        active.append(1)
        seen.append(len(active))
        inside.wait(timeout=30)  # small pictures: until all three threads are here
        time.sleep(0.05)
        active.pop()

    def read():
        ready.wait()
        take_from(path, take, take)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(seen) == most


def test_what_is_done_with_a_picture_afterwards_is_not_taken_for_damage(tmp_path):
    Image.new("L", (3, 3)).save(tmp_path / "picture.png")
    with pytest.raises(ZeroDivisionError):
        take_from(tmp_path / "picture.png", pixels, lambda taken: 1 / 0)
    with pytest.raises(UnreadablePicture, match="division by zero"):
        take_from(tmp_path / "picture.png", lambda picture: 1 / 0)


def test_no_other_module_opens_pictures():
    modules = [path for path in ROOT.rglob("*.py") if path.relative_to(ROOT).parts[0] != "tests"]
    opening = [path.relative_to(ROOT) for path in modules if "Image.open(" in path.read_text(encoding="utf-8")]
    assert opening == [Path("datasets", "picture_file.py")]
