"""Parses the command line of train, test and crossplay: words -> `RunConfig`.

Importing this module does not import torch, so help and error messages appear at once.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NoReturn

from learning_to_draw.components import Config, Option, flag_of, options_of
from learning_to_draw.errors import UsageError, did_you_mean, program
from learning_to_draw.games.losses import AUXILIARY_LOSSES
from learning_to_draw.streams import show
from learning_to_draw.trials.config.all_options import (
    HELP,
    HELP_ALL,
    Owner,
    as_text,
    of_training,
    owners,
)
from learning_to_draw.trials.config.config_file import read_config
from learning_to_draw.trials.config.configure import COMMAND_LINE, DEFAULT_SOURCE, Basis, prepare
from learning_to_draw.trials.config.run import KINDS, TestConfig, TrainConfig

DESCRIPTIONS = {
    "train": "Train a sender and a receiver to communicate by drawing.",
    "test": "Play the test split with trained agents and report their communication rate.",
    "crossplay": "Play every sender with every receiver of two or more checkpoints, and write the matrix of "
    "communication rates as CSV and as a heat map.",
}
OPTIONS = "options"  # the title of argparse's default group
# Options that decide which other options exist. They are read before all others, as are those that choose components.
EARLY = (
    *((TrainConfig, name) for name in ("plugin", "preset", "config", "resume")),
    *((TestConfig, name) for name in ("weights", "trust_weights")),
)
# The options that --help shows, in this order, if the chosen components have them; --help-all shows all.
SHORT_HELP = {
    "train": (
        *("dataset", "dataset_root", "preset", "object_oriented", "encoder", "decoder", "nlines", "batch_size"),
        *("epochs", "learning_rate", "seed", "output", "resume", "device", "dry_run"),
    ),
    "test": ("weights", "dataset_root", "output", "device", "allow_trained", "plugin", "dry_run", "quiet"),
    "crossplay": ("dataset_root", "output", "device", "allow_trained", "plugin", "dry_run", "quiet"),
}


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises `UsageError` instead of printing the usage. command: used in its messages."""

    command: str = ""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\nSee {program()} {self.command} --help.")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            names = [str(choice) for choice in action.choices]
            advice = did_you_mean(str(value), names).rstrip() or f"Choose from {', '.join(names)}."
            advice += " A component of your own needs --plugin FILE." if action.dest in KINDS else ""
            raise argparse.ArgumentError(action, f"invalid choice: {value!r}.\n{advice}")

    def print_help(self, file: Any = None) -> None:
        show(self.format_help().rstrip("\n"))


def add_option(group: Any, name: str, option: Option) -> None:
    """Declares a configuration's option on a parser or argument group. name: the field's name, also the `dest`."""
    words, settings = [flag_of(name), *option.names], {}
    if option.type is None:
        settings["action"] = "store_true"
    else:
        settings |= {"type": option.type, "metavar": option.metavar, "choices": option.choices}
        settings |= {"nargs": option.nargs, "const": option.const} if option.nargs else {}
        settings |= {"required": option.required}
    group.add_argument(*words, dest=name, help=option.help.replace("%", "%%"), default=option.default, **settings)
    if option.type is None:  # a switch also has the form --no-..., which the help leaves out
        words = [f"--no-{word[2:]}" for word in words]
        group.add_argument(*words, dest=name, action="store_false", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def add_options(group: Any, config: type[Config], *names: str) -> None:
    """Declares the options `names` of a configuration, with their defaults; all options if no name is given."""
    for name, option in options_of(config).items():
        if not names or name in names:
            add_option(group, name, option)


def add_flag(group: Any, *names: str, help: str) -> None:
    """Declares a switch that is off by default. names: its forms; the first determines the `dest`."""
    add_option(group, names[0][2:].replace("-", "_"), Option(False, help, None, names[1:]))


def parse(
    command: str, words: Sequence[str], saved: Mapping[str, Any] | None = None, saved_from: str = "checkpoint"
) -> Any:
    """The configuration for `commgame.py COMMAND WORDS`: a `TrainConfig`, `TestConfig` or `CrossplayConfig`.

    saved: the options of a checkpoint or a configuration file; `words` override them. saved_from: where
    `saved` comes from, such as "config.json". Raises UsageError for words that are not valid, and SystemExit after
    --help and --help-all.
    """
    early = read_early(words)
    named = {kind: early[kind] for kind in KINDS if early.get(kind) in KINDS[kind].table}
    basis = prepare(command, named | {"preset": early.get("preset")}, saved, saved_from)
    parser = Parser(
        usage=f"{program()} {command} {'A.pt B.pt [C.pt ...] ' if command == 'crossplay' else ''}[options]",
        description=DESCRIPTIONS[command],
        epilog=f"To see a component's own options, choose it, as in: --dataset ImageFolder --encoder VGG16Backbone "
        f"--help. {program()} list shows all components. An option may be shortened as long as it stays unambiguous. "
        "A switch --x that is on can be turned off with --no-x.",
        add_help=False,
    )
    parser.command = command
    parser.add_argument(*HELP, action="help", help="show the options that are used most")
    parser.add_argument(HELP_ALL, action="help", help="show all options of the chosen components")
    _declare(parser, basis, basis.groups if HELP_ALL in words else _short_help(basis, named, words))
    namespace, unknown = parser.parse_known_args(list(words))
    given = vars(namespace)
    for kind in KINDS:
        if kind in given and given[kind] != basis.chosen.get(kind):
            raise UsageError(f"{given[kind]} was chosen with an abbreviated option.\nWrite {flag_of(kind)} in full.")
    if unknown:
        raise basis.unknown(unknown[0])
    return basis.with_given(given, COMMAND_LINE)


def _short_help(basis: Basis, named: Mapping[str, str], words: Sequence[str]) -> dict[str, dict[str, Option]]:
    """The groups of options that --help shows: those in `SHORT_HELP`, and those of chosen components and losses.

    named: the components that the command line chooses, by kind.
    """
    short = {name: basis.known[name] for name in SHORT_HELP[basis.command] if name in basis.known}
    titles = [Owner(kind, name).group for kind, name in named.items()]
    titles += [loss.title for loss in AUXILIARY_LOSSES.values() if flag_of(loss.switch) in words]
    return {OPTIONS: short} | {title: basis.groups[title] for title in titles if title in basis.groups}


def _declare(parser: Parser, basis: Basis, shown: Mapping[str, Mapping[str, Option]]) -> None:
    """Declares all options of a run, without defaults: the parsed namespace has only those that were given.

    shown: the groups of options in the help. The help text of an option names its value and where it is from.
    """
    ignored = set() if basis.command == "train" else of_training(basis.known)
    declared: set[str] = set()
    for title, options in (*shown.items(), ("", basis.known)):
        group = parser if title in (OPTIONS, "") else parser.add_argument_group(title)
        for name, option in options.items():
            if name in declared:
                continue
            hidden = not title or name in ignored
            help = argparse.SUPPRESS if hidden else _explained(option, basis.values[name], basis.sources[name])
            add_option(group, name, dataclasses.replace(option, default=argparse.SUPPRESS, help=help))
            declared.add(name)


def _explained(option: Option, value: Any, source: str) -> str:
    """The help text of an option, with its value and where it is from; a value of None or False is left out."""
    if option.required and source == DEFAULT_SOURCE:
        return f"{option.help} (must be given)"
    if value is None or value is False:
        return option.help
    origin = "" if source == DEFAULT_SOURCE else f", from {source}"
    return f"{option.help} (default: {'on' if value is True else as_text(value)}{origin})"


def read_early(words: Sequence[str]) -> dict[str, Any]:
    """The options among `words` that choose components or are in `EARLY`: name -> value.

    An abbreviation is read if it fits exactly one option of all components and commands. If one of the options to be
    read lacks its value, the result is empty; `parse` then reports the error.
    """
    known = owners()
    in_full = [_in_full(word, known) for word in words]
    parser = Parser(add_help=False, allow_abbrev=False)
    early = {kind: described.option for kind, described in KINDS.items()}
    for name, option in (early | {name: options_of(run)[name] for run, name in EARLY}).items():
        add_option(parser, name, dataclasses.replace(option, choices=None, required=False, default=argparse.SUPPRESS))
    try:
        return vars(parser.parse_known_args(in_full)[0])
    except UsageError:
        return {}


def _in_full(word: str, known: Collection[str]) -> str:
    """`word`, with its option written in full if it is an abbreviation of exactly one option in `known`."""
    form, equals, value = word.partition("=")
    fitting = [full for full in known if full.startswith(form)] if form.startswith("--") else []
    return f"{fitting[0]}{equals}{value}" if len(fitting) == 1 else word


def parse_training(words: Sequence[str]) -> TrainConfig:
    """The configuration for `commgame.py train WORDS`, including the options from --config."""
    return parse("train", words, *read_config(read_early(words)))
