#!/usr/bin/env python
"""Agents that learn to communicate by drawing: the command line.

    python commgame.py train [--dataset ...]       trains a pair of agents
    python commgame.py test --weights FILE         plays the test split with them (eval is an alias of test)
    python commgame.py report RUN                  and other tools that read runs: see --help

This file only starts the program, so that Ctrl-C, a missing package and a closed output are handled from the first
moment. `command_line.py` has the commands. Exit codes: 0 for success, 2 for a wrong call or wrong input, 1 for a failed
run or a result that could not be printed, 130 after an interrupt, 143 after SIGTERM or SIGHUP.
"""

# Imports nothing slow: Ctrl-C during such an import would print a traceback. _signal is the built-in part of signal.
import _signal as signal
import os
import sys


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code. With several processes (torchrun), exits with that code instead.

    arguments: the command line after the program's name; None: the command line of this process, which ends afterwards.
    Python takes up to half a second to end. During this time, Ctrl-C kills the process, without a traceback.
    """
    try:
        before = signal.getsignal(signal.SIGINT)
        try:
            if before is signal.default_int_handler:
                signal.signal(signal.SIGINT, _leave)  # until exit_code installs its own handler
            from learning_to_draw.console import exit_code

            code = exit_code(lambda: _run(sys.argv[1:] if arguments is None else arguments))
        finally:
            if before is signal.default_int_handler:
                signal.signal(signal.SIGINT, signal.SIG_DFL if arguments is None else before)
    except KeyboardInterrupt:
        return 130
    if os.environ.get("WORLD_SIZE", "1") != "1":
        # Threads of torch's process groups may still run, and would crash the interpreter when it ends.
        os._exit(code)
    return code


def _run(arguments: list[str]) -> None:
    from learning_to_draw.command_line import run_command

    run_command(arguments)


def _leave(*_) -> None:
    """Ends the process at once after Ctrl-C. During imports, Python could swallow a KeyboardInterrupt."""
    os.write(2, b"\ninterrupted\n")
    os._exit(130)


if __name__ == "__main__":
    sys.exit(main())
