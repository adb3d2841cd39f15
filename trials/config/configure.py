"""Builds a complete `RunConfig` from the options that a user gives, with the source of every value.

Precedence, highest first: options given; checkpoint, configuration file or preset; the data set's defaults; the
declared defaults. Importing this module does not import torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

from learning_to_draw.components import Chosen, Config, Option, flag_of, options_of
from learning_to_draw.datasets import DATASETS
from learning_to_draw.errors import UsageError, did_you_mean, program
from learning_to_draw.games.config import GameConfig
from learning_to_draw.games.losses import AUXILIARY_LOSSES
from learning_to_draw.models.config import AgentsConfig
from learning_to_draw.plugins import load
from learning_to_draw.trials.config.presets import read_preset
from learning_to_draw.trials.config.run import KINDS, RUNS, Auxiliary, RunConfig, SpeedConfig

DEFAULT_SOURCE = "default"
COMMAND_LINE = "command line"
PYTHON = "Python"
CONFIG = "config.json"
DATA_SET, PRESET = "data set ", "preset "  # followed by a name

# Options that a test accepts, as in the official code, but ignores.
OF_TRAINING = ("freeze_encoders", "freeze_backbone", "imagenet_weights", "sin_weights", "timm_pretrained")
OF_TRAINING += ("timm_weights", "stroke_spread", "augment", "final_sigma2", "sigma2_factor", "sigma2_step")
OF_TRAINING += ("channel_noise",)

# Options that apply to one start of the program only. Their values are not taken from a checkpoint.
OF_ONE_START = ("output", "resume", "config", "preset", "print_config", "dry_run", "quiet", "cache_dir", "no_cache")

# Options for where a training runs and what it writes. A resumed training may have other values for them.
OF_THE_PLACE = (*OF_ONE_START, "dataset_root", "plugin", "device", "data_device")
OF_THE_PLACE += ("snapshot_interval", "keep_last", "num_reconstructions", "tensorboard", "wandb")

# Options that --config ignores. If it used wandb, it could send the run to another person's project.
NOT_REUSED = (*OF_ONE_START, "wandb")


Run = TypeVar("Run", bound=RunConfig)
Value = TypeVar("Value")


class Layer(NamedTuple):
    """Options that have the same source."""

    options: Mapping[str, Any]
    source: str


def configure(command: str, **options: Any) -> RunConfig:
    """The configuration of a command, such as "train", with these options.

    Options are named as on the command line: batch_size for --batch-size.

        configure("train", dataset="STL10", encoder="SqueezeNetBackbone", nlines=20, epochs=5, output="runs/stl10")

    Other options have the values of the `preset`, if it sets them; otherwise the data set's defaults, or else the
    declared defaults. For a test, see `configure_test` in trials/trained.py. Raises UsageError for an option or a value
    that is not valid.
    """
    return complete(command, options, PYTHON)


def complete(
    command: str,
    given: Mapping[str, Any],
    source: str,
    saved: Mapping[str, Any] | None = None,
    saved_from: str = "checkpoint",
) -> RunConfig:
    """The configuration of a command with the options `given`, which override the options `saved`.

    source: where `given` comes from, such as "Python". saved: the options of a checkpoint or a configuration file.
    saved_from: the name of that file. Raises UsageError for options that are not valid.
    """
    if given.get("plugin") is not None:
        load(Path(given["plugin"]))  # first: a plugin adds options
    given = by_name(given)
    layers = (preset_layer(given.get("preset")), Layer(saved or {}, saved_from))
    chosen = choose(given, layers)
    given |= {kind: name for kind, name in chosen.items() if kind in given}
    known = flat(option_groups(command, chosen).values())
    if unknown := [name for name in given if name not in known]:
        raise UsageError(explain_unknown(flag_of(unknown[0]), command, chosen))
    for name, option in known.items():
        if option.required and given.get(name) is None:
            raise UsageError(f"{command} needs {flag_of(name)}: {option.help}.")
    values, sources = layered(known, chosen, layers)
    return build(command, {**values, **given}, sources | dict.fromkeys(given, source))


def replaced(config: Run, source: str, **values: Any) -> Run:
    """The configuration with some values replaced; `source` says where they come from."""
    sources = dict(config.sources) | dict.fromkeys(values, source)
    return cast(Run, build(config.command, config.values() | values, sources))


def given_options(config: RunConfig) -> dict[str, Any]:
    """The options that were given on the command line, or in Python."""
    values = config.values()
    return {name: values[name] for name, source in config.sources.items() if source in (COMMAND_LINE, PYTHON)}


def is_asked_for(config: RunConfig, name: str) -> bool:
    """Whether an option's value is neither a default nor from a preset, such as a value that the user gave."""
    presets = f"{PRESET}{config.values().get('preset')}"
    return config.sources[name] not in (DEFAULT_SOURCE, f"{DATA_SET}{config.dataset.name}", presets)


def default_values(command: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Option name -> declared default, for a run of `command` with the components that `options` names.

    Ignores the data set's defaults, and components that are in no table, such as those of a plugin that is not loaded.
    command: "" for the options that all commands have.
    """
    owners = {("", ""), ("command", command), *((kind, str(options.get(kind, KINDS[kind].default))) for kind in KINDS)}
    return {name: option.default for owner, name, option in everywhere() if owner in owners}


def changed_options(config: RunConfig, saved: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The training's options that are not at declared defaults, with the games and agents of `config`.

    saved: the options in the training's checkpoint. Their values are used for options that `config` lacks (such as
    epochs in a test), that matter only in training, or that have their own meaning in each command (the data seed, and
    those of speed, such as the precision). Options of one start of the program are left out, except the preset.
    """
    known = flat(option_groups("train", {kind: component.name for kind, component in config.chosen.items()}).values())
    saved = saved or {}
    decided = of_training(known) | {"data_seed", *options_of(SpeedConfig)}
    values = {**saved, **config.values(), **{name: saved[name] for name in decided & saved.keys()}}
    return {
        name: values[name]
        for name, option in known.items()
        if name in values and values[name] != option.default and not option.problem(values[name])
        if name == "preset" or name not in OF_ONE_START
    }


def options_of_run(config: RunConfig) -> dict[str, Option]:
    """All options that a run has, by name."""
    chosen = {kind: component.name for kind, component in config.chosen.items()}
    return flat(option_groups(config.command, chosen).values())


def of_training(known: Iterable[str]) -> set[str]:
    """The options in `known` that matter only in training: a test accepts but ignores them."""
    losses = [loss for loss in AUXILIARY_LOSSES.values() if not loss.in_tests]
    of_losses = [name for loss in losses for name in (loss.switch, *options_of(loss.config))]
    return {name for name in known if name.removeprefix("receiver_") in OF_TRAINING or name in of_losses}


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


def preset_layer(name: str | None) -> Layer:
    """The options of a preset; empty for None. Raises UsageError for an unknown preset, or an unknown option in it."""
    if name is None:
        return Layer({}, "")
    trains = {key: option for (kind, owner), key, option in everywhere() if kind != "command" or owner == "train"}
    try:
        options = by_name(read_preset(name).options)
    except UsageError as error:
        raise UsageError(f"--preset {name}: {error}") from error
    for key, value in options.items():
        if key in (*OF_ONE_START, "plugin"):
            raise UsageError(f"--preset {name} sets {key}.\nGive {flag_of(key)} on the command line instead.")
        if key not in trains:
            hint = did_you_mean(key, sorted(trains))
            raise UsageError(
                f"--preset {name} sets {key}, but train has no such option.\n{hint}Correct it, or remove it."
            )
        if isinstance(value, int | float) and not isinstance(value, bool) and trains[key].type is str:
            options[key] = str(value)
    return Layer(options, f"{PRESET}{name}")


def choose(given: Mapping[str, Any], layers: Sequence[Layer]) -> dict[str, str]:
    """Kind -> name of its component: given, else from the last layer that names it, else the default.

    The result has no entry for the receiver's encoder if both agents use the same one. Raises UsageError for a name
    that is not known.
    """
    below = [layer.options for layer in layers]
    named = {kind: options[kind] for options in (*below, given) for kind in KINDS if kind in options}
    named = {kind: str(name) for kind, name in named.items() if name is not None or KINDS[kind].default is not None}
    dataset = named.get("dataset", KINDS["dataset"].default)
    chosen = {kind: described.default for kind, described in KINDS.items() if described.default is not None}
    for names in (DATASETS[dataset].defaults if dataset in DATASETS else {}, named):
        chosen |= {kind: KINDS[kind].named(names[kind]) for kind in KINDS if kind in names}
    for kind, name in chosen.items():
        if name not in KINDS[kind].table:
            raise UsageError(
                f"there is no {KINDS[kind].title} {name}.\n{did_you_mean(name, KINDS[kind].table)}"
                f"Choose one of {', '.join(KINDS[kind].table)}, or load the file that defines it with --plugin."
            )
    return chosen


def layered(
    known: Mapping[str, Option], chosen: Mapping[str, str], layers: Sequence[Layer]
) -> tuple[dict[str, Any], dict[str, str]]:
    """(values, sources) of the options `known`, by name. Does not use the options that the user gives.

    A value comes from the last layer that has the option, otherwise from the defaults. Ignores a layer's options that
    the chosen components lack. Raises UsageError for a value that is not valid.
    """
    of_dataset = DATASETS[chosen["dataset"]].defaults_for(chosen["decoder"])
    values = {name: chosen.get(name, option.default) for name, option in known.items()}
    sources = dict.fromkeys(known, DEFAULT_SOURCE)
    for layer, source in (Layer(of_dataset, f"{DATA_SET}{chosen['dataset']}"), *layers):
        for name in known.keys() & layer.keys():
            value = chosen.get(name, layer[name])
            if problem := known[name].problem(value):
                raise UsageError(_invalid(name, known[name], value, problem, source))
            values[name], sources[name] = value, source
    return values, sources


def _invalid(name: str, option: Option, value: Any, problem: str, source: str) -> str:
    """The error message for a value of a preset, or of a file that this program wrote."""
    if source.startswith(PRESET):
        return f"{source} has {name} = {value!r}: {problem}.\nIt is: {option.help}."
    return (
        f"{source} holds {value!r} for {flag_of(name)}, which is not a valid value: the file is damaged or was not "
        "written by this program.\nGive another file."
    )


def option_groups(command: str, chosen: Mapping[str, str]) -> dict[str, dict[str, Option]]:
    """The options of a command with the chosen components: title of a group in the help -> option name -> option.

    Raises UsageError if two components have different options of the same name.
    """
    its = {kind: KINDS[kind].options(name) for kind, name in chosen.items()}
    choosers = {kind: described.option for kind, described in KINDS.items()}

    def of(*kinds: str) -> dict[str, Option]:
        return {kind: choosers[kind] for kind in kinds}

    groups = {
        "the game": flat([of("dataset", "object_oriented", "loss"), its["object_oriented"]]),
        "the agents": of("encoder", "receiver_encoder", "decoder", "receiver") | options_of(AgentsConfig),
    }
    groups |= {
        f"{KINDS[kind].title} {chosen[kind]}": its[kind]
        for kind in ("dataset", "encoder", "receiver_encoder", "decoder", "receiver", "loss")
        if kind in chosen
    }
    groups |= {
        loss.title: flat([{loss.switch: loss.switch_option}, options_of(loss.config)])
        for loss in AUXILIARY_LOSSES.values()
    }
    every = options_of(RunConfig)
    groups[f"{command}ing"] = {n: option for n, option in options_of(RUNS[command]).items() if n not in every}
    groups |= {"the speed": options_of(SpeedConfig), "the run": every}
    flat(groups.values())
    return groups


def flat(groups: Iterable[Mapping[str, Option]]) -> dict[str, Option]:
    """The options of all groups in one dict. Raises UsageError if two groups declare an option differently."""
    options: dict[str, Option] = {}
    for group in groups:
        for name, option in group.items():
            if options.setdefault(name, option) != option:
                raise declared_twice(flag_of(name))
    return options


def declared_twice(word: str) -> UsageError:
    """The error for a plugin's option whose name is also an option of another component, or of every run."""
    return UsageError(
        f"--plugin: the plugin's option {word} is also an option of another component or of every run.\nRename it."
    )


def option_words(name: str, option: Option) -> list[str]:
    """All forms of an option on the command line, including --no-NAME for a switch that can be turned off."""
    forms = [flag_of(name), *option.names]
    return forms + [f"--no-{form[2:]}" for form in forms] if option.negatable else forms


Owner = tuple[str, str]  # (kind, component), ("command", its name), or ("", "") for an option of every run


def everywhere() -> Iterator[tuple[Owner, str, Option]]:
    """Yields (owner, name, option) for every option of every component and command."""
    shared = {kind: described.option for kind, described in KINDS.items()}
    shared |= {loss.switch: loss.switch_option for loss in AUXILIARY_LOSSES.values()}
    for config in (GameConfig, AgentsConfig, SpeedConfig, RunConfig, *(x.config for x in AUXILIARY_LOSSES.values())):
        shared |= options_of(config)
    yield from ((("", ""), name, option) for name, option in shared.items())
    components = [(kind, component) for kind, described in KINDS.items() for component in described.table]
    own = [((kind, component), KINDS[kind].options(component)) for kind, component in components]
    own += [(("command", command), options_of(run)) for command, run in RUNS.items()]
    for owner, options in own:
        yield from ((owner, name, option) for name, option in options.items() if name not in shared)


def owners() -> dict[str, list[Owner]]:
    """Command-line form of an option, such as --no-invert -> the owners that have this option."""
    found: dict[str, list[Owner]] = {}
    for owner, name, option in everywhere():
        for word in option_words(name, option):
            found.setdefault(word, []).append(owner)
    return found


def by_name(options: Mapping[str, Value]) -> dict[str, Value]:
    """The options by their names in Python: batch_size for batch-size or --batch-size, object_oriented for game.

    The order stays. Unknown options stay, too. Raises UsageError for an option that is given under two names.
    """
    names = {word[2:].replace("-", "_"): name for _, name, option in everywhere() for word in option.names}
    named: dict[str, Value] = {}
    for written, value in options.items():
        name = written.removeprefix("--").replace("-", "_")
        name = names.get(name, name)
        if name in named:
            raise UsageError(f"{written} is given twice, under two names.\nLeave out one of them.")
        named[name] = value
    return named


def explain_unknown(word: str, command: str, chosen: Mapping[str, str]) -> str:
    """The error message for an option (or a stray word) that this run does not have."""
    name, known = word.split("=", 1)[0], owners()
    if not name.startswith("-"):
        return f"{word!r} is not an option: every option begins with --.\nSee {program()} {command} --help."
    if name not in known or known[name][0] == ("", ""):  # ("", ""): known in another form, such as no_invert in Python
        hint = did_you_mean(name, sorted(known.keys() - {name}))
        return f"there is no option {name}.\n{hint}See {program()} {command} --help."
    (kind, first), *_ = known[name]
    if kind == "command":
        return f"{name} belongs to the command {first!r}, not to {command!r}.\nLeave it out."
    components = [component for its_kind, component in known[name] if its_kind == kind]
    listed = ", ".join(components[:5]) + (f" and {len(components) - 5} others" if len(components) > 5 else "")
    return (
        f"{name} belongs to the {KINDS[kind].title} {listed}, but this run has {chosen.get(kind) or 'none'}.\n"
        f"Leave it out, or choose {flag_of(kind)} {first}."
    )


def as_text(value: Any) -> str:
    """A value as typed on the command line."""
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def format_option(name: str, value: Any) -> str:
    """An option as typed on the command line, or "no --NAME" for a value of None."""
    if isinstance(value, bool):
        return flag_of(name) if value else f"--no-{flag_of(name)[2:]}"
    return f"no {flag_of(name)}" if value is None else f"{flag_of(name)} {as_text(value)}"


def as_command(config: RunConfig, positional: Iterable[str] = ()) -> list[str]:
    """A command line with the options that the user gave, to record a run that was not started from a command line."""
    words = [*program().split(), config.command, *positional]
    known = options_of_run(config)
    for name, value in given_options(config).items():
        option = known[name]
        if option.type is None:
            words += [format_option(name, value)] if value or option.negatable else []
        elif isinstance(value, tuple):
            words += [flag_of(name), *map(str, value)]
        elif value is not None:
            words.append(f"{flag_of(name)}={value}")
    return words
