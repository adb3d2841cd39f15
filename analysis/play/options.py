"""The options of `commgame.py play`. Does not import torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from learning_to_draw.components import InvalidValueError, non_negative_int, positive_int, seed


def port(text: str) -> int:
    number = non_negative_int(text)
    if number > 65535:
        raise InvalidValueError(f"{text} is not a port: the largest is 65535")
    return number


def add_play_options(group: Any) -> None:
    group.add_argument(
        "weights", type=Path, metavar="RUN", help="the agents to play with: the folder of a training, or a checkpoint"
    )
    group.add_argument(
        "--most-candidates",
        type=positive_int,
        default=12,
        metavar="N",
        help="show at most N candidates per game: the target and randomly chosen others",
    )
    group.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="folder for the log of the games, created when the first game ends (default: a new folder under runs/)",
    )
    group.add_argument(
        "--port",
        type=port,
        default=0,
        metavar="N",
        help="the port of the page, on this machine only; 0: any free port",
    )
    group.add_argument(
        "--seed", type=seed, default=0, metavar="N", help="seed of the order of games, and of the choice of candidates"
    )
    group.add_argument("--no-browser", action="store_true", help="print the page's address, but do not open it")
