"""The rules: how pictures are dealt into games, the losses, the communication rate. The tables load no torch."""

from learning_to_draw.components import Part

LOSSES = {
    "HingeLoss": Part("games.losses.terms", "HingeLoss"),
    "CELoss": Part("games.losses.terms", "CELoss"),
    "NoLoss": Part("games.losses.terms", "NoLoss"),
}

# Added to the game's loss by a switch, --NAME-loss, and logged as NAME_loss. Only a plugin brings some: those that are
# always there have their official options (trials/config/run.py).
AUXILIARY_LOSSES: dict[str, Part] = {}

# How the receiver's picture of the target relates to the sender's, in the object-oriented games.
OBJECT_ORIENTED = ("same", "different", "mixed")

GAMES = {
    "none": Part("games.sampling", "OriginalGame"),
    **{kind: Part("games.sampling", "ObjectOrientedGame") for kind in OBJECT_ORIENTED},
}
