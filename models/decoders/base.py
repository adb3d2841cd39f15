"""The base class of decoders: from a latent to strokes, and from strokes to ink."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from learning_to_draw.models.decoders.config import DecoderConfig, SinglePassConfig
from learning_to_draw.models.encoders.base import Encoder, Encoding
from learning_to_draw.rasteriser import draw_curves, draw_lines, draw_points

WIDEST = 4.0  # sigma2 of a stroke is at most this factor times the decoder's sigma2, and at least 1 / WIDEST times it
FEEDBACK_SIZE = 2  # the probabilities of the target and of the receiver's guess
OPEN = 2.0  # initial logit of every gate, so that training starts with all strokes drawn


@dataclass(frozen=True)
class Strokes:
    """N strokes of one kind in each of B sketches, on a canvas that spans -1..1.

    points: float [B, N, P, 2], control points as (row, col). P = 1 is a point, 2 a line (start, end), 4 a cubic Bezier
    curve (start, two controls, end).
    sigma2: squared stroke width in canvas units; one number for all strokes, or float [B, N], one number per stroke.
    intensities: float [B, N, C] in 0..1, the ink of each stroke in each of C colour channels; None: a single channel,
    with intensity 1. A stroke whose intensities are all 0 is not drawn.

    Raises ValueError for another P, and if sigma2 is a tensor of another shape.
    """

    points: Tensor
    sigma2: float | Tensor
    intensities: Tensor | None = None

    def __post_init__(self):
        if self.points.shape[-2] not in (1, 2, 4):
            raise ValueError(
                f"points has shape {list(self.points.shape)}: expected [B, N, P, 2], with P = 1 (points), 2 (lines) "
                "or 4 (cubic Bezier curves)"
            )
        if isinstance(self.sigma2, Tensor) and self.sigma2.shape != self.points.shape[:2]:
            raise ValueError(
                f"sigma2 has shape {list(self.sigma2.shape)}: expected a number, or shape "
                f"{list(self.points.shape[:2])} (one value per stroke)"
            )

    @classmethod
    def from_arrays(
        cls,
        points: np.ndarray,
        sigma2: float | np.ndarray,
        intensities: np.ndarray | None,
        device: torch.device | str = "cpu",
    ) -> Strokes:
        """The strokes as tensors on `device`."""

        def tensor(array: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array)).to(device)

        return cls(
            tensor(points),
            tensor(sigma2) if isinstance(sigma2, np.ndarray) else sigma2,
            None if intensities is None else tensor(intensities),
        )

    def __getitem__(self, index: Any) -> Strokes:
        """Strokes of some sketches, as in `strokes[2:4]`, or some strokes of each sketch, as in `strokes[:, :3]`."""
        return Strokes(
            self.points[index],
            self.sigma2[index] if isinstance(self.sigma2, Tensor) else self.sigma2,
            None if self.intensities is None else self.intensities[index],
        )


class Decoder(nn.Module):
    """Latents [B, latent_size] to `Strokes`, and strokes to ink. sigma2 may decrease during training.

    channels: the number of channels of the ink, 1 or 3. needed_layers: the sender's feature layers whose maps the
    decoder looks at. steps: the number of steps in which it draws; each step draws the same number of strokes.
    takes_feedback: whether each step has FEEDBACK_SIZE numbers about the receiver's guess as an additional input.
    feedback: computes these numbers, [B, FEEDBACK_SIZE], from the strokes so far; None: they are 0.
    """

    channels = 1
    steps = 1
    takes_feedback = False
    feedback: Callable[[Strokes], Tensor] | None = None
    needed_layers: tuple[str, ...] = ()

    def __init__(
        self,
        config: DecoderConfig,
        *,
        latent_size: int,
        image_size: int,
        build_encoder: Callable[[], Encoder] | None = None,
    ):
        """build_encoder: builds a new encoder with the options of the sender's. Only decoders that encode their own
        canvas, or that use the sender's feature maps, need it."""
        super().__init__()
        self.image_size = image_size
        self.contrast = config.contrast
        self.sigma2 = config.sigma2
        self.final_sigma2 = config.final_sigma2
        self.sigma2_factor = config.sigma2_factor
        self.sigma2_step = config.sigma2_step

    def forward(self, latent: Tensor) -> Strokes:
        raise NotImplementedError

    def strokes_for(self, encoding: Encoding) -> Strokes:
        """The strokes for the sender's encoding of photos. A decoder with `needed_layers` overrides this."""
        return self(encoding.latent)

    def draw(self, strokes: Strokes) -> Tensor:
        """Ink [B, channels, S, S] in 0..`contrast`."""
        return self.ink(strokes) * self.contrast

    def ink(self, strokes: Strokes) -> Tensor:
        """Ink before contrast, in 0..1: 1 - prod(1 - intensity * exp(-distance^2 / sigma2)) over all strokes."""
        size, sigma2, intensities = self.image_size, strokes.sigma2, strokes.intensities
        match strokes.points.shape[2]:
            case 1:
                return draw_points(strokes.points.squeeze(2), size, sigma2, intensities)
            case 2:
                return draw_lines(strokes.points, size, sigma2, intensities)
            case _:
                return draw_curves(strokes.points, size, sigma2, intensities=intensities)

    def anneal(self, epoch: int) -> None:
        """Multiplies sigma2 by `sigma2_factor` after epoch number `epoch` (from 0), down to `final_sigma2`.

        This happens if `epoch` is a multiple of a positive `sigma2_step`, hence also after epoch 0, as in the first
        release of the official code.
        """
        if self.sigma2_step > 0 and epoch % self.sigma2_step == 0 and self.sigma2 > self.final_sigma2:
            self.sigma2 = max(self.sigma2 * self.sigma2_factor, self.final_sigma2)


class MLPDecoder(Decoder):
    """A decoder with an MLP. Its strokes may have widths of their own, and may be left out.

    `stroke_widths` "learned" and "chosen" multiply sigma2 of each stroke by WIDEST ** tanh(x), from 1/4 to 4; x starts
    at 0. "learned": x is a parameter of each stroke, equal in all sketches. "chosen": x is a linear map of the latent.
    `stroke_gates`: a stroke is drawn if a linear map of the latent is above 0, and left out (intensity 0) otherwise;
    the gradient is that of a sigmoid (straight-through). Untrained linear maps give x = 0 and leave out no stroke, and
    their initialisation takes no random numbers, so an untrained decoder draws as without these options.
    """

    def add_heads(self, config: SinglePassConfig, latent_size: int, strokes: int) -> None:
        """Adds the parameters that decide widths and gates; they are None if `config` does not ask for them."""
        self.width_head: nn.Parameter | nn.Linear | None = None
        if config.stroke_widths == "learned":
            self.width_head = nn.Parameter(torch.zeros(strokes))
        elif config.stroke_widths == "chosen":
            self.width_head = constant_layer(latent_size, strokes, 0.0)
        self.gate_head = constant_layer(latent_size, strokes, OPEN) if config.stroke_gates else None

    def with_style(self, latent: Tensor, points: Tensor, intensities: Tensor | None) -> Strokes:
        """The strokes of latents [B, latent_size], with their widths, and with intensity 0 where a gate is closed."""
        sigma2: float | Tensor = self.sigma2
        if self.width_head is not None:
            head = self.width_head
            x = head.expand(len(latent), -1) if isinstance(head, nn.Parameter) else head(latent)
            sigma2 = sigma2 * WIDEST ** torch.tanh(x)
        if self.gate_head is not None:
            gates = straight_through(torch.sigmoid(self.gate_head(latent))).unsqueeze(2)
            intensities = gates if intensities is None else intensities * gates
        return Strokes(points, sigma2, intensities)


def constant_layer(inputs: int, outputs: int, bias: float) -> nn.Linear:
    """A linear layer whose output is `bias` until it is trained. Draws no random numbers."""
    layer = cast(nn.Linear, skip_init(nn.Linear, inputs, outputs))
    nn.init.zeros_(layer.weight)
    nn.init.constant_(layer.bias, bias)
    return layer


def straight_through(probabilities: Tensor) -> Tensor:
    """Probabilities rounded to 0 or 1; gradients ignore the rounding (Bengio et al. 2013)."""
    return probabilities + ((probabilities > 0.5).to(probabilities) - probabilities).detach()


def hidden_layers(latent_size: int, config: SinglePassConfig) -> list[nn.Module]:
    """Linear, ReLU, Linear, ReLU: [B, latent_size] -> [B, decoder_hidden2], for every decoder with an MLP."""
    hidden, hidden2 = config.decoder_hidden, config.decoder_hidden2
    return [nn.Linear(latent_size, hidden), nn.ReLU(), nn.Linear(hidden, hidden2), nn.ReLU()]


def point_layers(points: int, config: SinglePassConfig) -> list[nn.Module]:
    """Linear, Tanh: [B, decoder_hidden2] -> [B, 2 * points] coordinates on the canvas.

    Biases are uniform in -stroke_spread..stroke_spread (an option of `config`), which spreads untrained strokes over
    the canvas. With stroke_spread 0, biases have torch's initialisation, and strokes start near the centre.
    """
    linear = nn.Linear(config.decoder_hidden2, 2 * points)
    if config.stroke_spread:
        with torch.no_grad():
            linear.bias.uniform_(-config.stroke_spread, config.stroke_spread)
    return [linear, nn.Tanh()]
