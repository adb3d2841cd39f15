"""Handles messages, exit codes, signals, loggers and progress bars."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

from learning_to_draw.errors import RunError, Terminated, UsageError, first_line
from learning_to_draw.streams import printable, tolerant

LOGGERS = ("commgame", "learning_to_draw.datasets")  # these report progress; other loggers only warn
STAYS = "everything saved so far is complete (train --resume RUN resumes a training; the same sweep continues a sweep)"
PACKAGES = {  # module -> name for pip, of every package that the program needs
    **{name: name for name in ("msgspec", "numba", "numpy", "packaging", "platformdirs", "scipy", "tomli")},
    **{name: name for name in ("torch", "torchbearer", "torchvision", "tqdm")},
    **{"PIL": "pillow", "sklearn": "scikit-learn"},
}
TOO_LARGE = ("out of memory", "allocate memory", "Storage size calculation overflowed")  # in torch's messages
# Sent when the terminal is closed. Windows has no such signal.
HANG_UP = getattr(signal, "SIGHUP", None)
MEMORY_ADVICE = """there is not enough memory for this.
Use a smaller --batch-size, fewer strokes or smaller sizes; --dry-run estimates the memory."""


class _Printable(logging.Formatter):
    """Formats messages, and escapes control characters in them."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def hidden() -> bool | None:
    """tqdm's argument `disable`: True (no bars) if progress messages are off, else None (bars only on a terminal)."""
    return None if logging.getLogger("commgame").isEnabledFor(logging.INFO) else True


def log_to(stream: TextIO) -> None:
    """Sends progress messages to `stream`."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        handler = logging.StreamHandler(stream)
        handler.setFormatter(_Printable())
        logger.handlers = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False


def say_first(title: str, arguments: Sequence[str]) -> None:
    """Logs `title` and that torch is being loaded, which takes seconds. The caller loads torch.

    Logs nothing on ranks > 0. Logs nothing either if `arguments` contain --quiet, --print-config or an abbreviation of
    one of them, unless they also contain --dry-run.
    """
    silent = any(
        option.startswith(word) for word in arguments if len(word) > 3 for option in ("--quiet", "--print-config")
    )
    if not _process() and (not silent or "--dry-run" in arguments):
        logging.getLogger("commgame").info("%s; loading PyTorch ...", title)


@contextmanager
def in_root_folder() -> Iterator[None]:
    """Context in which / is the current folder. Some packages trust files in the current folder, even a stranger's."""
    here = os.getcwd()
    os.chdir(os.sep)
    try:
        yield
    finally:
        os.chdir(here)


def import_torch() -> None:
    """Imports torch while the root folder is the current folder.

    Importing torch loads libcusparseLt.so.0, which looks for libcuda.so.1 in the current folder (its RUNPATH has an
    empty entry). In a stranger's folder, that file could contain any code.
    """
    if "torch" not in sys.modules:
        with in_root_folder():
            import torch as torch


def exit_code(run: Callable[[], None]) -> int:
    """Calls `run` and returns the program's exit code. An expected exception becomes a message on stderr.

    Raises unexpected exceptions, and SystemExit after a help page. Inside `run`, a failed write to stdout or stderr
    raises nothing, Ctrl-C raises KeyboardInterrupt, and SIGTERM and SIGHUP raise Terminated.
    """
    with tolerant(), _signals():
        try:
            run()
        except BaseException as error:
            return _answer(error)
    return 0


def _answer(error: BaseException) -> int:
    """Prints the message for an exception and returns the exit code. Raises the exception if it is unexpected."""
    match error:
        case UsageError():
            _say("error: ", str(error))
            return 2
        case ImportError() if (root := (error.name or "").partition(".")[0]) in PACKAGES:
            missing = isinstance(error, ModuleNotFoundError)
            problem = "is not installed in" if missing else f"cannot be imported ({first_line(error)}) by"
            install = "install" if missing else "install --force-reinstall"
            _say(
                "error: ",
                f"the package {PACKAGES[root]} {problem} this Python ({sys.executable}).\n"
                f"Install it: python -m pip {install} {PACKAGES[root]}",
            )
            return 2
        case BrokenPipeError():  # the reader of the output has closed it, as `head` does
            return 1
        case KeyboardInterrupt() | Terminated():
            number = signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT
            say_stopped(number)
            return 128 + number
        case SystemExit() if error.code == 2:  # the mistake has been printed
            return 2
        case SystemExit():
            raise error
    if isinstance(error, RunError):
        advice = str(error)
    elif isinstance(error, OSError):  # a full disk, a folder that was removed
        advice = f"{error}\nEverything saved before is complete."
    else:
        advice = _advice(error) or (None if sys.flags.dev_mode else _plugin_advice(error))
    if advice is None:
        raise error
    _say("failed: ", advice)
    return 1


def _say(kind: str, message: str) -> None:
    text = _process() + kind + message.replace("\n", "\n" + " " * len(kind))
    print(printable(text), file=sys.stderr)


def say_stopped(number: int) -> None:
    """Prints that a signal has stopped this process."""
    print("terminated;" if number == signal.SIGTERM else "\ninterrupted;", STAYS, file=sys.stderr, flush=True)


@contextmanager
def _signals() -> Iterator[None]:
    """Context with handlers for Ctrl-C, SIGTERM and SIGHUP. No effect outside the main thread."""
    before = {}
    handlers = {signal.SIGINT: _stop, signal.SIGTERM: _stop, HANG_UP: _terminate}
    if threading.current_thread() is threading.main_thread():
        for number, handler in handlers.items():
            # A shell's background jobs ignore SIGINT, and a program that nohup starts ignores SIGHUP.
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:
    """Raises KeyboardInterrupt on Ctrl-C and Terminated on SIGTERM. During an import, ends the process instead.

    Packages may swallow or print exceptions during their import. Ending is safe: no file is being written then.
    """
    while frame is not None and frame.f_code is not exit_code.__code__:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            say_stopped(number)
            os._exit(128 + number)
        frame = frame.f_back
    raise Terminated if number == signal.SIGTERM else KeyboardInterrupt


def _terminate(*_) -> None:
    """Raises SIGTERM, so that SIGHUP has the effect that SIGTERM has at this moment."""
    signal.raise_signal(signal.SIGTERM)


def _process() -> str:
    """The message prefix that names this process's rank, on ranks > 0 (torchrun); otherwise empty."""
    rank = os.environ.get("RANK", "")
    return f"process {rank}: " if rank.isdecimal() and int(rank) > 0 else ""


def _plugin_advice(error: BaseException) -> str | None:
    """The message for an exception that a plugin may have caused; None if no plugin is loaded."""
    from learning_to_draw.plugins import advice_for_plugin_error  # here: it loads the tables of all components

    return advice_for_plugin_error(error) if isinstance(error, Exception) else None


def _advice(error: BaseException) -> str | None:
    """The message if memory does not suffice or --deterministic is not possible; None for any other error."""
    if isinstance(error, MemoryError):
        return MEMORY_ADVICE
    if not isinstance(error, RuntimeError):
        return None
    if any(text in str(error) for text in TOO_LARGE):
        return MEMORY_ADVICE
    if match := re.match(r"(\S+) does not have a deterministic implementation", str(error)):
        return f"--deterministic: {match[1]} has no deterministic algorithm.\nLeave out the option."
    return None
