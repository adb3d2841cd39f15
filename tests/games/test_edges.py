import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.feature import canny

from learning_to_draw.games.losses.config import EdgeConfig
from learning_to_draw.games.losses.edges import (
    CLEAREST,
    DETAIL,
    FAINTEST,
    PEN,
    EdgeLoss,
    blurred,
    directions,
    edges,
    gradient,
)
from learning_to_draw.models.agents import Play
from learning_to_draw.models.decoders.base import Strokes
from learning_to_draw.models.encoders.base import Encoding
from learning_to_draw.rasteriser import draw_lines

SIZE = 96


class White:
    invert = True


class Black:
    invert = False


def step(contrast):
    """A photo whose left half is darker than its right half by `contrast`; the edge is between columns 47 and 48."""
    photo = torch.full((1, 1, SIZE, SIZE), 0.5 - contrast / 2)
    photo[..., SIZE // 2 :] += contrast
    return photo


def loss_of(sketches, photos, paper=Black, **options):
    nothing = Encoding(torch.zeros(len(photos), 1))
    strokes = Strokes(torch.zeros(len(photos), 1, 2, 2), 0.01)
    play = Play(torch.zeros(len(photos), 2), sketches, strokes, photos, nothing, None)
    return float(EdgeLoss(EdgeConfig(**options), paper())(play))


def lines(*ends):
    return draw_lines(torch.tensor([ends]), SIZE, 3e-4)


def test_gradients_are_the_slopes_of_a_plane():
    rows, columns = torch.meshgrid(torch.arange(9.0), torch.arange(9.0), indexing="ij")
    down, right = gradient((0.25 * rows - 0.5 * columns)[None, None])
    assert torch.allclose(down[0, 0, 1:-1, 1:-1], torch.tensor(0.25))
    assert torch.allclose(right[0, 0, 1:-1, 1:-1], torch.tensor(-0.5))


@pytest.mark.parametrize("width", [0.7, 2.0, 6.0])
def test_blurring_equals_scipy(width):
    pictures = torch.rand(2, 1, 40, 30, dtype=torch.float64)
    expected = [ndimage.gaussian_filter(p[0].numpy(), width, mode="nearest", radius=round(3 * width)) for p in pictures]
    assert np.allclose(blurred(pictures, width)[:, 0].numpy(), np.stack(expected), atol=1e-12)


def test_a_step_is_one_line_as_dark_as_the_step_is_clear():
    middle = {}
    for contrast in (FAINTEST, (FAINTEST + CLEAREST) / 2, 0.9):
        found = edges(step(contrast))[0, 0, SIZE // 2]
        assert found[: SIZE // 2 - 4].max() < 0.01
        assert found[SIZE // 2 + 4 :].max() < 0.01
        middle[contrast] = float(found.max())
    assert middle[FAINTEST] == pytest.approx(0, abs=0.02)  # Sobel's filter blurs a little more
    # The step is between two pixels: half a pixel from the peak of a Gaussian, which Sobel's filter widens.
    seen = (FAINTEST + CLEAREST) / 2 * math.exp(-1 / 8 / (DETAIL**2 + 1 / 3))
    assert middle[(FAINTEST + CLEAREST) / 2] == pytest.approx((seen - FAINTEST) / (CLEAREST - FAINTEST), abs=0.03)
    assert middle[0.9] == pytest.approx(1, abs=0.06)


def test_the_pen_does_not_change_the_ink_of_a_line():
    found = edges(step(0.9))[0, 0, SIZE // 2]
    assert float(found.sum()) == pytest.approx(math.sqrt(2 * math.pi) * PEN, rel=0.05)


def test_a_picture_without_contrast_has_no_edges():
    assert float(edges(torch.full((1, 3, SIZE, SIZE), 0.7)).max()) == 0


def test_edges_are_where_scikit_image_finds_them():
    rows, columns = np.indices((SIZE, SIZE))
    picture = 0.2 + 0.5 * (np.hypot(rows - 40, columns - 35) < 22) + 0.3 * (columns + rows / 3 > 95)
    reference = canny(picture, sigma=2.0)
    inside = np.zeros_like(reference)
    inside[4:-4, 4:-4] = True  # the borders are treated differently
    found = edges(torch.from_numpy(picture)[None, None].float())[0, 0].numpy() > 0.5
    near = ndimage.binary_dilation(reference, iterations=2)
    assert (reference & inside).sum() > 150
    assert not (found & inside & ~near).any()
    assert not (reference & inside & ~ndimage.binary_dilation(found, iterations=2)).any()


def test_colour_is_seen_as_grey():
    photo = torch.rand(1, 3, SIZE, SIZE)
    grey = (photo * torch.tensor([0.2989, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
    assert torch.allclose(edges(photo), edges(grey), atol=1e-5)


def test_a_sketch_of_the_edges_costs_nothing_and_a_blank_one_two():
    photos = torch.cat([step(0.5), step(0.9).transpose(2, 3)])
    assert loss_of(edges(photos), photos) == pytest.approx(0, abs=1e-6)
    assert loss_of(torch.zeros(2, 1, SIZE, SIZE), photos, edge_coef=1.0) == pytest.approx(2, abs=1e-4)
    assert loss_of(torch.zeros(2, 1, SIZE, SIZE), photos, edge_coef=3.0) == pytest.approx(6, abs=3e-4)


def test_black_lines_on_white_paper_cost_the_same():
    photos, sketches = step(0.5), lines([[-0.5, 0.0], [0.5, 0.1]])
    assert loss_of(1 - sketches, photos, White) == pytest.approx(loss_of(sketches, photos, Black), rel=1e-5)


def test_a_line_along_the_edge_is_best_then_one_beside_it_then_one_across_it():
    photos = step(0.9)
    along, beside = lines([[-0.5, 0.0], [0.5, 0.0]]), lines([[-0.5, 0.1], [0.5, 0.1]])
    across = lines([[0.0, -0.5], [0.0, 0.5]])
    costs = [loss_of(sketches, photos) for sketches in (along, beside, across)]
    assert costs == sorted(costs)
    assert costs[0] < 1.9 < costs[1]


def test_opposite_edges_have_the_same_direction_and_crossing_ones_the_opposite_sign():
    ink = lines([[-0.8, 0.0], [0.8, 0.0]])
    upright, lying = directions(ink, 1.0), directions(ink.transpose(2, 3), 1.0)
    assert torch.allclose(directions(1 - ink, 1.0), upright, atol=1e-5)
    assert torch.allclose(lying[:, 0], -upright[:, 0].transpose(1, 2), atol=1e-5)
    assert float(upright[0, 0, 48, 48]) > 10 * float(upright[0, 1, 48, 48].abs())


def test_the_gradient_turns_a_line_along_the_edge():
    photos = step(0.9)
    ends = torch.tensor([[[[-0.4, -0.06], [0.4, 0.06]]]], requires_grad=True)  # leaning across the edge
    play = Play(
        torch.zeros(1, 2), draw_lines(ends, SIZE, 3e-4), Strokes(ends, 3e-4), photos, Encoding(torch.zeros(1, 1)), None
    )
    EdgeLoss(EdgeConfig(), Black())(play).backward()
    across = ends.grad[0, 0, :, 1]
    assert across[0] < -0.1  # going down the gradient, the upper end moves right
    assert across[1] > 0.1  # and the lower end left
