"""The list of all options: what each one belongs to, how it is written, and which of them are special.

Importing this module does not import torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from learning_to_draw.components import Option, flag_of, options_of
from learning_to_draw.errors import UsageError
from learning_to_draw.games.losses import AUXILIARY_LOSSES
from learning_to_draw.models.config import AgentsConfig
from learning_to_draw.trials.config.run import KINDS, RUNS, RunConfig, SpeedConfig

COMMAND = "command"  # the kind of options that belong to a command, see `Owner`
THE_GAME, THE_AGENTS = "the game", "the agents"  # titles of groups in the help
HELP, HELP_ALL = ("-h", "--help"), "--help-all"  # train, test and crossplay have these options, too

# Options that a test accepts, as in the official code, but ignores.
OF_TRAINING = ("freeze_encoders", "freeze_backbone", "imagenet_weights", "sin_weights", "timm_pretrained")
OF_TRAINING += ("timm_weights", "stroke_spread", "augment", "final_sigma2", "sigma2_factor", "sigma2_step")
OF_TRAINING += ("channel_noise",)

# Options that apply to one start of the program only. Their values are not taken from a checkpoint.
OF_ONE_START = ("output", "resume", "config", "preset", "print_config", "dry_run", "quiet", "cache_dir", "no_cache")

# Options of a test that `play`, `draw` and `load` refuse, because they would have no effect there.
NO_EFFECT_ON_AGENTS = ("num_reconstructions", "swap_agents", "weights_pair2", "compile", "deterministic")

# Options for where a training runs and what it writes. A resumed training may have other values for them.
OF_THE_PLACE = (*OF_ONE_START, "dataset_root", "plugin", "device", "data_device")
OF_THE_PLACE += ("snapshot_interval", "keep_last", "num_reconstructions", "tensorboard", "wandb")

# Options whose paths a training records as absolute ones.
MADE_ABSOLUTE = ("plugin", "dataset_root", "timm_weights", "senders_from", "receivers_from", "teacher")

# Options that --config ignores. If it used wandb, it could send the run to another person's project.
NOT_REUSED = (*OF_ONE_START, "wandb")

Value = TypeVar("Value")


class Owner(NamedTuple):
    """What an option belongs to.

    kind: a kind of components, or "command", or "" for an option of every run. name: that of the component or command;
    if kind is "", the title of the option's group in the help.
    """

    kind: str
    name: str

    def takes_part(self, command: str, chosen: Mapping[str, str]) -> bool:
        """Whether a run of the command with the chosen components has the options of this owner."""
        return not self.kind or self.name == (command if self.kind == COMMAND else chosen.get(self.kind))

    @property
    def group(self) -> str:
        """The title of the options' group in the help."""
        if not self.kind:
            return self.name
        if self.kind == COMMAND:
            return f"{self.name}ing"
        return THE_GAME if self.kind == "object_oriented" else f"{KINDS[self.kind].title} {self.name}"


def everywhere() -> Iterator[tuple[Owner, str, Option]]:
    """Yields (owner, name, option) for every option of every component and command, in the order of the help."""
    choosers = {kind: described.option for kind, described in KINDS.items()}
    of_game = {kind: choosers.pop(kind) for kind in ("dataset", "object_oriented", "loss")}
    every = options_of(RunConfig)
    owned: list[tuple[Owner, Mapping[str, Option]]] = [
        (Owner("", THE_GAME), of_game),
        (Owner("", THE_AGENTS), choosers | options_of(AgentsConfig)),
    ]
    owned += [(Owner(kind, name), KINDS[kind].options(name)) for kind in KINDS for name in KINDS[kind].table]
    for loss in AUXILIARY_LOSSES.values():
        owned.append((Owner("", loss.title), {loss.switch: loss.switch_option}))
        owned.append((Owner("", loss.title), options_of(loss.config)))
    for command, run in RUNS.items():
        owned.append((Owner(COMMAND, command), {n: option for n, option in options_of(run).items() if n not in every}))
    owned += [(Owner("", "the speed"), options_of(SpeedConfig)), (Owner("", "the run"), every)]
    for owner, options in owned:
        yield from ((owner, name, option) for name, option in options.items())


def all_options() -> dict[str, Option]:
    """Every option of every component and command, by name."""
    return {name: option for _, name, option in everywhere()}


def owners() -> dict[str, list[Owner]]:
    """The owners of each option, by the option's forms on the command line, such as --no-invert."""
    found: dict[str, list[Owner]] = {}
    for owner, name, option in everywhere():
        for form in option_words(name, option):
            found.setdefault(form, []).append(owner)
    return found


def option_groups(command: str, chosen: Mapping[str, str]) -> dict[str, dict[str, Option]]:
    """The options of a command with the chosen components: title of a group in the help -> option name -> option.

    Raises UsageError if two different options have a form in common, which only a plugin's option can cause.
    """
    groups: dict[str, dict[str, Option]] = {}
    forms: dict[str, tuple[str, Option] | None] = dict.fromkeys((*HELP, HELP_ALL))
    for owner, name, option in everywhere():
        if owner.takes_part(command, chosen):
            for form in option_words(name, option):
                if forms.setdefault(form, (name, option)) != (name, option):
                    raise UsageError(
                        f"--plugin: the plugin's option {form} is also an option of another component or of the "
                        "program.\nRename it."
                    )
            groups.setdefault(owner.group, {})[name] = option
    return groups


def flat(groups: Mapping[str, Mapping[str, Option]]) -> dict[str, Option]:
    """The options of all groups in one dict."""
    return {name: option for group in groups.values() for name, option in group.items()}


def option_words(name: str, option: Option) -> list[str]:
    """All forms of an option on the command line, including --no-NAME for a switch (`type` is None)."""
    forms = [flag_of(name), *option.names]
    return forms + [f"--no-{form[2:]}" for form in forms] if option.type is None else forms


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


def of_training(known: Iterable[str]) -> set[str]:
    """The options in `known` that a test accepts but ignores, because they matter only in training."""
    losses = [loss for loss in AUXILIARY_LOSSES.values() if not loss.in_tests]
    of_losses = [name for loss in losses for name in (loss.switch, *options_of(loss.config))]
    return {name for name in known if name.removeprefix("receiver_") in OF_TRAINING or name in of_losses}


def of_agents_in_tests() -> set[str]:
    """The options that decide how agents draw and guess in a test."""
    kinds = ("encoder", "receiver_encoder", "decoder", "receiver")
    names = {name for owner, name, _ in everywhere() if owner.kind in kinds or owner.name == THE_AGENTS}
    return names - of_training(names)


def as_text(value: Any) -> str:
    """A value as typed on the command line."""
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def format_option(name: str, value: Any) -> str:
    """An option as typed on the command line, or "no --NAME" for a value of None."""
    if isinstance(value, bool):
        return flag_of(name) if value else f"--no-{flag_of(name)[2:]}"
    return f"no {flag_of(name)}" if value is None else f"{flag_of(name)} {as_text(value)}"


def words_of(name: str, option: Option, value: Any) -> list[str]:
    """The words of a command line for an option with a value other than None.

    For False, an option such as --wandb (`is_switch_with_value`) has no words.
    """
    if option.type is None:
        return [format_option(name, value)]
    if isinstance(value, bool) and option.is_switch_with_value:
        return [flag_of(name)] if value else []
    if isinstance(value, list | tuple):
        return [flag_of(name), *map(str, value)]
    text = str(value).lower() if isinstance(value, bool) else str(value)
    # argparse would read a separate word that begins with a hyphen as another option.
    return [f"{flag_of(name)}={text}"] if text.startswith("-") else [flag_of(name), text]
