"""The rules: how games are sampled, the losses, the communication rate. These tables do not import torch."""

from learning_to_draw.components import Component

LOSSES = {
    "HingeLoss": Component("games.losses.terms", "HingeLoss"),
    "CELoss": Component("games.losses.terms", "CELoss"),
    "NoLoss": Component("games.losses.terms", "NoLoss"),
}

# Losses of plugins: the option --NAME-loss adds one to the game's loss, and it is logged as NAME_loss. The built-in
# ones have their official options (trials/config/run.py) instead.
AUXILIARY_LOSSES: dict[str, Component] = {}

# Object-oriented games, by how the receiver's picture of the target relates to the sender's.
OBJECT_ORIENTED = ("same", "different", "mixed")

GAMES = {
    "none": Component("games.sampling", "OriginalGame"),
    **{kind: Component("games.sampling", "ObjectOrientedGame") for kind in OBJECT_ORIENTED},
}
