"""The options of `sweep`, `reproduce`, `learnability` and `generations`. Importing this module does not import torch.

The `dest` of each option is the name of an argument of the tool's function.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from learning_to_draw.components import InvalidValueError, fraction, non_negative_int, positive_int, seed
from learning_to_draw.experiments.tables import TABLES
from learning_to_draw.trials.config.parse import add_options
from learning_to_draw.trials.config.run import RunConfig, TrainConfig


def add_sweep_options(group: Any) -> None:
    group.add_argument("file", type=Path, metavar="FILE.toml", help="TOML file with rows, options and seeds")
    _add_choice(group, "the file's seeds, or 0", None)
    group.add_argument(
        "--output",
        type=_folder,
        metavar="DIR",
        help="folder for all runs; finished runs are not repeated (default: sweeps/NAME for NAME.toml)",
    )
    add_options(group, RunConfig, "plugin")
    _add_way(group)


def add_reproduce_options(group: Any) -> None:
    group.add_argument("table", choices=TABLES, metavar="TABLE", help=f"one of {', '.join(TABLES)}")
    group.add_argument(
        "--quick",
        action="store_true",
        help="play the same games in minutes on a CPU, with Caltech-101 at 64 px, SqueezeNet and one epoch; the "
        "rates are compared with rates measured earlier",
    )
    _add_choice(group, "0", [0])
    group.add_argument(
        "--output",
        type=_folder,
        metavar="DIR",
        help="folder for all runs and the table; finished runs are not repeated (default: reproduced/TABLE or "
        "reproduced/TABLE-quick)",
    )
    group.add_argument("--dataset-root", type=Path, metavar="DIR", help="folder of the data sets (default: ./data)")
    add_options(group, RunConfig, "device")
    _add_way(group)


def add_learnability_options(group: Any) -> None:
    group.add_argument("run", type=Path, metavar="RUN", help="folder of a training, or a checkpoint, model_*.pt")
    group.add_argument(
        "--agent", type=non_negative_int, default=0, metavar="K", help="the agent that teaches, if RUN is a population"
    )
    group.add_argument("--epochs", type=positive_int, default=20, metavar="N", help="epochs of every training")
    group.add_argument(
        "--reach",
        type=fraction,
        default=0.8,
        metavar="RATE",
        help="count the epochs until the validation rate is at least RATE, between 0 and 1",
    )
    _add_choice(group, "0", [0])
    group.add_argument(
        "--output",
        type=_folder,
        metavar="DIR",
        help="folder for all runs, the table and the curves; finished runs are not repeated (default: "
        "RUN-learnability)",
    )
    _add_way(group)


def add_generations_options(group: Any) -> None:
    group.add_argument(
        "run", type=Path, metavar="RUN", help="a training, or a checkpoint, whose options all generations have"
    )
    group.add_argument("--runs", type=positive_int, default=6, metavar="K", help="generations after the first")
    for name in ("bottleneck", "lesson_steps"):
        add_options(group, TrainConfig, name)
    group.add_argument("--play", type=positive_int, default=20, metavar="N", help="epochs that each generation plays")
    group.add_argument(
        "--seeds",
        type=seed,
        nargs="+",
        default=[0],
        metavar="N",
        help="one line of generations for each seed (default: 0)",
    )
    group.add_argument(
        "--output",
        type=_folder,
        metavar="DIR",
        help="folder for all runs, the table, the curves and the sheet; finished runs are not repeated (default: "
        "RUN-generations)",
    )


def _folder(text: str) -> Path:
    if not text:  # Path("") is the current folder
        raise InvalidValueError("needs a folder name, but got an empty one.\nName a folder, or leave out --output.")
    return Path(text)


def _add_choice(group: Any, default: str, seeds: list[int] | None) -> None:
    group.add_argument(
        "--seeds",
        type=seed,
        nargs="+",
        default=seeds,
        metavar="N",
        help=f"train each row once with each of these values of --seed (default: {default})",
    )
    group.add_argument(
        "--rows", nargs="+", metavar="ROW", help="run only the rows with these folder names (default: all)"
    )


def _add_way(group: Any) -> None:
    group.add_argument(
        "--jobs",
        type=positive_int,
        metavar="N",
        help="run N jobs at a time on this machine, each a row with one seed; they share the cores equally, and each "
        "has an output file next to its folder (default: 1)",
    )
    group.add_argument(
        "--cluster",
        nargs="?",
        const="slurm",
        choices=("slurm", "local"),
        help="submit all runs as a job array to SLURM (needs the package submitit); local: try it on this machine",
    )
    group.add_argument(
        "--slurm",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="with --cluster: options of sbatch, such as partition=gpu time=120 gpus_per_node=1; time is in minutes",
    )
    group.add_argument("--dry-run", action="store_true", help="print the remaining commands without running them")
