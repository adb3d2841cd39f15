"""Recurrent decoders: each step's strokes depend on what has been drawn so far."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from learning_to_draw.errors import UsageError
from learning_to_draw.models.decoders.base import FEEDBACK_SIZE, Decoder, Strokes
from learning_to_draw.models.decoders.config import AttentionRNNConfig, RecurrentConfig, RNNConfig
from learning_to_draw.models.decoders.connect import SinglePassPolyConnectDecoder
from learning_to_draw.models.decoders.single_pass import (
    SinglePassCRSDecoder,
    SinglePassPolyLineDecoder,
    SinglePassSimpleLineDecoder,
)
from learning_to_draw.models.encoders.base import Encoder

COORDINATES = 8  # of the four points of a cubic Bezier curve
ATTENTION_SIZE = 512
PARTS = 8  # the number of parts into which attention divides the latent


class Recurrent(Decoder):
    """Mixin, listed before a single-pass decoder: draws `steps` times, and looks at the canvas before each step.

    At every step, the mixin's encoder encodes the canvas. The input of the single-pass decoder is the photo's latent,
    concatenated with the canvas's latent. With --feedback, the receiver's probabilities of the target and of its guess
    are concatenated too; they are 0 at the first step, and at every step if `feedback` is None. The sketch is the
    union of all steps' strokes, whose order does not matter.
    """

    def __init__(
        self, config: RecurrentConfig, *, latent_size: int, image_size: int, build_encoder: Callable[[], Encoder]
    ):
        """build_encoder: builds the encoder of the canvas, from the same options as the sender's encoder."""
        inputs = 2 * latent_size + (FEEDBACK_SIZE if config.feedback else 0)
        super().__init__(config, latent_size=inputs, image_size=image_size)
        self.takes_feedback = config.feedback
        self.encoder = build_encoder()
        self.steps = config.steps

    def forward(self, latent: Tensor) -> Strokes:
        blank = latent.new_ones(len(latent), 1, self.image_size, self.image_size)
        drawn: list[Strokes] = []
        for _ in range(self.steps):
            if drawn:
                blank = blank * (1 - self.ink(drawn[-1]))
            canvas_latent = self.encoder.encode(1 - blank, is_sketch=True).latent
            seen = [latent, canvas_latent]
            if self.takes_feedback:
                values = latent.new_zeros(len(latent), FEEDBACK_SIZE)
                if drawn and self.feedback is not None:
                    values = self.feedback(self._joined(drawn))
                seen.append(values)
            drawn.append(super().forward(torch.cat(seen, dim=1)))
        return self._joined(drawn)

    def _joined(self, drawn: list[Strokes]) -> Strokes:
        """The strokes of several steps."""
        points = torch.cat([strokes.points for strokes in drawn], dim=1)
        widths = [strokes.sigma2 for strokes in drawn if isinstance(strokes.sigma2, Tensor)]
        intensities = [strokes.intensities for strokes in drawn if strokes.intensities is not None]
        return Strokes(
            points,
            torch.cat(widths, dim=1) if widths else self.sigma2,
            torch.cat(intensities, dim=1) if intensities else None,
        )


class RecurrentSimpleLineDecoder(Recurrent, SinglePassSimpleLineDecoder):
    """`nlines` straight lines per step."""


class RecurrentPolyLineDecoder(Recurrent, SinglePassPolyLineDecoder):
    """One polyline through `npoints` points per step."""


class RecurrentPolyConnectDecoder(Recurrent, SinglePassPolyConnectDecoder):
    """`npoints` points and their connections per step."""


class RecurrentCRSDecoder(Recurrent, SinglePassCRSDecoder):
    """`nlines` Catmull-Rom splines per step."""


class RNNBezierDecoder(Decoder):
    """A GRU that draws one cubic Bezier curve per step; its initial state is the latent. Strokes [B, steps, 4, 2].

    Its input is the previous curve, detached; at the first step, zeros. Points may lie off the canvas.
    """

    def __init__(self, config: RNNConfig = RNNConfig(), *, latent_size: int, **context):
        super().__init__(config, latent_size=latent_size, **context)
        self.steps = config.steps
        self.rnn = nn.ModuleDict(
            {
                "embedding": nn.Linear(COORDINATES, latent_size),
                "gru": nn.GRU(latent_size, latent_size, batch_first=True),
                "out": nn.Linear(latent_size, COORDINATES),
            }
        )

    def forward(self, latent: Tensor) -> Strokes:
        state, curve = latent[None].contiguous(), latent.new_zeros(len(latent), COORDINATES)
        curves = []
        for _ in range(self.steps):
            inputs = torch.relu(self.rnn["embedding"](curve.detach()))
            output, state = self.rnn["gru"](inputs[:, None], state)
            curve = self.rnn["out"](output[:, 0])
            curves.append(curve)
        return Strokes(torch.stack(curves, dim=1).unflatten(2, (4, 2)), self.sigma2)


class RNNAttnBezierDecoder(Decoder):
    """A GRU that draws one cubic Bezier curve per step, optionally with attention. Strokes [B, steps, 4, 2].

    Its initial state is a linear map of the latent. Its input is the previous curve, detached (the official code always
    feeds zeros). With attention, its input also contains a mean of the latent's parts, weighted by additive attention
    (Bahdanau et al. 2015) and gated by a sigmoid of the state (Xu et al. 2015). The latent has eight parts; in the
    official code it has one, which always gets weight 1. Points may lie off the canvas.
    """

    def __init__(self, config: AttentionRNNConfig = AttentionRNNConfig(), *, latent_size: int, **context):
        """Raises UsageError if attention is on and `latent_size` is not a multiple of eight."""
        super().__init__(config, latent_size=latent_size, **context)
        attention = config.attention
        if attention and latent_size % PARTS:
            raise UsageError(
                f"--attention divides the latent into {PARTS} equal parts, but --latent-size is {latent_size}.\n"
                f"Give a multiple of {PARTS}, or leave out --attention."
            )
        self.steps = config.steps
        self.attention = PartAttention(latent_size // PARTS, latent_size) if attention else None
        self.embedding = nn.Linear(COORDINATES, ATTENTION_SIZE)
        self.first_state = nn.Linear(latent_size, latent_size)
        self.gru = nn.GRUCell(ATTENTION_SIZE + (latent_size // PARTS if attention else 0), latent_size)
        self.out = nn.Sequential(nn.Dropout(0.5), nn.Linear(latent_size, COORDINATES))

    def forward(self, latent: Tensor) -> Strokes:
        state, curve = self.first_state(latent), latent.new_zeros(len(latent), COORDINATES)
        curves = []
        for _ in range(self.steps):
            inputs = self.embedding(curve.detach())
            if self.attention is not None:
                inputs = torch.cat([inputs, self.attention(latent.unflatten(1, (PARTS, -1)), state)], dim=1)
            state = self.gru(inputs, state)
            curve = self.out(state)
            curves.append(curve)
        return Strokes(torch.stack(curves, dim=1).unflatten(2, (4, 2)), self.sigma2)


class PartAttention(nn.Module):
    """Additive attention: parts [B, R, D] and state [B, L] -> gated weighted mean of the parts, [B, D]."""

    def __init__(self, part_size: int, state_size: int):
        super().__init__()
        self.of_part = nn.Linear(part_size, ATTENTION_SIZE)
        self.of_state = nn.Linear(state_size, ATTENTION_SIZE)
        # No bias: the softmax over the parts would cancel it.
        self.score = nn.Linear(ATTENTION_SIZE, 1, bias=False)
        self.gate = nn.Linear(state_size, part_size)

    def forward(self, parts: Tensor, state: Tensor) -> Tensor:
        scores = self.score(torch.relu(self.of_part(parts) + self.of_state(state)[:, None]))  # [B, R, 1]
        return torch.sigmoid(self.gate(state)) * (torch.softmax(scores, dim=1) * parts).sum(1)
