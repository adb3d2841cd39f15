"""Drawing and its gradient, compared with plain functions that keep the rasters of all strokes for autograd.

    python -m benchmarks.rasteriser                     # two CPU cores: several minutes and 6 GB
    python -m benchmarks.rasteriser --against dsketch   # compared with dsketch: installed, or in a given folder
    python -m benchmarks.rasteriser --small             # seconds, to see that it runs

Prints one line of JSON per case. The plain way is softor(exp(d2, sigma2)) with the rasteriser's plain functions. With
--against, it uses dsketch's functions of the same names, which compute three distances instead of one (`official.py`).
The rasteriser and the plain way take turns, each with a forward and a backward pass.
"""

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor

from benchmarks.measure import measure_in_turn, peak_extra_memory, report
from learning_to_draw import rasteriser
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
    learned_widths: bool = False  # a width per stroke, from sigma2 / 4 to 4 sigma2, with its gradient


CASES = (
    Case("20 lines", 2, 100, 20, 96),
    Case("1,000 lines", 2, 1, 1000, 256),
    Case("20 points", 1, 100, 20, 96),
    Case("10 cubic curves", 4, 20, 10, 96),
    Case("20 lines that cover the canvas", 2, 20, 20, 96, sigma2=0.5),
    Case("20 lines, each with a learned width", 2, 100, 20, 96, learned_widths=True),
    Case("10 cubic curves, each with a learned width", 4, 20, 10, 96, learned_widths=True),
)


def random_strokes(case: Case, device: torch.device) -> Tensor:
    """Returns strokes [B, N, case.points, 2], or [B, N, 2] if a stroke is one point; the same in every run."""
    shape = (case.batch, case.strokes, case.points, 2)
    strokes = torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return (strokes.squeeze(2) if case.points == 1 else strokes).to(device).requires_grad_()


def stroke_widths(case: Case, device: torch.device) -> float | Tensor:
    """Returns sigma2: one number, or [B, N] if each stroke has its own."""
    if not case.learned_widths:
        return case.sigma2
    exponents = torch.rand(case.batch, case.strokes, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return (case.sigma2 * 4**exponents).to(device).requires_grad_()


def draw(strokes: Tensor, widths: float | Tensor, case: Case) -> Tensor:
    """Returns the drawing by the rasteriser, [B, 1, H, W]."""
    draws = {1: rasteriser.draw_points, 2: rasteriser.draw_lines, 4: rasteriser.draw_curves}
    return draws[case.points](strokes, case.size, widths)


def plain(strokes: Tensor, widths: float | Tensor, case: Case, functions: SimpleNamespace) -> Tensor:
    """Returns the same drawing by plain functions, ours or dsketch's."""
    grid = rasteriser.pixel_grid(case.size, device=strokes.device)
    distance = {1: functions.point_edt2, 2: functions.line_edt2}.get(case.points)
    d2 = distance(strokes, grid) if distance else functions.curve_edt2_polyline(strokes, grid, SEGMENTS)
    if isinstance(widths, Tensor):
        widths = widths[..., None, None]
    return functions.softor(functions.exp(d2, widths)).unsqueeze(1)


def plain_functions(against: str | None) -> SimpleNamespace:
    """Returns the functions to compare with: the rasteriser's, or dsketch's. Raises UsageError without dsketch."""
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
            f"--against {against}: dsketch cannot be imported from there ({error}).\n"
            "Give dsketch if it is installed, or the folder that contains the folder dsketch."
        ) from None
    return SimpleNamespace(**functions)


def compare(case: Case, functions: SimpleNamespace, baseline: str, device: torch.device, repeats: int) -> None:
    """Measures one case both ways, and prints its line of JSON."""
    strokes, widths = random_strokes(case, device), stroke_widths(case, device)
    inputs = [strokes, widths] if isinstance(widths, Tensor) else [strokes]
    weights = torch.randn(case.batch, 1, case.size, case.size, device=device)

    def forwards_and_backwards(picture: Callable[[], Tensor]) -> Callable[[], tuple[Tensor, ...]]:
        return lambda: torch.autograd.grad(picture(), inputs, weights)

    fast = forwards_and_backwards(lambda: draw(strokes, widths, case))
    slow = forwards_and_backwards(lambda: plain(strokes, widths, case, functions))
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
        path=type(draw(strokes, widths, case).grad_fn).__name__.removesuffix("Backward"),
        seconds=float(f"{seconds:.3g}"),
        baseline=baseline,
        baseline_seconds=float(f"{baseline_seconds:.3g}"),
        ratio=round(baseline_seconds / seconds, 1),
        peak_extra_bytes=peak,
        peak_in_images=round(peak / (weights.numel() * weights.element_size()), 2),
    )


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rasteriser", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", help="cpu, or cuda")
    parser.add_argument("--repeats", type=int, default=5, help="measurements of each way; the median is reported")
    parser.add_argument("--small", action="store_true", help="tiny cases: 2 sketches of 3 strokes on 16 px, one repeat")
    parser.add_argument("--against", metavar="WHAT", help='"dsketch" if it is installed, or a folder that contains it')
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Runs the cases. Returns the exit code."""
    options = parse(arguments)
    try:
        if options.repeats < 1:
            raise UsageError(f"--repeats {options.repeats}: it must be at least 1.")
        if options.device.startswith("cuda") and not torch.cuda.is_available():
            raise UsageError(f"--device {options.device}: torch finds no GPU here. Leave it out to run on the CPU.")
        functions = plain_functions(options.against)
    except UsageError as error:
        print("error: " + str(error).replace("\n", "\n       "), file=sys.stderr)
        return 2
    baseline = "plain functions" if options.against is None else "dsketch"
    for case in CASES:
        small = replace(case, batch=2, strokes=3, size=16) if options.small else case
        repeats = 1 if options.small else options.repeats
        compare(small, functions, baseline, torch.device(options.device), repeats)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
