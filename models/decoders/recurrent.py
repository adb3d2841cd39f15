"""Recurrent decoders: what has been drawn so far decides on the next strokes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from learning_to_draw.errors import UsageError
from learning_to_draw.models.decoders.base import Decoder, Strokes
from learning_to_draw.models.decoders.connect import SinglePassPolyConnectDecoder
from learning_to_draw.models.decoders.single_pass import (
    SinglePassCRSDecoder,
    SinglePassPolyLineDecoder,
    SinglePassSimpleLineDecoder,
)
from learning_to_draw.models.encoders.base import Encoder

COORDINATES = 8  # of a cubic Bezier curve's four points
ATTENTION_SIZE = 512
PARTS = 8  # that attention divides the latent into


class Recurrent:
    """Before a single-pass decoder among a class's bases: it draws `steps` times, and sees what is there.

    At every step an encoder of its own looks at the canvas, and the single-pass decoder gets the latent with that
    view behind it. All steps' strokes together are the sketch, as a union of inks has no order.
    """

    def __init__(self, *, latent_size: int, build_encoder: Callable[[], Encoder], steps: int = 5, **common):
        """build_encoder: makes the encoder that looks at the canvas, of the kind that the agents have."""
        super().__init__(latent_size=2 * latent_size, **common)
        self.encoder = build_encoder()
        self.steps = steps

    def forward(self, latent: Tensor) -> Strokes:
        blank = latent.new_ones(len(latent), 1, self.image_size, self.image_size)
        drawn: list[Strokes] = []
        for _ in range(self.steps):
            if drawn:
                blank = blank * (1 - self.ink(drawn[-1]))
            seen = self.encoder.look(1 - blank, drawn=True).latent
            drawn.append(super().forward(torch.cat([latent, seen], dim=1)))
        intensities = None
        if drawn[0].intensities is not None:
            intensities = torch.cat([strokes.intensities for strokes in drawn], dim=1)
        return Strokes(torch.cat([strokes.points for strokes in drawn], dim=1), self.sigma2, intensities)


class RecurrentSimpleLineDecoder(Recurrent, SinglePassSimpleLineDecoder):
    """`nlines` straight lines a step."""


class RecurrentPolyLineDecoder(Recurrent, SinglePassPolyLineDecoder):
    """A line through `npoints` points at every step."""


class RecurrentPolyConnectDecoder(Recurrent, SinglePassPolyConnectDecoder):
    """`npoints` points and their connections at every step."""


class RecurrentCRSDecoder(Recurrent, SinglePassCRSDecoder):
    """`nlines` Catmull-Rom splines a step."""


class RNNBezierDecoder(Decoder):
    """A GRU whose state begins as the latent, and which gives a cubic Bezier curve a step. Strokes [B, steps, 4, 2].

    It is fed the curve before, without gradient, at first one of zeros. Nothing keeps its points on the canvas.
    """

    def __init__(self, *, latent_size: int, steps: int = 5, **drawing):
        super().__init__(**drawing)
        self.steps = steps
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
            fed = torch.relu(self.rnn["embedding"](curve.detach()))
            output, state = self.rnn["gru"](fed[:, None], state)
            curve = self.rnn["out"](output[:, 0])
            curves.append(curve)
        return Strokes(torch.stack(curves, dim=1).unflatten(2, (4, 2)), self.sigma2)


class RNNAttnBezierDecoder(Decoder):
    """A GRU that gives a cubic Bezier curve a step, and may look at the latent each time. Strokes [B, steps, 4, 2].

    Its first state is a linear map of the latent, and it is fed the curve before, without gradient (the official code
    always feeds zeros). With attention it is also fed a part of the latent, chosen by additive attention (Bahdanau et
    al. 2015) and gated by a sigmoid of the state (Xu et al. 2015). The official code attends to one part, so that there
    is nothing to choose; here the latent is looked at in eight. Nothing keeps the points on the canvas.
    """

    def __init__(self, *, latent_size: int, steps: int = 5, attention: bool = False, **drawing):
        """Raises UsageError where attention is asked for and the latent cannot be divided into eight parts."""
        super().__init__(**drawing)
        if attention and latent_size % PARTS:
            raise UsageError(
                f"--attention looks at the latent in {PARTS} parts, and --latent-size is {latent_size}.\n"
                f"Give a multiple of {PARTS}, or leave out --attention."
            )
        self.steps = steps
        self.attention = PartAttention(latent_size // PARTS, latent_size) if attention else None
        self.embedding = nn.Linear(COORDINATES, ATTENTION_SIZE)
        self.first_state = nn.Linear(latent_size, latent_size)
        self.gru = nn.GRUCell(ATTENTION_SIZE + (latent_size // PARTS if attention else 0), latent_size)
        self.out = nn.Sequential(nn.Dropout(0.5), nn.Linear(latent_size, COORDINATES))

    def forward(self, latent: Tensor) -> Strokes:
        state, curve = self.first_state(latent), latent.new_zeros(len(latent), COORDINATES)
        curves = []
        for _ in range(self.steps):
            fed = self.embedding(curve.detach())
            if self.attention is not None:
                fed = torch.cat([fed, self.attention(latent.unflatten(1, (PARTS, -1)), state)], dim=1)
            state = self.gru(fed, state)
            curve = self.out(state)
            curves.append(curve)
        return Strokes(torch.stack(curves, dim=1).unflatten(2, (4, 2)), self.sigma2)


class PartAttention(nn.Module):
    """Additive attention: parts [B, R, D] and a state [B, L] -> the gated mean of the parts, [B, D]."""

    def __init__(self, part_size: int, state_size: int):
        super().__init__()
        self.of_part = nn.Linear(part_size, ATTENTION_SIZE)
        self.of_state = nn.Linear(state_size, ATTENTION_SIZE)
        # Without a bias, which a softmax over the parts would cancel.
        self.score = nn.Linear(ATTENTION_SIZE, 1, bias=False)
        self.gate = nn.Linear(state_size, part_size)

    def forward(self, parts: Tensor, state: Tensor) -> Tensor:
        scores = self.score(torch.relu(self.of_part(parts) + self.of_state(state)[:, None]))  # [B, R, 1]
        return torch.sigmoid(self.gate(state)) * (torch.softmax(scores, dim=1) * parts).sum(1)
