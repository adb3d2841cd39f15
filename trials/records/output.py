"""Where a tool writes: never over something that is there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from learning_to_draw.errors import UsageError


def check_new(path: Path) -> None:
    """Raises UsageError if there is something at `path` already, or no folder to make it in."""
    if path.exists() or path.is_symlink():
        raise UsageError(f"{path} is there already, and nothing is overwritten.\nGive another name, or move it away.")
    if not path.parent.is_dir():
        raise UsageError(f"{path} cannot be written: there is no folder {path.parent}.\nMake it, or give another.")
    check_writable(path.parent)


def check_writable(folder: Path) -> None:
    """Raises UsageError if no file can be made in a folder; tried, as permissions alone do not tell."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"nothing can be written to {folder}: {error.strerror}.\nGive another place.") from error


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder to write to, which is called `path` once all is in it; it goes again where something fails before."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.mkdir()
    try:
        yield temporary
        os.rename(temporary, path)
    except BaseException:
        shutil.rmtree(temporary)
        raise
