"""The rules: how games are sampled, the losses, the communication rate. This table does not import torch."""

from learning_to_draw.components import Component
from learning_to_draw.games.config import GameConfig

GAMES = {
    "none": Component(GameConfig, "games.sampling:OriginalGame"),
    "same": Component(GameConfig, "games.sampling:SameGame"),
    "different": Component(GameConfig, "games.sampling:DifferentGame"),
    "mixed": Component(GameConfig, "games.sampling:MixedGame"),
}
