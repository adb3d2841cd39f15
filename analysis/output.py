"""Where a tool writes: never over something that is there."""

from __future__ import annotations

from pathlib import Path

from errors import UsageError


def check_new(path: Path) -> None:
    """Raises UsageError if there is something at `path` already, or no folder to make it in."""
    if path.exists() or path.is_symlink():
        raise UsageError(f"{path} is there already, and nothing is overwritten.\nGive another name, or move it away.")
    if not path.parent.is_dir():
        raise UsageError(f"{path} cannot be written: there is no folder {path.parent}.\nMake it, or give another.")
