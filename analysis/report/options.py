"""The options of `commgame.py report`. Does not import torch.

Each option sets the argument of the same name (argparse's `dest`) of the tool's function.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from learning_to_draw.components import positive_int, seed


def add_report_options(group: Any) -> None:
    group.add_argument(
        "run",
        type=Path,
        metavar="RUN",
        help="folder of a train or test run (also a running one, or one of the official code), or of a game log",
    )
    group.add_argument(
        "--logs",
        nargs="+",
        type=Path,
        default=(),
        metavar="DIR",
        help="game logs, or run folders that hold one, to show in addition to RUN's own (default: for a training run, "
        "the tests of its checkpoints in folders next to RUN)",
    )
    group.add_argument(
        "--output",
        type=Path,
        metavar="FILE.html",
        help="the page to write; only pages that this command wrote are replaced (default: report.html in RUN)",
    )
    group.add_argument(
        "--max-games",
        type=positive_int,
        default=200,
        metavar="N",
        help="maximum number of games shown with pictures per log, chosen at random; half of them are wrong guesses, "
        "if there are enough; statistics cover all games",
    )
    group.add_argument(
        "--measures",
        nargs="+",
        type=Path,
        default=(),
        metavar="FILE",
        help="files of measure --only erasure --json FILE, for the colours of the strokes (default: those in the "
        "folders of the run and of the logs shown)",
    )
    group.add_argument(
        "--figures",
        type=Path,
        metavar="DIR",
        help="folder to which lexicon, roles of strokes and map are also written as PNG and PDF, which needs the "
        "package matplotlib; replaces only files that this command wrote and that were not changed since",
    )
    group.add_argument("--seed", type=seed, default=1234, metavar="N", help="seed of all random choices")
