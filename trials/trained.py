"""Trained agents: read from their checkpoints, built again, and paired anew."""

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

# What makes up a game, beside the data set and its options: agents that play with each other have it in common.
GAME_OPTIONS = ("object_oriented", "sender_images_per_iter", "random_transform_sender")
# Where training wrote, on what, and how far, are no properties of the agents.
NOT_OF_AGENTS = (*OF_ONE_START, "device", "data_device", "precision", "deterministic", "cache_features", "compile")


@dataclass(frozen=True)
class Trained:
    """A checkpoint, and the options of a command that plays with it: given ones go before the checkpoint's."""

    options: Options
    checkpoint: Checkpoint


def load_trained(command: str, arguments: Sequence[str], path: Path) -> Trained:
    """Reads a checkpoint for `commgame.py COMMAND ARGUMENTS`. Raises UsageError for whatever is wrong with either."""
    # The other options are understood only with those that the checkpoint brings.
    checkpoint = load_checkpoint(path, trust=given_trust(arguments))
    plugins.load_again(given_value("plugin", arguments), checkpoint.options, checkpoint.versions, str(path))
    saved = {name: value for name, value in checkpoint.options.items() if name not in NOT_OF_AGENTS}
    return Trained(resolve(command, arguments, saved, path.name), checkpoint)


def build_trained(trained: Trained, pictures: Pictures) -> Agents:
    """The agents as they were when the checkpoint was written, on the CPU."""
    agents = build_agents(trained.options, pictures, pretrained=False)
    load_agents(agents, trained.checkpoint)
    return agents


def pair(one: Trained, sender: Agents, other: Trained, receiver: Agents) -> Agents:
    """The sender of `one` with the receiver of `other`. Raises UsageError for colours that it could not see."""
    if sender is receiver:
        return sender
    try:
        return Agents(
            sender.sender_encoder, receiver.receiver_encoder, sender.decoder, receiver.receiver, invert=sender.invert
        )
    except UsageError as error:
        raise UsageError(
            f"the sender of {one.checkpoint.path} draws in colour, and the receiver of {other.checkpoint.path} sees "
            "one channel.\nPlay with others."
        ) from error


def check_common_game(trained: Sequence[Trained]) -> None:
    """Raises UsageError where agents have different games or pictures, and the command line does not say which to take.

    Were that left to the first of them, others could be tested with pictures that they were trained on.
    """
    first = trained[0].options
    of_data_set = [action.dest for action in first.part("dataset").option_actions() if action.dest != "num_workers"]
    size = "batch_size" if first.object_oriented == "none" else "num_targets"
    for name in ("dataset", *of_data_set, *GAME_OPTIONS, size):
        for one in trained[1:]:
            mine, theirs = first.values[name], one.options.values.get(name)
            if mine != theirs and as_text(mine) != as_text(theirs):
                known = mine if mine is not None else theirs
                raise UsageError(
                    f"{trained[0].checkpoint.path} has {spelled(name, mine)}, and {one.checkpoint.path} "
                    f"{spelled(name, theirs)}: they do not play the same game.\n"
                    f"Say which to play, such as {spelled(name, known)}. Where this divides the pictures, some may "
                    "have been trained on by one of them."
                )


def spelled(name: str, value: Any) -> str:
    """An option as it is typed."""
    option = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{option}" if value else f"--no-{option}"
    return f"no --{option}" if value is None else f"--{option} {as_text(value)}"
