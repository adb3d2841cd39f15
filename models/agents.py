"""The pair that plays: a sender that draws what it sees, and a receiver that guesses which picture was meant."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from learning_to_draw.errors import UsageError
from learning_to_draw.models.decoders.base import Decoder, Strokes
from learning_to_draw.models.encoders.base import Encoder, Encoding, Features, expand_channels


@dataclass(frozen=True)
class Play:
    """One batch of games, as played: B sketches in G games of T candidates.

    scores: float [B, T], the receiver's score of each candidate, un-normalised.
    sketches: float [B, 1 or 3, S, S] as the receiver saw them, before normalisation; 0..1 unless contrast exceeds 1.
    strokes: what was drawn, in canvas coordinates.
    photos: float [B, 1 or 3, S, S] in 0..1, what the senders drew.
    photo: the sender's view of its photos.
    drawn: the sender encoder's view of the sketches; None where nobody asked for it and the encoders are separate.
    """

    scores: Tensor
    sketches: Tensor
    strokes: Strokes
    photos: Tensor
    photo: Encoding
    drawn: Encoding | None


class Agents(nn.Module):
    """A sender (encoder, decoder) and a receiver (encoder, receiver).

    With a shared encoder, `sender_encoder` and `receiver_encoder` are the same module, and every photo and every sketch
    passes it once.
    """

    def __init__(
        self,
        sender_encoder: Encoder,
        receiver_encoder: Encoder,
        decoder: Decoder,
        receiver: nn.Module,
        *,
        invert: bool = False,
    ):
        """invert: sketches are black on white. Raises UsageError for colours that the receiver could not see."""
        super().__init__()
        self.sender_encoder = sender_encoder
        self.receiver_encoder = receiver_encoder
        self.decoder = decoder
        self.receiver = receiver
        self.invert = invert
        if decoder.channels > receiver_encoder.channels:
            raise UsageError(
                "this decoder draws in colour, but the encoder sees one channel.\n"
                "Choose an encoder or a data set with three channels, or a decoder that draws in black."
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
        perceive: Collection[str] = (),
        features: Features | None = None,
        pooled: Callable[[Tensor], Tensor] | None = None,
    ) -> Play:
        """Plays G games of T candidates with S senders each, B = G * S.

        photos: float [M, 1 or 3, S, S] in 0..1, the first `senders` (B) of which are the senders' own, game by game.
        candidates: int64 [G, T], the rows of `photos` that make up each game's pool.
        perceive: the feature layers whose maps of photos and sketches a loss needs. features: what a frozen backbone,
        the same in both encoders, makes of the M photos, where that is known already; with the maps of `perceive`.
        pooled: adds further candidates, from other processes, after a game's own: [G, T, R] to [G, T + more, R].
        """
        known = features is not None
        if self.shared:
            seen = self.sender_encoder.project(features) if known else self.sender_encoder.look(photos, maps=perceive)
            photo, pool = seen.first(senders), seen.latent[candidates]
        else:
            rows, position = torch.unique(candidates, return_inverse=True)
            if known:
                photo = self.sender_encoder.project(features.of(slice(senders)))
                offered = self.receiver_encoder.project(features.of(rows))
            else:
                photo = self.sender_encoder.look(photos[:senders], maps=perceive)
                offered = self.receiver_encoder.look(photos[rows])
            pool = offered.latent[position]

        strokes, sketches = self.sketch(photo.latent)
        received = self.receiver_encoder.look(sketches, maps=perceive if self.shared else (), drawn=True)
        drawn = received if self.shared else None
        if perceive and not self.shared:
            drawn = self.sender_encoder.look(sketches, maps=perceive, drawn=True)

        games = candidates.shape[0]
        meant = self.receiver(received.latent).unflatten(0, (games, -1))  # [G, S, R]
        offers = self.receiver(pool)
        if pooled is not None:
            offers = pooled(offers)
        scores = torch.bmm(meant, offers.transpose(1, 2)).flatten(0, 1)
        return Play(scores, sketches, strokes, photos[:senders], photo, drawn)

    def sketch(self, latent: Tensor) -> tuple[Strokes, Tensor]:
        """Strokes and sketches [B, C, S, S] for latents [B, L], with as many channels as the receiver's encoder."""
        strokes = self.decoder(latent)
        return strokes, self.show(strokes)

    def show(self, strokes: Strokes) -> Tensor:
        """Strokes as sketches [B, C, S, S], with as many channels as the receiver's encoder."""
        return expand_channels(self.on_paper(self.decoder.draw(strokes)), self.receiver_encoder.channels)

    def on_paper(self, ink: Tensor) -> Tensor:
        """Ink as it looks: white on black, or black on white."""
        return 1 - ink if self.invert else ink
