"""Batch normalisation: separate statistics, kept when frozen, and `drawn` in nested layers."""

import torch
from torch import nn

from learning_to_draw.models.encoders.batch_norm import PhotoSketchBatchNorm2d, PhotoSketchSequential, plain_averages


def test_photos_and_sketches_have_statistics_of_their_own():
    torch.manual_seed(0)
    layer = PhotoSketchBatchNorm2d(2)
    photos, sketches = torch.randn(64, 2, 8, 8) * 3 + 5, torch.randn(64, 2, 8, 8) * 0.5 - 2
    for _ in range(200):
        layer(photos)
        layer(sketches, is_sketch=True)
    layer.eval()
    for pictures, is_sketch in ((photos, False), (sketches, True)):
        normal = layer(pictures, is_sketch=is_sketch)
        assert normal.mean(dim=(0, 2, 3)).abs().max() < 1e-3
        assert (normal.std(dim=(0, 2, 3)) - 1).abs().max() < 1e-3
    # In training mode it equals torch's own batch normalisation.
    layer.train()
    reference = nn.BatchNorm2d(2)
    assert torch.allclose(layer(photos), reference(photos), atol=1e-6)


def test_a_frozen_layer_keeps_to_its_statistics():
    layer = PhotoSketchBatchNorm2d(3).requires_grad_(False).train()
    layer.running_mean.copy_(torch.tensor([1.0, 2.0, 3.0]))
    layer.drawn_running_var.copy_(torch.tensor([4.0, 9.0, 16.0]))
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    maps = torch.randn(8, 3, 4, 4) * 5 + 2
    expected = (maps - torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1)) / (1 + layer.eps) ** 0.5
    assert torch.allclose(layer(maps), expected, atol=1e-5)
    expected = maps / (torch.tensor([4.0, 9.0, 16.0]).view(3, 1, 1) + layer.eps).sqrt()
    assert torch.allclose(layer(maps, is_sketch=True), expected, atol=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


def test_nested_layers_are_told_what_they_see():
    layers = PhotoSketchSequential(nn.ReLU(), PhotoSketchSequential(nn.Identity(), PhotoSketchBatchNorm2d(2)))
    statistics = layers[1][1]
    layers(torch.rand(4, 2, 3, 3) + 1, True)
    assert (statistics.drawn_running_mean > 0.05).all()
    assert (statistics.running_mean == 0).all()
    layers(torch.rand(4, 2, 3, 3) + 1)
    assert (statistics.running_mean > 0.05).all()


def test_one_value_a_channel_keeps_to_the_statistics_that_there_are():
    layer = PhotoSketchBatchNorm2d(3).train()
    assert torch.allclose(layer(torch.ones(1, 3, 1, 1)), torch.ones(1, 3, 1, 1), atol=1e-4)


def test_statistics_can_be_settled_as_plain_means_of_photos_and_of_sketches():
    torch.manual_seed(0)
    layer = PhotoSketchBatchNorm2d(2).train()
    layer(torch.full((4, 2, 3, 3), 100.0) * torch.rand(4, 2, 3, 3))  # these statistics are discarded
    photos, sketches = torch.rand(3, 4, 2, 3, 3), torch.rand(2, 4, 2, 3, 3)
    with plain_averages(nn.Sequential(layer)) as needed:
        assert needed
        for batch in photos:
            layer(batch)
        for batch in sketches:
            layer(batch, is_sketch=True)
    for batches, mean, var in (
        (photos, layer.running_mean, layer.running_var),
        (sketches, layer.drawn_running_mean, layer.drawn_running_var),
    ):
        assert torch.allclose(mean, batches.mean((1, 3, 4)).mean(0), atol=1e-6)
        assert torch.allclose(var, torch.stack([batch.var((0, 2, 3)) for batch in batches]).mean(0), atol=1e-6)
    before = layer.running_mean.clone()
    layer(photos[0])
    assert torch.allclose(layer.running_mean, 0.9 * before + 0.1 * photos[0].mean((0, 2, 3)), atol=1e-6)
    with plain_averages(nn.Sequential(layer.requires_grad_(False))) as needed:
        assert not needed
