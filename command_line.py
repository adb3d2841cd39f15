"""The table of all commands. `run_command` calls a command's function in `trials`, `analysis` or `experiments`."""

from __future__ import annotations

import ctypes
import itertools
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from learning_to_draw import console
from learning_to_draw.commands import COMPONENTS, EXPERIMENTS, PEOPLE, READING, SCRIPTS
from learning_to_draw.errors import UsageError, did_you_mean, program
from learning_to_draw.plugins import load
from learning_to_draw.streams import show
from learning_to_draw.trials.config.all_options import HELP, HELP_ALL
from learning_to_draw.trials.config.config_file import as_json
from learning_to_draw.trials.config.parse import parse, parse_training, read_early
from learning_to_draw.trials.tool import Tool

# Environment variable -> (the number of the same parameter for mallopt(3), its value in bytes).
MALLOC_LIMITS = {"MALLOC_MMAP_THRESHOLD_": (-3, 32 << 20), "MALLOC_TRIM_THRESHOLD_": (-1, (1 << 31) - 1)}


def run_command(arguments: Sequence[str]) -> None:
    """Runs the command `arguments[0]`. Raises UsageError if it does not exist, and SystemExit after its help page.

    Without arguments, prints an error and the list of commands to stderr, and raises SystemExit.
    """
    # Set before torch is loaded. By default, OpenMP threads spin-wait for milliseconds: on a shared machine, training
    # can be 30 times slower. If they do not spin at all, training a small encoder takes 1.4 times as long on an idle
    # machine. With 3,000 spins, the threads of GNU's OpenMP (torch's on Linux) spin for about 50 microseconds and then
    # sleep. Other OpenMP libraries ignore this setting, and their threads do not spin.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # torch asks the system for pages of 2 MB for large tensors
    _keep_freed_memory()
    # Numba reads .numba_config.yaml in the current folder, which may be a stranger's run. In that file, these two
    # settings could run code: compiled functions are pickles, and locators are imported. The environment overrides the
    # file; an empty value is the default.
    for setting in ("NUMBA_CACHE_DIR", "NUMBA_CACHE_LOCATOR_CLASSES"):
        os.environ.setdefault(setting, "")
    # Set before Pillow is loaded. Blocks of this size return to the system when a picture is freed. Otherwise every
    # thread that has decoded a large picture keeps up to a gigabyte.
    os.environ.setdefault("PILLOW_BLOCK_SIZE", "64m")
    # Pillow warns of pictures that it can still read, and of pictures that this program refuses with its own message.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    if not arguments:
        print(f"error: no command given\n\n{_help()}", file=sys.stderr)
        raise SystemExit(2)
    # The official scripts' names have underscores, and one of them is eval.
    name = "test" if arguments[0] == "eval" else arguments[0].replace("_", "-")
    if name == "--version":
        from learning_to_draw.trials.records.folder import versions

        show("\n".join(f"{package} {version}" for package, version in versions().items()))
    elif name in ("-h", "--help"):
        show(_help())
    elif name in COMMANDS:
        _call(name, list(arguments[1:]))
    else:
        hint = did_you_mean(name, [*COMMANDS, "eval"])
        raise UsageError(f"there is no command {arguments[0]!r}.\n{hint}See {program()} --help.")


def _keep_freed_memory() -> None:
    """Makes glibc's malloc keep memory that tensors have freed, for the next tensors; other systems are not changed.

    By default, malloc returns large blocks to the system, which fills every page with 0 when it is used again: this
    took a quarter of a training step with a frozen SqueezeNet. Blocks above 32 MB still return: malloc accepts no
    larger limit. If the environment has settings of malloc (the variables of `MALLOC_LIMITS`, or GLIBC_TUNABLES),
    nothing is changed.
    """
    given = not MALLOC_LIMITS.keys().isdisjoint(os.environ) or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "")
    if sys.platform != "linux" or given:
        return
    if (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:
        for parameter, value in MALLOC_LIMITS.values():
            mallopt(parameter, value)


def _call(name: str, words: list[str]) -> None:
    _check_words(words)
    early = read_early(words)
    if "plugin" in early:
        load(early["plugin"])  # before the options are checked, because a plugin adds options
    command = COMMANDS[name]
    if isinstance(command, Tool):
        console.log_to(sys.stderr)  # the tool's output may be redirected to a file
        show(command.run(name, words))
        return
    console.log_to(sys.stdout)
    if not {*HELP, HELP_ALL}.isdisjoint(words):
        parse(name, words)  # shows the help, without reading a file
    command.run(words, early)


def _check_words(words: Sequence[str]) -> None:
    """Raises UsageError for three errors that argparse does not report, or reports in a misleading way.

    argparse turns `--option=--` into an unchecked empty list, takes `--=value` for an abbreviation of all options, and
    lets a second --plugin replace the first.
    """
    if sum(word.split("=")[0] == "--plugin" for word in words) > 1:
        raise UsageError("--plugin is given more than once.\nGive one file: it can register any number of components.")
    for word in words:
        if word.startswith("--="):
            raise UsageError(f"{word} does not name an option.\nWrite --OPTION{word[2:]}, or leave it out.")
        if word.startswith("-") and word.endswith("=--"):
            raise UsageError(f"{word} has no value.\nWrite {word[:-2]}VALUE, or leave it out.")


def _train(words: list[str], early: Mapping[str, Any]) -> None:
    if (where := early.get("resume")) is None:
        config, interrupted = parse_training(words), None
    else:
        console.say_first(f"train: --resume {where}", words)
        console.import_torch()
        from learning_to_draw.trials.resume import prepare_resume

        config, interrupted = prepare_resume(early, where, partial(parse, "train", words))
    if config.print_config:
        show(as_json(config))
        return
    if where is None:
        console.say_first(f"train: {config.dataset.name}, {config.game_title} game", words)
    console.import_torch()
    from learning_to_draw.trials.train import train

    train(config, sys.argv, interrupted)


def _test(words: list[str], early: Mapping[str, Any]) -> None:
    weights = early["weights"] if "weights" in early else parse("test", words).weights  # raises UsageError
    console.say_first(f"test: {weights}", words)
    console.import_torch()
    from learning_to_draw.trials.test import test
    from learning_to_draw.trials.trained import parse_trained

    test(parse_trained("test", words, Path(weights)), sys.argv)


def _crossplay(words: list[str], early: Mapping[str, Any]) -> None:
    files = [Path(word) for word in itertools.takewhile(lambda word: not word.startswith("-"), words)]
    console.say_first(f"crossplay: {len(files)} checkpoint{'s' * (len(files) != 1)}", words)
    console.import_torch()
    from learning_to_draw.trials.crossplay import check_files, crossplay
    from learning_to_draw.trials.trained import parse_trained

    check_files(files)
    crossplay(files, parse_trained("crossplay", words[len(files) :], files[0]), sys.argv)


@dataclass(frozen=True)
class Command:
    """One of the commands train, test and crossplay. summary: its line in the help.

    run: called with two arguments: the words after the command's name, and the options that `read_early` found in them.
    """

    summary: str
    run: Callable[[list[str], Mapping[str, Any]], None]


PLAY = {
    "train": Command("train a sender and a receiver to communicate by drawing", _train),
    "test": Command("play the test split with trained agents (alias: eval)", _test),
    "crossplay": Command("play every sender with every receiver of several runs", _crossplay),
}
SECTIONS: dict[str, Mapping[str, Command | Tool]] = {  # of the help
    "play": {**PLAY, **PEOPLE, **EXPERIMENTS},
    "analyse runs": READING,
    "components, including your own": COMPONENTS,
    "game logs (the official scripts' names)": SCRIPTS,
}
COMMANDS = {name: command for section in SECTIONS.values() for name, command in section.items()}


def _help() -> str:
    lines = [f"usage: {program()} COMMAND [options]"]
    for heading, commands in SECTIONS.items():
        lines += ["", heading, *(f"  {name:<22}  {command.summary}" for name, command in commands.items())]
    return (
        "\n".join(lines)
        + f"""

Without options, train learns to draw handwritten digits in about a minute.
Options and their defaults: {program()} train --help
Versions of this program and its packages: {program()} --version"""
    )
