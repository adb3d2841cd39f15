"""Computes how much memory is available, how much of it a run may use by default, and how much a run will need."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import torch

from learning_to_draw.errors import UsageError
from learning_to_draw.games.losses.terms import TotalLoss
from learning_to_draw.models.population import Community
from learning_to_draw.rasteriser.draw import in_plain_torch
from learning_to_draw.trials.loop import distributed
from learning_to_draw.trials.loop.batches import GameBatches

MIB = 2**20
SHARE = 0.5  # of the free memory: what pictures or features may use by default; agents and a step's graph need the rest
# The controllers in a line of /proc/self/cgroup -> the folder of the cgroups, and their files with limit and usage.
CGROUPS = {
    "": ("sys/fs/cgroup", "memory.max", "memory.current"),  # version 2
    "memory": ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),  # version 1
}


def place_of_pictures(asked: str, size: int, device: torch.device, free: int) -> torch.device:
    """The device that will hold `size` bytes of decoded pictures: `device` (a GPU) or the CPU.

    asked: cpu, cuda, or auto (the GPU if the pictures take at most SHARE of its free memory). free: free bytes on the
    GPU. Raises UsageError for cuda if the pictures do not fit.
    """
    if asked == "cuda" and size > free:
        raise UsageError(
            f"--data-device cuda: the decoded pictures take {size / MIB:.0f} MiB, but {free / MIB:.0f} MiB are free on "
            f"{device}.\nLeave out --data-device, or give --data-device cpu to keep the pictures in main memory."
        )
    return device if asked == "cuda" or (asked == "auto" and size <= free * SHARE) else torch.device("cpu")


def memory_budget(device: torch.device) -> int:
    """The number of bytes that cached features may take: SHARE of the device's free memory.

    This is divided equally among the jobs that `sweep --jobs` runs at once, even if they have several GPUs, and, on a
    CPU, among the run's processes on this machine. If the free memory is unknown, the number is 2 GiB, undivided.
    """
    jobs = int(os.environ.get("COMMGAME_JOBS", "1"))  # set by experiments/run_jobs.py
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0] * SHARE) // jobs
    try:
        return int(free_memory() * SHARE) // (distributed.local_world_size() * jobs)
    except (OSError, StopIteration):  # not every system has /proc/meminfo
        return 2048 * MIB


def free_memory(root: Path = Path("/")) -> int:
    """The number of bytes of main memory that this process can still get, on Linux. root: replaced in tests.

    Raises OSError or StopIteration if the system does not tell it.
    """
    lines = (root / "proc/meminfo").read_text().splitlines()
    machine = next(line for line in lines if line.startswith("MemAvailable:"))
    return min([int(machine.split()[1]) * 1024, *_left_by_cgroups(root)])


def _left_by_cgroups(root: Path) -> Iterator[int]:
    """Yields the number of bytes left by the memory limit of each cgroup of this process, and of each one above it.

    Docker and `sbatch --mem` set such limits; /proc/meminfo does not show them.
    """
    for line in (root / "proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers not in CGROUPS:
            continue
        place, *names = CGROUPS[controllers]
        folder = Path(path.lstrip("/"))
        for level in (folder, *folder.parents):
            files = root / place / level
            with contextlib.suppress(OSError, ValueError, KeyError):  # levels that a container hides; "max": no limit
                limit, used = (int((files / name).read_text()) for name in names)
                parts = dict(part.split() for part in (files / "memory.stat").read_text().splitlines())
                cached = int(parts.get("total_inactive_file", parts["inactive_file"]))  # files, which can be dropped
                yield max(0, limit - used + cached)


def memory_estimate(agents: Community, pictures: int, step: float | None = None) -> str:
    """A line with an estimate of a run's memory: decoded pictures, weights, and the graph of one step.

    pictures: bytes of the decoded pictures. step: bytes of the graph of a training step (see `graph_bytes`); None in a
    test. For a training, the weights include gradients and Adam's moments.
    """
    weights = sum(parameter.nbytes for parameter in agents.parameters())
    if step is not None:
        weights += 3 * sum(parameter.nbytes for parameter in agents.parameters() if parameter.requires_grad)
    parts = {"pictures": pictures, "weights": weights} | ({"one step": step} if step is not None else {})
    listed = ", ".join(f"{name} {size / MIB:.0f}" for name, size in parts.items())
    return f"memory         about {sum(parts.values()) / MIB:.0f} MiB: {listed}"


def graph_bytes(batches: GameBatches, agents: Community, loss: TotalLoss) -> float:
    """The bytes that autograd saves in one training step, measured on games with four turns and scaled to a batch."""
    few, sampler, pair = 4, batches.sampler, agents.pairs[0]
    size, channels = pair.decoder.image_size, batches.split.view(torch.arange(1)).shape[1]
    owned = {parameter.untyped_storage().data_ptr() for parameter in agents.parameters()}

    def measured(others: int) -> float:
        """The bytes per turn of a game of four candidates, `others` of which no sender sees."""
        photos, kept = torch.rand(few + others, channels, size, size), {}

        def count(tensor: torch.Tensor) -> torch.Tensor:
            if tensor.dim() > 1 and tensor.shape[0] >= few:  # other tensors do not grow with the batch
                kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with in_plain_torch(), torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            play = pair(photos, torch.arange(few)[None] + others, few, feature_layers=loss.needed_layers)
            terms = loss(play, torch.arange(few))
        del terms  # the graph had to keep the counted tensors alive until here
        return sum(size for pointer, size in kept.items() if pointer not in owned) / few

    turn, more = measured(0), measured(few)
    # If the receiver's picture differs from the sender's, both pass the encoder.
    seen = 0 if sampler.kind in ("different", "mixed") else sampler.senders
    return sampler.games * (turn * sampler.senders + (more - turn) * (sampler.candidates - seen))
