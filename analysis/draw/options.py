"""The options of `draw`, and how they are told from those of the agents. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from learning_to_draw.components import add_flag, positive_int
from learning_to_draw.errors import UsageError, program
from learning_to_draw.trials.config.tool import Tool


class DrawTool(Tool):
    """A tool of trained agents: what is not one of its own options is one of `test` that describes the agents.

    Its function gets those as `agent_options`, words of the command line that are not yet understood.
    """

    def run(self, command: str, arguments: Sequence[str]) -> str:
        parser = self._parser(command, arguments)
        parser.allow_abbrev = False  # a short form may be one of the agents'
        own, rest = parser.parse_known_args(list(arguments))
        _check_order(arguments, own.photos, rest)
        return self.load(command)(**vars(own), agent_options=rest)


def _check_order(arguments: Sequence[str], photos: Sequence[Path], rest: Sequence[str]) -> None:
    """Raises UsageError for photos that may as well be values of an option that only the agents understand."""
    words = [Path(word) for word in arguments]
    if rest and (not rest[0].startswith("-") or words.index(Path(rest[0])) < words.index(photos[0])):
        raise UsageError(
            f"{rest[0]}: the photos have to stand together, and before any option of the agents.\n"
            f"Write: {program()} draw PHOTO [PHOTO ...] --weights FILE [options]"
        )


def add_draw_options(group: Any) -> None:
    group.add_argument("photos", nargs="+", type=Path, metavar="PHOTO", help="a picture of any size, grey or in colour")
    group.add_argument(
        "--weights",
        type=Path,
        required=True,
        metavar="FILE",
        help="the checkpoint of the agents; it brings the options they were trained with, except for one of the "
        "official code, for which they have to be given as to test: --dataset, --encoder, --latent-size, ...",
    )
    group.add_argument(
        *("-out", "--output"),
        type=Path,
        default=Path("drawings"),
        metavar="DIR",
        help="folder for what is drawn, made if need be; files in it are never overwritten",
    )
    group.add_argument(
        "--scale",
        type=positive_int,
        default=4,
        metavar="N",
        help="a pixel that the agents see becomes N x N pixels of the PNG and the GIF",
    )
    add_flag(group, "--animate", help="write a GIF, too, in which the strokes appear one by one")
    add_flag(
        group,
        "--negative",
        help="swap light and dark before the sender sees the photo: for dark writing on paper, where the agents know "
        "light writing on black (Digits, MNIST, Omniglot, QuickDraw)",
    )
