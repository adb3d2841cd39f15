"""The rasteriser's GPU kernels: microseconds of a drawing and its gradient, by the kernels alone and through autograd.

    python -m benchmarks.kernels                                                # needs a GPU
    TRITON_INTERPRET=1 python -m benchmarks.kernels --device cpu --small        # seconds, to see that it runs

Draws 100 sketches of 20 lines at 96 px in several ways, and prints one line of JSON per way. The kernels alone get
ready-made arguments. A call through autograd also computes these arguments and, from the sums over pixels that the
gradient's kernel computes, the gradient with respect to the lines. The calls follow each other without waiting
(`seconds_back_to_back`). On a GPU, there are two more ways, which replay calls recorded as a CUDA graph: starting the
work then costs almost nothing. If a way fails, its line has `error`, the message, instead of microseconds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from benchmarks.measure import report, seconds_back_to_back
from benchmarks.rasteriser import CASES, Case, draw, random_strokes
from learning_to_draw.components import positive_int
from learning_to_draw.errors import first_line

Way = Callable[[], object]
IN_GRAPH = 10  # calls per graph


def kernel_calls(case: Case, device: torch.device) -> tuple[Callable[[], Tensor], Callable[[], Tensor]]:
    """Returns two functions: one runs the drawing's kernel, the other the gradient's, both on ready-made arguments.

    The first returns 1 - drawing, [B, 1, H, W]. The second assumes that the loss's gradient with respect to every pixel
    is 1. It returns sums over pixels for each line, [B, N, 1, 1, 2, 2]; `TritonPolylines.backward` computes the
    gradient with respect to the line from such sums.
    """
    from learning_to_draw.rasteriser import triton_kernels as kernels  # needs Triton
    from learning_to_draw.rasteriser.segments import segments_of

    vertices, size = random_strokes(case, device).detach().double(), (case.size, case.size)
    records = kernels._records(segments_of(vertices), size)
    pens = kernels._pens(vertices.new_full(vertices.shape[:2], case.sigma2), None)
    shades = records.new_ones(case.batch, case.strokes, 1)
    product = records.new_empty(case.batch, 1, *size)
    pulls = records.new_zeros(case.batch, case.strokes, 1, 1, 2, 2)
    inks, spreads = torch.zeros_like(shades), torch.zeros_like(shades)
    tile, numbers = kernels._TILE, kernels._numbers(size)
    tiles = (-(-case.size // tile)) ** 2

    def forward() -> Tensor:
        kernels._draw[(case.batch * tiles,)](
            records, pens, shades, product, case.strokes, 1, *numbers, 1, tile, **kernels._COMPILER
        )
        return product

    weight = forward().clone()  # the complement, times the gradient 1 of every pixel

    def backward() -> Tensor:
        kernels._pull[(case.batch * case.strokes,)](
            records, pens, shades, weight, pulls, inks, spreads, case.strokes, 1, *numbers, False, 1, 1, tile,
            **kernels._COMPILER,
        )  # fmt: skip
        return pulls

    return forward, backward


def autograd_call(case: Case, device: torch.device) -> Way:
    """Returns a function that draws strokes and returns the gradient with respect to the strokes."""
    strokes = random_strokes(case, device)
    ones = torch.ones(case.batch, 1, case.size, case.size, device=device)
    return lambda: torch.autograd.grad(draw(strokes, case.sigma2, None, case), strokes, ones)


def both_kernels(case: Case, device: torch.device) -> Way:
    forward, backward = kernel_calls(case, device)
    return lambda: (forward(), backward())


def as_graph(call: Way) -> Way:
    """Returns a function that replays a CUDA graph, in which `call` is recorded IN_GRAPH times.

    Raises torch's error if a call waits for the GPU.
    """
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # warm-up, as torch asks for
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(IN_GRAPH):
            call()
    return graph.replay


def ways(case: Case, device: torch.device) -> dict[str, tuple[Callable[[], Way], int]]:
    """Returns name -> (a function that builds the way, repetitions of the work in one call of the way)."""
    every: dict[str, tuple[Callable[[], Way], int]] = {
        "autograd call": (lambda: autograd_call(case, device), 1),
        "both kernels": (lambda: both_kernels(case, device), 1),
        "kernel of the drawing": (lambda: kernel_calls(case, device)[0], 1),
        "kernel of the gradient": (lambda: kernel_calls(case, device)[1], 1),
    }
    if device.type == "cuda":  # last: a recording that fails can disturb what follows
        every["both kernels, CUDA graph"] = (lambda: as_graph(both_kernels(case, device)), IN_GRAPH)
        every["autograd call, CUDA graph"] = (lambda: as_graph(autograd_call(case, device)), IN_GRAPH)
    return every


def main(words: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--repeats", type=positive_int, default=1000, help="calls in a row; their mean is reported")
    parser.add_argument("--small", action="store_true", help="2 sketches of 3 lines on 16 px, two repeats")
    arguments = parser.parse_args(words)
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        parser.error(f"--device {arguments.device}: torch finds no GPU here.")
    device, case, repeats = torch.device(arguments.device), CASES[0], arguments.repeats
    if arguments.small:
        case, repeats = replace(case, batch=2, strokes=3, size=16), 2
    for name, (build, calls) in ways(case, device).items():
        result: dict[str, object] = {"case": "kernels", "way": name}
        result |= {"batch": case.batch, "strokes": case.strokes, "size": case.size}
        try:
            seconds = seconds_back_to_back(build(), -(-repeats // calls), device) / calls
        except Exception as error:  # the errors of compilers and drivers vary
            report(device, **result, error=f"{type(error).__name__}: {first_line(error)}")
        else:
            report(device, **result, microseconds=round(seconds * 1e6, 1))


if __name__ == "__main__":
    main(sys.argv[1:])
