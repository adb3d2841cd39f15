"""The options of `commgame.py measure`, and the names of what it measures. No torch here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.options import CLIP_MODELS
from parts import add_flag, add_plugin_option, positive_int, seed

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
    add_flag(
        group,
        "--trust-weights",
        help="read also a checkpoint that needs more than tensors, numbers and text; it can then run any code, so only "
        "for a file that you know the origin of",
    )
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
    group.add_argument(
        "--device", metavar="NAME", help="cpu, cuda, cuda:1, ...; left out: the first GPU if there is one, else the CPU"
    )
    clip = group.add_argument_group("legibility for CLIP (Radford et al. 2021); needs the package open_clip_torch")
    add_flag(clip, "--clip", help="let CLIP say which class every sketch shows; it downloads its weights once")
    clip.add_argument("--clip-model", choices=CLIP_MODELS, default="ViT-B/32", help="which CLIP")
    names = clip.add_mutually_exclusive_group()
    names.add_argument("--classes", nargs="+", metavar="NAME", help="classes to tell apart; left out: the log's own")
    names.add_argument("--classes-file", type=Path, metavar="FILE", help="the same from a file, one a line")
