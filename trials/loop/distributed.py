"""Communication between the processes (torchrun) that train or test the same agents.

Without torchrun there is one process, with rank 0. Only small data is exchanged here, such as losses, guesses, vectors
of candidates, and results of held-out games. DistributedDataParallel averages the gradients.
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

from learning_to_draw.errors import RunError, UsageError, first_line
from learning_to_draw.trials.loop.interrupts import obeyed_while_waiting
from learning_to_draw.trials.loop.launch import launched, meet

# How long a process waits for another one, which may be downloading or decoding. torchrun detects processes that died.
PATIENCE = timedelta(hours=6)


def world_size() -> int:
    """The number of processes in the process group; 1 without a group."""
    return distributed.get_world_size() if _joined() else 1


def rank() -> int:
    """The rank of this process; 0 without a process group. Only rank 0 writes the run's files and reports progress."""
    return distributed.get_rank() if _joined() else 0


def local_rank() -> int:
    """The rank of this process among those of this machine; also the index of its GPU."""
    return int(os.environ["LOCAL_RANK"]) if _joined() else 0


def local_world_size() -> int:
    """The number of processes on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if _joined() else 1


def _joined() -> bool:
    return distributed.is_available() and distributed.is_initialized()


@contextmanager
def process_group() -> Iterator[None]:
    """Context with a process group of all processes that torchrun has started. Without torchrun it does nothing.

    Raises UsageError if torch lacks torch.distributed or if torchrun's environment variables are not valid, and
    RunError if another process has ended too early.
    """
    launch = launched()
    if launch is None or _joined():
        yield
        return
    if not distributed.is_available():
        raise UsageError("this torch was built without torch.distributed.\nStart one process, without torchrun.")
    with obeyed_while_waiting():
        try:
            store = meet(launch, PATIENCE)
            # gloo for CPU tensors, NCCL for GPU tensors
            distributed.init_process_group(
                store=store, rank=launch.rank, world_size=launch.world_size, timeout=PATIENCE
            )
            yield
        except RuntimeError as error:
            lost = re.search("(closed|reset) by peer|Broken pipe", str(error))
            if lost or isinstance(error, distributed.DistError):
                if _joined():
                    distributed.destroy_process_group()
                raise RunError(
                    f"lost contact with another process of this run ({first_line(error)}).\n"
                    "Look for the first error in the output of all processes. Then resume the training with --resume, "
                    "or start the test again."
                ) from error
            raise
        # No barrier after an error: the others may wait in another collective, which fails once this process ends.
        barrier()
        # Frees DistributedDataParallel, a reference cycle, whose threads must end before the interpreter does.
        gc.collect()
        distributed.destroy_process_group()


@contextmanager
def local_rank_zero_first() -> Iterator[None]:
    """Context: local rank 0 runs the body first, to download and decode for all; then the other processes run it."""
    if local_rank() > 0:
        barrier()
    yield
    if local_rank() == 0:
        barrier()


def barrier() -> None:
    """Waits until all processes have called it."""
    if world_size() > 1:
        distributed.all_reduce(torch.zeros(1))


def broadcast_object(say: Callable[[], Any]) -> Any:
    """Calls `say` on rank 0 only, and returns its result on all ranks."""
    result = [say() if rank() == 0 else None]
    if world_size() > 1:
        distributed.broadcast_object_list(result)
    return result[0]


def largest(number: int) -> int:
    """The largest `number` of all processes. Every process has to call this function."""
    if world_size() == 1:
        return number
    numbers = torch.tensor(number)
    distributed.all_reduce(numbers, distributed.ReduceOp.MAX)
    return int(numbers)


def mean(value: Tensor) -> Tensor:
    """The mean of `value` over all processes, which must all pass a `value` of the same shape."""
    if world_size() == 1:
        return value
    total = value.clone()
    distributed.all_reduce(total)
    return total / world_size()


def all_gather(values: Tensor) -> Tensor:
    """The values of all processes, joined in order of rank: float [B, ...] -> [world_size * B, ...]. No gradients."""
    return values if world_size() == 1 else _gather(values).flatten(0, 1)


def all_gather_own_first(values: Tensor) -> Tensor:
    """The values of all processes, joined: float [1, T, ...] -> [1, world_size * T, ...]. Differentiable.

    This process's own values come first.
    """
    if world_size() == 1:
        return values
    return torch.roll(_Gather.apply(values[0]), -rank(), 0).flatten(0, 1)[None]


class _Gather(torch.autograd.Function):
    """Stacks the values of all processes by rank: [T, ...] -> [world_size, T, ...].

    torch's own differentiable all_gather is deprecated.
    """

    @staticmethod
    def forward(_, values: Tensor) -> Tensor:
        return _gather(values)

    @staticmethod
    def backward(_, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        distributed.all_reduce(total)  # the gradients of all values, summed over all processes
        return total[rank()]


def _gather(values: Tensor) -> Tensor:
    parts = [torch.empty_like(values) for _ in range(world_size())]
    distributed.all_gather(parts, values.contiguous())
    return torch.stack(parts)


def all_gather_object(content: Any, device: torch.device | str = "cpu") -> list[Any]:
    """Every process's `content`, in order of rank, with tensors on `device`. content: any object that can be pickled.

    If there is only one process, returns its `content` unchanged, in a list.
    """
    if world_size() == 1:
        return [content]
    file = io.BytesIO()
    torch.save(content, file)
    files: list[bytes] = [b""] * world_size()
    distributed.all_gather_object(files, file.getvalue())
    return [torch.load(io.BytesIO(data), map_location=device, weights_only=False) for data in files]
