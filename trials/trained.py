"""Loads trained agents from checkpoints, with the configuration of the command that uses them, and pairs them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from learning_to_draw import plugins
from learning_to_draw.components import options_of
from learning_to_draw.errors import UsageError, first_line
from learning_to_draw.models.agents import Agents
from learning_to_draw.models.config import AgentsConfig
from learning_to_draw.trials.build import Pictures, build_agents
from learning_to_draw.trials.config.configure import (
    COMMAND_LINE,
    OF_ONE_START,
    PYTHON,
    as_text,
    complete,
    format_option,
    given_options,
)
from learning_to_draw.trials.config.parse import parse, read_early
from learning_to_draw.trials.config.run import RunConfig
from learning_to_draw.trials.records.checkpoints import Checkpoint, load_agents, load_checkpoint, load_fitting

# Agents that play with each other must have the same values of these options, the same data set with the same options
# (except num_workers), and the same number of candidates.
GAME_OPTIONS = ("object_oriented", "sender_images_per_iter", "random_transform_sender")
# Options of the training that are not properties of the agents, so a test does not take them from the checkpoint.
NOT_OF_AGENTS = (*OF_ONE_START, "device", "data_device", "precision", "deterministic", "cache_features", "compile")


@dataclass(frozen=True)
class Trained:
    """A checkpoint, and the configuration of the command that uses its agents.

    Given options override the checkpoint's.
    """

    config: RunConfig
    checkpoint: Checkpoint


def configure_test(weights: Path | str, **options: Any) -> Any:
    """The configuration of a test of a checkpoint, with these options, named as on the command line.

    Other options have the values of the checkpoint's training, except those in `NOT_OF_AGENTS` (device, precision,
    ...), which have their defaults. Raises UsageError for options that are not valid.
    """
    return load_trained("test", Path(weights), {"weights": str(weights)} | options, PYTHON).config


def parse_trained(command: str, words: Sequence[str], path: Path) -> Any:
    """The configuration for `commgame.py COMMAND WORDS` with the agents of a checkpoint. Raises UsageError."""
    early = read_early(words)
    # First, as the checkpoint's options decide which other options are known.
    _, saved = _read(path, early.get("plugin"), early.get("trust_weights", False))
    return parse(command, words, saved, path.name)


def load_trained(command: str, path: Path, given: Mapping[str, Any], source: str = COMMAND_LINE) -> Trained:
    """Reads a checkpoint, for a command with the options `given`. Raises UsageError if either is not valid."""
    checkpoint, saved = _read(path, given.get("plugin"), given.get("trust_weights", False))
    return Trained(complete(command, given, source, saved, path.name), checkpoint)


def _read(path: Path, plugin: Path | str | None, trust: bool) -> tuple[Checkpoint, dict[str, Any]]:
    """The checkpoint, and those of its options that other commands take over.

    Loads the given plugin, or else the plugin of the checkpoint's training.
    """
    checkpoint = load_checkpoint(path, trust=trust)
    plugins.reload_plugin(plugin, checkpoint.options, checkpoint.versions, str(path))
    return checkpoint, of_agents(checkpoint.options)


def of_agents(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a training that a test takes from it."""
    return {name: value for name, value in options.items() if name not in NOT_OF_AGENTS}


def build_trained(trained: Trained, pictures: Pictures) -> Agents:
    """The agents of the checkpoint, on the CPU."""
    check_fit(trained.config.agents, pictures, trained.checkpoint)
    agents = build_agents(trained.config.agents, pictures, pretrained=False)
    load_agents(agents, trained.checkpoint)
    return agents


def check_fit(config: AgentsConfig, pictures: Pictures, checkpoint: Checkpoint) -> None:
    """Raises UsageError if the agents have other sizes than the checkpoint's weights.

    Nothing is allocated: options in a checkpoint may ask for agents of any size. Agents with a plugin's component are
    not checked: it may keep a tensor of this try for the next one.
    """
    if any(isinstance(chosen.component.target, type) for chosen in (config.encoder, config.decoder, config.receiver)):
        return
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")  # loading weights into agents without memory has no effect
        try:
            load_fitting(build_agents(config, pictures, pretrained=False), checkpoint)
        except (NotImplementedError, AttributeError, TypeError, ValueError):
            pass  # a component that cannot be built without memory, such as CLIP
        except (RuntimeError, MemoryError, OverflowError) as error:
            if "meta" not in str(error):
                raise UsageError(
                    f"--weights {checkpoint.path}: its options describe agents that cannot be built "
                    f"({first_line(error)[:150]}).\nGive another checkpoint."
                ) from error


def pair(one: Trained, sender: Agents, other: Trained, receiver: Agents) -> Agents:
    """The sender of `one` with the receiver of `other`.

    Raises UsageError if the sender draws in colour and the receiver sees one channel.
    """
    if sender is receiver:
        return sender
    try:
        return Agents(
            sender.sender_encoder, receiver.receiver_encoder, sender.decoder, receiver.receiver, invert=sender.invert
        )
    except UsageError as error:
        raise UsageError(
            f"the sender of {one.checkpoint.path} draws in colour, and the receiver of {other.checkpoint.path} sees "
            "one channel.\nChoose other checkpoints."
        ) from error


def check_common_game(trained: Sequence[Trained]) -> None:
    """Raises UsageError if agents have different games or pictures and the command line does not choose one.

    If the first checkpoint's data set were used for all, another checkpoint could be tested on its own training
    pictures.
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
                    f"{trained[0].checkpoint.path} has {format_option(name, value)}, and {run.checkpoint.path} "
                    f"{format_option(name, other_value)}: they do not play the same game.\n"
                    f"Give the option, such as {format_option(name, known)}. If it decides which pictures are for "
                    "testing, one pair of agents may then be tested on pictures that it was trained on."
                )


def load_other(config: RunConfig, path: Path) -> Trained:
    """Another checkpoint, for the same command with the same options given."""
    return load_trained(config.command, path, given_options(config))
