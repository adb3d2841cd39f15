"""The receivers by command-line name, and the configurations of receivers and agents. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass

from learning_to_draw.components import Chosen, Component, Config, InvalidValueError, flag, option, positive_int
from learning_to_draw.models.decoders.config import DecoderConfig
from learning_to_draw.models.encoders.config import EncoderConfig


@dataclass(frozen=True)
class ChannelNoise:
    """How sketches change at random on their way to the receiver, in training.

    turn: largest angle, in degrees. shift: largest shift of each coordinate, in canvas units; the canvas spans -1..1.
    drop: the probability that a stroke is dropped.
    """

    turn: float = 0.0
    shift: float = 0.0
    drop: float = 0.0


LARGEST_NOISE = {"turn": 180, "shift": 1, "drop": 1}


def parse_channel_noise(text: str) -> ChannelNoise:
    """The noise that `text` names, such as turn=15,shift=0.1,drop=0.1. Raises InvalidValueError for anything else."""
    amounts: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = (word.strip() for word in part.partition("="))
        if name not in LARGEST_NOISE:
            raise InvalidValueError(
                f"{part!r} is not a kind of noise: write one or more of turn, shift and drop, as in turn=15,drop=0.1"
            )
        if name in amounts:
            raise InvalidValueError(f"{name} is given twice")
        try:
            amount = float(number)
        except ValueError:
            amount = -1.0
        if not 0 <= amount <= LARGEST_NOISE[name]:
            raise InvalidValueError(f"{part!r}: {name} needs a number from 0 to {LARGEST_NOISE[name]}")
        amounts[name] = amount
    return ChannelNoise(**amounts)


def channel_noise(text: str) -> str:
    """Returns `text` unchanged, for the option --channel-noise. Raises what `parse_channel_noise` raises."""
    parse_channel_noise(text)
    return text


@dataclass(frozen=True, kw_only=True)
class ReceiverConfig(Config):
    rx_hidden: int = option(64, "hidden units of the receiver's MLP", type=positive_int, metavar="N")
    rx_latent_size: int = option(
        64, "size of the vectors whose dot product is a candidate's score", type=positive_int, metavar="N"
    )


@dataclass(frozen=True, kw_only=True)
class AgentsConfig(Config):
    """Senders and receivers. receiver_encoder: None if the receivers' encoders have the configuration of `encoder`."""

    encoder: Chosen[EncoderConfig]
    receiver_encoder: Chosen[EncoderConfig] | None = None
    decoder: Chosen[DecoderConfig]
    receiver: Chosen[Config]
    population: int | None = option(
        None, "N agents that both draw and guess; short for --senders N --receivers N", type=positive_int, metavar="N"
    )
    senders: int = option(
        1,
        "train N senders; sender K and receiver K share an encoder, unless --separate-encoders is given",
        type=positive_int,
        metavar="N",
    )
    receivers: int = option(1, "train N receivers", type=positive_int, metavar="N")
    agents: str | None = option(
        None,
        "name of a plugin's @agents class, which builds the pairs of a population; left out: all pairs are built alike",
        metavar="NAME",
    )
    separate_encoders: bool = flag("give sender and receiver one encoder each, instead of a shared one")
    freeze_encoders: bool = flag(
        "do not train the encoders, including their projections; the encoder with which a recurrent decoder looks at "
        "the canvas is still trained"
    )
    invert: bool = flag("draw black on white instead of white on black")
    imagenet_norm: bool = flag(
        "normalise photos and sketches with ImageNet's mean and standard deviation before they are encoded"
    )
    channel_noise: str | None = option(
        None,
        "in training, change every sketch on its way to the receiver. turn=15,shift=0.1,drop=0.1: turn it by up to 15 "
        "degrees, shift both coordinates by up to 0.1 on a canvas from -1 to 1, and drop each stroke with probability "
        "0.1; left out: no noise",
        type=channel_noise,
        metavar="SPEC",
    )

    anytime: str | None = option(
        None,
        "the receiver guesses after every step of a recurrent decoder. mean: the game's loss is the mean over all "
        "steps; learned: each step counts with a learned probability that the receiver decides after this step",
        choices=("mean", "learned"),
        nargs="?",
        const="mean",
        metavar="mean|learned",
    )

    @property
    def counts(self) -> tuple[int, int]:
        """The numbers of senders and receivers."""
        return (self.senders, self.receivers) if self.population is None else (self.population, self.population)


RECEIVERS = {
    "SimpleReceiverMLP": Component(
        ReceiverConfig, "models.receivers:SimpleReceiverMLP", summary="two linear layers, and a dot product"
    ),
}
