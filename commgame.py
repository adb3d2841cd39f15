#!/usr/bin/env python
"""Agents that learn to communicate by drawing: the command line.

    python commgame.py train [--dataset ...]       trains a pair of agents
    python commgame.py test --weights FILE         plays the test split with them (eval is an alias of test)
    python commgame.py report RUN                  and other tools that read runs: see --help

This file parses the command line and calls the command's function in `trials`, `analysis` or `experiments`. Exit codes:
0 for success, 2 for a wrong call or wrong input, 1 for a failed run, 130 after an interrupt, 143 after SIGTERM.
"""

from __future__ import annotations

import difflib
import functools
import itertools
import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from learning_to_draw.commands import PAPER, PARTS, READING, SCRIPTS, TOOLS
from learning_to_draw.console import LOGGERS
from learning_to_draw.errors import RunError, Terminated, UsageError, program
from learning_to_draw.plugins import advice_for_plugin_error, load
from learning_to_draw.trials.config.resolve import as_json, given_value, resolve, resolve_training
from learning_to_draw.trials.config.tool import Tool
from learning_to_draw.trials.config.unknown import check_names

STAYS = "everything saved so far is complete (train --resume RUN resumes a training)"
PACKAGES = ("numba", "numpy", "packaging", "PIL", "scipy", "sklearn", "torch", "torchbearer", "torchvision", "tqdm")
TOO_LARGE = ("out of memory", "allocate memory", "Storage size calculation overflowed")  # in torch's messages
MEMORY_ADVICE = """there is not enough memory for this.
Use a smaller --batch-size, fewer strokes or smaller sizes; --dry-run estimates the memory."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code. With several processes (torchrun) it exits instead.

    arguments: the command line after the program's name; None: that of this process.
    """
    code = _run(sys.argv[1:] if arguments is None else arguments)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        # Threads of torch's process groups may still run, and would abort the interpreter at its end.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _run(arguments: Sequence[str]) -> int:
    for stream in (sys.stdout, sys.stderr):  # paths and class names may contain characters that a terminal cannot show
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    # Before torch is loaded. OpenMP threads spin-wait by default: on a shared machine training can be 30 times slower.
    # Passive waiting costs a fifth of the speed for a small encoder on an idle machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    name = _command_name(arguments[0]) if arguments else ""
    if name == "--version":
        print(_version())
        return 0
    if name not in COMMANDS:
        return _explain(arguments)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminate)
    try:
        _check_words(arguments)
        if (plugin := given_value("plugin", arguments)) is not None:
            load(Path(plugin))  # before options are checked, as it adds options
        COMMANDS[name].run(list(arguments[1:]))
    except UsageError as error:
        print(_process() + "error: " + str(error).replace("\n", "\n       "), file=sys.stderr)
        return 2
    except RunError as error:
        print(_process() + "failed: " + str(error).replace("\n", "\n        "), file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in PACKAGES:
            return _tell(error, None)
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
        print(f"failed: {error}\nEverything saved before is complete.", file=sys.stderr)
        return 1
    except (MemoryError, RuntimeError) as error:
        return _tell(error, _advice(error))
    except KeyboardInterrupt:
        print(f"\ninterrupted; {STAYS}", file=sys.stderr)
        return 130
    except Terminated:
        print(f"terminated; {STAYS}", file=sys.stderr)
        return 143
    except Exception as error:
        return _tell(error, None)
    return 0


def _tell(error: Exception, advice: str | None) -> int:
    """Prints `advice`, or else a plugin's, and returns exit code 1. Without either, raises the error."""
    advice = advice or (None if sys.flags.dev_mode else advice_for_plugin_error(error))
    if advice is None:
        raise error
    print(_process() + "failed: " + advice.replace("\n", "\n        "), file=sys.stderr)
    return 1


def _check_words(words: Sequence[str]) -> None:
    """Raises UsageError for three errors that argparse does not report.

    It turns `--option=--` into an unchecked empty list, takes `--=value` as an abbreviation of any option, and lets a
    second --plugin replace the first.
    """
    if sum(word.split("=")[0] == "--plugin" for word in words) > 1:
        raise UsageError("--plugin is given twice.\nGive one file: it can register any number of components.")
    for word in words:
        if word.startswith("--="):
            raise UsageError(f"{word} does not name an option.\nWrite --OPTION{word[2:]}, or leave it out.")
        if word.startswith("-") and word.endswith("=--"):
            raise UsageError(f"{word} has no value.\nWrite {word[:-2]}VALUE, or leave it out.")


def _process() -> str:
    """The message prefix that names the rank (torchrun); empty for rank 0."""
    rank = os.environ.get("RANK", "0")
    return "" if rank == "0" else f"process {rank}: "


def _terminate(*_) -> None:
    raise Terminated


def _train(arguments: list[str]) -> None:
    _log_to(sys.stdout)
    where, interrupted = given_value("resume", arguments), None
    if where is None and given_value("config", arguments) is None:  # --config may bring a plugin's options
        check_names("train", arguments)
    if where is None or "-h" in arguments or "--help" in arguments:
        options = resolve_training(arguments)
    else:
        _say_first(f"train: --resume {where}", arguments)
        from learning_to_draw.trials.resume import prepare_resume

        options, interrupted = prepare_resume(arguments, where)
    if options.print_config:
        print(as_json(options))
        return
    if where is None:
        game = "original" if options.object_oriented == "none" else options.object_oriented
        _say_first(f"train: {options.dataset}, {game} game", arguments)
    from learning_to_draw.trials.train import train

    train(options, sys.argv, interrupted)


def _test(arguments: list[str]) -> None:
    _log_to(sys.stdout)
    weights = given_value("weights", arguments)
    if weights is None or "-h" in arguments or "--help" in arguments:
        resolve("test", arguments)  # reports the missing option, or shows the help
        return
    _say_first(f"test: {weights}", arguments)
    from learning_to_draw.trials.test import test

    test(Path(weights), arguments, sys.argv)


def _crossplay(arguments: list[str]) -> None:
    _log_to(sys.stdout)
    files = list(itertools.takewhile(lambda word: not word.startswith("-"), arguments))
    rest = arguments[len(files) :]
    if "-h" in rest or "--help" in rest:
        resolve("crossplay", rest)  # shows the help
        return
    _say_first(f"crossplay: {len(files)} checkpoints", arguments)
    from learning_to_draw.trials.crossplay import crossplay

    crossplay([Path(file) for file in files], rest, sys.argv)


def _tool(name: str, arguments: list[str]) -> None:
    _log_to(sys.stderr)  # the tool's output may be redirected to a file
    print(TOOLS[name].run(name, arguments), flush=True)


def _say_first(title: str, arguments: Sequence[str]) -> None:
    """Logs what is starting, before the seconds that loading torch takes.

    Logs nothing with --quiet or --print-config (abbreviated or not), or on ranks > 0.
    """
    silent = any(
        option.startswith(word) for word in arguments if len(word) > 3 for option in ("--quiet", "--print-config")
    )
    if os.environ.get("RANK", "0") == "0" and (not silent or "--dry-run" in arguments):
        logging.getLogger("commgame").info("%s; loading PyTorch ...", title)


def _advice(error: Exception) -> str | None:
    """The message for an error of torch, recognised by its text; None for any other error."""
    if isinstance(error, MemoryError) or any(text in str(error) for text in TOO_LARGE):
        return MEMORY_ADVICE
    if match := re.match(r"(\S+) does not have a deterministic implementation", str(error)):
        return f"--deterministic: {match[1]} has no deterministic algorithm.\nLeave out the option."
    return None


def _log_to(stream: TextIO) -> None:
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [logging.StreamHandler(stream)]
        logger.setLevel(logging.INFO)
        logger.propagate = False


@dataclass(frozen=True)
class Command:
    """One entry of the table below. summary: its line in the help. run: called with the command's arguments."""

    summary: str
    run: Callable[[list[str]], None]


def _commands(tools: Mapping[str, Tool]) -> dict[str, Command]:
    return {name: Command(tool.summary, functools.partial(_tool, name)) for name, tool in tools.items()}


PLAY = {
    "train": Command("train a sender and a receiver to communicate by drawing", _train),
    "test": Command("play the test split with trained agents (alias: eval)", _test),
    "crossplay": Command("play every sender with every receiver of several runs", _crossplay),
}
SECTIONS = {  # of the help
    "play": PLAY | _commands(PAPER),
    "analyse runs": _commands(READING),
    "components, and your own": _commands(PARTS),
    "game logs (the official scripts' names)": _commands(SCRIPTS),
}
COMMANDS = {name: command for section in SECTIONS.values() for name, command in section.items()}


def _command_name(word: str) -> str:
    """A command's name as in the table. The official scripts' names have underscores."""
    name = word.replace("_", "-")
    return "test" if name == "eval" else name


def _explain(arguments: Sequence[str]) -> int:
    """Prints the help, or an error for a missing or misspelt command. Returns the exit code."""
    if arguments and arguments[0] in ("-h", "--help"):
        print(_help(), end="")
        return 0
    if not arguments:
        print(f"error: no command given\n\n{_help()}", end="", file=sys.stderr)
        return 2
    close = difflib.get_close_matches(_command_name(arguments[0]), [*COMMANDS, "eval"], n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    print(f"error: there is no command {arguments[0]!r}.\n       {hint}See {program()} --help.", file=sys.stderr)
    return 2


def _version() -> str:
    from learning_to_draw.trials.records.folder import versions

    return "\n".join(f"{name} {version}" for name, version in versions().items())


def _help() -> str:
    lines = [f"usage: {program()} COMMAND [options]"]
    for heading, commands in SECTIONS.items():
        lines += ["", heading, *(f"  {name:<22}  {command.summary}" for name, command in commands.items())]
    return (
        "\n".join(lines)
        + f"""

Without options, train learns to draw handwritten digits in two or three minutes.
Options and their defaults: {program()} train --help
Versions of this program and its packages: {program()} --version
"""
    )


if __name__ == "__main__":
    sys.exit(main())
