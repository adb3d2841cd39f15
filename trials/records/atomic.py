"""Writes files atomically and durably: a reader finds the complete old file or the complete new file.

This also holds after a power cut: the new file is synced before it is renamed, and its folder is synced afterwards.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from learning_to_draw.errors import UsageError

TEMPORARY = re.compile(r"\.(?P<stem>.+)\.[0-9a-f]{8}\.tmp(?P<suffix>(\.[^.]*)?)")
SYNC_THREADS = 16  # disks sync files faster in parallel: 2,000 small ones take 0.3 s instead of 7 to 10 s
# Errors of os.fsync on file systems that cannot sync.
NOT_SUPPORTED = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)


def write_atomically(
    path: Path,
    write: Callable[[Path], Any],
    *,
    new: bool = False,
    previous: Path | None = None,
    sync: bool = True,
) -> None:
    """Calls `write` with a temporary path in the folder of `path`, then renames the written file to `path`.

    new: creates missing parent folders; if `path` exists by then, raises UsageError instead of replacing it. previous:
    the path to which the old file is renamed. sync: False if the caller syncs many files together (see `sync_files`).
    Raises OSError with the path if the file cannot be written, for example on a full disk; the old file is then
    unchanged, at `path` or at `previous`.
    """
    temporary = temporary_path(path)
    try:
        with naming(path):
            if new:
                path.parent.mkdir(parents=True, exist_ok=True)
            write(temporary)
            if sync:
                _sync(temporary)
            if previous is not None and path.exists():  # only once the new file is complete
                os.replace(path, previous)
            if new:
                _rename_to_new(temporary, path)
            else:
                os.replace(temporary, path)
            if sync:
                sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Context in which a failed write raises an OSError that names a file: `path` if the system's error names none.

    Also converts the RuntimeError that torch raises after an OSError.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        failed: BaseException | None = error
        while failed is not None and not isinstance(failed, OSError):
            failed = failed.__context__
        if failed is None:
            raise
        file = failed.filename or str(path)
        raise OSError(failed.errno or errno.EIO, failed.strerror or str(failed), file) from error


def write_text(path: Path, text: str, *, new: bool = False) -> None:
    write_atomically(
        path, lambda temporary: temporary.write_text(text, encoding="utf-8", errors="surrogateescape"), new=new
    )


def write_json(path: Path, content: Any, *, new: bool = False) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    # Undecodable bytes of a file name are written as JSON's \udcNN, which reads back unchanged.
    write_atomically(
        path, lambda temporary: temporary.write_text(text, encoding="utf-8", errors="backslashreplace"), new=new
    )


def temporary_path(path: Path) -> Path:
    """A hidden path in the folder of `path`, different for every call. A killed process may leave a file there."""
    # The suffix is kept, because Pillow chooses the format by it.
    return path.with_name(f".{path.stem}.{secrets.token_hex(4)}.tmp{path.suffix}")


def final_name(name: str) -> str:
    """The file name from which `temporary_path` made `name`; any other name unchanged."""
    match = TEMPORARY.fullmatch(name)
    return match["stem"] + match["suffix"] if match else name


def make_folder(folder: Path) -> None:
    """Creates a folder and its missing parents, and syncs them to the disk. Does nothing if the folder exists."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        sync_folder(path.parent)


def sync_files(paths: Iterable[Path]) -> None:
    """Syncs files, and the folders that hold them, to the disk."""
    paths = list(paths)
    with ThreadPoolExecutor(SYNC_THREADS) as pool:
        list(pool.map(_sync, paths))
    for folder in {path.parent for path in paths}:
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Syncs the names in a folder to the disk. Does nothing without permission to read the folder."""
    with suppress(PermissionError):
        _sync(folder)


def already_exists(path: Path) -> UsageError:
    return UsageError(f"{path} already exists, and nothing is overwritten.\nGive another name, or move it away.")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NOT_SUPPORTED:
            raise
    finally:
        os.close(descriptor)


def _rename_to_new(temporary: Path, path: Path) -> None:
    """Renames `temporary` to `path`; the caller removes `temporary` if it remains.

    Raises UsageError if `path` exists.
    """
    try:
        os.link(temporary, path)
    except OSError:  # `path` exists, or the file system has no links
        try:
            path.open("x").close()
        except FileExistsError:
            raise already_exists(path) from None
        os.replace(temporary, path)
