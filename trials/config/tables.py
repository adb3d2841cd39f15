"""The kinds of parts that a run is made of: the table of each, its default, the option that chooses. No torch here."""

from __future__ import annotations

from collections.abc import Mapping

from learning_to_draw.components import Part
from learning_to_draw.datasets import DATASETS
from learning_to_draw.games import GAMES, LOSSES
from learning_to_draw.models import DECODERS, ENCODERS, RECEIVERS
from learning_to_draw.trials.config.run import game_name

# kind -> its table; the option that chooses a part is named after the kind.
PART_TABLES: dict[str, Mapping[str, Part]] = {
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
NAMES = {"object_oriented": "game"}  # of kinds, in words, where their option is called otherwise
OTHER_NAMES = {"object_oriented": ("--game",)}
OPTION_OF_KIND = {"game": "object_oriented"}  # of a plugin's parts
TYPES = {"object_oriented": game_name}


def option_of(kind: str) -> str:
    """The option that chooses a part of a kind."""
    return f"--{kind.replace('_', '-')}"
