"""The options of `reproduce`. Importing this module does not import torch.

An option's destination is the name of an argument of the function `reproduce`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from learning_to_draw.components import seed
from learning_to_draw.experiments.tables import TABLES
from learning_to_draw.trials.config.parse import add_options
from learning_to_draw.trials.config.run import RunConfig


def add_reproduce_options(group: Any) -> None:
    group.add_argument("table", choices=TABLES, metavar="TABLE", help=f"one of {', '.join(TABLES)}")
    group.add_argument(
        "--quick",
        action="store_true",
        help="play the same games in minutes on a CPU, with Caltech-101 at 64 px, SqueezeNet and one epoch; the "
        "rates are compared with rates measured earlier",
    )
    group.add_argument(
        "--seeds",
        type=seed,
        nargs="+",
        default=[0],
        metavar="N",
        help="train each row once with each of these values of --seed (default: 0)",
    )
    group.add_argument(
        "--rows", nargs="+", metavar="ROW", help="only these rows, by the names of their folders (default: all)"
    )
    group.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="folder for all runs and the table; finished runs are not repeated (default: reproduced/TABLE or "
        "reproduced/TABLE-quick)",
    )
    group.add_argument("--dataset-root", type=Path, metavar="DIR", help="folder of the data sets (default: ./data)")
    add_options(group, RunConfig, "device")
    group.add_argument("--dry-run", action="store_true", help="print the remaining commands without running them")
