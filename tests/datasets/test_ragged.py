"""Crops of pictures of different sizes, against plain slicing."""

import pytest
import torch

from learning_to_draw.datasets.ragged import RaggedImages


@pytest.fixture
def pictures():
    generator = torch.Generator().manual_seed(0)
    sizes = [(7, 5), (5, 9), (6, 6), (5, 5)]
    return [torch.randint(256, (3, *size), dtype=torch.uint8, generator=generator) for size in sizes]


def test_pictures_come_back(pictures):
    ragged = RaggedImages.of(tuple(pictures))
    assert len(ragged) == 4
    assert ragged.pixels.shape == (3 * (35 + 45 + 36 + 25),)
    assert ragged.heights.tolist() == [7, 5, 6, 5]
    assert ragged.widths.tolist() == [5, 9, 6, 5]
    for i, picture in enumerate(pictures):
        assert torch.equal(ragged.picture(i), picture)


def test_every_crop_of_every_picture_equals_the_slice(pictures):
    ragged = RaggedImages.of(tuple(pictures))
    size = 5
    corners = [
        (i, top, left)
        for i, picture in enumerate(pictures)
        for top in range(picture.shape[1] - size + 1)
        for left in range(picture.shape[2] - size + 1)
    ]
    indices, tops, lefts = torch.tensor(corners).T
    crops = ragged.crops(indices, tops, lefts, size)
    assert crops.shape == (len(corners), 3, size, size)
    assert crops.dtype == torch.uint8
    for crop, (i, top, left) in zip(crops, corners, strict=True):
        assert torch.equal(crop, pictures[i][:, top : top + size, left : left + size])


def test_one_channel():
    picture = torch.arange(12, dtype=torch.uint8).view(1, 3, 4)
    crop = RaggedImages.of((picture,)).crops(torch.tensor([0]), torch.tensor([1]), torch.tensor([2]), 2)
    assert crop.tolist() == [[[[6, 7], [10, 11]]]]


def test_a_list_is_emptied_while_it_is_packed(pictures):
    RaggedImages.of(pictures)
    assert pictures == [None] * 4


def test_to_device(pictures):
    moved = RaggedImages.of(tuple(pictures)).to("meta")
    assert moved.device.type == "meta"
    assert moved.heights.device.type == "meta"
    assert moved.channels == 3
