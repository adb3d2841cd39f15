"""Relaxations against their formulas in Python floats."""

import math

import pytest
import torch

from learning_to_draw.rasteriser import (
    compute_nearest_neighbour_sigma,
    compute_nearest_neighbour_sigma_bres,
    exp,
    line_edt2,
    nearest_neighbour,
    pixel_grid,
    point_edt2,
    sigmoid,
)


@pytest.mark.parametrize("sigma2", [0.5, torch.tensor(0.5)])
def test_exp_and_sigmoid_match_their_formulas(sigma2):
    distances = torch.tensor([[0.0, 0.1], [1.0, 4.0]], dtype=torch.float64)
    for row in range(2):
        for col in range(2):
            ratio = distances[row, col].item() / 0.5
            assert exp(distances, sigma2)[row, col].item() == pytest.approx(math.exp(-ratio))
            assert sigmoid(distances, sigma2)[row, col].item() == pytest.approx(2 / (1 + math.exp(ratio)))


def test_ink_is_one_on_the_stroke_and_vanishes_far_away():
    far = torch.tensor([0.0, 1e30])
    assert exp(far, 1e-4).tolist() == [1, 0]
    assert sigmoid(far, 1e-4).tolist() == [1, 0]


@pytest.mark.parametrize("relaxation", [exp, sigmoid])
def test_gradients(relaxation):
    inputs = (torch.rand(5, dtype=torch.float64, requires_grad=True), torch.tensor(0.3, dtype=torch.float64))
    inputs[1].requires_grad_()
    assert torch.autograd.gradcheck(relaxation, inputs)
    assert torch.autograd.gradgradcheck(relaxation, inputs)


@pytest.mark.parametrize("relaxation", [exp, sigmoid])
def test_a_width_per_stroke(relaxation):
    distances = torch.rand(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    widths = torch.tensor([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], dtype=torch.float64, requires_grad=True)
    ink = relaxation(distances, widths[..., None, None])
    alone = relaxation(distances[1, 0], widths[1, 0].item())
    torch.testing.assert_close(ink[1, 0], alone, rtol=1e-14, atol=0)  # another layout may round the last bit otherwise
    inputs = (distances[:, :, :2, :2].detach().requires_grad_(), widths)
    assert torch.autograd.gradcheck(lambda d2, w: relaxation(d2, w[..., None, None]), inputs)
    assert torch.autograd.gradgradcheck(lambda d2, w: relaxation(d2, w[..., None, None]), inputs)


def test_nearest_neighbour_compares_distances_with_sigma():
    distances = torch.tensor([0.0, 0.2499, 0.25, 0.2501, 1.0, 2.0])
    assert nearest_neighbour(distances, 0.5).tolist() == [1, 1, 1, 0, 0, 0]
    assert nearest_neighbour(distances).tolist() == [1, 1, 1, 1, 1, 0]
    assert nearest_neighbour(distances, torch.tensor(0.5)).dtype == distances.dtype


def test_one_pixel_sigmas_are_half_a_diagonal_and_half_a_spacing():
    grid = pixel_grid(11, dtype=torch.float64)
    assert compute_nearest_neighbour_sigma(grid).item() == pytest.approx(math.hypot(0.2, 0.2) / 2)
    assert compute_nearest_neighbour_sigma_bres(grid).item() == pytest.approx(0.1)
    wide = pixel_grid((5, 11), dtype=torch.float64)
    assert compute_nearest_neighbour_sigma(wide).item() == pytest.approx(math.hypot(0.5, 0.2) / 2)
    assert compute_nearest_neighbour_sigma_bres(wide).item() == pytest.approx(0.25)
    line = torch.linspace(-1, 1, 5).unsqueeze(-1)
    assert compute_nearest_neighbour_sigma(line).item() == pytest.approx(0.25)
    assert compute_nearest_neighbour_sigma_bres(line).item() == pytest.approx(0.25)
    with pytest.raises(ValueError, match=r"it should have D \+ 1 dimensions"):
        compute_nearest_neighbour_sigma(grid[0])


def test_a_thin_line_marks_the_pixels_it_should():
    grid = pixel_grid(9)
    line = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])
    # Slightly more than half a spacing, to be independent of rounding.
    thin = nearest_neighbour(line_edt2(line, grid), compute_nearest_neighbour_sigma_bres(grid) * 1.01)
    assert torch.equal(thin, torch.eye(9))
    thick = nearest_neighbour(line_edt2(line, grid), compute_nearest_neighbour_sigma(grid) * 1.01)
    assert torch.equal(thick, torch.eye(9) + torch.eye(9).roll(1, 0).tril(-1) + torch.eye(9).roll(1, 1).triu(1))
    point = nearest_neighbour(point_edt2(grid[2, 3], grid), compute_nearest_neighbour_sigma(grid))
    assert point.nonzero().tolist() == [[2, 3]]
