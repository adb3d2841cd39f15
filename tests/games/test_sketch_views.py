"""Views of sketches against torchvision's transforms of single pictures."""

import pytest
import torch
from torchvision.transforms import functional as torchvision

from learning_to_draw.games.losses.random_views import draw_crops, draw_perspectives, homographies, random_views, warp

SIZE = 40


def smooth_pictures(count):
    """[count, 1, SIZE, SIZE] in 0..1, slowly varying, so that the ways of interpolating twice differ little."""
    generator = torch.Generator().manual_seed(5)
    coarse = torch.rand(count, 1, 4, 4, generator=generator)
    return torch.nn.functional.interpolate(coarse, SIZE, mode="bicubic", align_corners=True).clamp(0, 1)


def draws(count, columns, seed=7):
    return torch.rand(count, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def in_pixels(points):
    return ((points + 1) * SIZE / 2).tolist()


def test_perspectives_are_torchvisions():
    pictures, moved = smooth_pictures(6), draw_perspectives(draws(6, 8))
    views = warp(pictures, homographies(moved).float(), paper=1.0)
    whole = [[0, 0], [SIZE, 0], [SIZE, SIZE], [0, SIZE]]
    for picture, view, corners in zip(pictures, views, moved, strict=True):
        expected = torchvision.perspective(picture, whole, in_pixels(corners), fill=[1.0])
        inside = torchvision.perspective(torch.ones_like(picture), whole, in_pixels(corners), fill=[0.0]) == 1
        assert inside.float().mean() > 0.4
        assert torch.allclose(view[inside], expected[inside], atol=1e-4)
        outside = torchvision.perspective(torch.zeros_like(picture), whole, in_pixels(corners), fill=[1.0]) == 1
        assert torch.allclose(view[outside], torch.ones(()), atol=1e-5)


def test_crops_are_torchvisions():
    pictures = smooth_pictures(3)
    # left, top, width, height in whole pixels, which is all that torchvision can do
    for left, top, width, height in ((0, 0, 40, 32), (5, 3, 30, 36), (9, 4, 31, 34)):
        middle = [(2 * left + width) / SIZE - 1, (2 * top + height) / SIZE - 1]
        one = torch.tensor([[width / SIZE, 0, middle[0]], [0, height / SIZE, middle[1]], [0, 0, 1]])
        views = warp(pictures, one.expand(3, 3, 3), paper=0.0)
        expected = torchvision.resized_crop(pictures, top, left, height, width, [SIZE, SIZE])
        # at the very edge of a crop, torchvision cannot see the pixels beside it
        assert torch.allclose(views[..., 2:-2, 2:-2], expected[..., 2:-2, 2:-2], atol=1e-5)


def test_a_perspective_and_then_a_crop_in_one_go():
    pictures, moved = smooth_pictures(4), draw_perspectives(draws(4, 8))
    crop = torch.tensor([[32 / SIZE, 0, 4 / SIZE], [0, 36 / SIZE, 2 / SIZE], [0, 0, 1]], dtype=torch.float64)
    views = warp(pictures, (homographies(moved) @ crop).float(), paper=1.0)
    turned = warp(pictures, homographies(moved).float(), paper=1.0)
    expected = torchvision.resized_crop(turned, 3, 6, 36, 32, [SIZE, SIZE])  # top, left, height, width
    inside = warp(torch.ones_like(pictures), (homographies(moved) @ crop).float(), paper=0.0) > 0.999
    inside = -torch.nn.functional.max_pool2d(-inside.float(), 5, stride=1, padding=2) == 1
    assert inside.float().mean() > 0.3
    assert (views - expected)[inside].abs().max() < 0.02


def test_corners_come_from_corners():
    moved = draw_perspectives(draws(50, 8))
    maps = homographies(moved)
    sent = torch.cat([moved, torch.ones(50, 4, 1)], dim=2) @ maps.transpose(1, 2)
    corners = torch.tensor([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=torch.float64)
    assert torch.allclose(sent[..., :2] / sent[..., 2:], corners.expand(50, 4, 2), atol=1e-9)
    inwards = (corners - moved) * corners  # how far each coordinate went towards the middle
    assert (inwards >= 0).all()
    assert 0.45 < inwards.max() <= 0.5


def test_crops_lie_within_the_picture_and_in_torchvisions_ranges():
    maps = draw_crops(draws(2000, 4))
    width, height, middle = maps[:, 0, 0], maps[:, 1, 1], maps[:, :2, 2]
    area, aspect = width * height, width / height
    assert (area.min().item(), area.max().item()) == pytest.approx((0.7, 0.9), abs=1e-3)
    assert aspect.max() <= 4 / 3 + 1e-9
    assert aspect.min() >= 3 / 4 - 1e-9
    assert aspect.log().mean().abs() < 0.02
    for side, at in ((width, middle[:, 0]), (height, middle[:, 1])):
        assert (at.abs() + side <= 1 + 1e-9).all()
        assert at.mean().abs() < 0.01
    assert aspect[area < 0.74].max() > 1.25  # where there is room, the whole range is used
    assert torch.equal(maps[:, 2], torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64).expand(2000, 3))


def test_a_view_that_changes_nothing_is_the_sketch():
    pictures = torch.rand(2, 3, 9, 9)
    assert torch.allclose(
        warp(pictures, torch.eye(3).expand(4, 3, 3), 1.0), pictures.repeat_interleave(2, 0), atol=1e-5
    )


@pytest.mark.parametrize("paper", [0.0, 1.0])
def test_blank_paper_stays_blank(paper):
    blank = torch.full((5, 1, 24, 24), paper)
    assert torch.allclose(random_views(blank, 4, torch.Generator().manual_seed(1), paper), blank[:1], atol=1e-6)


def test_no_two_views_are_alike_and_a_seed_repeats_them_all():
    sketches = torch.rand(1, 1, 16, 16).expand(3, 3, 16, 16)
    views = random_views(sketches, 4, torch.Generator().manual_seed(1), 1.0)
    assert views.shape == (12, 3, 16, 16)
    assert len({tuple(view.flatten().tolist()) for view in views}) == 12
    assert torch.equal(views, random_views(sketches, 4, torch.Generator().manual_seed(1), 1.0))


def test_a_sketch_is_seen_in_its_own_views_alone():
    sketches = torch.rand(3, 1, 16, 16, requires_grad=True)
    views = random_views(sketches, 4, torch.Generator().manual_seed(1), 1.0)
    views[4:8].sum().backward()
    assert [bool(gradient.abs().sum() > 0) for gradient in sketches.grad] == [False, True, False]


def test_a_view_can_lie_beyond_the_horizon():
    # Two opposite corners moved so far that the canvas reaches past the line where the perspective ends.
    far = torch.tensor([[[-0.5, -0.5], [1, -0.999], [1, 1], [-0.999, 1]]], dtype=torch.float64)
    maps = homographies(far)
    view = warp(torch.zeros(1, 1, 32, 32), maps.float(), paper=1.0)
    assert torch.isfinite(view).all()
    assert view[0, 0, 0, 0] == 1


def test_gradients_of_the_warp():
    sketches = torch.rand(2, 1, 5, 5, dtype=torch.float64, requires_grad=True)
    maps = homographies(draw_perspectives(draws(4, 8))) @ draw_crops(draws(4, 4))
    assert torch.autograd.gradcheck(lambda sketches: warp(sketches, maps, 1.0), (sketches,))
