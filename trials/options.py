"""The options of `list`, `check` and `pack`. Importing this module does not import torch.

The `dest` of each option is the name of an argument of the command's function.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


def add_list_options(group: Any) -> None:
    group.add_argument(
        "--plugin",
        type=Path,
        metavar="FILE.py",
        help="file with your own components (default: list the built-in ones only)",
    )


def add_check_options(group: Any) -> None:
    group.add_argument("plugin", type=Path, metavar="FILE.py", help="file with your own components")
    group.add_argument(
        "--options",
        default="",
        metavar="WORDS",
        help="further options of train, as one quoted string: --options '--dataset-root my-pictures'",
    )


def add_pack_options(group: Any) -> None:
    group.add_argument(
        "run", type=Path, metavar="RUN", help="folder of a training, whose model_final.pt is packed, or a checkpoint"
    )
    group.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="the new folder to write; never overwritten"
    )
