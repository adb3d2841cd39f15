"""Trained agents: read from their checkpoints, built again, and paired anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from errors import UsageError
from models.agents import Agents
from trials.checkpoints import Checkpoint, load_agents, load_checkpoint
from trials.options import Options, resolve
from trials.wiring import Pictures, build_agents

# What agents have to have in common to play with each other.
GAME_OPTIONS = ("dataset", "image_size", "object_oriented", "num_targets", "batch_size")
# Where training wrote, on what, and how far, are no properties of the agents.
NOT_OF_AGENTS = ("output", "device", "dry_run")


@dataclass(frozen=True)
class Trained:
    """A checkpoint, and the options of a command that plays with it: given ones go before the checkpoint's."""

    options: Options
    checkpoint: Checkpoint


def load_trained(command: str, arguments: Sequence[str], path: Path) -> Trained:
    """Reads a checkpoint for `commgame.py COMMAND ARGUMENTS`. Raises UsageError for whatever is wrong with either."""
    # The other options are understood only with those that the checkpoint brings.
    checkpoint = load_checkpoint(path, trust="--trust-weights" in arguments)
    saved = {name: value for name, value in checkpoint.options.items() if name not in NOT_OF_AGENTS}
    return Trained(resolve(command, arguments, saved, path.name), checkpoint)


def build_trained(trained: Trained, pictures: Pictures) -> Agents:
    """The agents as they were when the checkpoint was written, on the CPU."""
    agents = build_agents(trained.options, pictures, pretrained=False)
    load_agents(agents, trained.checkpoint)
    return agents


def pair(sender: Agents, receiver: Agents) -> Agents:
    """The sender of one pair with the receiver of another. Raises UsageError for colours that it could not see."""
    if sender is receiver:
        return sender
    return Agents(
        sender.sender_encoder, receiver.receiver_encoder, sender.decoder, receiver.receiver, invert=sender.invert
    )


def check_common_game(trained: Sequence[Trained]) -> None:
    """Raises UsageError where agents have different games, and the command line does not say which to play."""
    for name in GAME_OPTIONS:
        found = {one.options.values.get(name): one.checkpoint.path for one in trained}
        if len(found) > 1:
            (value, path), (other, elsewhere) = list(found.items())[:2]
            option = f"--{name.replace('_', '-')}"
            raise UsageError(
                f"{path} has {option} {value}, and {elsewhere} {other}: they do not play the same game.\n"
                f"Say which to play: {option} {value}, for example."
            )
