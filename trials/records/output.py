"""Checks and creates the files and folders that a tool writes. Nothing existing is overwritten."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from learning_to_draw.errors import UsageError


def check_new(path: Path) -> None:
    """Raises UsageError if `path` already exists, or if its parent folder does not exist or is not writable."""
    if path.exists() or path.is_symlink():
        raise UsageError(f"{path} already exists, and nothing is overwritten.\nGive another name, or move it away.")
    if not path.parent.is_dir():
        raise UsageError(
            f"{path} cannot be written: there is no folder {path.parent}.\nCreate it, or give another path."
        )
    check_writable(path.parent)


def check_writable(folder: Path) -> None:
    """Raises UsageError if the folder is not writable. Tested with a file, as permissions do not always tell."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"{folder} cannot be written to: {error.strerror}.\nGive another folder.") from error


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Context with a temporary folder to write to. It is renamed to `path` at the end, or removed after an error."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.mkdir()
    try:
        yield temporary
        os.rename(temporary, path)
    except BaseException:
        shutil.rmtree(temporary)
        raise
