"""Squared distance transforms against textbook formulas, in one to three dimensions."""

import itertools
import math

import pytest
import torch

from learning_to_draw.rasteriser import (
    catmull_rom_spline,
    create_curve_edt2_bruteforce,
    cubic_bezier,
    curve_edt2_bruteforce,
    curve_edt2_polyline,
    line_edt2,
    linear_bezier,
    pixel_grid,
    point_edt2,
    quadratic_bezier,
)


def random(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1


def lattice(dims, size=5):
    axes = [torch.linspace(-1, 1, size + dim, dtype=torch.float64) for dim in range(dims)]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)


def distance_to_segment(pixel, start, end):
    """Squared distance of one point to one segment, case by case, in Python floats."""
    chord = [e - s for s, e in zip(start, end, strict=True)]
    way = [p - s for s, p in zip(start, pixel, strict=True)]
    along = sum(c * w for c, w in zip(chord, way, strict=True))
    squared_length = sum(c * c for c in chord)
    if along <= 0:
        return math.dist(pixel, start) ** 2
    if along >= squared_length:
        return math.dist(pixel, end) ** 2
    return sum(w * w for w in way) - along**2 / squared_length


def test_pixel_grid_has_its_corners_at_exactly_one_and_counts_row_then_column():
    grid = pixel_grid((7, 96))
    assert grid.shape == (7, 96, 2)
    assert grid.dtype == torch.float32
    assert grid[0, 0].tolist() == [-1, -1]
    assert grid[-1, -1].tolist() == [1, 1]
    assert grid[3, 0].tolist() == [0, -1]
    assert torch.allclose(grid[0].diff(dim=0)[:, 1], torch.tensor(2 / 95))
    assert pixel_grid(3, dtype=torch.float64).dtype == torch.float64
    for wrong in (0, (3, 0), "3", (1, 2, 3), 2.5):
        with pytest.raises(ValueError, match="size is"):
            pixel_grid(wrong)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("leading", [(), (2,), (2, 3, 2)])
def test_points_and_lines_match_the_textbook_in_any_dimensions(dims, leading):
    grid, lines = lattice(dims), random(*leading, 2, dims)
    to_points, to_lines = point_edt2(lines[..., 0, :], grid), line_edt2(lines, grid)
    assert to_points.shape == to_lines.shape == (*leading, *grid.shape[:-1])
    pixels = grid.reshape(-1, dims).tolist()
    expected_points, expected_lines = [], []
    for start, end in lines.reshape(-1, 2, dims).tolist():
        expected_points += [math.dist(pixel, start) ** 2 for pixel in pixels]
        expected_lines += [distance_to_segment(pixel, start, end) for pixel in pixels]
    torch.testing.assert_close(to_points.flatten(), torch.tensor(expected_points, dtype=torch.float64))
    torch.testing.assert_close(to_lines.flatten(), torch.tensor(expected_lines, dtype=torch.float64))


def test_float32_stays_float32_and_is_close_to_float64():
    lines, grid = random(3, 4, 2, 2), pixel_grid(9, dtype=torch.float64)
    single = line_edt2(lines.float(), grid.float())
    assert single.dtype == torch.float32
    assert (single - line_edt2(lines.float().double(), grid)).abs().max() < 2e-6


def test_swapping_the_ends_of_a_line_leaves_its_distances_the_same():
    lines, grid = random(6, 2, 3), lattice(3)
    torch.testing.assert_close(line_edt2(lines, grid), line_edt2(lines.flip(-2), grid))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("length", [0.0, 1e-30, 1e-20, 1e-18, 1e-12])
def test_a_line_of_almost_no_length_acts_as_a_point(dtype, length):
    # The second point lies exactly on a lattice point.
    points = torch.tensor([[0.3, -0.2], [0.0, 0.0]], dtype=dtype)
    lines = torch.stack([points, points + torch.tensor([0.0, length], dtype=dtype)], dim=1).requires_grad_()
    grid = pixel_grid(5, dtype=dtype)
    distances = line_edt2(lines, grid)
    torch.testing.assert_close(distances, point_edt2(points, grid), rtol=1e-6, atol=1e-9)
    (grad,) = torch.autograd.grad(distances.sum(), lines)
    assert grad.isfinite().all()
    if length == 0:
        assert grad[:, 1].eq(0).all()
        torch.testing.assert_close(grad[:, 0], 2 * (points[:, None] - grid.reshape(-1, 2)).sum(1))


def test_lines_far_away_and_very_long_are_finite():
    lines = torch.tensor([[[1e6, 1e6], [1e6, 1e6 + 5]], [[-1e9, 0.0], [1e9, 0.0]], [[1e15, 0.0], [1e15, 0.0]]])
    lines.requires_grad_()
    distances = line_edt2(lines, pixel_grid(5))
    assert distances.isfinite().all()
    assert torch.autograd.grad(distances.sum(), lines)[0].isfinite().all()


def test_gradients_of_points_and_lines():
    grid = lattice(2).requires_grad_()
    lines = random(2, 3, 2, 2, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(point_edt2, (lines, grid))
    assert torch.autograd.gradcheck(line_edt2, (lines, grid))
    assert torch.autograd.gradgradcheck(line_edt2, (lines, grid.detach()))


CURVES = [linear_bezier, quadratic_bezier, cubic_bezier, catmull_rom_spline]


@pytest.mark.parametrize("curve", CURVES)
def test_polylines_are_the_nearest_of_their_pieces(curve):
    params, grid = random(2, 3, curve.param_dim, 2), lattice(2)
    distances = curve_edt2_polyline(params, grid, 3, curve)
    assert distances.shape == (2, 3, *grid.shape[:-1])
    vertices = curve(params, torch.tensor([[0], [1 / 3], [2 / 3], [1]], dtype=torch.float64))[1, 2].tolist()
    for pixel, distance in zip(grid.reshape(-1, 2).tolist(), distances[1, 2].flatten().tolist(), strict=True):
        pieces = [distance_to_segment(pixel, *ends) for ends in itertools.pairwise(vertices)]
        assert distance == pytest.approx(min(pieces), abs=1e-12)


@pytest.mark.parametrize("leading", [(), (2,), (2, 3)])
@pytest.mark.parametrize("curve", CURVES)
def test_brute_force_and_fine_polylines_agree(curve, leading):
    params, grid = random(*leading, curve.param_dim, 2, seed=4), lattice(2)
    distances = curve_edt2_bruteforce(params, grid, 5, 20, curve)
    assert distances.shape == (*leading, *grid.shape[:-1])
    torch.testing.assert_close(distances, curve_edt2_polyline(params, grid, 2000, curve), rtol=1e-4, atol=1e-6)


def test_brute_force_of_a_straight_line_is_exact_and_narrows_every_round():
    params, grid = random(4, 2, 3), lattice(3)
    errors = [
        (curve_edt2_bruteforce(params, grid, iters, 6, linear_bezier) - line_edt2(params, grid)).max().item()
        for iters in (1, 3, 12)
    ]
    assert errors[0] > 10 * errors[1] > 100 * errors[2]
    assert errors[2] < 1e-8


def test_brute_force_in_one_dimension_within_a_range_and_below_known_distances():
    grid = lattice(1, size=9)
    params = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    within = curve_edt2_bruteforce(params, grid, 8, 8, linear_bezier, mint=0.25, maxt=0.5)
    torch.testing.assert_close(within, line_edt2(params * 0.25 - 0.25, grid), rtol=0, atol=1e-6)
    each = curve_edt2_bruteforce(params, grid, 8, 8, linear_bezier, torch.full((9,), 0.25), torch.full((9,), 0.5))
    torch.testing.assert_close(each, within)
    known = torch.full((9,), 0.1, dtype=torch.float64)
    below = curve_edt2_bruteforce(params, grid, 8, 8, linear_bezier, 0.25, 0.5, known)
    torch.testing.assert_close(below, within.clamp(max=0.1))


def test_gradients_of_curves():
    grid = lattice(2, size=3)
    for curve in CURVES:
        params = random(2, 1, curve.param_dim, 2, seed=2).requires_grad_()
        assert torch.autograd.gradcheck(lambda p, curve=curve: curve_edt2_polyline(p, grid, 4, curve), params)
        assert torch.autograd.gradcheck(lambda p, curve=curve: curve_edt2_bruteforce(p, grid, 2, 6, curve), params)


def test_brute_force_gradient_approaches_that_of_the_exact_distance():
    lines, grid = random(5, 2, 2, seed=3).requires_grad_(), lattice(2)
    (exact,) = torch.autograd.grad(line_edt2(lines, grid).sum(), lines)
    (grad,) = torch.autograd.grad(curve_edt2_bruteforce(lines, grid, 20, 5, linear_bezier).sum(), lines)
    torch.testing.assert_close(grad, exact, rtol=1e-6, atol=1e-6)


def test_created_brute_force_is_the_function_with_its_choices():
    params, grid = random(2, 3, 2), lattice(2)
    created = create_curve_edt2_bruteforce(2, 7, quadratic_bezier)
    assert torch.equal(created(params, grid), curve_edt2_bruteforce(params, grid, 2, 7, quadratic_bezier))
    assert created.param_dim == 3


def test_functions_say_how_many_points_they_take():
    functions = (point_edt2, line_edt2, curve_edt2_polyline, curve_edt2_bruteforce)
    assert [function.param_dim for function in functions] == [1, 2, 4, 4]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: point_edt2(torch.zeros(3), pixel_grid(4)), r"point has shape \[3\]"),
        (lambda: line_edt2(torch.zeros(3, 2), pixel_grid(4)), r"line has shape \[3, 2\]"),
        (lambda: line_edt2(torch.zeros(2, 3), pixel_grid(4)), "same number of coordinates"),
        (lambda: curve_edt2_polyline(torch.zeros(4, 2), pixel_grid(4), 0), "segments is 0"),
        (lambda: curve_edt2_bruteforce(torch.zeros(4, 2), pixel_grid(4), 0, 5), "iters is 0"),
        (lambda: curve_edt2_polyline(torch.zeros(3, 2), pixel_grid(4), 2), "takes 4 points"),
    ],
)
def test_wrong_calls_say_what_was_given(call, message):
    with pytest.raises(ValueError, match=message):
        call()
