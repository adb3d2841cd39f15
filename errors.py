"""The exceptions of this program, and what messages are made of: others' errors, lists of names, what it is called."""

import sys
from collections.abc import Sequence
from pathlib import Path


class UsageError(Exception):
    """Something that a user gave cannot be used: an option, a file, a folder, a picture.

    The message says what was given, what is allowed and what to do, in at most five lines. The command line prints it
    and leaves with exit code 2; nothing has been overwritten by then.
    """


def first_line(error: Exception) -> str:
    """Of another library's error, the first line; its type where it says nothing."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def listed(names: Sequence[str], most: int = 5) -> str:
    """Names for a message: "a, b, c", or the first few and how many there are."""
    text = ", ".join(names[:most])
    return text if len(names) <= most else f"{text}, ... ({len(names)} in all)"


class Terminated(BaseException):
    """SIGTERM has come, as from a cluster that wants its machine back. Exit code 143."""


def program() -> str:
    """How it is called: as the installed command, or as the file."""
    return "commgame" if Path(sys.argv[0]).name in ("commgame", "commgame.exe") else "python commgame.py"


class RunError(Exception):
    """A run that was rightly started could not go on, or came out wrong (a loss of NaN, a broken part). Exit code 1."""
