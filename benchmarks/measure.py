"""What the benchmarks share: seconds, peak memory, and the line of JSON in which a result is printed."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

Call = Callable[[], object]


def measure(call: Call, repeats: int) -> float:
    """Median seconds of `repeats` calls, after one that is not counted."""
    return measure_in_turn([call], repeats)[0]


def measure_in_turn(calls: Sequence[Call], repeats: int) -> list[float]:
    """Median seconds of each of the calls, made in turn, so that other work on the machine slows all of them alike."""
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}: at least 1 call has to be measured")
    for call in calls:
        call()
    seconds = [[_seconds(call) for call in calls] for _ in range(repeats)]
    return [statistics.median(times) for times in zip(*seconds, strict=True)]


def _seconds(call: Call) -> float:
    _synchronise()
    start = time.perf_counter()
    call()
    _synchronise()
    return time.perf_counter() - start


def _synchronise() -> None:
    """Wait for what a GPU still has to do, if one is in use."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def peak_extra_memory(call: Call) -> int:
    """Most bytes of tensors that a call holds at once, above what there was before; its result counts.

    It is what torch's allocator hands out, to the byte and the same in every run: on a CPU, unlike the process's size,
    it does not depend on what earlier calls have left to be used again. Memory that is not torch's (numpy, the
    libraries' own workspaces) does not count. On a GPU, if one is in use, the GPU's memory is measured, else the CPU's.
    """
    call()
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return _peak_on_gpu(call)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as profiler:
        call()
    # The profiler's own tables give the memory of each operation, and not when it was held.
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


def _peak_on_gpu(call: Call) -> int:
    _synchronise()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    call()
    _synchronise()
    return torch.cuda.max_memory_allocated() - before


def report(device: torch.device | str = "cpu", **fields) -> None:
    """Print the fields as one line of JSON, with the machine they hold for.

    Added are `device` (its name), `torch` and `python` (versions), `threads`, and `load`, the machine's load average
    of the last minute: with more than the threads used, other work has slowed the measurements.
    """
    machine = {
        "device": _device_name(torch.device(device)),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }
    print(json.dumps(fields | machine), flush=True)


def _device_name(device: torch.device) -> str:
    """As a person would call it: "NVIDIA A100-SXM4-40GB", or the processor's model where the system tells it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type != "cpu":
        return device.type
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(models), platform.processor() or platform.machine())
