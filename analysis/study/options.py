"""The options of `study` and `study-results`. Does not import torch.

Each option sets the argument of the same name (argparse's `dest`) of the tool's function.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from learning_to_draw.components import non_negative_int, positive_int, seed


def add_study_options(group: Any) -> None:
    group.add_argument("logs", nargs="+", type=Path, metavar="LOG", help="game logs, or run folders that hold one")
    group.add_argument(
        *("-out", "--output"),
        type=Path,
        required=True,
        metavar="FILE.html",
        help="the page to write; never overwritten",
    )
    group.add_argument(
        *("-n", "--games"),
        type=positive_int,
        default=30,
        metavar="N",
        help="number of games that count, in total; with several logs, a multiple of their number",
    )
    group.add_argument(
        "--practice",
        type=non_negative_int,
        default=0,
        metavar="K",
        help="number of practice games at the start, which show the right answer and do not count",
    )
    group.add_argument(
        "--seed", type=seed, default=0, metavar="N", help="seed of the choice of games and of the order of candidates"
    )
    group.add_argument("--title", default="What does the sketch show?", metavar="TEXT", help="title of the page")


def add_study_results_options(group: Any) -> None:
    group.add_argument(
        "answers",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="answers saved by the page, one file per participant, all of the same study",
    )
    group.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="file to write the numbers to as JSON; never overwritten (default: print the table only)",
    )
