"""Each augmentation against torchvision's on single images, and the independence of the draws."""

import pytest
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as TF

from learning_to_draw.datasets import augment
from learning_to_draw.datasets.augment import AffineView, CropFlipJitterView
from learning_to_draw.datasets.ragged import RaggedImages


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def images(generator):
    return torch.rand(6, 3, 17, 24, generator=generator)


ANGLES = torch.tensor([0.0, 10.0, -7.3, 117.0, 33.0, 3.0])
SHIFTS = torch.tensor([[0, 0], [2, -1], [-3, 2], [0, 0], [1, 4], [-2, -2]])
SCALES = torch.tensor([1.0, 1.0, 0.9, 1.0, 1.1, 0.95])
SHEARS = torch.tensor([0.0, 0.0, 1.0, 0.0, -12.0, 5.0])


def one_by_one(images, mode, fill):
    mode = InterpolationMode(mode)
    return torch.stack(
        [
            TF.affine(image, float(a), shift.tolist(), float(s), [float(h), 0.0], mode, fill)
            for image, a, shift, s, h in zip(images, ANGLES, SHIFTS, SCALES, SHEARS, strict=True)
        ]
    )


def test_affine_nearest_equals_torchvision(images):
    fill = [0.1, 0.2, 0.3]
    ours = augment.affine(images, ANGLES, SHIFTS, SCALES, SHEARS, torch.tensor(fill), "nearest")
    theirs = one_by_one(images, "nearest", fill)
    differs = ((ours - theirs).abs() > 1e-6).any(1).float().mean((1, 2))
    assert (differs < 0.01).all(), differs  # a pixel centre on the border between two pixels may round either way


def test_affine_bilinear_equals_torchvision_inside(images):
    ours = augment.affine(images, ANGLES, SHIFTS, SCALES, SHEARS, 0.4, "bilinear")
    theirs = one_by_one(images, "bilinear", [0.4] * 3)
    # torchvision weighs the pixels at the rim twice by how much of them is inside: compare only what is not rim.
    inside = one_by_one(torch.ones_like(images), "bilinear", [0.0] * 3)
    sure = (inside > 1 - 1e-6) | (inside < 1e-6)
    assert sure.float().mean() > 0.8
    torch.testing.assert_close(ours[sure], theirs[sure], atol=1e-5, rtol=0)


def test_fill_of_uniform_colour_leaves_the_image_alone():
    images = torch.full((6, 3, 9, 9), 0.25)
    moved = augment.affine(images, ANGLES, SHIFTS, SCALES, SHEARS, 0.25)
    torch.testing.assert_close(moved, images)


def test_random_affine_with_nothing_to_change_is_the_identity(images, generator):
    same = augment.random_affine(images, generator, 0, 0, (1, 1), 0, interpolation="nearest")
    assert torch.equal(same, images)


def test_random_translations_are_whole_pixels_within_the_fraction(generator):
    image = torch.zeros(300, 1, 20, 40)
    image[:, 0, 10, 20] = 1
    moved = augment.random_affine(image, generator, 0, 0.1, (1, 1), 0, interpolation="nearest")
    _, _, rows, columns = torch.nonzero(moved, as_tuple=True)
    assert len(rows) == 300
    assert set((rows - 10).tolist()) == {-2, -1, 0, 1, 2}
    assert set((columns - 20).tolist()) == set(range(-4, 5))


def test_affine_draws_fill_their_ranges_and_are_independent(generator):
    angles, shifts, scales, shears = augment.draw_affine(1000, (30, 50), generator, 10, 0.1, (0.95, 1.01), 2)
    for values, low, high in [
        (angles, -10, 10),
        (shifts[:, 0], -5, 5),
        (shifts[:, 1], -3, 3),
        (scales, 0.95, 1.01),
        (shears, -2, 2),
    ]:
        assert low <= values.min() < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < values.max() <= high
    together = torch.stack([angles, shifts[:, 0], shifts[:, 1], scales, shears])
    assert (torch.corrcoef(together) - torch.eye(5)).abs().max() < 0.15


def test_flip_mirrors_about_half_of_the_images(generator):
    images = torch.rand(400, 1, 2, 3, generator=generator)
    flipped = augment.random_horizontal_flip(images, generator)
    mirrored = (flipped == images.flip(-1)).flatten(1).all(1)
    kept = (flipped == images).flatten(1).all(1)
    assert (mirrored ^ kept).all()
    assert 160 < mirrored.sum() < 240


FACTORS = torch.tensor([0.6, 0.8, 1.0, 1.13, 1.4, 1.25])


@pytest.mark.parametrize("change", ["brightness", "contrast", "saturation"])
def test_colour_changes_equal_torchvision(images, change):
    ours = getattr(augment, f"adjust_{change}")(images, FACTORS.view(-1, 1, 1, 1))
    theirs = [getattr(TF, f"adjust_{change}")(image, float(f)) for image, f in zip(images, FACTORS, strict=True)]
    torch.testing.assert_close(ours, torch.stack(theirs), atol=1e-5, rtol=0)


def test_hue_equals_torchvision(images):
    images = images.clone()
    images[0, :, :, :12] = 0.5  # grey
    images[1, :, :, :6] = torch.tensor([1.0, 0.0, 0.0]).view(3, 1, 1)
    images[1, :, :, 6:12] = torch.tensor([0.0, 0.7, 0.7]).view(3, 1, 1)
    shifts = torch.tensor([0.1, -0.1, 0.0, 0.5, -0.5, 0.03])
    ours = augment.adjust_hue(images, shifts.view(-1, 1, 1, 1))
    theirs = [TF.adjust_hue(image, float(shift)) for image, shift in zip(images, shifts, strict=True)]
    torch.testing.assert_close(ours, torch.stack(theirs), atol=1e-5, rtol=0)


def test_colour_jitter_changes_four_images_in_five_each_in_its_own_way(generator):
    images = torch.rand(1, 3, 4, 4, generator=generator).expand(500, 3, 4, 4)
    jittered = augment.random_colour_jitter(images, generator)
    assert jittered.min() >= 0
    assert jittered.max() <= 1
    changed = (jittered != images).flatten(1).any(1)
    assert 360 < changed.sum() < 440
    assert len(torch.unique(jittered[changed].flatten(1), dim=0)) == changed.sum()


def test_colour_jitter_applies_the_four_in_an_order_that_varies():
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(5))
    for seed in range(5):
        ours = augment.random_colour_jitter(image, torch.Generator().manual_seed(seed), probability=1.0)
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(4, generator=generator).tolist()
        spread = (2 * torch.rand(5, 1, generator=generator) - 1).flatten().tolist()
        expected = image[0]
        for position in order:
            if position == 0:
                expected = TF.adjust_brightness(expected, 1 + 0.4 * spread[0])
            elif position == 1:
                expected = TF.adjust_contrast(expected, 1 + 0.4 * spread[1])
            elif position == 2:
                expected = TF.adjust_saturation(expected, 1 + 0.2 * spread[2])
            else:
                expected = TF.adjust_hue(expected, 0.1 * spread[3])
        torch.testing.assert_close(ours[0], expected, atol=1e-5, rtol=0)


def test_random_crops_reach_every_position_equally_often(generator):
    picture = torch.arange(5 * 4, dtype=torch.uint8).view(1, 5, 4)
    ragged = RaggedImages.of((torch.zeros(1, 3, 3, dtype=torch.uint8), picture))
    crops = augment.random_crops(ragged, torch.ones(6000, dtype=torch.int64), generator, 3)
    corners, counts = torch.unique(crops[:, 0, 0, 0], return_counts=True)
    assert corners.tolist() == [0, 1, 4, 5, 8, 9]
    assert (counts - 1000).abs().max() < 150


@pytest.mark.parametrize("view", ["affine", "crop"])
def test_views_are_seeded_and_differ_from_item_to_item(generator, view):
    photos = torch.randint(256, (3, 3, 20, 20), dtype=torch.uint8, generator=generator)
    if view == "affine":
        images, make = photos, augment.AffineView(10, 0.08, (0.9, 1.1))
    else:
        images, make = RaggedImages.of(tuple(photos)), augment.CropFlipJitterView(12)
    indices = torch.tensor([1] * 8)
    first = make(images, indices, torch.Generator().manual_seed(3))
    again = make(images, indices, torch.Generator().manual_seed(3))
    other = make(images, indices, torch.Generator().manual_seed(4))
    assert first.dtype == torch.float32
    assert first.shape == ((8, 3, 20, 20) if view == "affine" else (8, 3, 12, 12))
    assert first.min() >= 0
    assert first.max() <= 1
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert len(torch.unique(first.flatten(1), dim=0)) == 8
    assert make(images, indices, None, "meta").device.type == "meta"


VIEWS = [AffineView(20, 0.2, (0.8, 1.2), 5), CropFlipJitterView(8)]


def pictures_for(view):
    generator = torch.Generator().manual_seed(4)
    pictures = [torch.randint(256, (3, 12, 12), dtype=torch.uint8, generator=generator) for _ in range(9)]
    return torch.stack(pictures) if isinstance(view, AffineView) else RaggedImages.of(pictures)


@pytest.mark.parametrize("view", VIEWS)
def test_views_stay_where_the_images_are(view):
    images, indices = pictures_for(view).to("meta"), torch.tensor([3, 1, 3])
    assert view(images, indices, torch.Generator().manual_seed(0)).device.type == "meta"


@pytest.mark.gpu
@pytest.mark.parametrize("view", VIEWS)
def test_the_same_seed_gives_the_same_views_wherever_the_images_are(view):
    images, indices = pictures_for(view), torch.tensor([3, 1, 3])
    plain = view(images, indices, torch.Generator().manual_seed(0))
    for place, device in (("cpu", "cuda"), ("cuda", "cuda"), ("cuda", None)):
        seen = view(images.to(place), indices, torch.Generator().manual_seed(0), device)
        assert seen.device.type == "cuda"
        torch.testing.assert_close(seen.cpu(), plain, atol=1e-4, rtol=0)
