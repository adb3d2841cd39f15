"""The exceptions of this program, and helpers for their messages."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

FOLDER = Path(__file__).parent  # of the checkout, or of the installed package


class UsageError(Exception):
    """Something that the user gave is not valid, such as an option, a file, a folder or a picture.

    The message says what was given, what is allowed and how to fix it, in at most five lines. The command line prints
    it and exits with code 2, before overwriting anything.
    """


def first_line(error: Exception) -> str:
    """The first line of the error's message, or the name of its type if the message is empty.

    Of a line with more than 300 characters, the first 300; they end with "...".
    """
    text = str(error).strip()
    line = text.splitlines()[0].rstrip() if text else type(error).__name__
    return line if len(line) <= 300 else f"{line[:297]}..."


def listed(names: Sequence[str], most: int = 5) -> str:
    """The names for a message: "a, b, c"; if there are more than `most`, the first `most` and the total number."""
    text = ", ".join(names[:most])
    return text if len(names) <= most else f"{text}, ... ({len(names)} in all)"


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """A hint for an unknown word: "Did you mean NAME? " with the most similar name; empty if no name is similar.

    A name that begins with the word is preferred: squeezenet means SqueezeNetBackbone. Case is ignored.
    """
    import difflib  # not above, because every command loads this module

    lower = {name.lower(): name for name in names}
    close = [name for name in lower if len(word) > 2 and name.startswith(word.lower())]
    close = close or difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.7)
    return f"Did you mean {lower[close[0]]}? " if close else ""


class Terminated(BaseException):
    """SIGTERM was received, for example at the time limit of a cluster's job, or SIGHUP. The exit code is 143."""


def program() -> str:
    """How messages name this program: "python commgame.py" in a checkout; "commgame" if it is started by that name or
    used from an installed copy, which has no commgame.py to start."""
    by_name = Path(sys.argv[0]).name in ("commgame", "commgame.exe")
    return "commgame" if by_name or not (FOLDER / "pyproject.toml").is_file() else "python commgame.py"


class RunError(Exception):
    """A run failed after a valid start, for example because the loss is NaN. The exit code is 1."""
