"""The options of `draw` and `save-svg`. Does not import torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from learning_to_draw.components import non_negative_int, positive_int
from learning_to_draw.trials.config.parse import add_flag
from learning_to_draw.trials.tool import add_log_argument


def add_draw_options(group: Any) -> None:
    group.add_argument("photos", nargs="+", type=Path, metavar="PHOTO", help="a picture of any size, grey or in colour")
    group.add_argument(
        "--weights",
        type=Path,
        required=True,
        metavar="FILE",
        help="checkpoint of the agents, or the folder of their training; for a checkpoint of the official code, also "
        "give the options of the training, as for test: --dataset, --encoder, --latent-size, ...",
    )
    group.add_argument(
        *("-out", "--output"),
        type=Path,
        default=Path("drawings"),
        metavar="DIR",
        help="folder for the drawings, created if needed; existing files are never overwritten",
    )
    group.add_argument(
        "--scale",
        type=positive_int,
        default=4,
        metavar="N",
        help="enlarge each pixel that the agents see to N x N pixels in the PNG and the GIF",
    )
    add_flag(group, "--animate", help="also write a GIF in which the strokes appear one by one")
    add_flag(
        group,
        "--negative",
        help="swap light and dark before the sender sees the photo: for photos of dark writing, if the agents were "
        "trained on light writing (Digits, MNIST, Omniglot, QuickDraw)",
    )


def add_save_svg_options(group: Any) -> None:
    add_log_argument(group)
    group.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="the new folder to write; never overwritten"
    )
    group.add_argument(
        "--games",
        nargs="+",
        type=non_negative_int,
        metavar="N",
        help="numbers of the games in the log, counted from 0 (default: all)",
    )
