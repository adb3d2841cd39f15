"""The options of the commands `list` and `check`. Importing this module does not import torch."""

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
        help="further options of train, as one quoted word: --options '--dataset-root my-pictures'",
    )
