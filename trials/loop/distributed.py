"""Several processes that train or test one pair of agents together, as torchrun starts them; by itself, a process is
the first of one.

What passes between them here is small: losses, guesses, candidates, held-out games. Gradients are
DistributedDataParallel's.
"""

from __future__ import annotations

import gc
import io
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed

from learning_to_draw.errors import RunError, UsageError

# How long one may wait for another, which may be downloading or decoding; that one has died is noticed by torchrun.
PATIENCE = timedelta(hours=6)


def started_together() -> int:
    """How many processes torchrun has started, joined or not."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def count() -> int:
    return distributed.get_world_size() if _joined() else 1


def rank() -> int:
    """This process's number, from 0. The first writes and reports."""
    return distributed.get_rank() if _joined() else 0


def local_rank() -> int:
    """Its number among those of its machine: that of its GPU."""
    return int(os.environ.get("LOCAL_RANK", "0")) if _joined() else 0


def _joined() -> bool:
    return distributed.is_available() and distributed.is_initialized()


@contextmanager
def joined() -> Iterator[None]:
    """Within it, processes that torchrun has started together are joined; without torchrun, nothing happens.

    Raises RunError where another process has ended too early.
    """
    if started_together() < 2 or _joined():
        yield
        return
    if not distributed.is_available():
        raise UsageError("this torch was built without torch.distributed.\nStart one process, without torchrun.")
    try:
        distributed.init_process_group(timeout=PATIENCE)  # gloo for tensors on the CPU, and NCCL for those on a GPU
        yield
    except RuntimeError as error:
        lost = re.search("(closed|reset) by peer|Broken pipe", str(error))
        if lost or isinstance(error, distributed.DistError):
            if _joined():
                distributed.destroy_process_group()
            raise RunError("another process of this run has ended; what it said stands above.") from error
        raise
    # Not after an error: others may wait for something that will not come, which the end of this process tells them.
    meet()
    gc.collect()  # DistributedDataParallel, whose threads must end before the interpreter does, refers to itself
    distributed.destroy_process_group()


@contextmanager
def first_goes_ahead() -> Iterator[None]:
    """The first process of each machine runs the body before the others, who find what it has downloaded or decoded."""
    if local_rank() > 0:
        meet()
    yield
    if local_rank() == 0:
        meet()


def meet() -> None:
    """Waits until all processes are here."""
    if count() > 1:
        distributed.all_reduce(torch.zeros(1))


def said_by_first(say: Callable[[], Any]) -> Any:
    """What `say` gives in the first process, in all of them; the others do not call it."""
    said = [say() if rank() == 0 else None]
    if count() > 1:
        distributed.broadcast_object_list(said)
    return said[0]


def largest(number: int) -> int:
    """The largest of all processes' numbers; every process has to ask."""
    if count() == 1:
        return number
    numbers = torch.tensor(number)
    distributed.all_reduce(numbers, distributed.ReduceOp.MAX)
    return int(numbers)


def mean(value: Tensor) -> Tensor:
    """The mean of all processes' values, which are of one shape."""
    if count() == 1:
        return value
    total = value.clone()
    distributed.all_reduce(total)
    return total / count()


def gathered(values: Tensor) -> Tensor:
    """float [B, ...] of every process, as [count * B, ...], in the order of the processes; no gradient passes."""
    return values if count() == 1 else _gather(values).flatten(0, 1)


def gathered_own_first(values: Tensor) -> Tensor:
    """float [1, T, ...] of every process as [1, count * T, ...], this one's own first; gradients go back to each."""
    if count() == 1:
        return values
    return torch.roll(_Gather.apply(values[0]), -rank(), 0).flatten(0, 1)[None]


class _Gather(torch.autograd.Function):
    """[T, ...] of every process, as [count, T, ...]. torch's own is deprecated."""

    @staticmethod
    def forward(_, values: Tensor) -> Tensor:
        return _gather(values)

    @staticmethod
    def backward(_, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        distributed.all_reduce(total)  # what every process's loss makes of every process's values
        return total[rank()]


def _gather(values: Tensor) -> Tensor:
    parts = [torch.empty_like(values) for _ in range(count())]
    distributed.all_gather(parts, values.contiguous())
    return torch.stack(parts)


def everybodys(content: Any, device: torch.device | str = "cpu") -> list[Any]:
    """What every process has, in their order, with its tensors on `device`: whatever can be pickled."""
    if count() == 1:
        return [content]
    file = io.BytesIO()
    torch.save(content, file)
    files: list[bytes] = [b""] * count()
    distributed.all_gather_object(files, file.getvalue())
    return [torch.load(io.BytesIO(each), map_location=device, weights_only=False) for each in files]
