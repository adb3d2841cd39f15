"""A run's process claims its folder, by a lock on config.json that ends with the process, however it ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from learning_to_draw.errors import UsageError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Context in which the existing file `path` is locked, so that no other process claims it.

    The value is False if nothing is locked, as the file system has no locks. Raises UsageError if another process has
    claimed it, or if it cannot be written to.
    """
    try:
        file = path.open("r+b")
    except PermissionError as error:
        raise UsageError(f"{path} cannot be written to: {error.strerror}.\nChange its permissions.") from error
    with file:
        locked = _lock(file)
        if locked is None or not os.path.samestat(os.fstat(file.fileno()), path.stat()):  # replaced by another process
            raise UsageError(
                f"another process is at work in {path.parent}.\nWait until it has ended, or give another folder."
            )
        yield locked


def _lock(file: BinaryIO) -> bool | None:
    """Whether the file is locked now: False if the file system has no locks, None if another process has locked it."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    except OSError:
        return False
    return True
