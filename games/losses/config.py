"""All losses by name, and their configurations; a plugin adds its own. Nothing here imports torch.

`LOSSES` are the losses of the game, functions of the scores; --loss chooses one of them. `AUXILIARY_LOSSES` are
functions of the whole play; each is added by its own option and logged as NAME_loss.
"""

from __future__ import annotations

from dataclasses import dataclass

from learning_to_draw.components import Component, Config, Option, flag, non_negative_float, option, options_of


@dataclass(frozen=True)
class AuxiliaryLoss(Component):
    """A loss that is added to the loss of the game if its own option is given.

    switch: the name of that option, such as like_a_dog_loss. help: its help text. title: the name of the loss in help
    and messages. in_tests: whether a test computes the loss too. is_price: True if the option is a price, that is, a
    number; False if it is a flag. A price is an option of the loss's configuration; a price above 0 turns the loss on.
    """

    switch: str = ""
    help: str = "add this loss to the loss of the game, in training"
    title: str = ""
    in_tests: bool = False
    is_price: bool = False

    @property
    def switch_option(self) -> Option:
        return options_of(self.config)[self.switch] if self.is_price else Option(False, self.help, None)


@dataclass(frozen=True, kw_only=True)
class FeatureMapConfig(Config):
    """The options of losses over feature maps."""

    sop_weights: tuple[float, ...] | None = option(
        None,
        "weights of the feature layers in the perceptual loss and the dog loss; left out: 1 for each",
        type=non_negative_float,
        nargs="+",
        metavar="W",
    )
    sop_coef: float = option(
        1.0, "factor of the perceptual loss and of the dog loss", type=non_negative_float, metavar="X"
    )


@dataclass(frozen=True, kw_only=True)
class PerceptualConfig(FeatureMapConfig):
    learn_sop_weights: bool = flag("learn the weights of the feature layers in the perceptual loss")


@dataclass(frozen=True, kw_only=True)
class DogConfig(FeatureMapConfig):
    like_a_dog_image: tuple[str, ...] | None = option(
        None,
        "image(s) that all sketches should look like; with several images, the dog loss uses the mean distance",
        nargs="+",
        metavar="FILE",
    )


@dataclass(frozen=True, kw_only=True)
class CLIPConfig(Config):
    CLIP_coef: float = option(
        1.0,
        "factor of the CLIP loss; 4 times the number of senders in a batch gives the official code's sum",
        type=non_negative_float,
        metavar="X",
    )


@dataclass(frozen=True, kw_only=True)
class EdgeConfig(Config):
    edge_coef: float = option(1.0, "factor of the edge loss", type=non_negative_float, metavar="X")


@dataclass(frozen=True, kw_only=True)
class InkPriceConfig(Config):
    ink_price: float = option(
        0.0,
        "add X times the mean ink of a sketch to the loss of the game; the ink is 0 for a blank sketch, 1 for full ink "
        "in every pixel",
        type=non_negative_float,
        metavar="X",
    )


@dataclass(frozen=True, kw_only=True)
class StrokePriceConfig(Config):
    stroke_price: float = option(
        0.0,
        "add X times the mean number of strokes drawn in a sketch to the loss of the game; needs a decoder that can "
        "leave out strokes: one with --stroke-gates, LocalLineDecoder, or one that connects points",
        type=non_negative_float,
        metavar="X",
    )


LOSSES = {
    "HingeLoss": Component(Config, "games.losses.terms:HingeLoss", summary="the paper's equation 3"),
    "CELoss": Component(Config, "games.losses.terms:CELoss", summary="cross-entropy"),
    "NoLoss": Component(Config, "games.losses.terms:NoLoss", summary="0: trains with the auxiliary losses only"),
}

AUXILIARY_LOSSES: dict[str, AuxiliaryLoss] = {
    "perceptual": AuxiliaryLoss(
        PerceptualConfig,
        "games.losses.perceptual:PerceptualLoss",
        switch="sort_of_perceptual_loss",
        help="add the perceptual loss: the distance between photo and sketch in the sender's feature layers (the "
        "paper's equation 4)",
        title="the perceptual loss",
        summary="photo and sketch in the feature layers",
    ),
    "dog": AuxiliaryLoss(
        DogConfig,
        "games.losses.perceptual:LikeADogLoss",
        switch="like_a_dog_loss",
        help="add the dog loss: the distance between every sketch and given images in the sender's feature layers",
        title="the dog loss",
        summary="sketches and given images in the same layers",
    ),
    "CLIP": AuxiliaryLoss(
        CLIPConfig,
        "games.losses.perceptual:CLIPLoss",
        switch="CLIP_loss",
        help="add the CLIP loss: 1 - the cosine similarity of photo and sketch in the sender's deepest feature layer, "
        "averaged over four random views of every sketch",
        title="the CLIP loss",
        summary="photo and random views of its sketch",
    ),
    "reconstruct": AuxiliaryLoss(
        Config,
        "games.losses.terms:ReconstructLoss",
        switch="reconstruct_loss",
        help="add the mean squared difference between sketch and photo, in training and in testing",
        title="the reconstruction loss",
        summary="the pixels of photo and sketch",
        in_tests=True,
    ),
    "edge": AuxiliaryLoss(
        EdgeConfig,
        "games.losses.edges:EdgeLoss",
        switch="edge_loss",
        help="add the edge loss: lines should lie where the photo has edges, in their direction",
        title="the edge loss",
        summary="the sketch and the edges of the photo",
    ),
    "ink_price": AuxiliaryLoss(
        InkPriceConfig,
        "games.losses.prices:InkPrice",
        switch="ink_price",
        title="the price of ink",
        is_price=True,
        summary="the ink of a sketch",
    ),
    "stroke_price": AuxiliaryLoss(
        StrokePriceConfig,
        "games.losses.prices:StrokePrice",
        switch="stroke_price",
        title="the price of strokes",
        is_price=True,
        summary="the number of strokes in a sketch",
    ),
}
