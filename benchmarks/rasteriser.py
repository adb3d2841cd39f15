"""How fast drawing and its gradient are, compared with plain functions that keep all strokes' rasters for autograd.

    python -m benchmarks.rasteriser                     # two CPU cores: several minutes and 6 GB
    python -m benchmarks.rasteriser --against dsketch   # compared with the official library, if it is installed
    python -m benchmarks.rasteriser --against FOLDER    # a folder that contains dsketch, or another checkout
    python -m benchmarks.rasteriser --small             # seconds, to see that it runs

Prints one line of JSON per case. Without --against, the baseline is softor(exp(d2, sigma2)) with the rasteriser's plain
functions. If --against gives dsketch, the baseline uses dsketch's functions of the same names. For a line, they compute
three distances per pixel (to the start, to the end, and to a point between them) and select one (see `official.py`). If
--against gives a checkout, the baseline is the rasteriser of that checkout. The rasteriser and the baseline take turns,
each with a forward and a backward pass.

With OMP_WAIT_POLICY=passive in the environment, torch's threads do not spin-wait after an operation. The times then
include only the kernels and the torch operations that a drawing needs.
"""

import argparse
import functools
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import torch
from torch import Tensor

from benchmarks.measure import measure_in_turn, peak_extra_memory, report
from learning_to_draw import rasteriser
from learning_to_draw.components import positive_int
from learning_to_draw.errors import UsageError

SEGMENTS = 10  # per curve


@dataclass(frozen=True)
class Case:
    """Strokes of one kind, spread evenly over the canvas."""

    name: str
    points: int  # per stroke: 1 for a point, 2 for a line, 4 for a cubic Bezier curve
    batch: int
    strokes: int
    size: int  # pixels
    sigma2: float = 5e-4
    learned_widths: bool = False  # a sigma2 per stroke, from sigma2 / 4 to 4 * sigma2; it gets a gradient
    gates: bool = False  # an intensity per stroke, in 0..1; it gets a gradient


CASES = (
    Case("20 lines", 2, 100, 20, 96),
    Case("1,000 lines", 2, 1, 1000, 256),
    Case("20 points", 1, 100, 20, 96),
    Case("10 cubic curves", 4, 20, 10, 96),
    Case("20 lines that cover the canvas", 2, 20, 20, 96, sigma2=0.5),
    Case("20 lines, each with a learned width", 2, 100, 20, 96, learned_widths=True),
    Case("10 cubic curves, each with a learned width", 4, 20, 10, 96, learned_widths=True),
    Case("20 lines, each with a gate and a learned width", 2, 100, 20, 96, learned_widths=True, gates=True),
    Case("20 lines on 224 px", 2, 32, 20, 224),
    Case("60 cubic curves", 4, 20, 60, 96),
    Case("8 lines on 32 px", 2, 32, 8, 32, sigma2=5e-3),
)


def random_strokes(case: Case, device: torch.device) -> Tensor:
    """Returns the same strokes in every run: [B, N, case.points, 2], or [B, N, 2] if a stroke is one point."""
    shape = (case.batch, case.strokes, case.points, 2)
    strokes = torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return (strokes.squeeze(2) if case.points == 1 else strokes).to(device).requires_grad_()


def stroke_widths(case: Case, device: torch.device) -> float | Tensor:
    """Returns sigma2: one number, or [B, N] if each stroke has its own."""
    if not case.learned_widths:
        return case.sigma2
    exponents = torch.rand(case.batch, case.strokes, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return (case.sigma2 * 4**exponents).to(device).requires_grad_()


def stroke_gates(case: Case, device: torch.device) -> Tensor | None:
    """Returns intensities [B, N, 1], or None if strokes have none."""
    if not case.gates:
        return None
    gates = torch.rand(case.batch, case.strokes, 1, generator=torch.Generator().manual_seed(2))
    return gates.to(device).requires_grad_()


def draw(
    strokes: Tensor, widths: float | Tensor, gates: Tensor | None, case: Case, package: ModuleType = rasteriser
) -> Tensor:
    """Returns the drawings [B, 1, H, W] that `package` makes. package: the rasteriser of this or another revision."""
    draws = {1: package.draw_points, 2: package.draw_lines, 4: package.draw_curves}
    return draws[case.points](strokes, case.size, widths, intensities=gates)


def plain(
    strokes: Tensor, widths: float | Tensor, gates: Tensor | None, case: Case, functions: SimpleNamespace
) -> Tensor:
    """Returns the drawings [B, 1, H, W]: softor(gates * exp(d2, sigma2)), or softor(exp(d2, sigma2)) without gates.

    functions: the plain functions of the rasteriser or of dsketch.
    """
    grid = rasteriser.pixel_grid(case.size, device=strokes.device)
    distance = {1: functions.point_edt2, 2: functions.line_edt2}.get(case.points)
    d2 = distance(strokes, grid) if distance else functions.curve_edt2_polyline(strokes, grid, SEGMENTS)
    if isinstance(widths, Tensor):
        widths = widths[..., None, None]
    rasters = functions.exp(d2, widths)
    return functions.softor(rasters if gates is None else gates[..., None] * rasters).unsqueeze(1)


def other_rasteriser(folder: str) -> ModuleType | None:
    """Returns the package `rasteriser` in the folder of a checkout, or None if the folder has no such package."""
    if not Path(folder, "rasteriser", "draw.py").is_file():
        return None
    sys.path.insert(0, str(Path(folder).resolve()))
    return importlib.import_module("rasteriser")


def plain_functions(against: str | None) -> SimpleNamespace:
    """Returns plain functions: the rasteriser's if `against` is None, else dsketch's.

    Raises UsageError if dsketch is needed but cannot be imported.
    """
    if against is None:
        return SimpleNamespace(**{name: getattr(rasteriser, name) for name in rasteriser.__all__})
    if against != "dsketch":
        sys.path.insert(0, str(Path(against).resolve()))
    functions = {}
    try:
        for module in ("disttrans", "raster", "composite"):
            functions |= vars(importlib.import_module(f"dsketch.raster.{module}"))
    except ImportError as error:
        raise UsageError(
            f"--against {against}: dsketch cannot be imported ({error}).\n"
            'Give "dsketch" if it is installed, the folder that contains dsketch, or another checkout of this project.'
        ) from None
    return SimpleNamespace(**functions)


def baseline_of(against: str | None) -> tuple[Callable[..., Tensor], str]:
    """Returns a function that draws strokes as the baseline does, and the baseline's name.

    Raises UsageError if dsketch is needed but cannot be imported.
    """
    package = other_rasteriser(against) if against else None
    if package:
        return functools.partial(draw, package=package), "another revision"
    functions = plain_functions(against)
    return functools.partial(plain, functions=functions), "plain functions" if against is None else "dsketch"


def compare(case: Case, baseline: Callable[..., Tensor], name: str, device: torch.device, repeats: int) -> None:
    """Measures one case with the rasteriser and with the baseline, and prints its line of JSON.

    If the baseline raises ValueError, prints only a message to stderr: an older revision may fail to draw the case.
    """
    strokes, widths, gates = random_strokes(case, device), stroke_widths(case, device), stroke_gates(case, device)
    inputs = [tensor for tensor in (strokes, widths, gates) if isinstance(tensor, Tensor)]
    weights = torch.randn(case.batch, 1, case.size, case.size, device=device)

    def both_passes(picture: Callable[..., Tensor]) -> Callable[[], tuple[Tensor, ...]]:
        return lambda: torch.autograd.grad(picture(strokes, widths, gates, case), inputs, weights)

    def in_images(memory: int) -> float:
        return round(memory / (weights.numel() * weights.element_size()), 2)

    fast, slow = both_passes(draw), both_passes(baseline)
    try:
        slow()
    except ValueError as error:  # an older revision
        print(f"{case.name}: the baseline cannot draw this: {error}", file=sys.stderr)
        return
    seconds, baseline_seconds = measure_in_turn([fast, slow], repeats)
    peak = peak_extra_memory(fast)
    report(
        device,
        case=case.name,
        batch=case.batch,
        strokes=case.strokes,
        size=case.size,
        sigma2=case.sigma2,
        learned_widths=case.learned_widths,
        gates=case.gates,
        path=type(draw(strokes, widths, gates, case).grad_fn).__name__.removesuffix("Backward"),
        seconds=float(f"{seconds:.3g}"),
        baseline=name,
        baseline_seconds=float(f"{baseline_seconds:.3g}"),
        ratio=round(baseline_seconds / seconds, 1),
        peak_extra_bytes=peak,
        peak_in_images=in_images(peak),
        baseline_peak_in_images=in_images(peak_extra_memory(slow)) if name == "another revision" else None,
        wait_policy=os.environ.get("OMP_WAIT_POLICY", "active"),
    )


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rasteriser", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", help="cpu, or cuda")
    parser.add_argument(
        "--repeats", type=positive_int, default=5, help="measurements of each way; the median is reported"
    )
    parser.add_argument("--small", action="store_true", help="tiny cases: 2 sketches of 3 strokes on 16 px, one repeat")
    parser.add_argument(
        "--against", metavar="WHAT", help='"dsketch" if it is installed, a folder that contains it, or a checkout'
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Runs the cases. Returns the exit code."""
    options = parse(arguments)
    try:
        if options.device.startswith("cuda") and not torch.cuda.is_available():
            raise UsageError(
                f"--device {options.device}: torch finds no GPU here.\nLeave out --device to run on the CPU."
            )
        baseline, name = baseline_of(options.against)
    except UsageError as error:
        print("error: " + str(error).replace("\n", "\n       "), file=sys.stderr)
        return 2
    for case in CASES:
        small = replace(case, batch=2, strokes=3, size=16) if options.small else case
        repeats = 1 if options.small else options.repeats
        compare(small, baseline, name, torch.device(options.device), repeats)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
