"""The options of `study` and `study-results`. Does not import torch.

Each option sets an argument of the function `study` or `study_results`: the one whose name is the option's `dest`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from learning_to_draw.components import non_negative_int, positive_int, seed
from learning_to_draw.trials.config.parse import add_flag, add_options
from learning_to_draw.trials.config.run import RunConfig, TestConfig


def add_study_options(group: Any) -> None:
    group.add_argument("logs", nargs="+", type=Path, metavar="LOG", help="game logs, or run folders that hold one")
    group.add_argument(
        *("-out", "--output"),
        type=Path,
        required=True,
        metavar="FILE.html",
        help="the page to write; not overwritten without --overwrite",
    )
    add_flag(group, "--overwrite", help="replace the page if it exists")
    group.add_argument(
        "--role",
        choices=("receiver", "sender"),
        default="receiver",
        help="what the person does: choose the picture that a sketch shows (receiver), or draw a picture with at "
        "most as many strokes as the agents have (sender)",
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
        help="number of practice games at the start, which do not count; with --role receiver, they show the right "
        "answer",
    )
    group.add_argument(
        "--seed", type=seed, default=0, metavar="N", help="seed of the choice of games and of the order of candidates"
    )
    group.add_argument("--title", metavar="TEXT", help="title of the page (default: a question that fits the role)")
    group.add_argument(
        "--attention",
        type=non_negative_int,
        default=0,
        metavar="N",
        help="for --role receiver: N of the --games games show the target itself instead of the sketch; study-results "
        "prints how many of them each participant got right, and leaves them out of all rates",
    )
    group.add_argument(
        "--consent",
        type=Path,
        metavar="FILE.txt",
        help="a text that participants must agree to, by ticking a box, before they can start",
    )
    group.add_argument(
        "--post-url",
        metavar="URL",
        help="also send the answers to this address at the end, as JSON by POST; the server must allow requests "
        "from the page's origin (CORS) (default: nothing is sent)",
    )


def add_study_results_options(group: Any) -> None:
    group.add_argument(
        "answers",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="answers or drawings saved by the page, one file per participant, all of the same study",
    )
    group.add_argument(
        "--weights",
        nargs="+",
        type=Path,
        metavar="RUN",
        help="for drawings: the trained agents whose receiver guesses, as a checkpoint or the folder of a training; "
        "one for all logs, or one for each of --logs, in the same order",
    )
    group.add_argument(
        "--logs",
        nargs="+",
        type=Path,
        metavar="LOG",
        help="for drawings: the logs that the page was made from; they hold the games' candidates",
    )
    add_options(group, TestConfig, "trust_weights")
    add_options(group, RunConfig, "plugin")
    group.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="file to write the numbers to as JSON; never overwritten (default: print the table only)",
    )
