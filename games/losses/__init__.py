"""All losses: the losses of the game, and the auxiliary losses."""

from learning_to_draw.games.losses.config import AUXILIARY_LOSSES, LOSSES

__all__ = ["AUXILIARY_LOSSES", "LOSSES"]
