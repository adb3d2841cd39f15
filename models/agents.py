"""A pair of agents: a sender that draws what it sees, and a receiver that guesses which picture was meant."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from learning_to_draw.errors import UsageError
from learning_to_draw.models.anytime import Guesses, Halting
from learning_to_draw.models.channel import with_noise
from learning_to_draw.models.config import ChannelNoise
from learning_to_draw.models.decoders.base import Decoder, Strokes
from learning_to_draw.models.encoders.base import BackboneEncoder, Encoder, Encoding, Features, expand_channels


@dataclass(frozen=True)
class Play:
    """The result of a batch of games: B sketches in G games of T candidates.

    scores: float [B, T], the receiver's unnormalised scores; with `pooled`, [B, T + more] (see `Agents.forward`).
    sketches: float [B, 1 or 3, S, S], the input of the receiver's encoder; in 0..1 unless contrast exceeds 1.
    strokes: the strokes of the sketches, in canvas coordinates; in training, after `channel_noise`.
    photos: float [B, 1 or 3, S, S] in 0..1, the senders' photos.
    photo_encoding: the sender encoder's output for these photos.
    sketch_encoding: the sender encoder's output for the sketches; None if the encoders are separate and no feature
    layers were requested.
    guesses: the receiver's scores after every step of the sketches; None without --anytime.
    """

    scores: Tensor
    sketches: Tensor
    strokes: Strokes
    photos: Tensor
    photo_encoding: Encoding
    sketch_encoding: Encoding | None
    guesses: Guesses | None = None


class Meeting(NamedTuple):
    """The sender and the receiver that play a batch of games, as numbers from 0. A single pair has (0, 0) only."""

    sender: int = 0
    receiver: int = 0


def check_meeting(meeting: Meeting, senders: int, receivers: int) -> None:
    """Raises UsageError if a meeting needs an agent that does not exist."""
    for role, number, count in zip(Meeting._fields, meeting, (senders, receivers), strict=True):
        if not 0 <= number < count:
            last = f"{count} {role}s, numbered from 0 to {count - 1}" if count > 1 else f"one {role}, number 0"
            raise UsageError(f"there is no {role} {number}: these agents have {last}.\nGive another number.")


class Agents(nn.Module):
    """A sender (`sender_encoder`, `decoder`) and a receiver (`receiver_encoder` and the small network `receiver`).

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
        anytime: bool = False,
        halting: Halting | None = None,
    ):
        """invert: sketches are black on white. channel_noise: changes the sketches, in training mode only.

        anytime: the receiver guesses after every step of a recurrent decoder. halting: learns when the receiver
        decides; None: the receiver decides once it gives a candidate a probability of at least `models.anytime.SURE`.

        Raises UsageError if the decoder has more channels than the receiver's encoder, if `anytime` is True and the
        decoder draws in one step, or if the decoder takes feedback and `anytime` is False.
        """
        super().__init__()
        self.sender_encoder = sender_encoder
        self.receiver_encoder = receiver_encoder
        self.decoder = decoder
        self.receiver = receiver
        self.invert = invert
        self.channel_noise = channel_noise
        self.anytime = anytime
        self.halting = halting
        if decoder.takes_feedback and not anytime:
            raise UsageError(
                "--feedback tells the sender what the receiver believes after each step, but the receiver guesses at "
                "the end only.\nAdd --anytime, or leave out --feedback."
            )
        if anytime and decoder.steps < 2:
            raise UsageError(
                "--anytime needs a decoder that draws in several steps.\n"
                "Choose one whose name begins with Recurrent or RNN, with --steps 2 or more, or leave out --anytime."
            )
        if decoder.channels > receiver_encoder.channels:
            raise UsageError(
                "this decoder draws in colour, but the receiver's encoder sees one channel.\n"
                "Choose an encoder or a data set with three channels, or a decoder that does not draw in colour."
            )

    senders = receivers = 1  # a `Population` has these attributes too

    @property
    def shared(self) -> bool:
        return self.sender_encoder is self.receiver_encoder

    @property
    def shares_backbone(self) -> bool:
        """Whether the encoders are separate but share one frozen backbone, which encodes every picture once."""
        encoders = (self.sender_encoder, self.receiver_encoder)
        one, other = (encoder.backbone if isinstance(encoder, BackboneEncoder) else None for encoder in encoders)
        return not self.shared and one is not None and one is other

    @property
    def pairs(self) -> tuple[Agents, ...]:
        """The only pair: these agents. A `Population` has several."""
        return (self,)

    @property
    def meetings(self) -> tuple[Meeting, ...]:
        return (Meeting(),)

    def meeting(self, meeting: Meeting) -> Agents:
        """These agents. Raises UsageError if the meeting is not (0, 0)."""
        check_meeting(meeting, 1, 1)
        return self

    def with_sender_of(self, other: Agents) -> Agents:
        """A new pair of `other`'s sender and this pair's receiver. It uses their modules, not copies.

        Raises UsageError as the constructor does.
        """
        return Agents(
            other.sender_encoder,
            self.receiver_encoder,
            other.decoder,
            self.receiver,
            invert=other.invert,
            channel_noise=other.channel_noise,
            anytime=self.anytime,
            halting=self.halting,
        )

    def forward(
        self,
        photos: Tensor,
        candidates: Tensor,
        senders: int,
        *,
        feature_layers: Collection[str] = (),
        features: Features | None = None,
        pooled: Callable[[Tensor], Tensor] | None = None,
        targets: Tensor | None = None,
        seen: Tensor | None = None,
    ) -> Play:
        """Plays G games of T candidates, with B / G turns in each game.

        photos: float [M, 1 or 3, S, S] in 0..1. The first B are the senders' photos, ordered by game.
        candidates: int64 [G, T], each game's candidates, as indices into `photos`.
        senders: B, the number of senders' photos in all games together.
        feature_layers: the feature layers whose maps of photos and sketches a loss needs.
        features: the backbone's features of the M photos, if they are already known. They must include the maps of
        `feature_layers` and of the decoder's `needed_layers`. They require a frozen backbone that is the same in both
        encoders.
        pooled: appends the vectors of other processes' candidates to those of each game: [G, T, R] -> [G, T + more, R],
        for vectors of R numbers.
        targets: int64 [B], the index of each sender's target among the candidates. Only --feedback needs them; None:
        the feedback is 0.
        seen: the distinct values of `candidates`, sorted. Only separate encoders need them; None: they are computed
        here, and the CPU then waits for all work that is queued on the GPU.
        """
        photo_layers = {*feature_layers, *self.decoder.needed_layers}
        if self.shared:
            if features is not None:
                view = cast(BackboneEncoder, self.sender_encoder).project(features)
            else:
                view = self.sender_encoder.encode(photos, layers=photo_layers)
            photo_encoding, candidate_latents = view.first(senders), view.latent[candidates]
        else:
            rows = torch.unique(candidates) if seen is None else seen
            position = torch.searchsorted(rows, candidates)
            if features is None and self.shares_backbone:
                sender_encoder = cast(BackboneEncoder, self.sender_encoder)
                features = sender_encoder.extract(sender_encoder.preprocess(photos), layers=photo_layers)
            if features is not None:
                photo_encoding = cast(BackboneEncoder, self.sender_encoder).project(features.of(slice(senders)))
                view = cast(BackboneEncoder, self.receiver_encoder).project(Features(features.values[rows]))
            else:
                photo_encoding = self.sender_encoder.encode(photos[:senders], layers=photo_layers)
                view = self.receiver_encoder.encode(photos[rows])
            candidate_latents = view.latent[position]

        self.decoder.feedback = None
        if self.decoder.takes_feedback and targets is not None:
            self.decoder.feedback = partial(self._feedback, candidate_latents, targets, pooled)
        strokes, sketches = self.sketch(photo_encoding)
        self.decoder.feedback = None
        received, sketch_encoding = self._look_at_sketches(sketches, feature_layers)
        scores = self.guess(received.latent, candidate_latents, pooled=pooled)
        play = Play(scores, sketches, strokes, photos[:senders], photo_encoding, sketch_encoding)
        if self.anytime:
            play = replace(play, guesses=self._guesses(strokes, scores, candidate_latents, pooled))
        return play

    @torch.no_grad()
    def _feedback(
        self,
        candidate_latents: Tensor,
        targets: Tensor,
        pooled: Callable[[Tensor], Tensor] | None,
        strokes: Strokes,
    ) -> Tensor:
        """[B, FEEDBACK_SIZE]: the receiver's probabilities of the target and of its guess, given the strokes so far."""
        latents = self.receiver_encoder.encode(self.render(strokes), is_sketch=True).latent
        beliefs = torch.softmax(self.guess(latents, candidate_latents, pooled=pooled), dim=1)
        return torch.stack([beliefs.gather(1, targets[:, None])[:, 0], beliefs.amax(dim=1)], dim=1)

    def _guesses(
        self,
        strokes: Strokes,
        scores: Tensor,
        candidate_latents: Tensor,
        pooled: Callable[[Tensor], Tensor] | None,
    ) -> Guesses:
        """The guesses after every step. scores: the scores after the last step, which are already known."""
        steps, batch = self.decoder.steps, len(scores)
        each = strokes.points.shape[1] // steps
        canvases = torch.cat([self.render(strokes[:, : step * each]) for step in range(1, steps)])
        latents = self.receiver_encoder.encode(canvases, is_sketch=True).latent.split(batch)
        earlier = [self.guess(seen, candidate_latents, pooled=pooled) for seen in latents]
        all_scores = torch.stack([*earlier, scores])
        return Guesses(all_scores, None if self.halting is None else self.halting(all_scores))

    def _look_at_sketches(self, sketches: Tensor, layers: Collection[str]) -> tuple[Encoding, Encoding | None]:
        """The receiver's and the sender's encoding of the sketches; the sender's contains the maps of `layers`.

        The sender's encoding is None if the agents do not share one encoder and no layers are requested.
        """
        if self.shared:
            received = self.receiver_encoder.encode(sketches, layers=layers, is_sketch=True)
            return received, received
        if self.shares_backbone and layers:
            sender, receiver = (cast(BackboneEncoder, e) for e in (self.sender_encoder, self.receiver_encoder))
            features = sender.extract(sender.preprocess(sketches), layers=layers, is_sketch=True)
            return receiver.project(features), sender.project(features)
        received = self.receiver_encoder.encode(sketches, is_sketch=True)
        if not layers:
            return received, None
        return received, self.sender_encoder.encode(sketches, layers=layers, is_sketch=True)

    def sketch(self, encoding: Encoding) -> tuple[Strokes, Tensor]:
        """What the sender draws, given its encoding of B photos: the strokes and the sketches [B, C, S, S].

        C is the number of channels of the receiver's encoder. In training mode, the strokes are turned, shifted and
        dropped at random if the agents have `channel_noise`.
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
        """The receiver's scores [B, T] of the candidates of each sketch's game.

        sketch_latents: [B, L], ordered by game, B / G per game. candidate_latents: [G, T, L].
        With `pooled` (as in `forward`), the scores are [B, T + more].
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
