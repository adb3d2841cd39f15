"""The files that every call of `reproduce` writes anew: the table and the sketches.

written.json, next to them, holds the hashes of what was written. A file with another hash is not this program's, or was
changed since, and is not replaced.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from learning_to_draw.errors import UsageError
from learning_to_draw.reading import read_json
from learning_to_draw.trials.records.atomic import write_atomically, write_json
from learning_to_draw.trials.records.claim import claimed

RECORD = "written.json"
NAMES = ("table.md", "table.csv", "sketches.png")


@contextmanager
def claimed_folder(folder: Path) -> Iterator[None]:
    """Context in which no other `reproduce` uses the folder. Raises UsageError as `check_own_files`."""
    check_own_files(folder)
    if not (folder / RECORD).exists():
        write_json(folder / RECORD, {}, new=True)
    with claimed(folder / RECORD):
        yield


def check_own_files(folder: Path) -> None:
    """Raises UsageError if a file that will be replaced is not as this program wrote it."""
    hashes = _hashes(folder)
    others = [name for name in NAMES if _exists(folder / name) and _sha256(folder / name) not in hashes.get(name, ())]
    if others:
        raise UsageError(
            f"{folder} holds {', '.join(others)}, which this version of the command did not write, or which was "
            "changed since.\n"
            "Nothing is overwritten: move it away, or give another --output."
        )


def replace_own_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Writes the files, by name. Raises UsageError as `check_own_files`."""
    check_own_files(folder)
    hashes = {name: [hashlib.sha256(content).hexdigest()] for name, content in contents.items()}
    # If this process is killed before it has replaced all files, the earlier ones are still known.
    earlier = {name: [_sha256(folder / name)] for name in contents if _exists(folder / name)}
    write_json(folder / RECORD, {name: earlier.get(name, []) + hashes[name] for name in hashes})
    for name, content in contents.items():
        write_atomically(folder / name, lambda temporary, content=content: temporary.write_bytes(content))


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _sha256(path: Path) -> str:
    """The hash of a file; "" for anything else."""
    return "" if path.is_symlink() or not path.is_file() else hashlib.sha256(path.read_bytes()).hexdigest()


def _hashes(folder: Path) -> Mapping[str, list[str]]:
    path = folder / RECORD
    return read_json(path, dict[str, list[str]], "Move it away, or give another --output.") if path.exists() else {}
