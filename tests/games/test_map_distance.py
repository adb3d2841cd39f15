"""Distances of feature maps against the plain formula in float64, values and gradients."""

import pytest
import torch

from learning_to_draw.games.losses.map_distance import EPS, distance_to_all, map_distance, mean_and_spread


def plain(one, other):
    units = (maps / (maps.norm(dim=1, keepdim=True) + EPS) for maps in (one, other))
    return (next(units) - next(units)).pow(2).sum(dim=1).mean()


@pytest.mark.parametrize("shape", [(3, 5, 4, 6), (7, 64, 48, 48)])  # the second is worked on in parts
@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("precision", "close"), [(torch.float32, 1e-5), (torch.bfloat16, 1e-2)])
def test_values_and_gradients_are_those_of_the_plain_formula(shape, order, precision, close):
    torch.manual_seed(0)
    maps = [torch.randn(shape).relu().to(precision).to(memory_format=order).requires_grad_() for _ in range(2)]
    exact = [values.detach().double().requires_grad_() for values in maps]
    found, wanted = map_distance(*maps), plain(*exact)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)
    for grad, exact_grad in zip(torch.autograd.grad(found, maps), torch.autograd.grad(wanted, exact), strict=True):
        assert grad.dtype == precision
        assert (grad - exact_grad).abs().max() <= close * exact_grad.abs().max()


def test_distance_is_2_between_orthogonal_features_and_0_between_parallel_ones():
    one = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1).expand(3, 2, 4, 4)
    other = torch.tensor([0.0, 5.0]).view(1, 2, 1, 1).expand(3, 2, 4, 4)
    assert map_distance(one, other).item() == pytest.approx(2)
    assert map_distance(one, 7 * one).item() == pytest.approx(0)


def test_distances_have_the_gradients_that_their_values_say():
    torch.manual_seed(2)
    maps, others = (torch.rand(count, 3, 2, 2, dtype=torch.float64, requires_grad=True) for count in (2, 2))
    assert torch.autograd.gradcheck(map_distance, (maps, others))
    many = mean_and_spread(torch.rand(4, 3, 2, 2, dtype=torch.float64))
    assert torch.autograd.gradcheck(lambda maps: distance_to_all(maps, *many), (maps,))


def test_gradients_are_finite_where_nothing_is_active():
    photo = torch.rand(1, 4, 2, 2)
    silenced = torch.full((1, 4, 2, 2), -1.0, requires_grad=True)  # all features, by the ReLU
    map_distance(photo, torch.relu(silenced)).backward()
    distance_to_all(torch.relu(silenced), *mean_and_spread(photo)).backward()
    assert torch.isfinite(silenced.grad).all()


def test_the_mean_distance_to_many_images_is_found_without_each_of_them():
    torch.manual_seed(4)
    maps, many = (torch.rand(count, 3, 4, 4, dtype=torch.float64) for count in (2, 6))
    many[2, :, 1, 1] = 0  # a location where one of them has nothing
    one_by_one = [map_distance(maps, image.expand_as(maps)).item() for image in many]
    assert distance_to_all(maps, *mean_and_spread(many)).item() == pytest.approx(sum(one_by_one) / 6, abs=1e-12)
