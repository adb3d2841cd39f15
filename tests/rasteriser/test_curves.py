"""Parametric curves against their definitions."""

import itertools

import pytest
import torch

from learning_to_draw.rasteriser import (
    catmull_rom_spline,
    centripetal_catmull_rom_spline,
    chordal_catmull_rom_spline,
    cubic_bezier,
    linear_bezier,
    quadratic_bezier,
    uniform_catmull_rom_spline,
)

BEZIERS = [linear_bezier, quadratic_bezier, cubic_bezier]
SPLINES = {
    uniform_catmull_rom_spline: 0.0,
    catmull_rom_spline: 0.5,
    centripetal_catmull_rom_spline: 0.5,
    chordal_catmull_rom_spline: 1.0,
}
CURVES = [*BEZIERS, *SPLINES]


def random(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1


def steps(count):
    return torch.linspace(0, 1, count, dtype=torch.float64).unsqueeze(-1)


def de_casteljau(params, t):
    """A Bezier curve by repeated interpolation."""
    points = [params[..., k, :] for k in range(params.shape[-2])]
    while len(points) > 1:
        points = [(1 - t) * p + t * q for p, q in itertools.pairwise(points)]
    return points[0]


def barry_goldman(points, t, alpha):
    """A Catmull-Rom spline [4, D] at one t by Barry and Goldman's pyramid of interpolations."""
    knots = [0.0]
    for p, q in itertools.pairwise(points):
        knots.append(knots[-1] + (q - p).norm().item() ** alpha)
    x = knots[1] + t * (knots[2] - knots[1])

    def between(p, q, i, j):
        return (knots[j] - x) / (knots[j] - knots[i]) * p + (x - knots[i]) / (knots[j] - knots[i]) * q

    low = [between(points[i], points[i + 1], i, i + 1) for i in range(3)]
    middle = [between(low[i], low[i + 1], i, i + 2) for i in range(2)]
    return between(*middle, 1, 2)


@pytest.mark.parametrize("curve", BEZIERS)
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_beziers_match_de_casteljau_and_end_exactly_at_their_ends(curve, dims):
    params = random(2, 3, curve.param_dim, dims)
    points = curve(params, steps(5))
    assert points.shape == (2, 3, 5, dims)
    for k in range(5):
        torch.testing.assert_close(points[..., k, :], de_casteljau(params, k / 4))
    assert torch.equal(points[..., 0, :], params[..., 0, :])
    assert torch.equal(points[..., -1, :], params[..., -1, :])


@pytest.mark.parametrize("curve", SPLINES)
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_splines_match_barry_and_goldman(curve, dims):
    params = random(3, 4, dims, seed=1)
    points = curve(params, steps(5))
    for b in range(3):
        for k in range(5):
            torch.testing.assert_close(points[b, k], barry_goldman(params[b], k / 4, SPLINES[curve]))


def test_any_knot_exponent():
    params = random(4, 2)
    points = catmull_rom_spline(params, steps(3), alpha=0.3)
    torch.testing.assert_close(points[1], barry_goldman(params, 0.5, 0.3))


@pytest.mark.parametrize("curve", SPLINES)
def test_splines_pass_through_their_points_and_join_smoothly(curve):
    path = random(5, 2, seed=2)
    first, second = curve(path[:4], steps(10001)), curve(path[1:], steps(10001))
    torch.testing.assert_close(first[0], path[1])
    torch.testing.assert_close(first[-1], path[2])
    torch.testing.assert_close(second[0], path[2])
    # With non-uniform knots the speed may change at a joint, but the direction may not.
    before, after = first[-1] - first[-2], second[1] - second[0]
    assert torch.cosine_similarity(before, after, dim=0) > 1 - 1e-5


@pytest.mark.parametrize("curve", CURVES)
def test_evenly_spaced_points_on_a_line_give_an_even_line(curve):
    ends = random(2, 3)
    shares = steps(curve.param_dim)
    params = (1 - shares) * ends[0] + shares * ends[1]
    first, last = (params[1], params[2]) if curve in SPLINES else (params[0], params[-1])
    torch.testing.assert_close(curve(params, steps(7)), (1 - steps(7)) * first + steps(7) * last)


@pytest.mark.parametrize("curve", CURVES)
def test_each_curve_of_a_batch_may_have_its_own_parameters(curve):
    params, t = random(2, curve.param_dim, 2), torch.stack([steps(3), steps(3) / 2])
    points = curve(params, t)
    torch.testing.assert_close(points[1], curve(params[1], t[1]))
    torch.testing.assert_close(points[1, 2], curve(params[1], steps(3))[1])


@pytest.mark.parametrize("curve", CURVES)
def test_gradients_with_respect_to_points_and_parameter(curve):
    inputs = (random(2, curve.param_dim, 2).requires_grad_(), (steps(4) * 0.8 + 0.1).requires_grad_())
    assert torch.autograd.gradcheck(curve, inputs)
    assert torch.autograd.gradgradcheck(curve, inputs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("same", [(0, 1), (1, 2), (2, 3), (0, 1, 2), (1, 2, 3), (0, 1, 2, 3)])
@pytest.mark.parametrize("curve", SPLINES)
def test_splines_with_coincident_points_are_finite(curve, same, dtype):
    params = random(4, 2, seed=3).to(dtype)
    params[list(same)] = params[same[0]].clone()
    params.requires_grad_()
    points = curve(params, steps(6).to(dtype))
    assert points.isfinite().all()
    torch.testing.assert_close(points[0], params[1])
    torch.testing.assert_close(points[-1], params[2])
    (grad,) = torch.autograd.grad(points.square().sum(), params)
    assert grad.isfinite().all()


@pytest.mark.parametrize("gap", [1e-18, 1e-22, 1e-30])
@pytest.mark.parametrize("curve", SPLINES)
def test_splines_with_almost_coincident_points_are_finite(curve, gap):
    params = torch.tensor([[0.0, 0.0], [0.0, gap], [gap, gap], [0.5, 0.5]], requires_grad=True)
    points = curve(params, steps(6).float())
    assert points.isfinite().all()
    assert torch.autograd.grad(points.sum(), params)[0].isfinite().all()


@pytest.mark.parametrize("curve", [uniform_catmull_rom_spline, centripetal_catmull_rom_spline])
def test_coincident_points_are_the_limit_of_points_that_approach(curve):
    params = random(4, 2, seed=5)
    apart = params.clone()
    params[0] = params[1]
    apart[0] = params[1] + 1e-12
    torch.testing.assert_close(curve(params, steps(5)), curve(apart, steps(5)), rtol=0, atol=1e-5)


def test_a_wrong_number_of_points_is_an_error():
    with pytest.raises(ValueError, match=r"params has shape \[3, 2\]: this curve takes 4 points"):
        cubic_bezier(torch.zeros(3, 2), steps(3))
