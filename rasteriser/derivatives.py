"""Marks the backward pass of a `torch.autograd.Function` as one that has no second derivative."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch


def first_derivative_only(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates `backward` (below @staticmethod). It then raises RuntimeError if called with create_graph=True.

    torch's `once_differentiable` does not always raise an error: it takes the gradient for a constant if the incoming
    gradient needs no gradient itself, so the second derivative of a mean of pixels would be 0.
    """

    @functools.wraps(backward)
    def checked(ctx: Any, *grads: torch.Tensor) -> Any:
        if torch.is_grad_enabled():  # autograd records the backward pass, to differentiate it
            raise RuntimeError(
                "this function has no second derivative (create_graph=True). To draw with second derivatives, use the "
                "plain functions of the rasteriser, such as line_edt2, exp and softor."
            )
        return backward(ctx, *grads)

    return checked
