"""Clipping against its definition, including the gradients at the bounds."""

import torch

from learning_to_draw.rasteriser.bounds import bounded


def test_values_and_gradients():
    values = torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0, torch.nan], requires_grad=True)
    clipped = bounded(values, 0, 1)
    (grad,) = torch.autograd.grad(clipped.nansum(), values)
    torch.testing.assert_close(clipped, torch.tensor([0.0, 0.0, 0.5, 1.0, 1.0, torch.nan]), equal_nan=True)
    assert grad[:-1].tolist() == [0, 1, 1, 1, 0]


def test_the_dtype_stays():
    for dtype in (torch.float16, torch.float32, torch.float64):
        assert bounded(torch.tensor([-2.5, 0.25], dtype=dtype), 0, 1).dtype == dtype
