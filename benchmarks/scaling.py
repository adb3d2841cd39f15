"""How time and memory of a training step grow with batch, candidates, lines, pixels, agents and pictures.

    python -m benchmarks.scaling                # two CPU cores: about a minute and 2 GB
    python -m benchmarks.scaling --small        # seconds, to see that it runs
    python -m benchmarks.scaling --device cuda

Each of these six is an axis with several sizes. Prints one line of JSON per size and one per axis, then a table in
Markdown. The JSON, the table and, if matplotlib is installed, a plot also go into the folder --output. A step samples a
game, gathers its pictures, plays it with SmallCNNEncoder, and updates the weights.

The amount is the size, or its square for pixels. The exponent of the time is the slope of log(seconds) against
log(amount), over the larger half of the sizes: 1 means twice the time for twice the amount. The exponent of the memory
is computed in the same way. The exponent of the work (such as lines to draw) is known: 0 or 1. Time or memory grows
faster than the work if its exponent exceeds that of the work by more than TOLERANCE.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.measure import measure_in_turn, peak_extra_memory, report
from benchmarks.step import turning
from learning_to_draw.analysis.figure_style import GREY, PAGE, figure_if_possible
from learning_to_draw.components import positive_int
from learning_to_draw.datasets.splits import Split
from learning_to_draw.text_tables import markdown
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import build_loss, seeds_of, set_up
from learning_to_draw.trials.config.configure import configure
from learning_to_draw.trials.loop.step import GameModule, adam, train_step

TOLERANCE = 0.1
COMMAND = "python -m benchmarks.scaling"


@dataclass(frozen=True)
class Setting:
    """The sizes of one step. senders: sketches per game, each of a different candidate."""

    senders: int = 16
    candidates: int = 16
    lines: int = 20
    size: int = 32  # pixels
    agents: int = 1  # the number of senders, and of receivers
    pictures: int = 1000  # of the data set


@dataclass(frozen=True)
class Axis:
    """One quantity that changes, and the sizes that it takes.

    setting: the `Setting` of a step, computed from a size. amount: what the exponents refer to, computed from a size.
    work: the work in words; it grows as amount ** power.
    """

    name: str
    sizes: Sequence[int]
    setting: Callable[[int], Setting]
    work: str
    power: int = 1
    amount: Callable[[int], int] = lambda size: size


AXES = (
    Axis(
        "batch (candidates)",
        (16, 32, 64, 125, 250, 500, 1000),
        lambda n: Setting(senders=n, candidates=n),
        "photos and sketches: n each; the n² scores are one product of matrices",
    ),
    Axis(
        "candidates beyond the batch",
        (16, 32, 64, 125, 250, 500, 1000),
        lambda n: Setting(candidates=n),
        "photos: all n candidates; sketches: always 16",
    ),
    Axis("lines", (10, 40, 160, 640, 2500, 10000), lambda n: Setting(lines=n, size=64), "lines to draw: n"),
    Axis(
        "pixels",
        (32, 48, 64, 96, 128, 176, 224),
        lambda n: Setting(size=n),
        "pixels to draw and encode: the square of the size",
        amount=lambda n: n**2,
    ),
    Axis(
        "agents",
        (2, 4, 8, 16, 32, 64),
        lambda n: Setting(agents=n),
        "constant: one sender meets one receiver",
        power=0,
    ),
    Axis(
        "pictures of the data set",
        (1000, 4000, 16000, 64000),
        lambda n: Setting(pictures=n),
        "constant: a game of 16",
        power=0,
    ),
)
SMALL_SIZES = {"pixels": (16, 24, 32), "pictures of the data set": (1000, 2000, 4000)}  # other axes: the first three


@dataclass(frozen=True)
class Growth:
    """The time and memory of a step at every size of an axis, and how fast they grow."""

    axis: Axis
    sizes: Sequence[int]
    seconds: Sequence[float]
    bytes: Sequence[int]

    @property
    def amounts(self) -> list[int]:
        return [self.axis.amount(size) for size in self.sizes]

    @property
    def exponents(self) -> dict[str, float]:
        return {"time": exponent(self.amounts, self.seconds), "memory": exponent(self.amounts, self.bytes)}

    @property
    def too_fast(self) -> list[str]:
        """Which of time and memory grow faster than the work."""
        return [name for name, value in self.exponents.items() if value > self.axis.power + TOLERANCE]


def exponent(amounts: Sequence[float], values: Sequence[float]) -> float:
    """Returns the slope of log(value) against log(amount), by least squares over the larger half of the amounts.

    amounts: ascending, at least two. With an odd number of them, the larger half includes the middle one; with two, it
    includes both.
    """
    half = len(amounts) // 2 if len(amounts) > 2 else 0
    x, y = ([math.log(value) for value in row[half:]] for row in (amounts, values))
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    products = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return products / sum((a - mean_x) ** 2 for a in x)


def step_of(setting: Setting, device: torch.device) -> Callable[[], Tensor]:
    """Returns a function that takes one training step and returns its loss."""
    torch.manual_seed(0)
    images = torch.randint(0, 256, (setting.pictures, 3, setting.size, setting.size), dtype=torch.uint8)
    labels, items = torch.zeros(setting.pictures, dtype=torch.int64), torch.arange(setting.pictures)
    config = configure(
        "train",
        encoder="SmallCNNEncoder",
        nlines=setting.lines,
        sigma2=5e-4,
        population=setting.agents,
        batch_size=setting.candidates,
        sender_images_per_iter=setting.senders,
        device=str(device),
    )
    setup = set_up(config, ("train",), {"train": Split("train", images, labels, ("one",), items).to(device)})
    agents = build_agents(setup.config.agents, setup.pictures)
    loss = build_loss(config.loss, config.auxiliary.values(), agents, seeds_of(config))
    module = GameModule(agents, loss).to(device)
    weights = [weight for weight in module.parameters() if weight.requires_grad]
    optimizer, batches = adam(weights, 1e-4), turning(setup.batches["train"])
    # The first step of each agent would also allocate Adam's averages. A step with gradients of 0 does it for all.
    for weight in weights:
        weight.grad = torch.zeros_like(weight)
    optimizer.step()
    optimizer.zero_grad()

    def step() -> Tensor:
        _, total = train_step(module, optimizer, next(batches))
        optimizer.step()
        optimizer.zero_grad()  # every step begins without gradients: the memory before it is the same
        return total.detach()

    return step


def measured(axis: Axis, sizes: Sequence[int], device: torch.device, repeats: int) -> tuple[Growth, list[dict]]:
    """Measures a step at every size of an axis, and prints lines of JSON: one per size, and one for the axis.

    Returns the growth, and the lines as dicts.
    """
    steps = [step_of(axis.setting(size), device) for size in sizes]
    seconds = measure_in_turn(steps, repeats)
    memory = [peak_extra_memory(step) for step in steps]
    rows = zip(sizes, seconds, memory, strict=True)
    lines = [
        report(device, axis=axis.name, n=size, seconds=float(f"{time:.3g}"), peak_extra_bytes=peak)
        for size, time, peak in rows
    ]
    growth = Growth(axis, sizes, seconds, memory)
    exponents = {f"{name}_exponent": round(value, 2) for name, value in growth.exponents.items()}
    fields: dict[str, Any] = {"axis": axis.name, "work": axis.work, "work_exponent": axis.power}
    return growth, [*lines, report(device, **fields, **exponents, faster_than_work=growth.too_fast)]


def table(growths: Sequence[Growth]) -> str:
    """Returns the table in Markdown, and below it the verdict."""
    heading = ["axis", "n", "work", "its exponent", "time", "exponent", "memory", "exponent"]
    rows = [
        [growth.axis.name, f"{growth.sizes[0]:,} to {growth.sizes[-1]:,}", growth.axis.work, str(growth.axis.power)]
        + [f"{first_and_last(growth.seconds, 1e3)} ms", f"{growth.exponents['time']:.2f}"]
        + [f"{first_and_last(growth.bytes, 1e-6)} MB", f"{growth.exponents['memory']:.2f}"]
        for growth in growths
    ]
    return f"{markdown([heading, *rows], text_columns=(0, 1, 2))}\n\n{verdict(growths)}\n"


def first_and_last(values: Sequence[float], factor: float) -> str:
    """Returns the first and the last value, each multiplied by the factor, as text such as "6.9 to 334"."""
    ends = (factor * value for value in (values[0], values[-1]))
    return " to ".join(f"{value:,.{0 if value >= 100 else 1}f}" for value in ends)


def verdict(growths: Sequence[Growth]) -> str:
    """Returns what grows faster than the work, in words."""
    found = [
        f"{name} over {growth.axis.name} (exponent {growth.exponents[name]:.2f} instead of {growth.axis.power})"
        for growth in growths
        for name in growth.too_fast
    ]
    return f"These grow faster than the work: {'; '.join(found)}." if found else "Nothing grows faster than the work."


def plot(figure: Any, growths: Sequence[Growth]) -> None:
    """Draws time and memory against the amount, in two panels with log axes.

    Times, memory and amounts are multiples of those at the smallest size. figure: an empty matplotlib figure.
    """
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    widest = max(growth.amounts[-1] / growth.amounts[0] for growth in growths)
    for panel, title in zip(panels, ("time of a step", "memory of a step"), strict=True):
        panel.plot([1, widest], [1, widest], color=GREY, linestyle="--", label="slope 1")
        for growth, marker in zip(growths, "osv^Dx*P", strict=False):
            values = growth.seconds if panel is panels[0] else growth.bytes
            amounts = [amount / growth.amounts[0] for amount in growth.amounts]
            relative = [value / values[0] for value in values]
            panel.plot(amounts, relative, marker=marker, markersize=3, label=growth.axis.name)
        panel.set(xscale="log", yscale="log", title=title, xlabel="amount, times the smallest")
    panels[0].set_ylabel("times the smallest")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)


def main(words: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", help="cpu, or cuda")
    parser.add_argument("--output", type=Path, default=Path("benchmarks-scaling"), help="folder for table and plot")
    parser.add_argument(
        "--repeats", type=positive_int, default=9, help="measurements of each size; the median is reported"
    )
    parser.add_argument("--small", action="store_true", help="three small sizes per axis, one repeat")
    arguments = parser.parse_args(words)
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        parser.error(f"--device {arguments.device}: torch finds no GPU here.")
    device, repeats = torch.device(arguments.device), 1 if arguments.small else arguments.repeats
    growths, lines = [], []
    for axis in AXES:
        sizes = SMALL_SIZES.get(axis.name, axis.sizes[:3]) if arguments.small else axis.sizes
        growth, printed = measured(axis, sizes, device, repeats)
        growths.append(growth)
        lines += printed
    text = table(growths)
    print(f"\n{text}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "scaling.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    (arguments.output / "scaling.md").write_text(text)
    size = (PAGE, 3.4)
    for name, content in figure_if_possible("scaling", COMMAND, size, lambda figure: plot(figure, growths)).items():
        (arguments.output / name).write_bytes(content)


if __name__ == "__main__":
    main(sys.argv[1:])
