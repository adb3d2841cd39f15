"""Checks the paths that a command will write to, and writes folders. Nothing existing is overwritten."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records.atomic import already_exists, naming, sync_files, sync_folder, temporary_path


def check_new(path: Path) -> None:
    """Raises UsageError if `path` already exists, or cannot be created. Missing parent folders are created later.

    This is only an early check: a file can appear later. `write_atomically(new=True)` and `whole_folder` do not
    overwrite it.
    """
    if path.exists() or path.is_symlink():
        raise already_exists(path)
    nearest = next(folder for folder in path.absolute().parents if folder.exists() or folder.is_symlink())
    if not nearest.is_dir():
        raise UsageError(f"{path} cannot be written: {nearest} is not a folder.\nGive another path.")
    check_writable(nearest)


def check_writable(folder: Path) -> None:
    """Raises UsageError if no file can be created in the folder. Tries to create one: permissions can mislead."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"{folder} cannot be written to: {error.strerror}.\nGive another folder.") from error


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Context with a temporary folder to write to. It is renamed to `path` at the end, or removed after an error.

    Raises UsageError if, at the end, `path` exists and is not an empty folder.
    """
    temporary = temporary_path(path)
    temporary.mkdir(parents=True)
    try:
        with naming(path):
            yield temporary
        sync_files(file for file in temporary.rglob("*") if file.is_file())
        try:
            os.rename(temporary, path)  # fails if `path` exists and is not an empty folder
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise already_exists(path) from None
            raise
        sync_folder(path.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
