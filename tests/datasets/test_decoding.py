"""Pictures from files of several kinds, and files that are broken."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torchvision import transforms

from learning_to_draw.datasets.decoding import decode, decode_ragged, in_words, read_picture, resize_and_crop, to_tensor
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
    assert ("\nReplace the file with an intact copy" in message) == (content is not None)
    assert len(message.splitlines()) <= 5


def test_a_transform_in_words_has_all_that_decides_about_pixels():
    words = in_words(transforms.Compose([resize_and_crop(12), ImageOps.invert, centre, transforms.Pad(3, fill=7)]))
    for part in ("Resize(size=12", "bilinear", "CenterCrop(size=(12, 12))", "ImageOps.invert", "omniglot.centre", "7"):
        assert part in words
    assert in_words(resize_and_crop(12)) == in_words(resize_and_crop(12)) != in_words(resize_and_crop(13))


@pytest.mark.parametrize(
    "transform", [lambda picture: picture, object(), transforms.Compose([lambda picture: picture])]
)
def test_a_transform_without_words_is_refused(transform):
    with pytest.raises(AssertionError, match="does not say what is done"):
        in_words(transform)
