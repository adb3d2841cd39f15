"""Reads the list of true classes that dump-hashes-classes writes."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from learning_to_draw.errors import UsageError, program
from learning_to_draw.reading import MIB, read_text

MOST_LIST_BYTES = 256 * MIB  # a list of a million pictures takes about 40 MiB


def read_hash_classes(path: Path) -> dict[str, str]:
    """Returns md5 -> class from a file of lines md5,class; for a picture with several classes, the first one.

    Raises UsageError if the file does not exist or is not such a list.
    """
    advice = f"Create it with: {program()} dump-hashes-classes --name --output FILE --dataset ... (see its --help)."
    classes: dict[str, str] = {}
    lines = csv.reader(io.StringIO(read_text(path, MOST_LIST_BYTES, advice), newline=""))
    try:
        for number, row in enumerate(lines, start=1):
            if not row:
                continue  # a blank line
            if len(row) != 2 or len(row[0]) != 32:
                raise ValueError(f"line {number} is not md5,class")
            classes.setdefault(row[0], row[1])
        if not classes:
            raise ValueError("it is empty")
    except (ValueError, csv.Error) as error:
        raise UsageError(f"--hash-classes {path} cannot be used: {error}.\n{advice}") from error
    return classes
