"""The options of the commands named after the official scripts.

Each option, except the `_Ignored` ones, sets an argument of the tool's function: the one whose name is the option's
`dest`. The single-dash options of the official scripts are still valid. Does not import torch.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from learning_to_draw.components import positive_int, seed
from learning_to_draw.models.encoders.config import CLIPVisualConfig
from learning_to_draw.trials.config.parse import add_flag, add_options
from learning_to_draw.trials.config.run import RunConfig
from learning_to_draw.trials.tool import LOG_HELP

# The official sentences, name and text; {} stands for the class.
TEMPLATES = (("photo", "a photo of a {}."), ("drawing", "a drawing of a {}."))


class _Ignored(argparse.Action):
    """Accepts an option, and discards its value, if any, after argparse has checked it."""

    def __call__(self, parser, namespace, values, option_string=None):
        pass


def add_sample_options(group: Any) -> None:
    _add_log(group)
    group.add_argument(
        *("-out", "--output"),
        type=Path,
        metavar="DIR",
        help="the new folder (default: next to the log, with the log's name followed by -sampled)",
    )
    group.add_argument(
        "-n", "--games", type=positive_int, default=30, metavar="N", help="number of games in the sample"
    )
    group.add_argument("--seed", type=seed, default=1234, metavar="N", help="seed of the random sample")


def add_render_game_options(group: Any) -> None:
    _add_log(group)
    _add_new_file(group, ("-out", "--output"), "FILE.html", "the page to write", required=True)
    group.add_argument(
        "-id", "--game", type=int, default=0, metavar="N", help="number of the game in the log, counted from 0"
    )


def add_average_options(group: Any) -> None:
    group.add_argument(
        "logs",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="game logs of the same test pictures, or run folders that hold one",
    )
    _add_new_file(group, ("-out", "--output"), "IMAGE", "picture of the averaged sketches", required=True)
    _add_new_file(group, ("-tout", "--target-output"), "IMAGE", "picture of the targets, in the same order")
    group.add_argument("-num", "--count", type=positive_int, default=100, metavar="N", help="maximum number of targets")


def add_dump_options(group: Any) -> None:
    _add_new_file(group, ("-out", "--output"), "FILE", "file to write (default: print to the terminal)")
    add_flag(group, "--name", help="write the name of the class instead of its number, which counts from 0")
    ignored = group.add_argument_group(
        "options of the official script that have no effect here",
        "Pictures are identified by their pixels, and listed in the data set's order.",
    )
    for name, details in (
        ("--data-seed", {"type": seed, "metavar": "N"}),
        ("--batch-size", {"type": positive_int, "metavar": "N"}),
        ("--imagenet-norm", {"nargs": 0}),
    ):
        ignored.add_argument(name, action=_Ignored, default=argparse.SUPPRESS, help="no effect", **details)


def add_clip_options(group: Any) -> None:
    _add_log(group)
    _add_new_file(
        group, ("-out", "--output"), "FILE", "file to write (default: clip-analysis.json in the log's folder)"
    )
    group.add_argument(
        *("-hcm", "--hash-classes"),
        type=Path,
        required=True,
        metavar="CSV",
        help="true class of every test picture, as printed by dump-hashes-classes --name for the data set of the log",
    )
    classes = group.add_mutually_exclusive_group()
    classes.add_argument(
        "--classes", nargs="+", metavar="NAME", help="classes that CLIP chooses from (default: those in --hash-classes)"
    )
    classes.add_argument("--classes-file", type=Path, metavar="FILE", help="file with these classes, one per line")
    group.add_argument(
        "--templates",
        nargs="+",
        type=_template,
        default=TEMPLATES,
        metavar="NAME=TEXT",
        help="sentences that CLIP compares with a picture, with {} for the class; analyse-logs counts how often the "
        "sentences named photo and drawing fit best "
        "(default: " + " ".join(f'"{name}={text}"' for name, text in TEMPLATES) + ")",
    )
    add_options(group, CLIPVisualConfig, "clip_model")
    add_options(group, RunConfig, "device")


def add_analyse_options(group: Any) -> None:
    _add_log(group)
    group.add_argument(
        "--clip-analysis",
        type=Path,
        metavar="FILE",
        help="output of clip-analysis (default: clip-analysis.json in the log's folder, if it exists)",
    )
    _add_new_file(group, ("--json",), "FILE", "file to write the numbers to as JSON")


def _add_log(group: Any) -> None:
    group.add_argument(
        *("-inp", "--input"),
        dest="log",
        type=Path,
        required=True,
        metavar="DIR",
        help=LOG_HELP,
    )


def _add_new_file(group: Any, names: tuple[str, ...], metavar: str, help: str, *, required: bool = False) -> None:
    group.add_argument(*names, type=Path, metavar=metavar, required=required, help=f"{help}; never overwritten")


def _template(text: str) -> tuple[str, str]:
    """Splits "photo=a photo of a {}." into name and sentence. Raises ArgumentTypeError for another format."""
    name, equals, sentence = text.partition("=")
    if not (name and equals and sentence.count("{}") == 1):
        raise argparse.ArgumentTypeError(
            f'{text!r} is not NAME=TEXT with one {{}} in it, such as "photo=a photo of a {{}}."'
        )
    return name, sentence
