#!/usr/bin/env python
"""Agents that learn to communicate by drawing: the command line.

    python commgame.py train [--dataset ...]       trains a pair of agents
    python commgame.py test --weights FILE         plays the test split with them (eval is another name for test)

This file parses, wires and hands over; what a command does is in `trials`. Exit codes: 0, 2 for a wrong call or wrong
input, 1 for a run that failed, 130 after an interrupt.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from errors import RunError, UsageError
from trials.options import check_names, given_weights, resolve

COMMANDS = {"train": "train", "test": "test", "eval": "test"}
HELP = """\
usage: python commgame.py COMMAND [options]

  train   train a sender and a receiver to communicate by drawing
  test    play the test split with trained agents (eval is another name for it)

Without options, train learns to draw handwritten digits in about two minutes.
Every option of a command, with its default: python commgame.py train --help
"""


def main(arguments: Sequence[str]) -> int:
    """Runs one command; the exit code."""
    if not arguments or arguments[0] not in COMMANDS:
        return _explain(arguments)
    command, rest = COMMANDS[arguments[0]], list(arguments[1:])
    _log_to_stdout()
    try:
        check_names(command, rest)
        _train(rest) if command == "train" else _test(rest)
    except UsageError as error:
        print("error: " + str(error).replace("\n", "\n       "), file=sys.stderr)
        return 2
    except RunError as error:
        print("failed: " + str(error).replace("\n", "\n        "), file=sys.stderr)
        return 1
    except OSError as error:  # a full disk, a folder that was taken away
        print(f"failed: {error}\nWhat was saved before is complete and stays.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; what was saved so far is complete and stays", file=sys.stderr)
        return 130
    return 0


def _log_to_stdout() -> None:
    for name in ("commgame", "datasets"):
        logger = logging.getLogger(name)
        logger.handlers = [logging.StreamHandler(sys.stdout)]
        logger.setLevel(logging.INFO)
        logger.propagate = False


def _train(arguments: list[str]) -> None:
    options = resolve("train", arguments)
    from trials.train import train

    train(options, sys.argv)


def _test(arguments: list[str]) -> None:
    weights = given_weights(arguments)
    if weights is None or "-h" in arguments or "--help" in arguments:
        resolve("test", arguments)  # explains what is missing, or shows the help
        return
    from trials.checkpoints import load_checkpoint
    from trials.test import test

    checkpoint = load_checkpoint(Path(weights))
    # Where it was written, on what, and how far, are no properties of the agents.
    saved = {name: value for name, value in checkpoint.options.items() if name not in ("output", "device", "dry_run")}
    test(resolve("test", arguments, saved, Path(weights).name), checkpoint, sys.argv)


def _explain(arguments: Sequence[str]) -> int:
    """Help for a call without a command: asked for, forgotten or misspelt."""
    if arguments and arguments[0] in ("-h", "--help"):
        print(HELP, end="")
        return 0
    what = f"there is no command {arguments[0]!r}" if arguments else "no command given"
    print(f"error: {what}\n\n{HELP}", end="", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
