"""The options of `draw` and `save-svg`. Does not import torch."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from learning_to_draw.analysis.agents_tool import AgentsTool
from learning_to_draw.components import non_negative_int, positive_int
from learning_to_draw.errors import UsageError, program
from learning_to_draw.trials.config.parse import add_flag
from learning_to_draw.trials.config.tool import add_log_argument


class DrawTool(AgentsTool):
    """`draw`: its photos must be given before the options of the agents."""

    def check(self, arguments: Sequence[str], own: argparse.Namespace, rest: Sequence[str]) -> None:
        _check_order(arguments, own.photos, rest)


def _check_order(arguments: Sequence[str], photos: Sequence[Path], rest: Sequence[str]) -> None:
    """Raises UsageError if a photo could also be read as the value of one of the agents' options."""
    words = [Path(word) for word in arguments]
    if rest and (not rest[0].startswith("-") or words.index(Path(rest[0])) < words.index(photos[0])):
        raise UsageError(
            f"{rest[0]}: photos must be given together, before any option of the agents.\n"
            f"Write: {program()} draw PHOTO [PHOTO ...] --weights FILE [options]"
        )


def add_draw_options(group: Any) -> None:
    group.add_argument("photos", nargs="+", type=Path, metavar="PHOTO", help="a picture of any size, grey or in colour")
    group.add_argument(
        "--weights",
        type=Path,
        required=True,
        metavar="FILE",
        help="checkpoint of the agents; if the official code wrote it, also give the options of their training, as for "
        "test: --dataset, --encoder, --latent-size, ...",
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
