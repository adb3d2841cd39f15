"""Builds trained agents from their checkpoints, and pairs a sender with another receiver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from learning_to_draw import plugins
from learning_to_draw.errors import UsageError
from learning_to_draw.models.agents import Agents
from learning_to_draw.trials.build import Pictures, build_agents
from learning_to_draw.trials.config.resolve import OF_ONE_START, Options, as_text, given_trust, given_value, resolve
from learning_to_draw.trials.records.checkpoints import Checkpoint, load_agents, load_checkpoint

# Agents that play with each other must agree in these, in the data set and in its options.
GAME_OPTIONS = ("object_oriented", "sender_images_per_iter", "random_transform_sender")
# Options of the training that are not properties of the agents, so a test does not take them from the checkpoint.
NOT_OF_AGENTS = (*OF_ONE_START, "device", "data_device", "precision", "deterministic", "cache_features", "compile")


@dataclass(frozen=True)
class Trained:
    """A checkpoint, and the options of a command that plays with it. Given options override the checkpoint's."""

    options: Options
    checkpoint: Checkpoint


def load_trained(command: str, arguments: Sequence[str], path: Path) -> Trained:
    """Reads a checkpoint for `commgame.py COMMAND ARGUMENTS`. Raises UsageError if either is not valid."""
    # First, as the checkpoint's options decide which other options are known.
    checkpoint = load_checkpoint(path, trust=given_trust(arguments))
    plugins.reload_plugin(given_value("plugin", arguments), checkpoint.options, checkpoint.versions, str(path))
    saved = {name: value for name, value in checkpoint.options.items() if name not in NOT_OF_AGENTS}
    return Trained(resolve(command, arguments, saved, path.name), checkpoint)


def build_trained(trained: Trained, pictures: Pictures) -> Agents:
    """The agents of the checkpoint, on the CPU."""
    agents = build_agents(trained.options, pictures, pretrained=False)
    load_agents(agents, trained.checkpoint)
    return agents


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

    Taking those of the first agents could test the others with pictures that they were trained on.
    """
    first = trained[0].options
    of_data_set = [action.dest for action in first.part("dataset").option_actions() if action.dest != "num_workers"]
    size = "batch_size" if first.object_oriented == "none" else "num_targets"
    for name in ("dataset", *of_data_set, *GAME_OPTIONS, size):
        for run in trained[1:]:
            value, other_value = first.values[name], run.options.values.get(name)
            if value != other_value and as_text(value) != as_text(other_value):
                known = value if value is not None else other_value
                raise UsageError(
                    f"{trained[0].checkpoint.path} has {format_option(name, value)}, and {run.checkpoint.path} "
                    f"{format_option(name, other_value)}: they do not play the same game.\n"
                    f"Give the option, such as {format_option(name, known)}. If it changes the splits, some test "
                    "pictures may have been trained on by one of them."
                )


def format_option(name: str, value: Any) -> str:
    """An option as typed on the command line, or "no --NAME" for a value of None."""
    option = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{option}" if value else f"--no-{option}"
    return f"no --{option}" if value is None else f"--{option} {as_text(value)}"
