"""The rules: how games are sampled, the losses, the communication rate. These tables do not import torch."""

from learning_to_draw.components import Part

LOSSES = {
    "HingeLoss": Part("games.losses.terms", "HingeLoss"),
    "CELoss": Part("games.losses.terms", "CELoss"),
    "NoLoss": Part("games.losses.terms", "NoLoss"),
}

# Losses of plugins: the option --NAME-loss adds one to the game's loss, and it is logged as NAME_loss. The built-in
# ones have their official options (trials/config/run.py) instead.
AUXILIARY_LOSSES: dict[str, Part] = {}

# Object-oriented games, by how the receiver's picture of the target relates to the sender's.
OBJECT_ORIENTED = ("same", "different", "mixed")

GAMES = {
    "none": Part("games.sampling", "OriginalGame"),
    **{kind: Part("games.sampling", "ObjectOrientedGame") for kind in OBJECT_ORIENTED},
}
