"""The kinds of components in a run: the table of each kind, its default and its option. No torch here."""

from __future__ import annotations

from collections.abc import Mapping

from learning_to_draw.components import Component
from learning_to_draw.datasets import DATASETS
from learning_to_draw.games import GAMES, LOSSES
from learning_to_draw.models import DECODERS, ENCODERS, RECEIVERS
from learning_to_draw.trials.config.run import game_name

# kind -> its table; the option that chooses a component is named after the kind.
PART_TABLES: dict[str, Mapping[str, Component]] = {
    "dataset": DATASETS,
    "object_oriented": GAMES,
    "encoder": ENCODERS,
    "decoder": DECODERS,
    "receiver": RECEIVERS,
    "loss": LOSSES,
}
DEFAULT_PARTS = {
    "dataset": "Digits",
    "object_oriented": "none",
    "encoder": "VGG16BackboneExtended",
    "decoder": "SinglePassSimpleLineDecoder",
    "receiver": "SimpleReceiverMLP",
    "loss": "HingeLoss",
}
NAMES = {"object_oriented": "game"}  # what messages call a kind, if not by its option's name
OTHER_NAMES = {"object_oriented": ("--game",)}
OPTION_OF_KIND = {"game": "object_oriented"}  # kinds of plugin components
TYPES = {"object_oriented": game_name}


def option_of(kind: str) -> str:
    """The option that chooses a component of a kind."""
    return f"--{kind.replace('_', '-')}"
