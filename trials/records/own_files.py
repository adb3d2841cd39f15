"""Writes the files that every call of a command replaces, such as the table and the sketches of `reproduce`.

A record next to them, written.json for `reproduce`, holds the hashes of the written files. A file with another hash was
not written by this command, or was changed later, and is not replaced.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from learning_to_draw.errors import UsageError
from learning_to_draw.reading import read_json
from learning_to_draw.trials.records.atomic import write_atomically, write_json
from learning_to_draw.trials.records.claim import claimed

RECORD = "written.json"
# The files of sweep, reproduce, learnability and generations.
NAMES = ("sweep.json", "table.md", "table.csv", "sketches.png", "tradeoff.png", "tradeoff.pdf")
NAMES += ("learnability.csv", "learnability.png", "learnability.pdf")
NAMES += ("generations.csv", "generations-sheet.png", "generations.png", "generations.pdf")


@contextmanager
def claimed_folder(folder: Path, names: Iterable[str] = NAMES, record: str = RECORD) -> Iterator[None]:
    """Context in which no other process can claim the file `record` in the folder.

    Raises UsageError if another process has claimed it, and in the same cases as `check_own_files`.
    """
    check_own_files(folder, names, record)
    if not (folder / record).exists():
        write_json(folder / record, {}, new=True)
    with claimed(folder / record):
        yield


def check_own_files(folder: Path, names: Iterable[str] = NAMES, record: str = RECORD) -> None:
    """Raises UsageError if a file in `names` exists that this command did not write, or that was changed later."""
    hashes = _hashes(folder / record)
    others = [name for name in names if _exists(folder / name) and _sha256(folder / name) not in hashes.get(name, ())]
    if others:
        raise UsageError(
            f"{folder} holds files that this version of the command did not write, or that were changed later: "
            f"{', '.join(others)}.\n"
            "They are not overwritten: move them away, or give another folder."
        )


def replace_own_files(folder: Path, contents: Mapping[str, bytes], record: str = RECORD) -> None:
    """Writes the files. contents: their contents by name. Raises UsageError as `check_own_files` does."""
    check_own_files(folder, contents, record)
    hashes = {name: [hashlib.sha256(content).hexdigest()] for name, content in contents.items()}
    # The hashes of the earlier files stay: this process may be killed before it has replaced all files.
    earlier = {name: [_sha256(folder / name)] for name in contents if _exists(folder / name)}
    written = {name: earlier.get(name, []) + hashes[name] for name in hashes}
    write_json(folder / record, {**_hashes(folder / record), **written})
    for name, content in contents.items():
        write_atomically(folder / name, lambda temporary, content=content: temporary.write_bytes(content))


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _sha256(path: Path) -> str:
    """The SHA-256 of a regular file; "" for anything else."""
    return "" if path.is_symlink() or not path.is_file() else hashlib.sha256(path.read_bytes()).hexdigest()


def _hashes(path: Path) -> Mapping[str, list[str]]:
    return (
        read_json(path, dict[str, list[str]], "Move that file away, or give another folder.") if path.exists() else {}
    )
