"""Parses the command line of train, test and crossplay: words -> `RunConfig`.

Importing this module does not import torch, so help and error messages appear at once.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn, TypedDict

from learning_to_draw.components import Config, InvalidValueError, Option, flag_of, options_of
from learning_to_draw.errors import UsageError, did_you_mean, program
from learning_to_draw.plugins import reload_plugin, sha256_of
from learning_to_draw.reading import Options, read_json
from learning_to_draw.streams import show
from learning_to_draw.trials.config.configure import (
    COMMAND_LINE,
    CONFIG,
    DEFAULT_SOURCE,
    NOT_REUSED,
    Layer,
    as_text,
    build,
    choose,
    declared_twice,
    explain_unknown,
    flat,
    layered,
    of_training,
    option_groups,
    owners,
    preset_layer,
)
from learning_to_draw.trials.config.run import KINDS, RunConfig, TestConfig, TrainConfig

DESCRIPTIONS = {
    "train": "Train a sender and a receiver to communicate by drawing.",
    "test": "Play the test split with trained agents and report their communication rate.",
    "crossplay": "Play every sender with every receiver of two or more checkpoints, and write the matrix of "
    "communication rates as CSV and as a heat map.",
}
HELP_ALL = "--help-all"
OPTIONS = "options"  # the title of argparse's default group
# The options that --help shows, in this order, if the chosen components have them; --help-all shows all.
SHORT_HELP = {
    "train": (
        *("dataset", "dataset_root", "preset", "object_oriented", "encoder", "decoder", "nlines", "batch_size"),
        *("epochs", "learning_rate", "seed", "output", "resume", "device", "dry_run"),
    ),
    "test": ("weights", "dataset_root", "output", "device", "allow_trained", "plugin", "dry_run", "quiet"),
    "crossplay": ("dataset_root", "output", "device", "allow_trained", "plugin", "dry_run", "quiet"),
}


class SavedConfig(TypedDict, total=False):
    """The content of config.json. Runs of the official code do not have this file."""

    command: str
    arguments: list[str]
    started: str
    device: str
    options: Options
    sources: dict[str, str]
    versions: dict[str, str]


class _Printed(TypedDict):
    options: Options


class TrainingConfig(SavedConfig, _Printed, total=False):
    """The content of a --config file: the config.json of a training, or the output of --print-config."""

    command: Literal["train"]


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises `UsageError` instead of printing the usage. command: its name in messages."""

    command: str = ""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\nSee {program()} {self.command} --help.")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            names = [str(choice) for choice in action.choices]
            advice = did_you_mean(str(value), names).rstrip() or f"Choose from {', '.join(names)}."
            raise argparse.ArgumentError(action, f"invalid choice: {value!r}.\n{advice}")

    def print_help(self, file: Any = None) -> None:
        show(self.format_help().rstrip("\n"))

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        try:
            return super()._get_value(action, arg_string)
        except InvalidValueError as error:
            raise argparse.ArgumentError(action, str(error)) from error


def add_option(group: Any, name: str, option: Option) -> None:
    """Declares a configuration's option on a parser or argument group. name: of the field, and the `dest`."""
    words, settings = [flag_of(name), *option.names], {}
    if option.type is None:
        settings["action"] = "store_true"
    else:
        settings |= {"type": option.type, "metavar": option.metavar, "choices": option.choices}
        settings |= {"nargs": option.nargs, "const": option.const} if option.nargs else {}
        settings |= {"required": option.required}
    help = option.help if option.help == argparse.SUPPRESS else option.help.replace("%", "%%")
    # The default is set afterwards, because some Python versions would add it to the help text.
    group.add_argument(*words, dest=name, help=help, default=argparse.SUPPRESS, **settings).default = option.default
    if option.negatable:  # the help of a switch that is off does not need its --no-... form
        words = [f"--no-{word[2:]}" for word in words]
        group.add_argument(*words, dest=name, action="store_false", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def add_options(group: Any, config: type[Config], *names: str) -> None:
    """Declares the options `names` of a configuration, with their defaults; all options if no name is given."""
    for name, option in options_of(config).items():
        if not names or name in names:
            add_option(group, name, option)


def add_flag(group: Any, *names: str, help: str) -> None:
    """Declares a switch that is off by default. names: its forms; the first determines the `dest`."""
    add_option(group, names[0][2:].replace("-", "_"), Option(False, help, None, names[1:], negatable=True))


def parse(
    command: str, words: Sequence[str], saved: Mapping[str, Any] | None = None, saved_from: str = "checkpoint"
) -> Any:
    """The configuration for `commgame.py COMMAND WORDS`: a `TrainConfig`, `TestConfig` or `CrossplayConfig`.

    saved: the options of a checkpoint, which the command line overrides. saved_from: the checkpoint's name. Raises
    UsageError for words that are not valid, and SystemExit after --help and --help-all.
    """
    early = read_early(words)
    layers = (preset_layer(early.get("preset")), Layer(saved or {}, saved_from))
    chosen = choose({kind: early[kind] for kind in KINDS if early.get(kind) in KINDS[kind].table}, layers)
    groups = option_groups(command, chosen)
    values, sources = layered(flat(groups.values()), chosen, layers)
    parser = Parser(
        usage=f"{program()} {command} {'A.pt B.pt [C.pt ...] ' if command == 'crossplay' else ''}[options]",
        description=DESCRIPTIONS[command],
        epilog=f"To see a component's own options, choose it, as in: --dataset ImageFolder --encoder VGG16Backbone "
        f"--help. {program()} list shows all components. An option may be shortened as long as it stays unambiguous. "
        "A switch --x that is on can be turned off with --no-x.",
        add_help=False,
    )
    parser.command = command
    parser.add_argument("-h", "--help", action="help", help="show the options that are used most")
    parser.add_argument(HELP_ALL, action="help", help="show all options of the chosen components")
    shown = (
        groups
        if HELP_ALL in words
        else _short_help(command, groups, [named for named in chosen.items() if named[0] in early])
    )
    ignored = set() if command == "train" else of_training(values)
    done = set()
    for title, options in (shown | {"": flat(groups.values())}).items():
        group = parser if title in (OPTIONS, "") else parser.add_argument_group(title)
        for name, option in options.items():
            if name not in done:
                option = (
                    option if title and name not in ignored else dataclasses.replace(option, help=argparse.SUPPRESS)
                )
                _add_explained(group, name, option, values[name], sources[name])
                done.add(name)
    namespace, unknown = parser.parse_known_args(list(words))
    given = vars(namespace)
    full = {word.split("=")[0] for word in words}
    for kind, described in KINDS.items():
        if kind not in given or not full.isdisjoint((flag_of(kind), *described.option.names)):
            continue
        pair = (described.table.get(name or "") for name in (chosen.get(kind), given[kind]))
        assumed, typed = (entry and (options_of(entry.config), entry.defaults) for entry in pair)
        if assumed != typed:
            raise UsageError(f"{given[kind]} was chosen with an abbreviated option.\nWrite {flag_of(kind)} in full.")
    if unknown:
        raise UsageError(explain_unknown(unknown[0], command, chosen))
    return build(command, values | given, sources | dict.fromkeys(given, COMMAND_LINE))


def _short_help(
    command: str, groups: Mapping[str, Mapping[str, Option]], named: Iterable[tuple[str, str]]
) -> dict[str, Mapping[str, Option]]:
    """The groups of options that --help shows. named: (kind, name) of each component that the command line chooses."""
    known = flat(groups.values())
    titles = [f"{KINDS[kind].title} {name}" for kind, name in named]
    short = {name: known[name] for name in SHORT_HELP[command] if name in known}
    return {OPTIONS: short} | {title: groups[title] for title in titles if title in groups}


def asks_for_help(words: Sequence[str]) -> bool:
    return not {"-h", "--help", HELP_ALL}.isdisjoint(words)


def _add_explained(group: Any, name: str, option: Option, value: Any, source: str) -> None:
    """Declares an option. Its help text names the default; the parsed namespace has only options that were given."""
    help = option.help
    if help != argparse.SUPPRESS:
        of_source = "" if source == DEFAULT_SOURCE else f", from {source}"
        if option.required and not of_source:
            help += " (must be given)"
        elif value is not None and value is not False:  # None and False are not named
            help += f" (default: {'on' if value is True else as_text(value)}{of_source})"
    try:
        add_option(group, name, dataclasses.replace(option, default=argparse.SUPPRESS, help=help))
    except argparse.ArgumentError as error:
        raise declared_twice(str(error).rsplit(": ", 1)[-1]) from error  # "conflicting option string: --x"


def read_early(words: Sequence[str]) -> dict[str, Any]:
    """Name -> value of the options among `words` that must be read before all others.

    These choose components, or are --plugin, --config and others that decide which other options exist. The result is
    empty if one of them lacks its value; `parse` then reports the error.
    """
    parser, known = Parser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS), owners()
    for kind, described in KINDS.items():
        # Abbreviations are left to `parse`: only it knows whether they are unambiguous.
        add_option(parser, kind, dataclasses.replace(described.option, choices=None, default=argparse.SUPPRESS))
    training = ((TrainConfig, name) for name in ("preset", "config", "resume"))
    for run, name in ((RunConfig, "plugin"), *training, (TestConfig, "weights")):
        short = [form for form in short_forms(name) if sum(word.startswith(form) for word in known) == 1]
        add_option(parser, name, _early(options_of(run)[name], short))
    add_option(parser, "trust_weights", _early(options_of(TestConfig)["trust_weights"], short_forms("trust_weights")))
    try:
        return vars(parser.parse_known_args(list(words))[0])
    except UsageError:
        return {}


def short_forms(name: str) -> list[str]:
    """The abbreviations of an option: --p, --pl, ..., --plugi for plugin."""
    full = flag_of(name)
    return [full[:end] for end in range(3, len(full))]


def _early(option: Option, short: Sequence[str]) -> Option:
    return dataclasses.replace(option, names=tuple(short), required=False, default=argparse.SUPPRESS)


def parse_training(words: Sequence[str]) -> TrainConfig:
    """The configuration for `commgame.py train WORDS`, including the options from --config."""
    early = read_early(words)
    path = early.get("config")
    if path is None or asks_for_help(words):
        return parse("train", words)
    if "preset" in early:
        raise UsageError(
            f"--config {path} and --preset {early['preset']} cannot be combined: a configuration has all options, and "
            "would override the preset.\nGive one of them, and single options on the command line."
        )
    advice = "Give the config.json of a training, or the output of --print-config."
    content: TrainingConfig = read_json(Path(path), TrainingConfig, advice)
    saved = content["options"]
    reload_plugin(early.get("plugin"), saved, content.get("versions", {}), f"--config {path}")
    if unknown := sorted(name for name in saved if flag_of(name) not in owners()):
        raise UsageError(f"--config {path} has {unknown[0]!r}, which is not an option.\nCorrect it, or remove it.")
    return parse("train", words, {n: v for n, v in saved.items() if n not in NOT_REUSED}, CONFIG)


def as_json(config: RunConfig) -> str:
    """The options as JSON, for --print-config; --config can read this text."""
    values = {name: value for name, value in config.values().items() if name not in NOT_REUSED}
    if config.plugin is not None:
        values["plugin"] = config.plugin.absolute()
    content = {"command": config.command, "options": values, "versions": sha256_of(config.plugin)}
    return json.dumps(content, indent=2, default=str)
