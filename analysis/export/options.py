"""The options of `export`. Does not import torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from learning_to_draw.components import positive_int, seed
from learning_to_draw.trials.tool import add_log_argument

FORMATS = ("ndjson", "stroke3", "svg", "tokens")


def add_export_options(group: Any) -> None:
    add_log_argument(group)
    group.add_argument("--format", choices=FORMATS, required=True, help="what to write: see above")
    group.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="the new folder to write; never overwritten"
    )
    group.add_argument(
        "--bins",
        type=positive_int,
        default=32,
        metavar="N",
        help="for tokens: the number of values that a coordinate can have",
    )
    group.add_argument(
        "--seed",
        type=seed,
        default=0,
        metavar="N",
        help="for stroke3: seed of the division into train, valid and test",
    )
