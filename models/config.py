"""The receivers by command-line name, their configuration and that of the agents. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass

from learning_to_draw.components import Chosen, Component, Config, flag, option, positive_int
from learning_to_draw.models.decoders.config import DecoderConfig
from learning_to_draw.models.encoders.config import EncoderConfig


@dataclass(frozen=True, kw_only=True)
class ReceiverConfig(Config):
    rx_hidden: int = option(64, "hidden units of the receiver's MLP", type=positive_int, metavar="N")
    rx_latent_size: int = option(
        64, "size of the vectors whose dot product is a candidate's score", type=positive_int, metavar="N"
    )


@dataclass(frozen=True, kw_only=True)
class AgentsConfig(Config):
    """A sender and a receiver. receiver_encoder: None if the receiver's encoder has the configuration of `encoder`."""

    encoder: Chosen[EncoderConfig]
    receiver_encoder: Chosen[EncoderConfig] | None = None
    decoder: Chosen[DecoderConfig]
    receiver: Chosen[Config]
    separate_encoders: bool = flag("give sender and receiver one encoder each, instead of a shared one")
    freeze_encoders: bool = flag(
        "do not train the encoders, including their projections; a recurrent decoder's own encoder for the canvas is "
        "part of the decoder"
    )
    invert: bool = flag("draw black on white instead of white on black")
    imagenet_norm: bool = flag(
        "normalise photos and sketches with ImageNet's mean and standard deviation before they are encoded"
    )


RECEIVERS = {
    "SimpleReceiverMLP": Component(
        ReceiverConfig, "models.receivers:SimpleReceiverMLP", summary="two linear layers, and a dot product"
    ),
}
