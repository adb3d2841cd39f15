"""All losses, built-in or from a plugin. These tables do not import torch.

`LOSSES` are those of the game: functions of the scores, one of which is chosen with --loss. `AUXILIARY_LOSSES` are
functions of the whole play, each added by its own option; they are logged as NAME_loss.
"""

from learning_to_draw.components import Component, Config
from learning_to_draw.games.losses.config import AuxiliaryLoss, CLIPConfig, DogConfig, PerceptualConfig

LOSSES = {
    "HingeLoss": Component(Config, "games.losses.terms:HingeLoss"),
    "CELoss": Component(Config, "games.losses.terms:CELoss"),
    "NoLoss": Component(Config, "games.losses.terms:NoLoss"),
}

AUXILIARY_LOSSES: dict[str, AuxiliaryLoss] = {
    "perceptual": AuxiliaryLoss(
        PerceptualConfig,
        "games.losses.perceptual:PerceptualLoss",
        switch="sort_of_perceptual_loss",
        help="add the perceptual loss: the distance between photo and sketch in the sender's feature layers (the "
        "paper's equation 4)",
        title="the perceptual loss",
    ),
    "dog": AuxiliaryLoss(
        DogConfig,
        "games.losses.perceptual:LikeADogLoss",
        switch="like_a_dog_loss",
        help="add the dog loss: the distance between every sketch and given images in the sender's feature layers",
        title="the dog loss",
    ),
    "CLIP": AuxiliaryLoss(
        CLIPConfig,
        "games.losses.perceptual:CLIPLoss",
        switch="CLIP_loss",
        help="add the CLIP loss: 1 - cosine similarity of photo and sketch in the sender's deepest feature layer, mean "
        "over four random views of every sketch",
        title="the CLIP loss",
    ),
    "reconstruct": AuxiliaryLoss(
        Config,
        "games.losses.terms:ReconstructLoss",
        switch="reconstruct_loss",
        help="add the mean squared difference between sketch and photo, in training and in testing",
        title="the reconstruction loss",
        in_tests=True,
    ),
}
