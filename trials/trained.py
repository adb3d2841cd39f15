"""Loads trained agents from checkpoints, and pairs senders with receivers."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from learning_to_draw import plugins
from learning_to_draw.components import flag_of, options_of
from learning_to_draw.errors import UsageError, first_line
from learning_to_draw.models.agents import Agents, Meeting
from learning_to_draw.models.config import AgentsConfig
from learning_to_draw.models.population import Community
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import Pictures
from learning_to_draw.trials.config.all_options import OF_ONE_START, as_text, format_option
from learning_to_draw.trials.config.configure import COMMAND_LINE, PYTHON, Layer, complete, given_options
from learning_to_draw.trials.config.parse import parse, read_early
from learning_to_draw.trials.config.run import RunConfig, TestConfig, TrainConfig, meeting_of
from learning_to_draw.trials.records.checkpoints import Checkpoint, load_agents, load_checkpoint, load_fitting
from learning_to_draw.trials.records.packed import CONFIG, REPOSITORY, WEIGHTS, download, load_packed

# Agents that play with each other must have the same values of these options, the same data set with the same options
# (except num_workers), and the same number of candidates.
GAME_OPTIONS = ("object_oriented", "sender_images_per_iter", "random_transform_sender")
# Options of the training that do not describe the agents. A test does not take their values from the checkpoint.
NOT_OF_AGENTS = (
    *OF_ONE_START,
    "device",
    "data_device",
    "precision",
    "deterministic",
    "cache_features",
    "compile",
    "cuda_graph",
)


@dataclass(frozen=True)
class Trained:
    """A checkpoint, and the configuration of the command that uses its agents.

    config: the checkpoint's options, overridden by those that the user gave.
    """

    config: RunConfig
    checkpoint: Checkpoint


def configure_test(weights: Path | str, **options: Any) -> Any:
    """The `TestConfig` for the checkpoint `weights`.

    Options are named as on the command line: batch_size for --batch-size. Options that are not given have the values of
    the checkpoint's training, except those in `NOT_OF_AGENTS` (device, precision, ...), which have their defaults.
    Raises UsageError for options that are not valid.
    """
    path = checkpoint_of(Path(weights))
    return load_trained("test", path, {"weights": str(path)} | options, PYTHON).config


def checkpoint_of(path: Path) -> Path:
    """The checkpoint file that `path` means.

    A file means itself. A folder means its model_final.pt (of a training), or else its model.safetensors (of pack).
    hf:user/name and hf:user/name@revision mean the model.safetensors of that repository of Hugging Face, which
    is downloaded. Raises UsageError for a folder with neither file, and if a download fails.
    """
    if path.as_posix().startswith(REPOSITORY):
        return download(path.as_posix())
    if not path.is_dir():
        return path
    for name in ("model_final.pt", WEIGHTS):
        if (path / name).is_file():
            return path / name
    snapshots = sorted(path.glob("model_*.pt"), key=lambda file: (len(file.name), file.name))
    raise UsageError(
        f"{path} holds no model_final.pt and no {WEIGHTS}: it is neither the folder of a finished "
        "training nor one that pack wrote.\n"
        f"Give {f'a checkpoint, such as {snapshots[-1]}' if snapshots else 'such a folder, or a checkpoint'}."
    )


def parse_trained(command: str, words: Sequence[str], path: Path) -> Any:
    """The configuration for `commgame.py COMMAND WORDS` with the agents of the checkpoint `path`.

    Raises UsageError if the checkpoint or an option is not valid.
    """
    early = read_early(words)
    weights = checkpoint_of(path)
    # Read first: the checkpoint's options decide which other options exist.
    _, saved = _read(weights, early.get("plugin"), early.get("trust_weights", False))
    config = parse(command, words, *saved)
    # The configuration names the file, even if the user gave a folder or a repository.
    return replace(config, weights=str(weights)) if command == "test" and weights != path else config


def load_trained(command: str, path: Path, given: Mapping[str, Any], source: str = COMMAND_LINE) -> Trained:
    """Reads a checkpoint for a command with the options `given`. Raises UsageError if the file or an option is
    not valid.

    source: what the configuration's `sources` name as the origin of `given`.
    """
    checkpoint, saved = _read(checkpoint_of(path), given.get("plugin"), given.get("trust_weights", False))
    return Trained(complete(command, given, source, *saved), checkpoint)


def _read(path: Path, plugin: Path | str | None, trust: bool) -> tuple[Checkpoint, Layer]:
    """The checkpoint, and a `Layer`.

    The layer holds those of the checkpoint's options that describe the agents (see `of_agents`), and the name of the
    file with these options. Loads the given plugin, or else the plugin of the checkpoint's training.
    """
    packed = path.suffix == ".safetensors"
    checkpoint = load_packed(path) if packed else load_checkpoint(path, trust=trust)
    plugins.reload_plugin(plugin, checkpoint.options, checkpoint.versions, str(path))
    return checkpoint, Layer(of_agents(checkpoint.options), CONFIG if packed else path.name)


def of_agents(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a training without those in `NOT_OF_AGENTS`."""
    return {name: value for name, value in options.items() if name not in NOT_OF_AGENTS}


def build_trained(trained: Trained, pictures: Pictures) -> Community:
    """All agents of the checkpoint, on the CPU. Raises UsageError if the weights do not fit the options."""
    check_fit(trained.config.agents, pictures, trained.checkpoint)
    agents = build_agents(trained.config.agents, pictures, pretrained=False)
    load_agents(agents, trained.checkpoint)
    return agents


def build_trained_pair(trained: Trained, pictures: Pictures) -> Agents:
    """The pair that --agent names; without --agent, the first sender and the first receiver.

    Raises UsageError as `build_trained` does, and if there is no such agent.
    """
    agent = trained.config.agent if isinstance(trained.config, TestConfig) else None
    return build_trained(trained, pictures).meeting(Meeting(*meeting_of(agent or "0")))


def load_teacher(name: str, path: Path, plugin: Path | None) -> Trained:
    """Reads the checkpoint of the option `name`, such as "senders_from". Errors name that option."""
    try:
        return load_trained("test", path, {"weights": str(path), "plugin": plugin})
    except UsageError as error:
        raise UsageError(f"{flag_of(name)} {error}") from error


def take_trained(agents: Community, config: TrainConfig, pictures: Pictures) -> None:
    """Gives the agents the trained weights of --senders-from and --receivers-from.

    Raises UsageError if a file cannot be read, lacks the agent --from-agent, or has agents of other sizes.
    """
    roles = {
        "senders_from": ("senders", ("sender_encoder", "decoder")),
        "receivers_from": ("receivers", ("receiver_encoder", "receiver", "halting")),
    }
    for name, (role, parts) in roles.items():
        path = getattr(config, name)
        if path is None:
            continue
        teachers = build_trained(load_teacher(name, path, config.plugin), pictures)
        count = getattr(teachers, role)
        if config.from_agent >= count:
            raise UsageError(
                f"--from-agent {config.from_agent}: there is no such agent among the {role} of {path}.\n"
                f"Give a number below {count}: they are numbered from 0."
            )
        for number, pair in enumerate(agents.pairs[: getattr(agents, role)]):
            teacher = teachers.pairs[(config.from_agent + number) % count]
            for part in (part for part in parts if getattr(pair, part) is not None):
                try:
                    taught = getattr(teacher, part)
                    getattr(pair, part).load_state_dict({} if taught is None else taught.state_dict())
                except RuntimeError as error:
                    reason = [line.strip() for line in str(error).splitlines()[1:]]
                    raise UsageError(
                        f"{flag_of(name)} {path} does not fit the agents that the options describe:\n"
                        f"{part}: {reason[0][:300] if reason else error}\n"
                        "Give the options of that checkpoint's training."
                    ) from error


def check_fit(config: AgentsConfig, pictures: Pictures, checkpoint: Checkpoint) -> None:
    """Raises UsageError if agents built from `config` would have other sizes than the checkpoint's weights.

    The agents are built on the meta device, without memory: a checkpoint's options may ask for any size. Agents with a
    plugin's component are not checked, because the component could keep a meta tensor for the next time it is built.
    """
    parts = (config.encoder, config.receiver_encoder or config.encoder, config.decoder, config.receiver)
    if config.agents is not None or any(isinstance(chosen.component.target, type) for chosen in parts):
        return
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")  # torch warns that loading weights into meta tensors has no effect
        try:
            load_fitting(build_agents(config, pictures, pretrained=False), checkpoint)
        except (NotImplementedError, AttributeError, TypeError, ValueError):
            pass  # some components, such as CLIP, cannot be built on the meta device
        except (RuntimeError, MemoryError, OverflowError) as error:
            if "meta" not in str(error):
                raise UsageError(
                    f"{checkpoint.path}: its options describe agents that cannot be built "
                    f"({first_line(error)}).\nGive another checkpoint."
                ) from error


def pair(one: Trained, sender: Agents, other: Trained, receiver: Agents) -> Agents:
    """Agents that consist of `sender`'s sender and `receiver`'s receiver. one, other: their checkpoints, for messages.

    Raises UsageError if the sender draws in colour but the receiver sees one colour channel, if the receiver guesses
    after every step (--anytime) but the sender draws in one step, or if the sender needs these guesses (--feedback) but
    the receiver guesses at the end only.
    """
    if sender is receiver:
        return sender
    if sender.decoder.channels > receiver.receiver_encoder.channels:
        raise UsageError(
            f"the sender of {one.checkpoint.path} draws in colour, but the receiver of {other.checkpoint.path} sees "
            "one colour channel.\nChoose other checkpoints."
        )
    return receiver.with_sender_of(sender)


def check_common_game(trained: Sequence[Trained]) -> None:
    """Raises UsageError if the configurations differ in an option that decides the game or the pictures.

    All agents play the games of the first configuration. Without this check, agents that were trained with other splits
    could be tested on their own training pictures.
    """
    first = trained[0].config
    of_data_set = [name for name in options_of(type(first.dataset.config)) if name != "num_workers"]
    size = "batch_size" if first.plays_original else "num_targets"
    values = first.values()
    for name in ("dataset", *of_data_set, *GAME_OPTIONS, size):
        for run in trained[1:]:
            value, other_value = values[name], run.config.values().get(name)
            if value != other_value and as_text(value) != as_text(other_value):
                known = value if value is not None else other_value
                raise UsageError(
                    f"{trained[0].checkpoint.path} has {format_option(name, value)}, but {run.checkpoint.path} has "
                    f"{format_option(name, other_value)}: they do not play the same game.\n"
                    f"Give one value for all, such as {format_option(name, known)}. If the option decides which "
                    "pictures are for testing, these may then be training pictures of some agents."
                )


def load_other(config: RunConfig, path: Path) -> Trained:
    """Reads another checkpoint for the command of `config`, with the options that the user gave for `config`."""
    return load_trained(config.command, path, given_options(config))
