"""Compositions against values computed by hand."""

import pytest
import torch

from learning_to_draw.rasteriser import over, over_recursive, smoothmax, softor


def random(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_compositions_of_two_pixels_by_hand():
    # Two sketches of three strokes and one pixel.
    rasters = torch.tensor([[0.5, 0.25, 0.0], [1.0, 0.5, 0.5]], dtype=torch.float64)
    expected = torch.tensor([1 - 0.5 * 0.75, 1.0], dtype=torch.float64)
    for composition in (softor, over, over_recursive):
        torch.testing.assert_close(composition(rasters), expected)
    weights = torch.tensor([[0.5, 0.25, 0.0]], dtype=torch.float64).exp()
    torch.testing.assert_close(smoothmax(rasters)[:1], (rasters[:1] * weights).sum(1) / weights.sum())


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_the_dimension_composed_is_the_one_asked_for(dim):
    rasters = random(2, 3, 4)
    blank = torch.ones_like(rasters.select(dim, 0))
    for raster in rasters.unbind(dim):
        blank = blank * (1 - raster)
    for composition in (softor, over, over_recursive):
        torch.testing.assert_close(composition(rasters, dim=dim), 1 - blank)
    for composition in (softor, over):
        torch.testing.assert_close(composition(rasters, dim=dim, keepdim=True), (1 - blank).unsqueeze(dim))
    weights = (rasters / 0.2).exp()
    expected = (rasters * weights).sum(dim) / weights.sum(dim)
    torch.testing.assert_close(smoothmax(rasters, dim=dim, temperature=0.2), expected)


@pytest.mark.parametrize("composition", [softor, over, over_recursive, smoothmax])
def test_order_of_strokes_does_not_matter(composition):
    rasters = random(2, 5, 3, 3)
    torch.testing.assert_close(composition(rasters), composition(rasters.flip(1)))


@pytest.mark.parametrize("composition", [softor, over, over_recursive, smoothmax])
def test_gradients(composition):
    rasters = (random(2, 3, 2) * 0.9).requires_grad_()
    assert torch.autograd.gradcheck(composition, rasters)
    assert torch.autograd.gradgradcheck(composition, rasters)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("full", [1, 2, 3])
def test_gradients_where_rasters_are_exactly_one(full, dtype):
    values = torch.tensor([[1.0] * full + [0.5] * (3 - full)], dtype=dtype)
    for composition in (softor, over, over_recursive):
        rasters = values.clone().requires_grad_()
        image = composition(rasters)
        assert image.item() == pytest.approx(1.0)
        (grad,) = torch.autograd.grad(image.sum(), rasters)
        assert grad.isfinite().all()
        if composition is not over:
            others = [(1 - values[0, torch.arange(3) != n]).prod() for n in range(3)]
            torch.testing.assert_close(grad[0], torch.stack(others))


def test_over_clips_what_is_not_in_range():
    rasters = torch.tensor([[1.5, 0.3], [-0.5, 0.25]], dtype=torch.float64)
    expected = torch.tensor([1.0, 0.25], dtype=torch.float64)
    torch.testing.assert_close(over(rasters), expected)
    torch.testing.assert_close(over_recursive(rasters), expected)


def test_smoothmax_becomes_the_maximum_when_cold_and_the_mean_when_hot():
    rasters = random(2, 6, 3)
    torch.testing.assert_close(smoothmax(rasters, temperature=1e-4), rasters.amax(1))
    torch.testing.assert_close(smoothmax(rasters, temperature=1e9), rasters.mean(1))
