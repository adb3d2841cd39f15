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
def claimed(path: Path) -> Iterator[None]:
    """Context in which the existing file `path` is locked, so that no other process claims it.

    Raises UsageError if another process has claimed it. Where a file system has no locks, nothing is locked.
    """
    with path.open("r+b") as file:
        if not _lock(file) or not os.path.samestat(os.fstat(file.fileno()), path.stat()):  # replaced by another process
            raise UsageError(
                f"another process is at work in {path.parent}.\nWait until it has ended, or give another folder."
            )
        yield


def _lock(file: BinaryIO) -> bool:
    """Whether no other process holds the file's lock."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # this file system has no locks
        return True
    return True
