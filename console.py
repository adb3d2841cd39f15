"""What a person sees of the program on a terminal: messages, exit codes and signals, loggers, progress bars."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TextIO

from learning_to_draw.errors import RunError, Terminated, UsageError

LOGGERS = ("commgame", "learning_to_draw.datasets")  # these report progress; all others only warn
STAYS = "everything saved so far is complete (train --resume RUN resumes a training)"
PACKAGES = ("numba", "numpy", "packaging", "PIL", "scipy", "sklearn", "torch", "torchbearer", "torchvision", "tqdm")
TOO_LARGE = ("out of memory", "allocate memory", "Storage size calculation overflowed")  # in torch's messages
MEMORY_ADVICE = """there is not enough memory for this.
Use a smaller --batch-size, fewer strokes or smaller sizes; --dry-run estimates the memory."""


def hidden() -> bool | None:
    """The value of tqdm's `disable`: True with --quiet, otherwise None, which shows bars on a terminal only."""
    return None if logging.getLogger("commgame").isEnabledFor(logging.INFO) else True


def log_to(stream: TextIO) -> None:
    """Sends the progress messages to a stream."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [logging.StreamHandler(stream)]
        logger.setLevel(logging.INFO)
        logger.propagate = False


def say_first(title: str, arguments: Sequence[str]) -> None:
    """Logs what is starting, before the seconds that loading torch takes.

    Logs nothing with --quiet or --print-config (abbreviated or not), or on ranks > 0.
    """
    silent = any(
        option.startswith(word) for word in arguments if len(word) > 3 for option in ("--quiet", "--print-config")
    )
    if os.environ.get("RANK", "0") == "0" and (not silent or "--dry-run" in arguments):
        logging.getLogger("commgame").info("%s; loading PyTorch ...", title)


def import_torch() -> None:
    """Imports torch from the root folder.

    Importing torch loads libcusparseLt.so.0, which looks for libcuda.so.1 in the current folder (its RUNPATH has an
    empty entry). In a stranger's folder, this could be any program.
    """
    if "torch" in sys.modules:
        return
    here = os.getcwd()
    os.chdir(os.sep)
    try:
        import torch as torch
    finally:
        os.chdir(here)


def exit_code(run: Callable[[], None], explain: Callable[[Exception], str | None]) -> int:
    """Calls `run` and returns the program's exit code. An expected exception becomes a message on stderr.

    explain: returns a message for an exception that a plugin has caused, else None. Unexpected exceptions are raised.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminate)
    try:
        run()
    except UsageError as error:
        print(_process() + "error: " + str(error).replace("\n", "\n       "), file=sys.stderr)
        return 2
    except RunError as error:
        print(_process() + "failed: " + str(error).replace("\n", "\n        "), file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in PACKAGES:
            return _tell(error, None, explain)
        print(
            f"error: the package {error.name} is not installed in this Python ({sys.executable}).\n"
            "       Install what the program needs: pip install -r requirements.txt",
            file=sys.stderr,
        )
        return 2
    except BrokenPipeError:  # the reader of the output has closed it, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # a full disk, a folder that was removed
        print(_process() + f"failed: {error}\nEverything saved before is complete.", file=sys.stderr)
        return 1
    except (MemoryError, RuntimeError) as error:
        return _tell(error, _advice(error), explain)
    except KeyboardInterrupt:
        print(f"\ninterrupted; {STAYS}", file=sys.stderr)
        return 130
    except Terminated:
        print(f"terminated; {STAYS}", file=sys.stderr)
        return 143
    except Exception as error:
        return _tell(error, None, explain)
    return 0


def _terminate(*_) -> None:
    raise Terminated


def _tell(error: Exception, advice: str | None, explain: Callable[[Exception], str | None]) -> int:
    """Prints `advice`, or else what `explain` returns, and returns exit code 1. Without either, raises the error."""
    advice = advice or (None if sys.flags.dev_mode else explain(error))
    if advice is None:
        raise error
    print(_process() + "failed: " + advice.replace("\n", "\n        "), file=sys.stderr)
    return 1


def _process() -> str:
    """The message prefix that names the rank (torchrun); empty for rank 0."""
    rank = os.environ.get("RANK", "0")
    return "" if rank == "0" else f"process {rank}: "


def _advice(error: Exception) -> str | None:
    """The message for an error of torch, recognised by its text; None for any other error."""
    if isinstance(error, MemoryError) or any(text in str(error) for text in TOO_LARGE):
        return MEMORY_ADVICE
    if match := re.match(r"(\S+) does not have a deterministic implementation", str(error)):
        return f"--deterministic: {match[1]} has no deterministic algorithm.\nLeave out the option."
    return None
