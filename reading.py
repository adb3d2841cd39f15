"""Reads files that may come from somebody else: a run, a log, a checkpoint, the answers of a study.

Reading a damaged or hostile file raises UsageError with a clear message, does not hang, and needs a bounded amount of
memory. `inside` refuses a link that leads out of a folder. Importing this module does not import torch.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from learning_to_draw.errors import UsageError, first_line

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MIB = 1 << 20
MOST_BYTES = 32 * MIB  # JSON can need 24 times its size in memory
INTACT = "Give an intact copy."

# Types for schemas. Without these bounds, sums and conversions of numbers could fail later. NaN is outside all bounds.
Count = Annotated[int, Meta(ge=0, le=2**53)]
Finite = Annotated[float, Meta(ge=-1e30, le=1e30)]
Positive = Annotated[float, Meta(gt=0, le=1e30)]
Share = Annotated[float, Meta(ge=0, le=1)]
Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Plain = None | bool | Whole | float | str
OptionValue = Plain | list[Plain]
Options = dict[str, OptionValue]

T = TypeVar("T")


def inside(folder: Path, name: str) -> Path:
    """The path of the file `name` in a folder. Raises UsageError if a link or `..` leads out of the folder."""
    path = folder / name
    root = os.path.realpath(folder)
    if os.path.commonpath([root, os.path.realpath(path)]) != root:
        raise UsageError(
            f"{path} is a link that leads out of {folder}, and files outside that folder are not read.\n"
            "Replace the link with a copy of what it points to."
        )
    return path


def read_bytes(path: Path, most: int = MOST_BYTES, advice: str = INTACT) -> bytes:
    """The content of a regular file of at most `most` bytes. Raises UsageError for anything else."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise cannot_read(path, "it is not a regular file", advice)
            content = file.read(most + 1) if status.st_size <= most else None
    except (OSError, ValueError) as error:  # ValueError if the name has a zero byte
        reason = error.strerror if isinstance(error, OSError) else None
        raise cannot_read(path, reason or first_line(error), advice) from error
    if content is None or len(content) > most:
        raise cannot_read(path, f"it has more than {most // MIB} MiB", advice)
    return content


def read_text(path: Path, most: int = MOST_BYTES, advice: str = INTACT) -> str:
    """The text of a UTF-8 file, minus a byte order mark. Raises UsageError if it cannot be read or is not UTF-8."""
    try:
        return read_bytes(path, most, advice).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise cannot_read(path, f"it is not text in UTF-8 ({error})", advice) from error


def read_json(path: Path, schema: type[T] | Any, advice: str = INTACT) -> T:
    """The content of a JSON file. Raises UsageError if it cannot be read or does not have the type `schema`.

    Keys that the schema does not mention are kept.
    """
    text = read_text(path, advice=advice)
    try:
        return parse_json(text, schema)
    except ValueError as error:
        raise cannot_read(path, str(error), advice) from error


def read_toml(path: Path, schema: type[T] | Any, advice: str = INTACT) -> T:
    """The content of a TOML file. Raises UsageError if it cannot be read or does not have the type `schema`."""
    try:
        return check(tomllib.loads(read_text(path, advice=advice)), schema)
    except (ValueError, RecursionError) as error:  # tomllib's own error is a ValueError
        raise cannot_read(path, first_line(error), advice) from error


def parse_json(text: str, schema: type[T] | Any) -> T:
    """The decoded JSON `text`. Raises ValueError if it is not valid JSON or does not have the type `schema`."""
    try:
        content = json.loads(text, object_pairs_hook=_unique)
        if "\\ud" in text.lower():
            # Bytes of a file name that are not UTF-8 become lone surrogates. Any other lone surrogate cannot be
            # written.
            json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogateescape")
    except RecursionError as error:
        raise ValueError("its lists are nested too deeply (recursion)") from error
    except UnicodeEncodeError as error:
        raise ValueError("it has half a character (a lone surrogate)") from error
    return check(content, schema)


def check(content: Any, schema: type[T] | Any) -> T:
    """Returns `content` unchanged. Raises ValueError if it does not have the type `schema`."""
    try:
        msgspec.convert(content, schema)
    except (msgspec.ValidationError, RecursionError, AttributeError) as error:
        # AttributeError: msgspec treats an object with items, such as a tensor, as a mapping, and asks for its keys.
        raise ValueError(first_line(error)) from error
    return content


def _without_waiting(path: str, flags: int) -> int:
    """Opens a file without blocking: opening a named pipe would otherwise wait for a writer."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def cannot_read(path: Path, reason: str, advice: str = INTACT) -> UsageError:
    return UsageError(f"{path} cannot be read: {reason}.\n{advice}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a key occurs twice in one object")
    return content
