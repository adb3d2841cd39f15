"""The rules: how games are sampled, the losses, the communication rate."""

from learning_to_draw.games.config import GAMES

__all__ = ["GAMES"]
