"""Communication between the processes (torchrun) that train or test one pair of agents.

Without torchrun there is one process, with rank 0. Only small data is exchanged here: losses, guesses, candidates,
held-out games. DistributedDataParallel averages the gradients.
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

# How long a process waits for another, which may be downloading or decoding. torchrun notices processes that died.
PATIENCE = timedelta(hours=6)


def world_size() -> int:
    """The world size: the number of processes in the group, or 1."""
    return distributed.get_world_size() if _joined() else 1


def rank() -> int:
    """The rank of this process. Rank 0 writes and reports."""
    return distributed.get_rank() if _joined() else 0


def local_rank() -> int:
    """The rank among the processes of this machine, which is also the index of its GPU."""
    return int(os.environ["LOCAL_RANK"]) if _joined() else 0


def local_world_size() -> int:
    """The number of processes on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if _joined() else 1


def _joined() -> bool:
    return distributed.is_available() and distributed.is_initialized()


@contextmanager
def process_group() -> Iterator[None]:
    """Context with a process group of the processes that torchrun has started; without torchrun it does nothing.

    Raises UsageError if torch has no torch.distributed or torchrun's environment variables are not valid, RunError if
    another process has ended too early.
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
                    "Look for the first error in the output of all processes; then resume a training with --resume, "
                    "or start a test again."
                ) from error
            raise
        # Not after an error: the others may be waiting in another collective, and notice that this process has ended.
        barrier()
        gc.collect()  # DistributedDataParallel is in a reference cycle, and its threads must end before the interpreter
        distributed.destroy_process_group()


@contextmanager
def local_rank_zero_first() -> Iterator[None]:
    """Context manager: local rank 0 runs the body first; the others wait, then find what it downloaded or decoded."""
    if local_rank() > 0:
        barrier()
    yield
    if local_rank() == 0:
        barrier()


def barrier() -> None:
    """Barrier: waits until all processes have called it."""
    if world_size() > 1:
        distributed.all_reduce(torch.zeros(1))


def broadcast_object(say: Callable[[], Any]) -> Any:
    """Calls `say` on rank 0 only, and returns its result on all ranks."""
    result = [say() if rank() == 0 else None]
    if world_size() > 1:
        distributed.broadcast_object_list(result)
    return result[0]


def largest(number: int) -> int:
    """The maximum over all processes. Every process has to call it."""
    if world_size() == 1:
        return number
    numbers = torch.tensor(number)
    distributed.all_reduce(numbers, distributed.ReduceOp.MAX)
    return int(numbers)


def mean(value: Tensor) -> Tensor:
    """The mean over all processes of values with the same shape."""
    if world_size() == 1:
        return value
    total = value.clone()
    distributed.all_reduce(total)
    return total / world_size()


def all_gather(values: Tensor) -> Tensor:
    """float [B, ...] of every process, concatenated by rank to [count * B, ...]. Not differentiable."""
    return values if world_size() == 1 else _gather(values).flatten(0, 1)


def all_gather_own_first(values: Tensor) -> Tensor:
    """float [1, T, ...] of every process as [1, count * T, ...], this process's own first. Differentiable."""
    if world_size() == 1:
        return values
    return torch.roll(_Gather.apply(values[0]), -rank(), 0).flatten(0, 1)[None]


class _Gather(torch.autograd.Function):
    """[T, ...] of every process, stacked to [count, T, ...]. Differentiable; torch's own version is deprecated."""

    @staticmethod
    def forward(_, values: Tensor) -> Tensor:
        return _gather(values)

    @staticmethod
    def backward(_, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        distributed.all_reduce(total)  # the sum over all processes of the gradients of all values
        return total[rank()]


def _gather(values: Tensor) -> Tensor:
    parts = [torch.empty_like(values) for _ in range(world_size())]
    distributed.all_gather(parts, values.contiguous())
    return torch.stack(parts)


def all_gather_object(content: Any, device: torch.device | str = "cpu") -> list[Any]:
    """A list of every process's `content`, by rank, with its tensors on `device`. It can be anything that pickles."""
    if world_size() == 1:
        return [content]
    file = io.BytesIO()
    torch.save(content, file)
    files: list[bytes] = [b""] * world_size()
    distributed.all_gather_object(files, file.getvalue())
    return [torch.load(io.BytesIO(data), map_location=device, weights_only=False) for data in files]
