"""Every number of an SVG against one worked out by hand: on a canvas of 5 px, a pixel is half a canvas unit."""

import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch

from learning_to_draw.trials.records.svg import svg

SIGMA2 = 0.25 / math.log(2)  # half its ink is 0.5 away, which is 1 px of 5, as pixel centres are 4 px from end to end


def read(text):
    """The root, the paper, the group of strokes, and (tag, attributes) of every stroke."""
    root = ElementTree.fromstring(text)
    for element in root.iter():
        element.tag = element.tag.removeprefix("{http://www.w3.org/2000/svg}")
    paper, group = root
    return root, paper.attrib, group.attrib, [(stroke.tag, stroke.attrib) for stroke in group]


def test_a_line_from_the_first_pixel_to_one_at_the_edge():
    root, paper, group, strokes = read(svg(np.array([[[-1.0, -1.0], [0.0, 1.0]]]), SIGMA2, 5))
    assert (root.tag, root.attrib) == ("svg", {"width": "5", "height": "5", "viewBox": "0 0 5 5"})
    assert paper == {"width": "5", "height": "5", "fill": "#000"}
    # (row, col): the middle row, the last column, so y = 2.5 and x = 4.5
    place = {"x1": "0.5", "y1": "0.5", "x2": "4.5", "y2": "2.5"}
    assert strokes == [("line", {**place, "stroke": "#fff", "stroke-width": "2"})]
    assert (group["stroke-linecap"], group["stroke-linejoin"]) == ("round", "round")
    assert "opacity" not in group


def test_a_point_is_a_circle():
    _, _, group, strokes = read(svg(np.array([[[0.5, -0.25]], [[3.0, 0.0]]]), SIGMA2, 5))
    white = {"r": "1", "fill": "#fff"}
    assert strokes == [("circle", {"cx": "2", "cy": "3.5", **white}), ("circle", {"cx": "2.5", "cy": "8.5", **white})]
    assert "stroke" not in group


def test_a_cubic_bezier_curve_is_a_path():
    curve = np.array([[[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1 / 3]]])
    ((tag, look),) = read(svg(curve, SIGMA2, 5))[3]
    assert (tag, look["d"]) == ("path", "M0.5 0.5C4.5 0.5 0.5 4.5 3.167 4.5")
    assert (look["stroke"], look["stroke-width"], look["fill"]) == ("#fff", "2", "none")


@pytest.mark.parametrize("inks", [None, [[0.4], [1.0]], [[0.1, 0.9, 0.3], [1.0, 1.0, 0.0]]])
@pytest.mark.parametrize("kind", [1, 2, 4])
def test_each_stroke_has_its_colour_and_width_itself(kind, inks):
    """As readers that do not hand down the attributes of a group need them."""
    strokes = read(svg(np.zeros((2, kind, 2)), SIGMA2, 5, None if inks is None else np.array(inks), invert=True))[3]
    assert len(strokes) == 2
    for _, look in strokes:
        assert look["fill" if kind == 1 else "stroke"].startswith("#")
        assert look["r" if kind == 1 else "stroke-width"] == ("1" if kind == 1 else "2")


def test_black_on_white():
    _, paper, _, ((_, look),) = read(svg(np.zeros((1, 2, 2)), SIGMA2, 5, invert=True))
    assert (paper["fill"], look["stroke"]) == ("#fff", "#000")
    ((_, look),) = read(svg(np.zeros((1, 1, 2)), SIGMA2, 5, invert=True))[3]
    assert look["fill"] == "#000"


def test_strength_is_opacity_and_a_stroke_without_ink_is_left_out():
    lines = np.array([[[0.0, column], [0.0, column]] for column in (-1.0, -0.5, 0.0, 0.5)])
    strokes = read(svg(lines, SIGMA2, 5, np.array([[0.25], [1.0], [0.001], [0.0]])))[3]
    assert [(look["x1"], look.get("opacity")) for _, look in strokes] == [("0.5", "0.25"), ("1.5", None)]


@pytest.mark.parametrize(("kind", "paint"), [(1, "fill"), (2, "stroke"), (4, "stroke")])
def test_colours_are_blended_as_ink_on_black_and_as_its_complement_on_white(kind, paint):
    points, colours = np.zeros((2, kind, 2)), np.array([[1.0, 0.2, 0.0], [0.0, 0.0, 0.0]])
    ((_, look),) = read(svg(points, SIGMA2, 5, colours))[3]
    assert (look[paint], look["style"]) == ("#ff3300", "mix-blend-mode:screen")
    _, _, group, ((_, look),) = read(svg(points, SIGMA2, 5, colours, invert=True))
    assert (look[paint], look["style"]) == ("#00ccff", "mix-blend-mode:multiply")
    assert group["style"] == "isolation:isolate"


def test_contrast_fades_all_strokes_together():
    _, _, group, strokes = read(svg(np.zeros((1, 2, 2)), SIGMA2, 5, np.array([[0.5]]), contrast=0.4))
    assert (group["opacity"], strokes[0][1]["stroke-width"], strokes[0][1]["opacity"]) == ("0.4", "2", "0.5")


def test_contrast_above_1_makes_strokes_stronger_and_wider():
    inks = np.array([[0.3], [0.9]])
    # 2 * exp(-d2 / sigma2) is half where d2 = sigma2 * ln 4, twice what it was
    _, _, group, strokes = read(svg(np.zeros((2, 2, 2)), SIGMA2, 5, inks, contrast=2.0))
    assert {look["stroke-width"] for _, look in strokes} == {f"{2 * math.sqrt(2):.3f}"}
    assert [look.get("opacity") for _, look in strokes] == ["0.6", None]
    assert "opacity" not in group


def test_tensors_are_taken_as_arrays_are():
    points = torch.rand(3, 2, 2, requires_grad=True) * 2 - 1
    colours = torch.rand(3, 3)
    assert svg(points, 0.01, 32, colours) == svg(points.detach().numpy(), 0.01, 32, colours.numpy())


def test_files_are_small_and_numbers_short():
    text = svg(np.array([[[1 / 3, -1e-9 - 1], [0.123456789, -1.2500001]]]), 0.01, 32)
    place = {"x1": "0.5", "y1": "21.167", "x2": "-3.375", "y2": "17.914"}
    assert place.items() <= read(text)[3][0][1].items()
    assert 'x1="0"' in svg(np.array([[[0.0, -1 - 1 / 31 - 1e-9], [0.0, 0.0]]]), 0.01, 32)  # not -0
    assert len(svg(np.random.default_rng(0).uniform(-1, 1, (20, 2, 2)), 0.01, 32)) < 2300


def test_a_sketch_without_strokes_is_blank_paper():
    assert read(svg(np.zeros((0, 2, 2)), 0.01, 8))[3] == []


@pytest.mark.parametrize("shape", [(2, 2), (1, 3, 2), (1, 2, 3), (1, 1, 2, 2)])
def test_strokes_of_no_kind_are_refused(shape):
    with pytest.raises(ValueError, match="points have the shape"):
        svg(np.zeros(shape), 0.01, 32)


@pytest.mark.parametrize("kind", [1, 2, 4])
def test_each_stroke_has_a_width_of_its_own(kind):
    sigma2 = torch.tensor([1.0, 4.0, 0.25]) * SIGMA2  # widths 2, 4 and 1
    inks = np.array([[1.0], [0.0], [1.0]])
    for values in (sigma2, sigma2.numpy(), sigma2.tolist()):
        strokes = read(svg(np.zeros((3, kind, 2)), values, 5))[3]
        name, factor = ("r", 2) if kind == 1 else ("stroke-width", 1)
        assert [factor * float(look[name]) for _, look in strokes] == [2, 4, 1]
        strokes = read(svg(np.zeros((3, kind, 2)), values, 5, inks))[3]  # a stroke that is not drawn
        assert [factor * float(look[name]) for _, look in strokes] == [2, 1]
    with pytest.raises(ValueError, match=r"sigma2 has the shape \[2\]: expected a number, or \[3\]"):
        svg(np.zeros((3, kind, 2)), sigma2[:2], 5)


@pytest.mark.parametrize("shape", [(2,), (2, 2), (3, 1)])
def test_intensities_that_do_not_fit_are_refused(shape):
    with pytest.raises(ValueError, match="intensities have the shape"):
        svg(np.zeros((2, 2, 2)), 0.01, 32, np.zeros(shape))
