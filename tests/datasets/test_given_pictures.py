"""Pictures given in Python: the same picture in every form is the same, and what can be read in two ways is refused."""

import numpy as np
import pytest
import torch
from PIL import Image

from learning_to_draw.datasets.given_pictures import as_seen
from learning_to_draw.errors import UsageError


@pytest.fixture
def colours():
    """uint8 [30, 40, 3]."""
    return np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_every_form_of_a_picture_is_the_same(colours, channels, tmp_path):
    Image.fromarray(colours).save(tmp_path / "a.png")
    path = tmp_path / "a.png"
    expected = as_seen(path, 12, channels)
    assert (expected.shape, expected.dtype) == ((1, channels, 12, 12), torch.float32)
    planes = colours.transpose(2, 0, 1)
    forms = [str(path), Image.fromarray(colours), colours, planes, torch.from_numpy(planes.copy()), colours[None]]
    for form in [*forms, planes[None], colours[::-1][::-1], [path]]:
        assert torch.equal(as_seen(form, 12, channels), expected)
    assert torch.equal(as_seen(forms[:4], 12, channels), expected.expand(4, -1, -1, -1))
    # Floats are not rounded to 8 bits, neither before nor after scaling: grey and scaled rows differ by one step each.
    for kind in (np.float16, np.float32, np.float64):
        floats = as_seen((colours / 255).astype(kind), 12, channels)
        assert (floats - expected).abs().max() < 1.6 / 255
    assert torch.equal(as_seen(expected, 12, channels), expected)
    assert torch.equal(as_seen(expected.numpy(), 12, channels), expected)


def test_scaled_and_cropped_as_computed_by_hand():
    wide = np.zeros((2, 8), dtype=np.uint8)
    wide[:, 2:6] = 200  # the shorter side is 2 already: only the two columns in the middle are left
    wide[1, 4] = 50
    assert torch.equal(as_seen(wide, 2, 1)[0, 0] * 255, torch.tensor([[200.0, 200.0], [200.0, 50.0]]))
    halves = np.array([[0.0, 0.0, 1.0, 1.0]] * 4, dtype=np.float32)
    small = as_seen(halves, 2, 3)[0]  # a triangle of two pixels to each side: weights 1, 3, 3, 1, cut at the edge
    assert torch.allclose(small, torch.tensor([1 / 7, 6 / 7]).expand(3, 2, 2), atol=1e-6)


def test_channels_are_made_and_left_out():
    red = np.zeros((4, 8, 3), dtype=np.uint8)
    red[:, 2:6] = (255, 0, 0)
    assert torch.equal(as_seen(red, 4, 3)[0, :, 0, 0], torch.tensor([1.0, 0.0, 0.0]))
    assert torch.equal(as_seen(red, 4, 1), torch.full((1, 1, 4, 4), 76 / 255))  # 0.299 * 255
    assert torch.allclose(as_seen(red / 255, 4, 1), torch.full((1, 1, 4, 4), 0.299))
    grey = np.full((4, 4), 7, dtype=np.uint8)
    assert torch.equal(as_seen(grey, 4, 3), torch.full((1, 3, 4, 4), 7 / 255))
    assert as_seen(np.zeros((5, 4, 4, 1), dtype=np.uint8), 4, 3).shape == (5, 3, 4, 4)
    assert as_seen(np.zeros((3, 4, 4), dtype=np.uint8), 4, 1).shape == (1, 1, 4, 4)  # one in colour, not three


def test_files_and_pil_images_are_turned_upright_and_put_on_white(tmp_path):
    upper = np.zeros((4, 4), dtype=np.uint8)
    upper[0] = 200
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    Image.fromarray(upper).save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as opened:
        for form in (tmp_path / "turned.png", opened):
            turned = as_seen(form, 4, 1)[0, 0] * 255
            assert torch.equal(turned[:, 3], torch.full((4,), 200.0))
            assert turned[:, :3].max() == 0
    assert as_seen(Image.new("RGBA", (4, 4)), 4, 3).min() == 1


@pytest.mark.parametrize(
    ("images", "told"),
    [
        ([], "list of images is empty"),
        (np.zeros((5, 4, 4), np.uint8), r"\[5, 4, 4\], which is not allowed"),
        (np.zeros((3, 9, 3), np.uint8), "can be read in two ways"),
        (np.zeros((2, 1, 9, 1), np.uint8), "can be read in two ways"),
        (np.zeros((4, 4, 4), np.uint8), "which is not allowed"),
        (np.zeros(4, np.uint8), r"the shape \[4\]"),
        (np.zeros((1, 1, 1, 4, 4), np.uint8), "the shape"),
        (np.zeros((0, 4), np.uint8), "without pixels"),
        ([np.zeros((2, 1, 4, 4), np.uint8)], "image 0 of the list is a batch"),
        (np.zeros((4, 4), int), "values of the type int64"),
        (np.zeros((4, 4), bool), "values of the type bool"),
        (torch.zeros(4, 4, dtype=torch.int32), "values of the type int32"),
        ([np.zeros((4, 4)), np.full((4, 4), 255.0)], "image 1 of the list has floats from 255 to 255"),
        (np.full((4, 4), -0.5), "from -0.5"),
        (np.full((4, 4), np.nan), "values that are NaN"),
        ([[0.0, 1.0]], "image 0 of the list is of the type list"),
        (7, "the image is of the type int"),
        ("gone.png", "no such file"),
        (Image.new("F", (4, 4)), "floating-point numbers"),
    ],
)
def test_what_is_no_picture_is_refused(images, told):
    with pytest.raises(UsageError, match=told):
        as_seen(images, 4, 1)


def test_floats_may_be_beyond_one_if_the_caller_says_so():
    sketch = torch.full((1, 1, 4, 4), 1.4)
    assert torch.equal(as_seen(sketch, 4, 1, beyond=0.5), sketch)
    with pytest.raises(UsageError, match=r"to 1\.4"):
        as_seen(sketch, 4, 1, beyond=0.2)
