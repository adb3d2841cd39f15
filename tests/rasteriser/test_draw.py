"""Drawing: the fast paths against the plain functions in float64, and invariants of every drawing."""

import math

import pytest
import torch

import learning_to_draw.rasteriser.dense as dense_path
import learning_to_draw.rasteriser.draw as drawing
from learning_to_draw.rasteriser import (
    catmull_rom_spline,
    cubic_bezier,
    curve_edt2_polyline,
    draw_curves,
    draw_lines,
    draw_points,
    exp,
    line_edt2,
    linear_bezier,
    pixel_grid,
    point_edt2,
    quadratic_bezier,
    softor,
)
from learning_to_draw.rasteriser.numba_kernels import NumbaPolylines

SIGMA2 = 5e-4
CURVES = [linear_bezier, quadratic_bezier, cubic_bezier, catmull_rom_spline]


pytestmark = pytest.mark.usefixtures("path")


def random(*shape, seed=0, scale=1.0):
    return ((torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1) * scale).requires_grad_()


def plain(distance, strokes, size, sigma2):
    """The specification, in the precision of the strokes."""
    grid = pixel_grid(size, dtype=strokes.dtype)
    return softor(exp(distance(strokes, grid), sigma2)).unsqueeze(1)


def compare(draw, distance, strokes, size=24, sigma2=SIGMA2, seed=7, total=False):
    """Asserts that a drawing in float32 has the values and gradients of the plain path in float64.

    total: compare only the sum of the gradients over a stroke's points.
    """
    image = draw(strokes, size, sigma2)
    exact_strokes = strokes.detach().double().requires_grad_()
    exact = plain(distance, exact_strokes, size, sigma2)
    assert image.dtype == torch.float32
    assert image.shape == exact.shape
    assert (image - exact).abs().max() <= 5e-6
    weights = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
    (grad,) = torch.autograd.grad((image * weights).sum(), strokes)
    (exact_grad,) = torch.autograd.grad((exact * weights).sum(), exact_strokes)
    assert grad.dtype == torch.float32
    difference = (grad - exact_grad).sum(-2) if total else grad - exact_grad
    assert difference.abs().max() <= 1e-5 * exact_grad.abs().max().clamp(min=1e-20)


@pytest.mark.parametrize("size", [96, (17, 40)])
@pytest.mark.parametrize("sigma2", [SIGMA2, 2e-3, 0.5])
def test_lines_match_the_plain_path(size, sigma2):
    compare(draw_lines, line_edt2, random(3, 12, 2, 2), size, sigma2)


@pytest.mark.parametrize("sigma2", [SIGMA2, 0.5])
def test_points_match_the_plain_path(sigma2):
    compare(draw_points, point_edt2, random(3, 12, 2), (17, 40), sigma2)


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("sigma2", [2e-3, 0.5])
@pytest.mark.parametrize("segments", [1, 10])
def test_curves_match_the_plain_path(curve, sigma2, segments):
    compare(
        lambda params, size, sigma2: draw_curves(params, size, sigma2, curve, segments),
        lambda params, grid: curve_edt2_polyline(params, grid, segments, curve),
        random(2, 5, curve.param_dim, 2),
        sigma2=sigma2,
    )


def test_curves_are_cubic_in_ten_pieces_unless_told_otherwise():
    params = random(2, 3, 4, 2)
    assert torch.equal(draw_curves(params, 16, 0.01), draw_curves(params, 16, 0.01, cubic_bezier, 10))


def test_blocks_of_any_size_draw_the_same(monkeypatch):
    lines, params = random(5, 4, 2, 2), random(5, 2, 4, 2)
    images = []
    for block in (8, 16 * 16 * 3, 1 << 20):
        monkeypatch.setattr(dense_path, "_BLOCK_ON_CPU", block)
        images.append((draw_lines(lines, 16, 0.01), draw_curves(params, 16, 0.01)))
        compare(draw_lines, line_edt2, lines, 16, 0.01)
    assert all(torch.allclose(image[k], images[0][k], rtol=0, atol=1e-6) for image in images for k in range(2))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_strokes_through_pixel_centres(count):
    # On a canvas of 17 pixels, 0, 0.25 and 0.5 are pixel centres; several strokes share some of them.
    ends = [[[0, -1], [0, 1]], [[-1, 0], [1, 0]], [[-0.5, -0.5], [0.5, 0.5]], [[0, -1], [0, 1]], [[0.25, 0], [0, 0]]]
    lines = torch.tensor([ends[:count]], dtype=torch.float32).requires_grad_()
    image = draw_lines(lines, 17, 0.01)
    assert image[0, 0, 8].eq(1).all()
    compare(draw_lines, line_edt2, lines, 17, 0.01)
    compare(draw_lines, line_edt2, lines, 17, 1e-4)
    points = lines.detach().flatten(1, 2).requires_grad_()
    compare(draw_points, point_edt2, points, 17, 0.01)


@pytest.mark.parametrize("offset", [1e-9, 1e-7, 3e-6, 1e-5, 1e-4])
def test_strokes_almost_through_pixel_centres(offset):
    # The product of 1 - ink over strokes nearly vanishes here, and the gradient divides by its factors.
    points = torch.tensor([[[0.0, offset], [0.5, 0.5 - offset], [0.0, 0.0]]], requires_grad=True)
    compare(draw_points, point_edt2, points[:, :2].detach().requires_grad_(), 17, SIGMA2)
    compare(draw_points, point_edt2, points, 17, SIGMA2)


@pytest.mark.parametrize("length", [0.0, 1e-30, 1e-10, 1e-4])
def test_lines_of_almost_no_length(length):
    starts = random(1, 6, 2).detach()
    starts[0, 0] = 0
    lines = torch.stack([starts, starts + torch.tensor([length, -length])], dim=2).requires_grad_()
    # Rounding decides which end of such a line is nearer to a pixel; the sum of both gradients does not depend on it.
    compare(draw_lines, line_edt2, lines, 17, 0.01, total=0 < length < 1e-7)


def test_a_line_of_no_length_is_a_point_and_its_gradient_goes_to_the_start():
    points = random(2, 3, 2)
    lines = points.detach().unsqueeze(2).repeat(1, 1, 2, 1).requires_grad_()
    assert torch.equal(draw_lines(lines, 24, 0.01), draw_points(points, 24, 0.01))
    (grad,) = torch.autograd.grad(draw_lines(lines, 24, 0.01).sum(), lines)
    (point_grad,) = torch.autograd.grad(draw_points(points, 24, 0.01).sum(), points)
    torch.testing.assert_close(grad[:, :, 0], point_grad)
    assert grad[:, :, 1].eq(0).all()


@pytest.mark.parametrize("scale", [10.0, 1e3, 1e6])
def test_strokes_that_reach_far_beyond_the_canvas(scale):
    lines = random(2, 5, 2, 2, scale=scale).detach()
    # One line crosses the canvas, with both ends far away.
    lines[:, 0] = torch.tensor([[-scale, -scale * 0.9], [scale, scale * 0.9]])
    compare(draw_lines, line_edt2, lines.requires_grad_(), 24, 0.01)


@pytest.mark.parametrize("sigma2", [1e-6, 1e-5])
@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_thin_strokes_are_as_exact_as_thick_ones(sigma2, scale):
    if drawing._path(torch.device("cpu"), torch.float32) is not NumbaPolylines:
        pytest.skip("dense.py rounds places on the canvas to float32, so thin strokes are less exact")
    lines = random(4, 24, 2, 2).detach()
    # Half of the lines cross the canvas, and their ends may be far away.
    lines[:, ::2] *= scale
    lines[:, ::2, 1] = 0.5 * lines[:, 1::2, 0] - lines[:, ::2, 0]
    compare(draw_lines, line_edt2, lines.requires_grad_(), (64, 96), sigma2)


@pytest.mark.parametrize("distance", [3.0, 1e3, 1e10, 1e18, 1e30])
def test_strokes_off_the_canvas_leave_it_empty_and_finite(distance):
    lines = (random(1, 4, 2, 2).detach() + 4 + distance).requires_grad_()
    params = (random(1, 4, 4, 2).detach() + 4 + distance).requires_grad_()
    for image, strokes in (
        (draw_lines(lines, 12, SIGMA2), lines),
        (draw_points(lines.flatten(1, 2), 12, SIGMA2), lines),
        (draw_curves(params, 12, SIGMA2), params),
    ):
        assert image.eq(0).all()
        (grad,) = torch.autograd.grad(image.sum(), strokes)
        assert grad.eq(0).all()


@pytest.mark.parametrize("curve", CURVES)
def test_curves_whose_points_all_coincide_are_points(curve):
    points = random(2, 3, 2)
    params = points.detach().unsqueeze(2).repeat(1, 1, curve.param_dim, 1).requires_grad_()
    image = draw_curves(params, 24, 0.01, curve)
    torch.testing.assert_close(image, draw_points(points, 24, 0.01), rtol=0, atol=5e-6)
    (grad,) = torch.autograd.grad(image.sum(), params)
    (point_grad,) = torch.autograd.grad(draw_points(points, 24, 0.01).sum(), points)
    torch.testing.assert_close(grad.sum(2), point_grad, rtol=1e-4, atol=1e-4)


def test_gradients_in_float64():
    assert torch.autograd.gradcheck(lambda s: draw_points(s, (5, 6), 0.1), random(2, 3, 2).double())
    assert torch.autograd.gradcheck(lambda s: draw_lines(s, (5, 6), 0.1), random(2, 3, 2, 2).double())
    for curve in CURVES:
        params = random(1, 2, curve.param_dim, 2, seed=1).double()
        assert torch.autograd.gradcheck(lambda s, curve=curve: draw_curves(s, (5, 6), 0.1, curve, 3), params)


def test_float64_is_drawn_to_its_own_precision():
    lines = random(2, 6, 2, 2).double()
    image = draw_lines(lines, 24, SIGMA2)
    assert image.dtype == torch.float64
    torch.testing.assert_close(image, plain(line_edt2, lines, 24, SIGMA2), rtol=0, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_drawn_in_float32(dtype):
    lines = random(2, 4, 2, 2).detach().to(dtype).requires_grad_()
    image = draw_lines(lines, 24, 0.01)
    assert torch.equal(image, draw_lines(lines.float(), 24, 0.01))
    (grad,) = torch.autograd.grad(image.sum(), lines)
    (single,) = torch.autograd.grad(draw_lines(lines.float(), 24, 0.01).sum(), lines)
    assert grad.dtype == dtype
    assert torch.equal(grad, single)
    assert draw_curves(random(1, 2, 4, 2).detach().to(dtype), 24, 0.01).dtype == torch.float32


def test_order_and_direction_of_strokes_do_not_matter():
    lines, params = random(3, 8, 2, 2), random(3, 4, 4, 2)
    image = draw_lines(lines, 24, 0.01)
    torch.testing.assert_close(draw_lines(lines.flip(1), 24, 0.01), image, rtol=0, atol=1e-6)
    torch.testing.assert_close(draw_lines(lines.flip(2), 24, 0.01), image, rtol=0, atol=1e-6)
    image = draw_curves(params, 24, 0.01)
    torch.testing.assert_close(draw_curves(params.flip(1), 24, 0.01), image, rtol=0, atol=1e-6)
    torch.testing.assert_close(draw_curves(params.flip(2), 24, 0.01), image, rtol=0, atol=1e-6)


def test_rows_and_columns_are_where_they_should_be():
    image = draw_points(torch.tensor([[[-1.0, 1.0]]]), (5, 9), 0.01)
    assert image.shape == (1, 1, 5, 9)
    assert image[0, 0, 0, 8] == 1
    # The neighbours are 0.25 and 0.5 away.
    assert image[0, 0, 0, 7].item() == pytest.approx(math.exp(-0.0625 / 0.01), abs=1e-6)
    assert image[0, 0, 1, 8].item() == pytest.approx(math.exp(-0.25 / 0.01), abs=1e-6)
    transposed = draw_lines(random(1, 3, 2, 2).flip(-1), (9, 5), 0.01)
    torch.testing.assert_close(
        draw_lines(random(1, 3, 2, 2), (5, 9), 0.01), transposed.transpose(2, 3), rtol=0, atol=1e-6
    )


def test_no_strokes_draw_an_empty_canvas():
    lines = torch.zeros(2, 0, 2, 2, requires_grad=True)
    image = draw_lines(lines, 6, 0.01)
    assert torch.equal(image, torch.zeros(2, 1, 6, 6))
    assert torch.autograd.grad(image.sum(), lines)[0].shape == lines.shape
    assert torch.equal(draw_points(torch.zeros(2, 0, 2), 6, 0.01), torch.zeros(2, 1, 6, 6))
    assert torch.equal(draw_curves(torch.zeros(2, 0, 4, 2), 6, 0.01), torch.zeros(2, 1, 6, 6))


def test_no_grad_and_sigma2_as_a_tensor_and_a_canvas_of_one_pixel():
    lines = random(2, 3, 2, 2)
    with torch.no_grad():
        image = draw_lines(lines, 12, torch.tensor(0.25))
    assert not image.requires_grad
    assert torch.equal(image, draw_lines(lines, 12, 0.25))
    compare(draw_lines, line_edt2, lines, 1, 0.25)


def polyline(params, t):
    """Two straight pieces through three points, as a curve."""
    first, second = linear_bezier(params[..., :2, :], 2 * t), linear_bezier(params[..., 1:, :], 2 * t - 1)
    return torch.where(t <= 0.5, first, second)


def compare_polylines(params, size, sigma2):
    compare(
        lambda params, size, sigma2: draw_curves(params, size, sigma2, polyline, 2),
        lambda params, grid: curve_edt2_polyline(params, grid, 2, polyline),
        params,
        size,
        sigma2,
    )


def test_neighbouring_pieces_share_the_gradient_of_their_vertex_once():
    # A corner at the centre: the pixels of one quadrant are nearest to it.
    compare_polylines(torch.tensor([[[[0.9, 0.0], [0.0, 0.0], [0.0, 0.9]]]], requires_grad=True), 20, 0.3)


def test_a_pixel_beside_a_vertex_follows_the_piece_whose_inside_is_nearest():
    # The pixel at the centre is nearest to a point of the first piece, millionths before the vertex; rounding could
    # choose the second piece. Each sketch has a different direction, distance and overshoot.
    generator = torch.Generator().manual_seed(0)
    angle, distance, overshoot = torch.rand(3, 300, 1, generator=generator, dtype=torch.float64)
    along = torch.cat([(7 * angle).sin(), (7 * angle).cos()], dim=1)
    across = torch.stack([-along[:, 1], along[:, 0]], dim=1)
    vertex = (0.01 + 0.02 * distance) * across + 4e-6 * overshoot * along
    # The polyline bends away from the pixel.
    params = torch.stack([vertex - 0.7 * along, vertex, vertex + 0.6 * along + 0.2 * across], dim=1)
    compare_polylines(params.unsqueeze(1).float().requires_grad_(), 9, SIGMA2)


def test_a_second_derivative_is_refused_by_the_fast_path_and_given_by_the_plain_one():
    lines = random(1, 2, 2, 2).double()
    for loss in (torch.mean, lambda image: image.square().sum()):
        with pytest.raises(RuntimeError, match="no second derivative"):
            torch.autograd.grad(loss(draw_lines(lines, 5, 0.1)), lines, create_graph=True)
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.functional.hessian(lambda points: draw_lines(points.float(), 5, 0.1).mean(), lines.detach())
    assert torch.autograd.gradgradcheck(lambda s: plain(line_edt2, s, 4, 0.1), lines)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: draw_points(torch.zeros(3, 2), 8, 0.1), r"points has shape \[3, 2\]: it should be \[B, N, 2\]"),
        (lambda: draw_lines(torch.zeros(1, 3, 4), 8, 0.1), r"lines has shape \[1, 3, 4\]: .*\[B, N, 2, 2\]"),
        (lambda: draw_lines(torch.zeros(1, 3, 2, 3), 8, 0.1), r"lines has shape \[1, 3, 2, 3\]"),
        (lambda: draw_curves(torch.zeros(1, 3, 3, 2), 8, 0.1), r"\[B, N, 4, 2\] for this curve"),
        (lambda: draw_curves(torch.zeros(1, 3, 4, 2), 8, 0.1, segments=0), "segments is 0"),
        (lambda: draw_lines(torch.zeros(1, 3, 2, 2), 0, 0.1), "size is 0"),
        (lambda: draw_lines(torch.zeros(1, 3, 2, 2), (8, 8, 8), 0.1), "size is"),
        (lambda: draw_lines(torch.zeros(1, 3, 2, 2), 8, 0.0), "sigma2 is 0.0"),
        (lambda: draw_lines(torch.zeros(1, 3, 2, 2), 8, torch.tensor(-1.0)), "sigma2 is -1.0"),
        (lambda: draw_lines(torch.zeros(1, 3, 2, 2), 8, math.inf), "sigma2 is inf"),
        (lambda: draw_lines(torch.zeros(1, 3, 2, 2), 8, torch.ones(2)), r"sigma2 has shape \[2\]: .* B, N = \[1, 3\]"),
        (lambda: draw_points(torch.zeros(1, 3, 2), 8, torch.ones(3, 1)), r"sigma2 has shape \[3, 1\]: it should be a"),
        (lambda: draw_curves(torch.zeros(1, 3, 4, 2), 8, torch.ones(1, 3, 1)), r"sigma2 has shape \[1, 3, 1\]"),
        (lambda: draw_lines(torch.zeros(1, 3, 2, 2), 8, torch.ones((), requires_grad=True)), r"expand it to \[B, N\]"),
        (lambda: draw_lines(torch.zeros(1, 3, 2, 2), 8, torch.tensor([[1.0, 0.0, 2.0]])), "sigma2 contains 0.0"),
        (lambda: draw_lines(torch.zeros(1, 3, 2, 2), 8, torch.tensor([[1.0, 2.0, -0.5]])), "sigma2 contains -0.5"),
        (lambda: draw_lines(torch.zeros(1, 3, 2, 2), 8, torch.tensor([[math.inf, 2.0, 1.0]])), "sigma2 contains inf"),
        (lambda: draw_lines(torch.zeros(1, 3, 2, 2), 8, torch.tensor([[1.0, math.nan, 1.0]])), "sigma2 contains nan"),
        (lambda: draw_lines(torch.zeros(1, 3, 2, 2, dtype=torch.long), 8, 0.1), "floating point"),
        (lambda: draw_lines(torch.zeros(1, 1, 2, 2), 8, 0.1, torch.tensor([[[-0.5]]])), "intensities contains -0.5"),
        (lambda: draw_points(torch.zeros(1, 1, 2), 8, 0.1, torch.tensor([[[1.0, 1.5]]])), "intensities contains 1.5"),
    ],
)
def test_wrong_calls_say_what_was_given(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_coordinates_that_are_not_numbers_show_in_their_sketch_alone():
    lines, params = random(3, 4, 2, 2).detach(), random(3, 4, 4, 2).detach()
    lines[1, 2, 0, 1] = params[1, 2, 3, 0] = math.nan
    for image in (draw_lines(lines, 20, 0.01), draw_curves(params, 20, 0.01)):
        assert image.isnan().flatten(1).all(1).tolist() == [False, True, False]
        assert not image[[0, 2]].isnan().any()


def test_intensities_that_are_not_numbers_show_in_their_sketch_alone():
    intensities = torch.rand(3, 4, 2)
    intensities[1, 2, 0] = math.nan
    image = draw_lines(random(3, 4, 2, 2), 20, 0.01, intensities)
    assert image.isnan().flatten(1).any(1).tolist() == [False, True, False]


def test_images_are_float32_whatever_the_default():
    lines = random(1, 3, 2, 2)
    image = draw_lines(lines, 12, 0.01)
    torch.set_default_dtype(torch.float64)
    try:
        again = draw_lines(lines, 12, 0.01)
        (grad,) = torch.autograd.grad(again.sum(), lines)
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(image, again)
    assert grad.dtype == torch.float32


def test_free_ends_of_very_long_pieces_keep_their_gradient():
    # The pieces of this polyline leave the canvas and come back; its last end lies on the canvas. Kernels use float64.
    far = 1e5 if drawing._path(torch.device("cpu"), torch.float32) is NumbaPolylines else 10
    params = torch.tensor([[[[0.0, 0.0], [0.0, far], [0.05, -1.0]]]], requires_grad=True)
    compare_polylines(params, 24, 5e-3)


def test_the_same_input_gives_the_same_bits_on_any_number_of_threads():
    params = random(8, 6, 4, 2)
    threads, results = torch.get_num_threads(), []
    for number in (1, 2, 2):
        torch.set_num_threads(number)
        image = draw_curves(params, 64, 5e-3)
        results.append((image, *torch.autograd.grad(image.square().sum(), params)))
    torch.set_num_threads(threads)
    assert all(torch.equal(*pair) for result in results[1:] for pair in zip(result, results[0], strict=True))


def test_strokes_in_any_memory_order_draw_the_same():
    lines, intensities = random(4, 3, 2, 2), torch.rand(4, 3, 2)
    image = draw_lines(lines, 20, 0.01, intensities)
    turned = lines.detach().permute(3, 1, 0, 2).contiguous().permute(2, 1, 3, 0).requires_grad_()
    again = draw_lines(turned, 20, 0.01, intensities.transpose(0, 2).contiguous().transpose(0, 2))
    assert torch.equal(image, again)
    weights = torch.randn(20, 20, 2, 4).permute(3, 2, 0, 1)
    (grad,), (grad_again,) = (
        torch.autograd.grad((drawn * weights).sum(), s) for drawn, s in ((image, lines), (again, turned))
    )
    assert torch.equal(grad, grad_again)
