"""The exceptions of this program, how it quotes those of others, and what messages call it."""

import sys
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


class Terminated(BaseException):
    """SIGTERM has come, as from a cluster that wants its machine back. Exit code 143."""


def program() -> str:
    """How it is called: as the installed command, or as the file."""
    return "commgame" if Path(sys.argv[0]).name in ("commgame", "commgame.exe") else "python commgame.py"


class RunError(Exception):
    """A run that was rightly started could not go on (a loss of NaN, a full disk). Exit code 1."""
