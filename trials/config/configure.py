"""Builds a complete `RunConfig`, with the source of every value, from the options that a user gives.

Precedence, highest first: options given; checkpoint, configuration file or preset; the data set's defaults; the
declared defaults. Importing this module does not import torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

from learning_to_draw.components import Chosen, Config, Option, flag_of, options_of
from learning_to_draw.datasets import DATASETS
from learning_to_draw.errors import UsageError, did_you_mean, program
from learning_to_draw.games.losses import AUXILIARY_LOSSES
from learning_to_draw.models.config import AgentsConfig
from learning_to_draw.plugins import load
from learning_to_draw.trials.config.all_options import (
    COMMAND,
    OF_ONE_START,
    by_name,
    everywhere,
    flat,
    of_training,
    option_groups,
    owners,
    words_of,
)
from learning_to_draw.trials.config.config_file import read_config
from learning_to_draw.trials.config.presets import read_preset
from learning_to_draw.trials.config.run import KINDS, RUNS, Auxiliary, RunConfig, SpeedConfig, TrainConfig

DEFAULT_SOURCE = "default"
COMMAND_LINE = "command line"
PYTHON = "Python"
# Option -> what to do instead in Python.
COMMAND_LINE_ONLY = {
    "resume": "Use resume in trials/train.py.",
    "print_config": "Use as_json in trials/config/config_file.py.",
}
CONFIG = "config.json"
DATA_SET, PRESET = "data set ", "preset "  # followed by a name

Run = TypeVar("Run", bound=RunConfig)


class Layer(NamedTuple):
    """Options that have the same source."""

    options: Mapping[str, Any]
    source: str


@dataclass(frozen=True)
class Basis:
    """The options of a run, with the values that they have if the user gives no others.

    chosen: kind -> name of its component. groups: title of a group in the help -> option name -> option. known: the
    options of all groups, by name. values, sources: the value of every option, and where it comes from.
    """

    command: str
    chosen: dict[str, str]
    groups: dict[str, dict[str, Option]]
    known: dict[str, Option]
    values: dict[str, Any]
    sources: dict[str, str]

    def with_given(self, given: Mapping[str, Any], source: str) -> RunConfig:
        """The configuration with the options `given`, which come from `source`."""
        return build(self.command, {**self.values, **given}, self.sources | dict.fromkeys(given, source))

    def unknown(self, word: str) -> UsageError:
        """The error for an option (or a stray word) that this run does not have."""
        name, known = word.split("=", 1)[0], owners()
        if not name.startswith("-"):
            problem = f"{word!r} is not an option: every option begins with --.\nSee {program()} {self.command} --help."
        elif name not in known or not known[name][0].kind:  # the second case: no_invert in Python is invert=False
            hint = did_you_mean(name, sorted(known.keys() - {name}))
            problem = f"there is no option {name}.\n{hint}See {program()} {self.command} --help."
        elif (first := known[name][0]).kind == COMMAND:
            problem = f"{name} belongs to the command {first.name!r}, not to {self.command!r}.\nLeave it out."
        else:
            components = [owner.name for owner in known[name] if owner.kind == first.kind]
            example = "ImageFolder" if "ImageFolder" in components else first.name  # for folders of pictures
            several = ", ".join(components[:5]) + (f" and {len(components) - 5} others" if len(components) > 5 else "")
            problem = (
                f"{name} belongs to the {KINDS[first.kind].title} {several}, but this run has "
                f"{self.chosen.get(first.kind) or 'none'}.\n"
                f"Leave it out, or choose {flag_of(first.kind)} {example}."
            )
        return UsageError(problem)


def configure(command: str, **options: Any) -> TrainConfig:
    """The configuration of a training (`command` is "train") with these options.

    Options are named as on the command line: batch_size for --batch-size.

        configure("train", dataset="STL10", encoder="SqueezeNetBackbone", nlines=20, epochs=5, output="runs/stl10")

    Other options have the values of `config` (a file) or `preset`, if given; otherwise the data set's defaults, or else
    the declared defaults. Raises UsageError for another command, for an option or a value that is not valid, and for
    the options in `COMMAND_LINE_ONLY`.
    """
    if command != "train":
        raise UsageError(
            f'configure("train", ...) is for trainings, not for {command}.\n'
            "For a test, use configure_test in trials/trained.py; for crossplay, configure_crossplay in "
            "trials/crossplay.py."
        )
    for name in COMMAND_LINE_ONLY.keys() & options.keys():
        if options[name]:
            raise UsageError(f"{name} has an effect on the command line only.\n{COMMAND_LINE_ONLY[name]}")
    return cast(TrainConfig, complete(command, options, PYTHON, *read_config(options)))


def complete(
    command: str,
    given: Mapping[str, Any],
    source: str,
    saved: Mapping[str, Any] | None = None,
    saved_from: str = "checkpoint",
) -> RunConfig:
    """The configuration of a command with the options `given`, which override the options `saved`.

    source: where `given` comes from, such as "Python". saved: the options of a checkpoint or a configuration file.
    saved_from: where `saved` comes from, such as "config.json". Raises UsageError for options that are not valid.
    """
    if given.get("plugin") is not None:
        # First, because a plugin adds options. In Python, it may have been edited since an earlier call.
        load(Path(given["plugin"]), edited=source == PYTHON)
    given = by_name(given)
    basis = prepare(command, given, saved, saved_from)
    for name in given:
        if name not in basis.known:
            raise basis.unknown(flag_of(name))
    for name, option in basis.known.items():
        if option.required and given.get(name) is None:
            raise UsageError(f"{command} needs {flag_of(name)}: {option.help}.")
    return basis.with_given(given | {kind: name for kind, name in basis.chosen.items() if kind in given}, source)


def replaced(config: Run, source: str, **values: Any) -> Run:
    """The configuration with some values replaced; `source` says where they come from."""
    sources = dict(config.sources) | dict.fromkeys(values, source)
    return cast(Run, build(config.command, config.values() | values, sources))


def given_options(config: RunConfig) -> dict[str, Any]:
    """The options that were given on the command line, or in Python."""
    values = config.values()
    return {name: values[name] for name, source in config.sources.items() if source in (COMMAND_LINE, PYTHON)}


def is_asked_for(config: RunConfig, name: str) -> bool:
    """Whether an option's value comes from the user, a checkpoint or a configuration file.

    False for a value from a preset and for a default, the data set's or the declared one.
    """
    source = config.sources[name]
    return source != DEFAULT_SOURCE and not source.startswith((DATA_SET, PRESET))


def default_values(command: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Option name -> declared default, for a run of `command` with the components that `options` names.

    Ignores the data set's defaults, and components that are in no table, such as those of a plugin that is not loaded.
    command: "" for the options that all commands have.
    """
    chosen = {kind: str(options.get(kind, described.default)) for kind, described in KINDS.items()}
    return {name: option.default for owner, name, option in everywhere() if owner.takes_part(command, chosen)}


def changed_options(config: RunConfig, saved: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The options of a training that are not at their declared defaults, with their values in `config` or `saved`.

    saved: the options in the training's checkpoint. `saved` gives the values of options that `config` lacks (such as
    epochs in a test), that matter only in training, or that each command sets for itself (the data seed and the options
    of speed, such as the precision); `config` gives the values of all others. The options in `OF_ONE_START` are left
    out, except the preset.
    """
    known = options_of_run(config, "train")
    saved = saved or {}
    decided = of_training(known) | {"data_seed", *options_of(SpeedConfig)}
    values = {**saved, **config.values(), **{name: saved[name] for name in decided & saved.keys()}}
    return {
        name: values[name]
        for name, option in known.items()
        if name in values and values[name] != option.default and not option.problem(values[name])
        if name == "preset" or name not in OF_ONE_START
    }


def options_of_run(config: RunConfig, command: str = "") -> dict[str, Option]:
    """All options that a command has with the run's components, by name. command: "" for the run's own command."""
    chosen = {kind: component.name for kind, component in config.chosen.items()}
    return flat(option_groups(command or config.command, chosen))


def build(command: str, values: Mapping[str, Any], sources: Mapping[str, str]) -> RunConfig:
    """The configuration of a command. values, sources: of all its options, by name."""

    def pick(config: type[Config]) -> dict[str, Any]:
        return {name: values[name] for name in options_of(config)}

    def chosen(kind: str) -> Chosen:
        return KINDS[kind].choose(values[kind], values)

    run = RUNS[command]
    return run(
        dataset=chosen("dataset"),
        game=chosen("object_oriented"),
        loss=chosen("loss"),
        agents=AgentsConfig(
            encoder=chosen("encoder"),
            receiver_encoder=chosen("receiver_encoder") if values["receiver_encoder"] is not None else None,
            decoder=chosen("decoder"),
            receiver=chosen("receiver"),
            **pick(AgentsConfig),
        ),
        auxiliary={
            name: Auxiliary(name, loss, loss.config(**pick(loss.config)), bool(values[loss.switch]))
            for name, loss in AUXILIARY_LOSSES.items()
        },
        speed=SpeedConfig(**pick(SpeedConfig)),
        sources=sources,
        **pick(run),
    )


def prepare(
    command: str, given: Mapping[str, Any], saved: Mapping[str, Any] | None = None, saved_from: str = "checkpoint"
) -> Basis:
    """The options of a command. The value of each comes from `saved`, else from the preset, else from the data set's
    defaults, else from the declared defaults.

    given: the user's options; only the preset and the components that they name matter here. saved: the options of a
    checkpoint or a configuration file. saved_from: where `saved` comes from, such as "config.json". Options in `saved`
    or in the preset are ignored if a run with the chosen components does not have them. Raises UsageError for a value
    that is not valid.
    """
    layers = [_preset_layer(given.get("preset")), Layer(saved or {}, saved_from)]
    chosen = _choose(given, layers)
    groups = option_groups(command, chosen)
    known = flat(groups)
    of_dataset = DATASETS[chosen["dataset"]].defaults_for(chosen["decoder"])
    values = {name: chosen.get(name, option.default) for name, option in known.items()}
    sources = dict.fromkeys(known, DEFAULT_SOURCE)
    for options, source in (Layer(of_dataset, f"{DATA_SET}{chosen['dataset']}"), *layers):
        for name in known.keys() & options.keys():
            value = chosen.get(name, options[name])
            if problem := known[name].problem(value):
                raise UsageError(f"{source} has {name} = {value!r}: {problem}.\n{name}: {known[name].help}.")
            values[name], sources[name] = value, source
    return Basis(command, chosen, groups, known, values, sources)


def _choose(given: Mapping[str, Any], layers: Sequence[Layer]) -> dict[str, str]:
    """Kind -> name of its component: the given one, else that of the last layer that names one, else the data set's
    default, else the declared default.

    If no receiver's encoder is named, the result has no entry for this kind. Raises UsageError for a name that is not
    known.
    """
    named: dict[str, Any] = {}
    for options in (*(layer.options for layer in layers), given):
        named |= options
    dataset = str(named.get("dataset", KINDS["dataset"].default))
    of_dataset = DATASETS[dataset].defaults if dataset in DATASETS else {}
    named = {**{kind: described.default for kind, described in KINDS.items()}, **of_dataset, **named}
    chosen = {}
    for kind, described in KINDS.items():
        if named[kind] is None and described.default is None:
            continue
        name = chosen[kind] = described.named(str(named[kind]))
        if name not in described.table:
            layers_named = [layer.source for layer in layers if kind in layer.options and kind not in given]
            where = f"{layers_named[-1]}: " if layers_named else ""
            raise UsageError(
                f"{where}there is no {described.title} {name}.\n{did_you_mean(name, described.table)}"
                f"Choose one of {', '.join(described.table)}, or add --plugin FILE with the file that defines it."
            )
    return chosen


def _preset_layer(name: str | None) -> Layer:
    """The options of a preset; empty for None.

    Raises UsageError if the preset is unknown, or sets an option that is unknown or that presets cannot set.
    """
    if name is None:
        return Layer({}, "")
    trains = {key: option for owner, key, option in everywhere() if owner.kind != COMMAND or owner.name == "train"}
    try:
        options = by_name(read_preset(name).options)
    except UsageError as error:
        raise UsageError(f"--preset {name}: {error}") from error
    for key in options:
        if key in (*OF_ONE_START, "plugin"):
            raise UsageError(
                f"--preset {name} sets {key}, but a preset cannot set this option.\n"
                f"Give {flag_of(key)} on the command line."
            )
        if key not in trains:
            hint = did_you_mean(key, sorted(trains))
            raise UsageError(
                f"--preset {name} sets {key}, but train has no such option.\n{hint}Correct it, or remove it."
            )
    return Layer(options, f"{PRESET}{name}")


def as_command(config: RunConfig, positional: Iterable[str] = ()) -> list[str]:
    """A command line with the options that the user gave, to record a run that was not started from a command line."""
    words = [*program().split(), config.command, *positional]
    known = options_of_run(config)
    for name, value in given_options(config).items():
        words += [] if value is None else words_of(name, known[name], value)
    return words
