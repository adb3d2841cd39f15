"""The options of `commgame.py compare`. Does not import torch.

The `dest` of each option is the name of an argument of the function `compare`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from learning_to_draw.components import positive_int, seed
from learning_to_draw.trials.records.run_files import OWN_TEST

PHOTOS, SEED = 8, 0  # defaults


def add_compare_options(group: Any) -> None:
    group.add_argument(
        "runs",
        nargs="+",
        type=Path,
        metavar="RUN_OR_FOLDER",
        help="folders of trainings, or folders that hold them at any depth, such as the output of sweep or reproduce; "
        "the test of a training must be next to it, or in these folders",
    )
    group.add_argument(
        "--test",
        default=OWN_TEST,
        metavar="NAME",
        help="compare the tests in FOLDER-NAME, next to the FOLDER of each training, such as the tests [tests.NAME] of "
        "a sweep; they may have other options than the training, such as another game",
    )
    group.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="folder for tables, figures and the page; files in it are replaced only if this command wrote them and "
        "they were not changed since (default: compared/NAME, with the name of the first folder; compared/NAME-TEST "
        "with --test TEST)",
    )
    group.add_argument(
        "--against",
        metavar="OPTION",
        help="plot the rates against this numeric option, such as nlines (default: the option in which the settings "
        "differ, if there is only one and it is numeric)",
    )
    group.add_argument(
        "--figures",
        action=argparse.BooleanOptionalAction,
        help="also write figures as PNG and PDF, which needs the package matplotlib (default: if it is installed)",
    )
    group.add_argument(
        "--photos", type=positive_int, default=PHOTOS, metavar="N", help="number of photos whose sketches are shown"
    )
    group.add_argument(
        "--seed", type=seed, default=SEED, metavar="N", help="seed of the bootstrap, and of the choice of photos"
    )
