"""The exceptions of this program, and helpers for their messages."""

import sys
from collections.abc import Sequence
from pathlib import Path


class UsageError(Exception):
    """Something that the user gave is not valid: an option, a file, a folder, a picture.

    The message says what was given, what is allowed and how to fix it, in at most five lines. The command line prints
    it and exits with code 2, before overwriting anything.
    """


def first_line(error: Exception) -> str:
    """The first line of the error's message, or the name of its type if the message is empty."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def listed(names: Sequence[str], most: int = 5) -> str:
    """Names for a message: "a, b, c", or the first `most` names and the total number."""
    text = ", ".join(names[:most])
    return text if len(names) <= most else f"{text}, ... ({len(names)} in all)"


class Terminated(BaseException):
    """SIGTERM was received, for example at the time limit of a cluster. Exit code 143."""


def program() -> str:
    """The name of this program in messages: the installed command, or the file."""
    return "commgame" if Path(sys.argv[0]).name in ("commgame", "commgame.exe") else "python commgame.py"


class RunError(Exception):
    """A run failed after a valid start (a loss of NaN, a broken component). Exit code 1."""
