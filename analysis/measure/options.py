"""The options of `commgame.py measure`, and the names of what it measures. No torch here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from learning_to_draw.components import (
    add_device_option,
    add_flag,
    add_plugin_option,
    add_trust_option,
    positive_int,
    seed,
)
from learning_to_draw.models.options import add_clip_model_option

# In the order of the table; --only chooses among them.
MEASURES = (
    "rate",
    "classes",
    "confusion",
    "topographic",
    "prototypes",
    "legibility",
    "erasure",
    "ink",
    "strokes",
    "diversity",
    "consistency",
)


def add_measure_options(group: Any) -> None:
    group.add_argument("logs", nargs="+", type=Path, metavar="LOG", help="game logs, or run folders with one")
    group.add_argument(
        "--weights",
        type=Path,
        action="append",
        metavar="FILE",
        help="the checkpoint that played a log, model_*.pt (where two played together, the receiver's); with several "
        "logs give it once for each, in their order; left out: nothing is measured that needs the agents",
    )
    add_trust_option(group)
    add_plugin_option(group)
    group.add_argument(
        "--features",
        choices=("pixels", "encoder"),
        default="pixels",
        help="what photos are compared by, and sketches as well: their pixels, or what the encoders of --weights make "
        "of them",
    )
    group.add_argument(
        "--sample",
        type=positive_int,
        default=500,
        metavar="N",
        help="most games that are compared in pairs, drawn stroke by stroke, or played again without a stroke, each "
        "with a photo of its own",
    )
    group.add_argument("--seed", type=seed, default=0, metavar="N", help="seed of that sample and of permutations")
    group.add_argument(
        "--only", nargs="+", choices=MEASURES, metavar="NAME", help=f"which of {', '.join(MEASURES)}; left out: all"
    )
    group.add_argument("--json", type=Path, metavar="FILE", help="file to write all numbers to; never overwritten")
    add_device_option(group)
    clip = group.add_argument_group("legibility for CLIP (Radford et al. 2021); needs the package open_clip_torch")
    add_flag(clip, "--clip", help="let CLIP say which class every sketch shows; it downloads its weights once")
    add_clip_model_option(clip)
    names = clip.add_mutually_exclusive_group()
    names.add_argument("--classes", nargs="+", metavar="NAME", help="classes to tell apart; left out: the log's own")
    names.add_argument("--classes-file", type=Path, metavar="FILE", help="the same from a file, one a line")
