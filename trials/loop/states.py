"""Copies the states of metrics, random generators and callbacks as values for resume.pt, and restores them."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torchbearer
from torch import Tensor

from learning_to_draw.trials.records.torch_files import DTYPES

# Attributes that hold the state of torchbearer's metrics.
METRIC_MEMORY = ("_sum", "_sum_sq", "_count", "_cache", "_i", "_result")


def metrics_state(state: Mapping) -> list[dict[str, Any]]:
    """The states of all metrics, as plain values and tensors. state: the trial's state."""
    return [
        {name: _listed(value) for name, value in vars(metric).items() if name in METRIC_MEMORY}
        for metric in _metrics_of(state)
    ]


def set_metrics_state(saved: Sequence[Mapping[str, Any]], state: Mapping) -> None:
    """Gives the metrics the states that `metrics_state` returned. Raises ValueError if one does not fit."""
    for metric, memory in zip(_metrics_of(state), saved, strict=True):
        for name, value in memory.items():
            _check_memory(name, value)
            setattr(metric, name, _moved(value, state[torchbearer.DEVICE]))


def random_state(generators: Mapping[str, torch.Generator]) -> dict[str, Any]:
    """The states of the generators of Python, numpy and torch and of `generators`, as plain values and tensors."""
    kind, keys, *position = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": (kind, torch.from_numpy(keys.astype(np.int64)), *position),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "generators": {name: generator.get_state() for name, generator in generators.items()},
    }


def set_random_state(saved: Mapping[str, Any], generators: Mapping[str, torch.Generator]) -> None:
    random.setstate(saved["python"])
    kind, keys, *position = saved["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *position))
    torch.set_rng_state(saved["torch"])
    if torch.cuda.is_available() and len(saved["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(saved["cuda"])
    for name, generator in generators.items():
        generator.set_state(saved["generators"][name])


def _metrics_of(state: Mapping) -> list[Any]:
    """All metrics in torchbearer's tree of metrics, always in the same order. state: the trial's state."""
    metrics, remaining = [], [state[torchbearer.METRIC_LIST]]
    while remaining:
        metric = remaining.pop()
        metrics.append(metric)
        remaining += [*getattr(metric, "metric_list", ()), *getattr(metric, "children", ())]
        remaining += [inner for inner in (getattr(metric, "metric", None), getattr(metric, "root", None)) if inner]
    return metrics


def _check_memory(name: str, value: Any) -> None:
    """Raises ValueError unless a metric can have the attribute `name` with the value `value`.

    The value can be a number, a 0-dimensional float tensor, {} (no result yet) or, for _cache, a list of such tensors.
    """
    values = [0 if value == {} else value]  # the result before the first batch is {}
    if name == "_cache" and isinstance(value, list):
        values = [one if isinstance(one, Tensor) else None for one in value]
    numbers = all(
        one.dim() == 0 and one.is_floating_point() if isinstance(one, Tensor) else isinstance(one, int | float)
        for one in values
    )
    if name not in METRIC_MEMORY or not numbers:
        raise ValueError(f"the value of {name} does not fit a metric")


def _listed(memory: Any) -> Any:
    return list(memory) if isinstance(memory, deque) else memory


def _moved(memory: Any, device: torch.device) -> Any:
    if isinstance(memory, list):
        return deque(_moved(value, device) for value in memory)
    return memory.to(device) if isinstance(memory, torch.Tensor) else memory


def plain_copy(value: Any) -> Any:
    """A copy of plain values and tensors in plain containers. Raises TypeError, with the type's name, for others.

    Numbers of numpy become Python's.
    """
    value = value.item() if isinstance(value, np.generic) else value
    kind = type(value)
    if isinstance(value, Tensor):
        if value.layout != torch.strided or value.dtype not in DTYPES:
            raise TypeError(f"a tensor of {value.layout} and {value.dtype}")
        return value.detach().clone()
    if isinstance(value, dict):
        return {plain_copy(key): plain_copy(item) for key, item in value.items()}
    if kind in (list, tuple):
        return kind(map(plain_copy, value))
    if kind in (bool, int, float, str, type(None)):
        return value
    raise TypeError(f"a {kind.__module__}.{kind.__qualname__}")
