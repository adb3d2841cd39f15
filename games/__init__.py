"""The rules of the games: sampling, losses and the communication rate."""

from learning_to_draw.games.config import GAMES

__all__ = ["GAMES"]
