"""Draws how well senders are understood by their own partner and by others, for populations and for separate pairs.

python -m docs.figures.populations --random RUN [RUN ...] --fixed RUN [RUN ...] --output docs/images/populations.png
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from learning_to_draw.analysis.figure_style import COLUMN, PAGE, STYLE
from learning_to_draw.trials.records.read_run import read_run

LINES = {"own partner": ("val_commrate_own_partner", "-"), "others": ("val_commrate_other_partners", ":")}


def draw(runs: dict[str, Sequence[Path]], output: Path) -> None:
    """Writes the figure. runs: partners ("random", "fixed") -> trainings with different seeds."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, COLUMN), layout="constrained")
        rates, distances = figure.subplots(1, 2)
        for colour, (partners, folders) in zip(("#0072B2", "#D55E00"), runs.items(), strict=True):
            rows = [read_run(folder).rows for folder in folders]
            epochs = np.arange(1, min(map(len, rows)) + 1)

            def mean(column, rows=rows, count=len(epochs)):
                return np.mean([[row[column] for row in run[:count]] for run in rows], axis=0)

            for who, (column, look) in LINES.items():
                rates.plot(epochs, 100 * mean(column), look, c=colour, label=f"{partners}: {who}")
            ratio = mean("val_distance_between") / mean("val_distance_within")
            distances.plot(epochs, ratio, c=colour, label=partners)
        rates.set_xlabel("epochs")
        rates.set_ylabel("validation rate, %")
        rates.set_ylim(0, 100)
        rates.legend(loc="upper center", bbox_to_anchor=(0.5, 1.2), ncols=2)
        distances.set_xlabel("epochs")
        distances.set_ylabel("distance between senders / within a sender")
        distances.set_yscale("log")
        distances.legend()
        figure.savefig(output, dpi=110)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--random", nargs="+", type=Path, required=True)
    parser.add_argument("--fixed", nargs="+", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    draw({"random": arguments.random, "fixed": arguments.fixed}, arguments.output)
