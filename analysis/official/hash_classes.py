"""Reads the list of true classes that dump-hashes-classes writes."""

from __future__ import annotations

import csv
from pathlib import Path

from learning_to_draw.errors import UsageError, program


def read_hash_classes(path: Path) -> dict[str, str]:
    """Returns md5 -> class from lines md5,class; the first class if a picture has several.

    Raises UsageError if the file does not exist or is not such a list.
    """
    classes: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, row in enumerate(csv.reader(file), start=1):
                if not row:
                    continue  # a blank line
                if len(row) != 2 or len(row[0]) != 32:
                    raise _not_a_list(path, f"line {number} is not md5,class")
                classes.setdefault(row[0], row[1])
    except (OSError, ValueError, csv.Error) as error:
        raise _not_a_list(path, error.strerror if isinstance(error, OSError) else str(error)) from error
    if not classes:
        raise _not_a_list(path, "it is empty")
    return classes


def _not_a_list(path: Path, reason: str) -> UsageError:
    return UsageError(
        f"--hash-classes {path} cannot be used: {reason}.\n"
        f"Create it with: {program()} dump-hashes-classes --name --output FILE --dataset ... (see its --help)."
    )
