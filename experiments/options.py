"""The options of `reproduce`. No torch.

An option's destination is the name of an argument of the tool's function.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from learning_to_draw.components import add_device_option, seed
from learning_to_draw.experiments.tables import TABLES


def add_reproduce_options(group: Any) -> None:
    group.add_argument("table", choices=TABLES, metavar="TABLE", help=f"one of {', '.join(TABLES)}")
    group.add_argument(
        "--quick",
        action="store_true",
        help="the same games in minutes on a CPU: Caltech-101 at 64 px, SqueezeNet, an epoch; the rates are checked "
        "against those that were measured when this was written",
    )
    group.add_argument(
        "--seeds", type=seed, nargs="+", default=[0], metavar="N", help="the --seed of each run of a row (default: 0)"
    )
    group.add_argument("--rows", nargs="+", metavar="ROW", help="only these rows, by the names of their folders")
    group.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="folder for all runs and the table; what is finished there is not done again; left out: "
        "reproduced/TABLE or reproduced/TABLE-quick",
    )
    group.add_argument("--dataset-root", type=Path, metavar="DIR", help="where the data sets are; left out: ./data")
    add_device_option(group)
    group.add_argument("--dry-run", action="store_true", help="print the commands that are left to do, and do nothing")
