"""Sketches as Chromium shows their SVG, against the pixels that the decoder draws of the same strokes."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from learning_to_draw.models.decoders.base import Decoder, Strokes
from learning_to_draw.models.decoders.config import DecoderConfig
from learning_to_draw.rasteriser import curve_edt2_bruteforce, exp, pixel_grid, softor
from learning_to_draw.trials.records.svg import svg

pytestmark = pytest.mark.slow

SIZE, SIGMA2 = 256, 5e-3  # strokes 15 px wide

# Apart, so that no stroke's faint margin adds to another's, but for one crossing.
POINTS = [[[row, col]] for row in (-0.9, -0.3, 0.3, 0.9) for col in (-0.8, 0.0, 1.0)]
LINES = [
    [[-0.8, -0.8], [-0.1, 0.9]],
    [[-0.9, 0.6], [-0.1, -0.2]],
    [[0.2, -0.9], [0.9, -0.9]],
    [[0.4, 0.1], [0.4, 0.1]],  # of no length
    [[0.7, 0.3], [1.6, 1.2]],  # leaves the canvas
]
CURVES = [
    [[-0.9, -0.9], [0.3, -0.9], [-1.0, 0.2], [-0.2, 0.3]],
    [[0.2, -0.8], [0.9, -0.2], [-0.3, 0.3], [0.8, 0.8]],
    [[-0.8, 0.6], [-0.8, 0.6], [0.0, 0.9], [0.0, 0.9]],  # straight
    [[0.7, -0.5]] * 4,  # of no length
]
KINDS = pytest.mark.parametrize("points", [POINTS, LINES, CURVES], ids=["points", "lines", "curves"])


@pytest.fixture
def shown(browse, tmp_path):
    """shown(points, ...) -> float [3, SIZE, SIZE] in 0..1: what the browser makes of `svg` of these arguments."""

    def show(points, *details):
        (tmp_path / "sketch.svg").write_text(svg(points, SIGMA2, SIZE, *details))
        page = browse(tmp_path / "sketch.svg", viewport={"width": SIZE, "height": SIZE})
        with Image.open(io.BytesIO(page.screenshot())) as picture:
            return np.asarray(picture.convert("RGB"), dtype=np.float64).transpose(2, 0, 1) / 255

    return show


def drawn(points, intensities=None, invert=False, contrast=1.0):
    """float [1 or 3, SIZE, SIZE]: the raster of the same strokes."""
    decoder = ExactCurves(DecoderConfig(contrast=contrast), latent_size=0, image_size=SIZE)
    ink = decoder.draw(Strokes(points[None], SIGMA2, None if intensities is None else intensities[None]))[0]
    sketch = ink.clamp(max=1).numpy()
    return 1 - sketch if invert else sketch


class ExactCurves(Decoder):
    """Most decoders draw curves in ten straight pieces, up to 3 px beside these here; this one as they are."""

    def ink(self, strokes):
        if strokes.points.shape[2] < 4:
            return super().ink(strokes)
        rasters = exp(curve_edt2_bruteforce(strokes.points, pixel_grid(SIZE), 2, 12), SIGMA2).unsqueeze(2)
        return softor(rasters if strokes.intensities is None else rasters * strokes.intensities[..., None, None])


def likeness(one, other):
    """Intersection over union of two masks."""
    return (one & other).sum() / (one | other).sum()


@KINDS
@pytest.mark.parametrize(("invert", "contrast"), [(False, 1.0), (True, 1.0), (False, 2.0), (True, 0.7)])
def test_strokes_end_where_their_ink_is_half(shown, points, invert, contrast):
    points = torch.tensor(points)
    half = min(1.0, contrast) / 2
    seen, expected = shown(points, None, invert, contrast), drawn(points, None, invert, contrast)[0]
    inked = expected < 1 - half if invert else expected > half
    assert 0.02 < inked.mean() < 0.5
    for channel in seen:
        assert likeness(channel < 1 - half if invert else channel > half, inked) > 0.95
    assert seen.min() == pytest.approx(expected.min(), abs=0.01)
    assert seen.max() == pytest.approx(expected.max(), abs=0.01)


@KINDS
def test_colours_channel_by_channel(shown, points):
    points = torch.tensor(points)
    colours = torch.eye(3)[torch.arange(len(points)) % 3]
    seen, expected = shown(points, colours), drawn(points, colours)
    for channel in range(3):
        assert likeness(seen[channel] > 0.5, expected[channel] > 0.5) > 0.95


@pytest.mark.parametrize("points", [POINTS, LINES], ids=["points", "lines"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("invert", "contrast"), [(False, 1.0), (False, 0.7), (True, 0.7)])
def test_strokes_of_some_ink_add_up_where_they_lie_on_each_other(shown, points, channels, invert, contrast):
    """Three times the same stroke, in its middle: how ink falls off towards the edge does not matter there."""
    stroke = torch.tensor(points[:1])
    inks = torch.tensor([[0.1, 0.3, 0.5], [0.4, 0.2, 0.0], [0.6, 0.1, 0.3]])[:, :channels]
    seen, expected = shown(stroke.repeat(3, 1, 1), inks, invert, contrast), drawn(stroke, None)[0]
    union = contrast * (1 - torch.prod(1 - inks, dim=0)).numpy()
    middle = expected > 0.99
    assert middle.sum() >= 3
    assert np.abs(seen[:, middle] - (1 - union if invert else union)[:, None]).max() < 0.01


def test_it_fills_the_place_it_is_given(browse, tmp_path):
    """In a page that sets its width, and at another size than it was drawn for: sharp, not enlarged pixels."""
    (tmp_path / "page.html").write_text(
        f"<!DOCTYPE html><style>body {{ margin: 0 }} svg {{ width: 320px; height: auto; display: block }}</style>"
        f"<body>{svg(np.zeros((1, 1, 2)), 1e-3, 32)}"
    )
    page = browse(tmp_path / "page.html", viewport={"width": 400, "height": 400})
    box = page.locator("svg").bounding_box()
    assert (box["width"], box["height"]) == (320, 320)
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        levels = np.asarray(picture.convert("L"))[160, :320]
    assert levels[160] == 255
    radius = np.sqrt(1e-3 * np.log(2)) * 31 / 2 * 10
    assert (levels > 127).sum() == pytest.approx(2 * radius, abs=1)
