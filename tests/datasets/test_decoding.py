"""Pictures from files of several kinds, and files that are broken."""

import functools
import itertools
import os
import re
import resource
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torchvision import transforms

from learning_to_draw.datasets.decoding import (
    ADDRESS,
    decode,
    decode_ragged,
    read_picture,
    resize,
    resize_and_crop,
    steps_of,
    to_tensor,
)
from learning_to_draw.datasets.omniglot import centre
from learning_to_draw.errors import UsageError


def save(path, pixels, **options):
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(path, **options)
    return path


@pytest.fixture
def paths(tmp_path):
    rng = np.random.default_rng(0)
    return [save(tmp_path / f"{i}.png", rng.integers(0, 256, (8, 8, 3))) for i in range(9)]


@pytest.mark.parametrize("num_workers", [0, 1, 3])
def test_pictures_are_decoded_in_order_whatever_the_number_of_threads(paths, num_workers):
    images = decode(paths * 30, lambda picture: picture, 3, num_workers, "decoding")
    assert images.shape == (270, 3, 8, 8)
    assert images.dtype == torch.uint8
    for i, image in enumerate(images):
        expected = np.array(Image.open(paths[i % 9]))
        assert np.array_equal(image.permute(1, 2, 0).numpy(), expected)


def test_resize_and_crop_takes_the_middle_of_the_shorter_side(tmp_path):
    pixels = np.zeros((40, 100, 3))
    pixels[:, 30:70] = (200, 100, 50)
    path = save(tmp_path / "wide.png", pixels)
    image = decode([path], resize_and_crop(10), 3, 0, "decoding")[0]
    assert image.shape == (3, 10, 10)
    assert torch.equal(image[:, :, 2:8], torch.tensor([200, 100, 50], dtype=torch.uint8).view(3, 1, 1).expand(3, 10, 6))


def test_small_pictures_are_enlarged(tmp_path):
    path = save(tmp_path / "tiny.png", np.full((3, 2, 3), 9))
    assert decode([path], resize_and_crop(16), 3, 0, "decoding").shape == (1, 3, 16, 16)


def test_ragged(tmp_path):
    paths = [save(tmp_path / "a.png", np.full((4, 6, 3), 7)), save(tmp_path / "b.png", np.full((5, 3, 3), 8))]
    ragged = decode_ragged(paths, lambda picture: picture, 3, 2, "decoding")
    assert ragged.heights.tolist() == [4, 5]
    assert ragged.widths.tolist() == [6, 3]
    assert ragged.nbytes == 3 * (4 * 6 + 5 * 3)
    assert (ragged.picture(1) == 8).all()


def test_greyscale_to_colour_and_back(tmp_path):
    grey = save(tmp_path / "grey.png", np.full((2, 2), 77))
    assert to_tensor(read_picture(grey, 3)).flatten().tolist() == [77] * 12
    assert to_tensor(read_picture(grey, 1)).shape == (1, 2, 2)


def test_transparent_pixels_become_white(tmp_path):
    path = save(tmp_path / "glass.png", [[[10, 20, 30, 0], [10, 20, 30, 255]]])
    assert to_tensor(read_picture(path, 3)).permute(1, 2, 0).tolist() == [[[255, 255, 255], [10, 20, 30]]]


def test_sixteen_bit_greyscale_is_scaled_not_clipped(tmp_path):
    path = tmp_path / "deep.png"
    Image.fromarray(np.array([[0, 32768, 65535]], dtype=np.uint16)).save(path)
    assert to_tensor(read_picture(path, 3))[0].tolist() == [[0, 128, 255]]


@pytest.mark.parametrize("brightest", [100, 255, 256, 4095])
def test_one_rule_for_all_sixteen_bit_pictures_however_bright_they_are(tmp_path, brightest):
    levels = np.array([[0, brightest // 2, brightest]], dtype=np.uint16)
    for name in ("deep.png", "deep.tif", "deep.pgm"):
        Image.fromarray(levels).save(tmp_path / name)
        assert to_tensor(read_picture(tmp_path / name, 1)).flatten().tolist() == (levels // 256).flatten().tolist()


@pytest.mark.parametrize(("kind", "told"), [(np.int32, "whole numbers of 32 bits"), (np.float32, "floating-point")])
def test_pixels_of_unknown_range_are_refused(tmp_path, kind, told):
    path = tmp_path / "labels.tif"
    Image.fromarray(np.array([[0, 100, 70_000]], dtype=kind)).save(path)
    with pytest.raises(UsageError, match=rf"labels.tif: it cannot be read \(its pixels are {told}"):
        read_picture(path, 1)


def test_large_transparent_pictures_are_composited_as_a_whole_would_be(tmp_path):
    rng = np.random.default_rng(1)
    whole = Image.fromarray(rng.integers(0, 256, (700, 5, 4), dtype=np.uint8))
    whole.save(tmp_path / "glass.png")
    expected = np.asarray(Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole).convert("RGB"))
    assert np.array_equal(np.asarray(read_picture(tmp_path / "glass.png", 3)), expected)
    palette = whole.convert("RGB").quantize(16)
    palette.save(tmp_path / "palette.png", transparency=bytes(range(0, 256, 16)))
    with Image.open(tmp_path / "palette.png") as picture:
        paper = Image.new("RGBA", whole.size, "white")
        expected = np.asarray(Image.alpha_composite(paper, picture.convert("RGBA")).convert("L"))
    assert np.array_equal(np.asarray(read_picture(tmp_path / "palette.png", 1)), expected)


@pytest.mark.parametrize("size", [(1, 50_000), (50_000, 1), (3, 700)])
def test_thin_pictures_are_cut_before_they_are_scaled(tmp_path, size):
    Image.new("RGB", size, (10, 20, 30)).save(tmp_path / "rule.png")
    picture = resize(200)(read_picture(tmp_path / "rule.png", 3))
    assert (min(picture.size), max(picture.size)) == (200, 3200)
    ragged = decode_ragged([tmp_path / "rule.png"], resize(200), 3, 0, "decoding")
    assert ragged.nbytes == 3 * 200 * 3200
    square = decode([tmp_path / "rule.png"], resize_and_crop(200), 3, 0, "decoding")
    assert square[0].flatten(1).unique(dim=1).flatten().tolist() == [10, 20, 30]


def test_the_middle_of_a_thin_picture_is_the_same_as_without_cutting():
    ramp = np.tile(np.linspace(0, 255, 401).astype(np.uint8)[:, None], (1, 7))  # 57 times as high as wide
    for pixels in (ramp, ramp.T):
        picture = Image.fromarray(pixels)
        plain = transforms.Compose([transforms.Resize(14), transforms.CenterCrop(14)])(picture)
        cut = resize_and_crop(14)(picture)
        assert np.abs(np.asarray(cut, dtype=int) - np.asarray(plain, dtype=int)).max() <= 1


def test_pictures_of_usual_shapes_are_scaled_as_before():
    rng = np.random.default_rng(0)
    for height, width in ((30, 40), (10, 160), (157, 10)):
        picture = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
        plain = transforms.Compose([transforms.Resize(24), transforms.CenterCrop(24)])(picture)
        assert np.array_equal(np.asarray(resize_and_crop(24)(picture)), np.asarray(plain))


@pytest.mark.parametrize("orientation", range(10))
def test_every_exif_orientation(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as picture:
        picture.load()
        expected = np.asarray(ImageOps.exif_transpose(picture))
    assert np.array_equal(np.asarray(read_picture(tmp_path / "turned.png", 1, upright=True)), expected)


BROKEN_EXIF = {
    "no header": b"Exif\0\0garbage",
    "empty": b"Exif\0\0",
    "ends early": b"Exif\0\0MM\0*\0\0\0\x08\0\x07\x01\x12\0\x03",
    "points beyond its end": b"Exif\0\0II*\0\xff\xff\xff\x7f",
    "orientation is a text": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x02\0\0\0x\0\0\0\0\0\0\0",
}


@pytest.mark.filterwarnings("ignore::UserWarning:PIL.TiffImagePlugin")  # the command line ignores them, too
@pytest.mark.parametrize("kind", ["png", "jpg", "webp"])
@pytest.mark.parametrize("exif", BROKEN_EXIF)
def test_a_picture_with_broken_exif_is_taken_as_it_lies(tmp_path, exif, kind):
    pixels = np.zeros((4, 6, 3))
    pixels[:, :3] = 255
    path = save(tmp_path / f"phone.{kind}", pixels, exif=BROKEN_EXIF[exif])
    picture = read_picture(path, 3, upright=True)
    assert np.array_equal(np.asarray(picture), np.asarray(read_picture(path, 3)))
    assert picture.size == (6, 4)


def test_exif_orientation_only_where_asked_for(tmp_path):
    path = tmp_path / "turned.png"
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    pixels = np.zeros((2, 3), dtype=np.uint8)
    pixels[0, 0] = 255
    Image.fromarray(pixels).save(path, exif=exif)
    assert to_tensor(read_picture(path, 1))[0].tolist() == pixels.tolist()
    assert to_tensor(read_picture(path, 1, upright=True))[0].tolist() == [[0, 255], [0, 0], [0, 0]]


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("content", [b"", b"no picture at all", "cut short", None])
def test_a_broken_picture_is_named(paths, tmp_path, content, num_workers):
    broken = tmp_path / "broken.jpg"
    if content == "cut short":
        save(broken, np.random.default_rng(0).integers(0, 256, (64, 64, 3)))
        broken.write_bytes(broken.read_bytes()[:700])
    elif content is not None:
        broken.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        decode([*paths, broken, *paths], resize_and_crop(8), 3, num_workers, "decoding")
    message = str(caught.value)
    assert message.startswith(f"picture {broken}: it cannot be read (")
    assert ("there is no such file" in message) == ("\nPut it there" in message) == (content is None)
    assert ("Replace the file" in message) == (content is not None)
    assert len(message.splitlines()) <= 5


@pytest.mark.parametrize("num_workers", [0, 3])
@pytest.mark.parametrize(("broken", "shown"), [(2, 2), (3, 3), (7, 3)])
def test_several_broken_pictures_are_one_message_with_their_number(paths, broken, shown, num_workers):
    for path in paths[2 : 2 + broken]:
        path.write_bytes(b"no picture")
    with pytest.raises(UsageError) as caught:
        decode(paths, resize_and_crop(8), 3, num_workers, "decoding")
    first, *named, last = str(caught.value).splitlines()
    assert first == f"{broken} of 9 pictures cannot be read" + (", such as" if broken > shown else ":")
    assert [line.split(": ")[0] for line in named] == [str(path) for path in paths[2 : 2 + shown]]
    assert last == "Replace these files, or remove them."


def read_all(paths):
    return decode(paths, lambda picture: picture, 3, 60, "decoding")


def test_with_too_few_file_descriptors_fewer_threads_decode(paths, caplog):
    expected = read_all(paths * 20)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = {int(number) for number in os.listdir("/proc/self/fd")}
    free = (number for number in itertools.count() if number not in taken)
    # The limit is on the numbers of descriptors: it leaves twelve free numbers.
    resource.setrlimit(resource.RLIMIT_NOFILE, (next(itertools.islice(free, 12, None)), limits[1]))
    try:
        assert torch.equal(read_all(paths * 20), expected)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert re.search(r"using \d+ of 60 threads for decoding", caplog.text)


@pytest.mark.parametrize("room", [0, 5])
def test_where_threads_cannot_be_started_fewer_decode_or_the_calling_one(paths, room, caplog):
    expected = read_all(paths * 20)
    limits, stack = resource.getrlimit(resource.RLIMIT_AS), 1 << 30
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = threading.stack_size(stack)
    resource.setrlimit(resource.RLIMIT_AS, (taken + room * stack + stack // 2, limits[1]))
    try:
        assert torch.equal(read_all(paths * 20), expected)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
        threading.stack_size(before)
    assert f"using {max(room // 2, 1)} of 60 threads for decoding" in caplog.text


def test_the_steps_of_a_transform_have_all_that_decides_about_pixels():
    steps = steps_of(transforms.Compose([resize_and_crop(12), ImageOps.invert, centre, transforms.Pad(3, fill=7)]))
    words = " ".join(f"{name} {shown}" for name, shown, _ in steps)
    for part in ("Resize(size=12", "bilinear", "CenterCrop(size=(12, 12))", "ImageOps.invert", "omniglot.centre", "7"):
        assert part in words
    assert steps_of(resize_and_crop(12)) == steps_of(resize_and_crop(12)) != steps_of(resize_and_crop(13))
    partial = functools.partial(ImageOps.solarize, threshold=3)
    assert steps_of(partial) == steps_of(functools.partial(ImageOps.solarize, threshold=3))
    assert steps_of(partial) != steps_of(functools.partial(ImageOps.solarize, threshold=4))
    assert ADDRESS.search(repr(steps_of(lambda picture: picture))) is None
