"""Claims a run's folder with a lock on config.json. The lock ends with the process, even if the process is killed."""

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
    """Context in which the existing file `path` is locked, so that no other process can claim it.

    Yields True, or False if locks are not supported: the file is then not locked. Raises UsageError if another process
    has claimed the file, or if the file cannot be written to.
    """
    try:
        file = path.open("r+b")
    except PermissionError as error:
        raise UsageError(f"{path} cannot be written to: {error.strerror}.\nChange its permissions.") from error
    with file:
        locked = _lock(file)
        if locked is None or not os.path.samestat(os.fstat(file.fileno()), path.stat()):  # replaced by another process
            raise UsageError(
                f"another process is using {path.parent}.\nWait until that process has ended, or give another folder."
            )
        yield locked


def _lock(file: BinaryIO) -> bool | None:
    """Locks the file. Returns True, or False if locks are not supported, or None if another process holds the lock."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    except OSError:
        return False
    return True
