"""Makes a run independent of standard output and standard error, which may be closed or go to a full disk.

A failed write is remembered but not raised. Only `show`, which prints a command's result, reports it. A training whose
progress lines go to `head -1` or to a full disk therefore trains to its end.
"""

from __future__ import annotations

import errno
import io
import os
import re
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

# Control characters except tab and line break (C0, C1), line separators, and marks that reorder text.
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class Output(io.RawIOBase):
    """Passes bytes on to a standard stream. A failed write raises nothing.

    error: the exception of the last failed write; None if no write has failed.
    """

    def __init__(self, stream: Any, error: OSError | None = None):
        super().__init__()
        self._stream, self.error = stream, error

    def write(self, data: Any) -> int:
        try:
            while (written := self._stream.write(data)) is None:  # the stream does not block, and its buffer is full
                select.select([], [self._stream], [])
            return written
        except OSError as error:
            self.error = error
            return len(data)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return self._stream.isatty()


@contextmanager
def tolerant() -> Iterator[None]:
    """Context in which a write to sys.stdout or sys.stderr raises no OSError, and any text can be written."""
    for number in range(3):  # otherwise a file opened later could get a closed stream's number and its output
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    names = ("stdout", "stderr")
    before = {name: getattr(sys, name) for name in names}
    for name in names:
        setattr(sys, name, _tolerant(before[name], own=before[name] is getattr(sys, f"__{name}__")))
    try:
        yield
    finally:
        for name in names:
            getattr(sys, name).flush()
            setattr(sys, name, before[name])


def _tolerant(stream: Any, own: bool) -> Any:
    """If `stream` is the process's stdout or stderr (`own`), a new stream in its place; else `stream`, reconfigured."""
    if stream is None:  # Python's stand-in for a closed stream
        closed = OSError(errno.EBADF, os.strerror(errno.EBADF))
        return io.TextIOWrapper(io.BufferedWriter(Output(open(os.devnull, "wb", 0), closed)), "utf-8")
    if not own or not hasattr(stream, "buffer"):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
        return stream
    with suppress(OSError):
        stream.flush()
    raw = getattr(stream.buffer, "raw", stream.buffer)  # python -u has no buffer
    return io.TextIOWrapper(
        io.BufferedWriter(Output(raw)),
        stream.encoding,
        "backslashreplace",  # paths and class names may contain characters that a terminal cannot show
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def printable(text: str) -> str:
    """The text with control characters (except tab and line break) escaped: they could control the terminal."""
    return UNSEEN.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def show(text: str) -> None:
    """Prints a command's result to standard output. Raises OSError if this or an earlier write failed."""
    print(printable(text), flush=True)
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, Output) and raw.error is not None:
        error = raw.error
        raise OSError(error.errno, error.strerror, "standard output")
