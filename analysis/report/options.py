"""The options of `commgame.py report`. An option's destination is the name of an argument of the function. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from learning_to_draw.components import positive_int, seed


def add_report_options(group: Any) -> None:
    group.add_argument(
        "run",
        type=Path,
        metavar="RUN",
        help="folder that train or test has written, also while it still does, or the official code's, or a game log",
    )
    group.add_argument(
        "--logs",
        nargs="+",
        type=Path,
        default=(),
        metavar="DIR",
        help="game logs, or run folders with one, to show besides RUN's own; left out: of a training run, all tests "
        "of its checkpoints that lie beside RUN",
    )
    group.add_argument(
        "--output",
        type=Path,
        metavar="FILE.html",
        help="the page to write; left out: report.html in RUN; only a page that this command wrote is replaced",
    )
    group.add_argument(
        "--max-games",
        type=positive_int,
        default=200,
        metavar="N",
        help="games of a log that are shown with their pictures, drawn at random where it has more; numbers count all",
    )
    group.add_argument("--seed", type=seed, default=1234, metavar="N", help="seed of that draw")
