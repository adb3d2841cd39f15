"""The options of `commgame.py pack`. Importing this module does not import torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def add_pack_options(group: Any) -> None:
    group.add_argument(
        "run", type=Path, metavar="RUN", help="folder of a training, whose model_final.pt is packed, or a checkpoint"
    )
    group.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="the new folder to write; never overwritten"
    )
