"""Strokes with a width and an intensity of their own: the fast paths against the plain functions, and by hand."""

import math

import pytest
import torch

from learning_to_draw.rasteriser import (
    curve_edt2_polyline,
    draw_curves,
    draw_lines,
    draw_points,
    exp,
    line_edt2,
    over,
    pixel_grid,
    point_edt2,
    softor,
)

SIGMA2 = 5e-4
COLOURED = {
    "points": (draw_points, point_edt2, (3, 6, 2)),
    "lines": (draw_lines, line_edt2, (3, 6, 2, 2)),
    "curves": (draw_curves, lambda params, grid: curve_edt2_polyline(params, grid, 10), (3, 6, 4, 2)),
}

pytestmark = pytest.mark.usefixtures("path")


def random(*shape, seed=0, scale=1.0):
    return ((torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1) * scale).requires_grad_()


@pytest.mark.parametrize("kind", COLOURED)
@pytest.mark.parametrize("channels", [1, 3])
def test_intensities_match_the_plain_path(kind, channels):
    draw, distance, shape = COLOURED[kind]
    strokes = random(*shape)
    intensities = torch.rand(*shape[:2], channels, generator=torch.Generator().manual_seed(3)).requires_grad_()
    image = draw(strokes, 24, 2e-3, intensities=intensities)
    exact_strokes, exact_intensities = (t.detach().double().requires_grad_() for t in (strokes, intensities))
    rasters = exp(distance(exact_strokes, pixel_grid(24, dtype=torch.float64)), 2e-3)
    coloured = exact_intensities[..., None, None] * rasters[:, :, None]  # [B, N, C, H, W]
    exact = softor(coloured)
    assert image.shape == (3, channels, 24, 24)
    assert (image - exact).abs().max() <= 5e-6
    # The official code composes colours by `over`.
    assert (image - over(coloured)).abs().max() <= 5e-6
    weights = torch.randn(image.shape, generator=torch.Generator().manual_seed(7))
    grads = torch.autograd.grad((image * weights).sum(), (strokes, intensities))
    exact_grads = torch.autograd.grad((exact * weights).sum(), (exact_strokes, exact_intensities), retain_graph=True)
    over_grads = torch.autograd.grad((over(coloured) * weights).sum(), (exact_strokes, exact_intensities))
    for grad, exact_grad, over_grad in zip(grads, exact_grads, over_grads, strict=True):
        assert (grad - exact_grad).abs().max() <= 1e-5 * exact_grad.abs().max()
        assert (grad - over_grad).abs().max() <= 1e-5 * exact_grad.abs().max()


def random_log_widths(*shape):
    """Thin and thick strokes mixed: sigma2 from 1e-4 to 0.3. In the logarithm, their gradients have the same scale."""
    return math.log(1e-4) + torch.rand(*shape, generator=torch.Generator().manual_seed(5)) * math.log(3000)


@pytest.mark.parametrize("kind", COLOURED)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_width_per_stroke_matches_the_plain_path(kind, channels):
    draw, distance, shape = COLOURED[kind]
    intensities = torch.rand(*shape[:2], channels, generator=torch.Generator().manual_seed(3))
    intensities[0, :2] = intensities[1, 0, 0] = 0
    inputs = [random(*shape), random_log_widths(*shape[:2]).requires_grad_(), intensities.requires_grad_()]
    image = draw(inputs[0], (24, 31), inputs[1].exp(), intensities=intensities)
    exact_inputs = [tensor.detach().double().requires_grad_() for tensor in inputs]
    d2 = distance(exact_inputs[0], pixel_grid((24, 31), dtype=torch.float64))
    rasters = exp(d2, exact_inputs[1].exp()[..., None, None]).unsqueeze(2)
    exact = softor(exact_inputs[2][..., None, None] * rasters)
    assert (image - exact).abs().max() <= 5e-6
    weights = torch.randn(image.shape, generator=torch.Generator().manual_seed(7))
    grads = torch.autograd.grad((image * weights).sum(), inputs)
    exact_grads = torch.autograd.grad((exact * weights).sum(), exact_inputs)
    for grad, exact_grad in zip(grads, exact_grads, strict=True):
        assert grad.dtype == torch.float32
        assert (grad - exact_grad).abs().max() <= 1e-5 * exact_grad.abs().max()
    # A stroke without ink has a gradient for its intensity alone.
    assert grads[0][0, :2].eq(0).all()
    assert grads[1][0, :2].eq(0).all()
    assert grads[2][0, :2].ne(0).all()


@pytest.mark.parametrize("kind", COLOURED)
def test_equal_widths_draw_as_one_width_for_all(kind):
    draw, _, shape = COLOURED[kind]
    strokes = random(*shape)
    one, each = draw(strokes, 24, 2**-7), draw(strokes, 24, torch.full(shape[:2], 2**-7))
    assert torch.equal(one, each)
    assert torch.equal(*(torch.autograd.grad(image.square().sum(), strokes)[0] for image in (one, each)))
    # 0.01 in float32 is not 0.01.
    torch.testing.assert_close(
        draw(strokes, 24, torch.full(shape[:2], 0.01)), draw(strokes, 24, 0.01), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("sigma2", [0.02, 0.3])
def test_the_width_of_a_point_by_hand(sigma2):
    # On 5 pixels, the centre is 0.5 away from its neighbours and 0.5 sqrt(2) from theirs.
    widths = torch.tensor([[sigma2], [2 * sigma2]], requires_grad=True)
    image = draw_points(torch.zeros(2, 1, 2), 5, widths)
    for sketch, width in enumerate((sigma2, 2 * sigma2)):
        for row, col, d2 in ((2, 2, 0.0), (2, 3, 0.25), (1, 1, 0.5)):
            ink = math.exp(-d2 / width)
            assert image[sketch, 0, row, col].item() == pytest.approx(ink, abs=1e-7)
            (grad,) = torch.autograd.grad(image[sketch, 0, row, col], widths, retain_graph=True)
            assert grad[sketch].item() == pytest.approx(ink * d2 / width**2, rel=1e-5)
            assert grad[1 - sketch].item() == 0


def test_widths_alone_can_be_learned_and_their_gradient_changes_no_other():
    lines, widths, intensities = random(2, 5, 2, 2), random_log_widths(2, 5).exp(), torch.rand(2, 5, 3)
    intensities[0, 1] = 0
    image = draw_lines(lines, 20, widths, intensities.requires_grad_())
    without = torch.autograd.grad(image.square().sum(), (lines, intensities))
    widths.requires_grad_()
    image = draw_lines(lines, 20, widths, intensities)
    together = torch.autograd.grad(image.square().sum(), (lines, intensities, widths))
    assert all(torch.equal(*pair) for pair in zip(without, together[:2], strict=True))
    image = draw_lines(lines.detach(), 20, widths, intensities.detach())
    assert torch.equal(torch.autograd.grad(image.square().sum(), widths)[0], together[2])


@pytest.mark.parametrize("distance", [3.0, 1e10, 1e18, 1e30])
def test_widths_of_strokes_off_the_canvas_have_no_gradient(distance):
    lines, widths = random(1, 4, 2, 2).detach() + 4 + distance, torch.full((1, 4), SIGMA2, requires_grad=True)
    params = random(1, 4, 4, 2).detach() + 4 + distance
    for image in (draw_lines(lines, 12, widths), draw_curves(params, 12, widths)):
        assert torch.autograd.grad(image.sum(), widths)[0].eq(0).all()


def test_intensities_of_one_change_nothing_and_of_zero_leave_no_ink():
    lines = random(2, 5, 2, 2)
    full = draw_lines(lines, 20, 0.01, torch.ones(2, 5, 2))
    assert torch.equal(full, draw_lines(lines, 20, 0.01).expand(-1, 2, -1, -1))
    few = torch.ones(2, 5, 1)
    few[:, 2:] = 0
    assert torch.equal(draw_lines(lines, 20, 0.01, few), draw_lines(lines[:, :2], 20, 0.01))


def test_only_the_strokes_or_only_the_intensities_can_be_learned():
    lines, intensities = random(2, 5, 2, 2), torch.rand(2, 5, 3)
    intensities[0, 1] = 0
    (alone,) = torch.autograd.grad(draw_lines(lines, 20, 0.01, intensities).sum(), lines)
    both = torch.autograd.grad(
        draw_lines(lines, 20, 0.01, intensities.requires_grad_()).sum(), (lines, intensities), retain_graph=False
    )
    (shades,) = torch.autograd.grad(draw_lines(lines.detach(), 20, 0.01, intensities).sum(), intensities)
    assert torch.equal(alone, both[0])
    assert torch.equal(shades, both[1])


@pytest.mark.parametrize("shape", [(2, 5), (2, 4, 3), (1, 5, 3), (2, 5, 3, 1)])
def test_intensities_of_another_shape_are_an_error(shape):
    with pytest.raises(ValueError, match="intensities has shape"):
        draw_lines(random(2, 5, 2, 2), 20, 0.01, torch.ones(shape))


@pytest.mark.parametrize("kind", COLOURED)
@pytest.mark.parametrize("channels", [1, 3])
def test_gradients_of_strokes_widths_and_intensities_together_in_float64(kind, channels):
    draw, _, shape = COLOURED[kind]
    strokes = random(2, 3, *shape[2:]).detach().double().requires_grad_()
    widths = torch.tensor([[0.02, 0.1, 0.5], [0.3, 0.05, 0.1]], dtype=torch.float64, requires_grad=True)
    intensities = torch.rand(2, 3, channels, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    intensities[0, 1] = 0
    inputs = (strokes, widths, intensities.requires_grad_())
    assert torch.autograd.gradcheck(lambda s, w, i: draw(s, (5, 6), w, intensities=i), inputs)
