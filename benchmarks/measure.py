"""Shared by the benchmarks: timing, peak memory, and the line of JSON that reports a result."""

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
    """Returns the median seconds of `repeats` calls, after one warm-up call."""
    return measure_in_turn([call], repeats)[0]


def measure_in_turn(calls: Sequence[Call], repeats: int) -> list[float]:
    """Returns the median seconds of each call. The calls take turns, so that other work slows them all equally."""
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}: it must be at least 1")
    for call in calls:
        call()
    seconds = [[_seconds(call) for call in calls] for _ in range(repeats)]
    return [statistics.median(times) for times in zip(*seconds, strict=True)]


def seconds_back_to_back(call: Call, repeats: int, device: torch.device) -> float:
    """Returns the mean seconds per call of `repeats` calls in a row, after min(repeats, 10) warm-up calls.

    Nothing waits between the calls. On a GPU, two CUDA events measure the time from the first call to the end of the
    last: the time of the GPU's work, or the time that Python needs to start the work, whichever is longer.
    """
    for _ in range(min(repeats, 10)):
        call()
    _synchronise()
    if device.type != "cuda":
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        return (time.perf_counter() - start) / repeats
    first, last = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    first.record()
    for _ in range(repeats):
        call()
    last.record()
    last.synchronize()
    return first.elapsed_time(last) / 1000 / repeats


def _seconds(call: Call) -> float:
    _synchronise()
    start = time.perf_counter()
    call()
    _synchronise()
    return time.perf_counter() - start


def _synchronise() -> None:
    """Waits until the GPU, if one is in use, has finished its work."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def peak_extra_memory(call: Call) -> int:
    """Returns the peak memory of tensors during a call, in bytes, minus the memory before it.

    The call's result counts as well. Makes the call twice; the first call is a warm-up. Measures the memory that
    torch's allocator hands out: this number is exact, and equal in every run. On a CPU, unlike the size of the process,
    it does not depend on the reuse of freed memory. Memory that torch does not allocate, such as numpy's, does not
    count. Measures the GPU's memory if a GPU is in use, else the CPU's.
    """
    call()
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return _peak_on_gpu(call)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as profiler:
        call()
    # The profiler's tables give the memory of each operation, but not when it was held.
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


def report(device: torch.device | str = "cpu", **fields) -> dict:
    """Prints the fields and a description of the machine as one line of JSON, and returns both as one dict.

    The description has the keys `device` (its name), `torch` and `python` (versions), `threads` (of torch), and `load`,
    the machine's load average over the last minute. If the load exceeds the number of threads, other work may have
    slowed the measurements.
    """
    machine = {
        "device": device_name(torch.device(device)),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }
    print(json.dumps(fields | machine), flush=True)
    return fields | machine


def device_name(device: torch.device) -> str:
    """Returns the model of the GPU, such as "NVIDIA A100-SXM4-40GB", or of the CPU (if unknown, its architecture)."""
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
