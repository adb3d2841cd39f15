"""A pair of agents: a sender that draws what it sees, and a receiver that guesses which picture was meant."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from learning_to_draw.errors import UsageError
from learning_to_draw.models.channel import with_noise
from learning_to_draw.models.config import ChannelNoise
from learning_to_draw.models.decoders.base import Decoder, Strokes
from learning_to_draw.models.encoders.base import BackboneEncoder, Encoder, Encoding, Features, expand_channels


@dataclass(frozen=True)
class Play:
    """The result of a batch of games: B sketches in G games of T candidates.

    scores: float [B, T], the receiver's unnormalised score of each candidate.
    sketches: float [B, 1 or 3, S, S] as the receiver saw them, before normalisation; 0..1 unless contrast exceeds 1.
    strokes: the strokes of the sketches, in canvas coordinates; in training with channel noise, as they arrive.
    photos: float [B, 1 or 3, S, S] in 0..1, the senders' photos.
    photo_encoding: the sender encoder's output for these photos.
    sketch_encoding: the sender encoder's output for the sketches; None if the encoders are separate and no feature
    layers were requested.
    """

    scores: Tensor
    sketches: Tensor
    strokes: Strokes
    photos: Tensor
    photo_encoding: Encoding
    sketch_encoding: Encoding | None


class Agents(nn.Module):
    """A sender (encoder, decoder) and a receiver (encoder, receiver).

    If the encoder is shared, `sender_encoder` and `receiver_encoder` are the same module, and it encodes every photo
    and every sketch once.
    """

    def __init__(
        self,
        sender_encoder: Encoder,
        receiver_encoder: Encoder,
        decoder: Decoder,
        receiver: nn.Module,
        *,
        invert: bool = False,
        channel_noise: ChannelNoise | None = None,
    ):
        """invert: sketches are black on white. channel_noise: changes the sketches, in training mode only.

        Raises UsageError if the decoder has more channels than the receiver.
        """
        super().__init__()
        self.sender_encoder = sender_encoder
        self.receiver_encoder = receiver_encoder
        self.decoder = decoder
        self.receiver = receiver
        self.invert = invert
        self.channel_noise = channel_noise
        if decoder.channels > receiver_encoder.channels:
            raise UsageError(
                "this decoder draws in colour, but the encoder sees one channel.\n"
                "Choose an encoder or a data set with three channels, or a decoder that does not draw in colour."
            )

    @property
    def shared(self) -> bool:
        return self.sender_encoder is self.receiver_encoder

    def forward(
        self,
        photos: Tensor,
        candidates: Tensor,
        senders: int,
        *,
        feature_layers: Collection[str] = (),
        features: Features | None = None,
        pooled: Callable[[Tensor], Tensor] | None = None,
    ) -> Play:
        """Plays G games of T candidates, each with B / G senders.

        photos: float [M, 1 or 3, S, S] in 0..1. The first B are the senders' photos, ordered by game.
        candidates: int64 [G, T], the rows of `photos` that are each game's candidates.
        senders: B, the number of senders in all games.
        feature_layers: the feature layers whose maps of photos and sketches a loss needs.
        features: the backbone's features of the M photos, including the maps of `feature_layers` and of the
        decoder's `needed_layers`, if already known. This requires a frozen backbone that is the same in both encoders.
        pooled: appends candidates of other processes to those of a game: [G, T, R] -> [G, T + more, R].
        """
        photo_layers = {*feature_layers, *self.decoder.needed_layers}
        if self.shared:
            if features is not None:
                view = cast(BackboneEncoder, self.sender_encoder).project(features)
            else:
                view = self.sender_encoder.encode(photos, layers=photo_layers)
            photo_encoding, candidate_latents = view.first(senders), view.latent[candidates]
        else:
            rows, position = torch.unique(candidates, return_inverse=True)
            if features is not None:
                photo_encoding = cast(BackboneEncoder, self.sender_encoder).project(features.of(slice(senders)))
                view = cast(BackboneEncoder, self.receiver_encoder).project(features.of(rows))
            else:
                photo_encoding = self.sender_encoder.encode(photos[:senders], layers=photo_layers)
                view = self.receiver_encoder.encode(photos[rows])
            candidate_latents = view.latent[position]

        strokes, sketches = self.sketch(photo_encoding)
        received = self.receiver_encoder.encode(sketches, layers=feature_layers if self.shared else (), is_sketch=True)
        sketch_encoding = received if self.shared else None
        if feature_layers and not self.shared:
            sketch_encoding = self.sender_encoder.encode(sketches, layers=feature_layers, is_sketch=True)

        scores = self.guess(received.latent, candidate_latents, pooled=pooled)
        return Play(scores, sketches, strokes, photos[:senders], photo_encoding, sketch_encoding)

    def sketch(self, encoding: Encoding) -> tuple[Strokes, Tensor]:
        """The sender's step: strokes and sketches [B, C, S, S] for its encoding of B photos.

        C is the number of channels of the receiver's encoder. In training mode the strokes have the channel's noise.
        """
        strokes = self.decoder.strokes_for(encoding)
        if self.training and self.channel_noise is not None:
            strokes = with_noise(strokes, self.channel_noise)
        return strokes, self.render(strokes)

    def guess(
        self,
        sketch_latents: Tensor,
        candidate_latents: Tensor,
        *,
        pooled: Callable[[Tensor], Tensor] | None = None,
    ) -> Tensor:
        """The receiver's step: scores [B, T] of each sketch with the candidates of its game.

        sketch_latents: [B, L], ordered by game, B / G per game. candidate_latents: [G, T, L]. pooled: see `forward`.
        """
        games = candidate_latents.shape[0]
        sketch_vectors = self.receiver(sketch_latents).unflatten(0, (games, -1))  # [G, B / G, R]
        candidate_vectors = self.receiver(candidate_latents)  # [G, T, R]
        if pooled is not None:
            candidate_vectors = pooled(candidate_vectors)
        return torch.bmm(sketch_vectors, candidate_vectors.transpose(1, 2)).flatten(0, 1)

    def render(self, strokes: Strokes) -> Tensor:
        """Sketches [B, C, S, S] of strokes, with as many channels as the receiver's encoder."""
        return expand_channels(self.apply_invert(self.decoder.draw(strokes)), self.receiver_encoder.channels)

    def apply_invert(self, ink: Tensor) -> Tensor:
        """The sketch for ink: white on black or, if `invert`, black on white."""
        return 1 - ink if self.invert else ink
