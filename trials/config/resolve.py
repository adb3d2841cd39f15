"""Collects the options of the chosen components, and resolves them to values with a source for each.

Precedence: command line, checkpoint or configuration file, data set defaults, option defaults. Nothing here imports
torch: `--help` and a wrong option answer at once.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, cast

from learning_to_draw.components import Component, add_trust_option
from learning_to_draw.datasets import DATASETS
from learning_to_draw.errors import UsageError, program
from learning_to_draw.plugins import reload_plugin, sha256_of
from learning_to_draw.trials.config.run import (
    COMMAND_OPTIONS,
    FIRST_OPTIONS,
    LAST_OPTIONS,
    LOSS_OPTIONS,
    add_auxiliary_losses,
)
from learning_to_draw.trials.config.tables import DEFAULT_PARTS, NAMES, OTHER_NAMES, PART_TABLES, TYPES, option_of
from learning_to_draw.trials.config.unknown import explain_unknown, names_everywhere

DEFAULT_SOURCE = "default"
COMMAND_LINE = "command line"
CONFIG = "config.json"


@dataclass(frozen=True)
class Options:
    """The resolved options of one run. `values` and `sources` have the same keys: the options' destinations."""

    command: str
    values: dict[str, Any]
    sources: dict[str, str]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(name) from None

    def replace(self, source: str, **values: Any) -> Options:
        """The same options with some values replaced; `source` says where the new values come from."""
        return Options(self.command, self.values | values, self.sources | dict.fromkeys(values, source))

    def part(self, kind: str) -> Component:
        return PART_TABLES[kind][self.values[kind]]


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises `UsageError` instead of printing the usage. command: for the error's message."""

    command: str = ""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\nSee {program()} {self.command} --help.")


DESCRIPTIONS = {
    "train": "Train a sender and a receiver to communicate by drawing.",
    "test": "Play the test split with trained agents and report their communication rate.",
    "crossplay": "Play every sender with every receiver of two or more checkpoints, and write the matrix of "
    "communication rates as CSV and as a heat map.",
}


def resolve(
    command: str, arguments: Sequence[str], saved: Mapping[str, Any] | None = None, saved_from: str = "checkpoint"
) -> Options:
    """The options of `commgame.py COMMAND ARGUMENTS`.

    saved: options of a checkpoint, which the command line overrides; `saved_from` names it. Raises UsageError for
    arguments that are not valid; --help prints and exits.
    """
    layers = [({}, DEFAULT_SOURCE), (saved or {}, saved_from)]
    dataset = _scout(command, arguments, layers)["dataset"]
    layers.insert(1, (DATASETS[dataset].defaults, f"data set {dataset}"))
    chosen = _scout(command, arguments, layers)
    layers.insert(2, (DATASETS[dataset].defaults_with.get(chosen["decoder"], {}), f"data set {dataset}"))

    parser = _parser(command, chosen)
    values, sources = {}, {}
    for action in _own_actions(parser):
        default = chosen.get(action.dest, action.default)
        for layer, source in [({action.dest: default}, DEFAULT_SOURCE), *layers[1:]]:
            if action.dest in layer:
                if source == saved_from:
                    _check_saved(action, layer[action.dest], source)
                values[action.dest], sources[action.dest] = layer[action.dest], source
        action.help = f"{action.help or ''} ({_default_text(action, values[action.dest], sources[action.dest])})"
        action.default = argparse.SUPPRESS  # the parsed namespace then holds only what was given

    given, unknown = parser.parse_known_args(list(arguments))
    for kind, name in chosen.items():
        parts = [PART_TABLES[kind][part_name] for part_name in (name, getattr(given, kind, name))]
        if parts[0] != parts[1] and any(part.option_actions() or part.defaults for part in parts):
            raise UsageError(f"{getattr(given, kind)} was chosen by a short form: write {option_of(kind)} in full.")
    if unknown:
        raise UsageError(explain_unknown(unknown[0], command, chosen))
    values |= vars(given)
    return Options(command, values, sources | dict.fromkeys(vars(given), COMMAND_LINE))


def _check_saved(action: argparse.Action, value: Any, source: str) -> None:
    """Raises UsageError if a value from a checkpoint is not valid for its option."""
    if not all(_possible(action, single) for single in (value if isinstance(value, list) else [value])):
        raise UsageError(
            f"{source} holds {value!r} for {action.option_strings[0]}, which is not a valid value: the "
            "file is damaged or was not written by this program.\nGive another file."
        )


def _possible(action: argparse.Action, value: Any) -> bool:
    if value is None:
        return True
    if isinstance(action.default, bool) and action.nargs == 0:  # a switch
        return isinstance(value, bool)
    parse = cast("Callable[[str], Any]", action.type or str)  # no option names a type of argparse's registry
    try:
        parsed = parse(str(value))
    except (ValueError, argparse.ArgumentTypeError):
        return False
    if isinstance(parsed, int | float) != isinstance(value, int | float):
        return False
    return action.choices is None or value in action.choices


# Training options that belong to one start of the program and not to what is trained.
OF_ONE_START = ("output", "resume", "config", "print_config", "dry_run", "quiet")


def given_value(name: str, arguments: Sequence[str]) -> str | None:
    """The value of --NAME in `arguments`, or None. For options that bring others, before those others are known."""
    option, known = f"--{name}", [other for _, other in names_everywhere()]
    short = [option[:end] for end in range(3, len(option))]
    unambiguous = [form for form in short if not any(other.startswith(form) for other in known if other != option)]
    scout = Parser(add_help=False, allow_abbrev=False)
    scout.add_argument(option, *unambiguous, dest=name)
    return getattr(_early(arguments, scout), name, None)


def resolve_training(arguments: Sequence[str]) -> Options:
    """The options of `commgame.py train ARGUMENTS`, including those from --config. Raises UsageError."""
    path = given_value("config", arguments)
    if path is None or "-h" in arguments or "--help" in arguments:
        return resolve("train", arguments)
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        saved = content["options"]
        if content.get("command", "train") != "train" or not isinstance(saved, dict):
            raise ValueError("it is not the configuration of a training")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        raise UsageError(
            f"--config {path} cannot be read ({reason}).\n"
            "Give the config.json of a training, or what --print-config printed."
        ) from error
    reload_plugin(given_value("plugin", arguments), saved, content.get("versions", {}), f"--config {path}")
    known = {name.lstrip("-").replace("-", "_") for _, name in names_everywhere()}
    if unknown := sorted(saved.keys() - known):
        raise UsageError(f"--config {path} has {unknown[0]!r}, which is not an option.\nCorrect it, or remove it.")
    return resolve("train", arguments, {n: v for n, v in saved.items() if n not in OF_ONE_START}, CONFIG)


def as_json(options: Options) -> str:
    """The options as JSON, for --print-config. Can be read again with --config."""
    values = {name: value for name, value in options.values.items() if name not in OF_ONE_START}
    if options.plugin is not None:
        values["plugin"] = Path(options.plugin).absolute()
    content = {"command": options.command, "options": values, "versions": sha256_of(options.plugin)}
    return json.dumps(content, indent=2, default=str)


def given_trust(arguments: Sequence[str]) -> bool:
    """Whether --trust-weights is on, for use before the checkpoint is read, which decides what other options exist."""
    scout = Parser(add_help=False)
    add_trust_option(scout)
    return getattr(_early(arguments, scout), "trust_weights", False)


def _early(arguments: Sequence[str], scout: Parser) -> argparse.Namespace | None:
    """The options of `scout` among `arguments`; None for an error in them, which the real parser reports later."""
    try:
        return scout.parse_known_args(list(arguments))[0]
    except UsageError:
        return None


def _scout(command: str, arguments: Sequence[str], layers: Sequence[tuple[Mapping[str, Any], str]]) -> dict[str, str]:
    """The chosen components, kind -> name, from `layers` and the command line. Later layers override earlier ones."""
    # Abbreviations are left to the real parser: only it knows whether they are unambiguous.
    scout = Parser(add_help=False, argument_default=argparse.SUPPRESS, allow_abbrev=False)
    scout.command = command
    for kind, table in PART_TABLES.items():
        scout.add_argument(option_of(kind), *OTHER_NAMES.get(kind, ()), choices=table, type=TYPES.get(kind, str))
    chosen = dict(DEFAULT_PARTS)
    for layer, _ in layers:
        chosen |= {kind: layer[kind] for kind in PART_TABLES if kind in layer}
    for kind, table in PART_TABLES.items():
        if chosen[kind] not in table:
            raise UsageError(
                f"the {NAMES.get(kind, kind)} {chosen[kind]} is not known here.\nKnown: {', '.join(table)}."
            )
    return chosen | vars(scout.parse_known_args(list(arguments))[0])


def _parser(command: str, chosen: Mapping[str, str]) -> Parser:
    """The parser of one command, with one group of options per chosen component."""
    parser = Parser(
        usage=f"{program()} {command} {'A.pt B.pt [C.pt ...] ' if command == 'crossplay' else ''}[options]",
        description=DESCRIPTIONS[command],
        epilog="An option may be shortened as long as it stays unambiguous. To see the options of another component, "
        "choose it, as in: --encoder SqueezeNetBackbone --help.",
    )
    parser.command = command
    try:
        _add_options(parser, command, chosen)
    except argparse.ArgumentError as error:
        raise UsageError(
            f"--plugin: one of its components has an option {error.argument_name}, which already exists.\nRename it."
        ) from error
    return parser


def _add_options(parser: Parser, command: str, chosen: Mapping[str, str]) -> None:
    for title, add_options in FIRST_OPTIONS.items():
        add_options(parser.add_argument_group(title))
    for kind, table in PART_TABLES.items():
        part = table[chosen[kind]]
        if part.option_actions():
            part.add_options(parser.add_argument_group(f"{NAMES.get(kind, kind)} {chosen[kind]}"))
    for title, add_options in LOSS_OPTIONS.items():
        add_options(parser.add_argument_group(title))
    add_auxiliary_losses(parser)
    COMMAND_OPTIONS[command](parser.add_argument_group(f"{command}ing"))
    for title, add_options in LAST_OPTIONS.items():
        add_options(parser.add_argument_group(title))


def _own_actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions if action.dest != "help"]


def _default_text(action: argparse.Action, value: Any, source: str) -> str:
    if action.required and source == DEFAULT_SOURCE:
        return "must be given"
    if isinstance(value, bool):
        text = "on" if value else "off"
    else:
        text = "left out" if value is None else as_text(value).replace("%", "%%")
    return f"default: {text}" if source == DEFAULT_SOURCE else f"default: {text}, from {source}"


def as_text(value: Any) -> str:
    """A value as typed on the command line."""
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
