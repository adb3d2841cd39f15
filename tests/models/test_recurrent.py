"""Recurrent decoders: the input of every step, and the sketch as the ink of all steps."""

import pytest
import torch
from torch import nn

from learning_to_draw.errors import UsageError
from learning_to_draw.models import DECODERS
from learning_to_draw.models.decoders.recurrent import (
    PARTS,
    PartAttention,
    RecurrentCRSDecoder,
    RecurrentPolyConnectDecoder,
    RecurrentPolyLineDecoder,
    RecurrentSimpleLineDecoder,
    RNNAttnBezierDecoder,
    RNNBezierDecoder,
)
from learning_to_draw.models.encoders.base import Encoder, Encoding
from learning_to_draw.models.encoders.config import SimpleMLPConfig
from learning_to_draw.models.encoders.small import SimpleMLPEncoder
from learning_to_draw.rasteriser import curve_edt2_polyline, exp, pixel_grid, softor

SIZE, LATENT, SIGMA2 = 16, 8, 0.01
LATENTS = torch.randn(3, LATENT, generator=torch.Generator().manual_seed(1))
RECURRENT = {
    RecurrentSimpleLineDecoder: ({"nlines": 2}, 2),
    RecurrentPolyLineDecoder: ({"npoints": 4}, 3),
    RecurrentPolyConnectDecoder: ({"npoints": 3}, 6),
    RecurrentCRSDecoder: ({"npoints": 5}, 2),
}


def canvas_encoder(channels=1):
    config = SimpleMLPConfig(latent_size=LATENT, encoder_hidden=16)
    return SimpleMLPEncoder(config, image_size=SIZE, channels=channels)


def build(cls, *, latent_size=LATENT, build_encoder=canvas_encoder, **options):
    torch.manual_seed(0)
    if cls in RECURRENT:
        options["stroke_spread"] = 1.0
    config = DECODERS[cls.__name__].config(sigma2=SIGMA2, **options)
    return cls(config, latent_size=latent_size, image_size=SIZE, build_encoder=build_encoder)


class Watching(Encoder):
    """Keeps the canvases that it encodes; the latent is their mean ink."""

    channels = 1

    def __init__(self):
        super().__init__()
        self.shown = []

    def forward(self, pictures, *, layers=(), is_sketch=False):
        self.shown.append(pictures)
        return Encoding(pictures.mean((1, 2, 3))[:, None].expand(-1, LATENT))


@torch.no_grad()
@pytest.mark.parametrize("cls", RECURRENT)
def test_each_step_sees_what_the_steps_before_have_drawn(cls):
    options, a_step = RECURRENT[cls]
    decoder = build(cls, steps=3, build_encoder=Watching, contrast=0.5, **options)
    strokes = decoder(LATENTS)
    assert strokes.points.shape[1] == 3 * a_step
    shown = decoder.encoder.shown
    assert len(shown) == 3
    assert not shown[0].any()
    for step, canvas in enumerate(shown[1:], start=1):
        intensities = None if strokes.intensities is None else strokes.intensities[:, : step * a_step]
        so_far = type(strokes)(strokes.points[:, : step * a_step], SIGMA2, intensities)
        assert torch.allclose(canvas, decoder.ink(so_far), atol=1e-6)
    # A step's strokes depend on the latent concatenated with the latent of the canvas.
    given = torch.cat([LATENTS, shown[1].mean((1, 2, 3))[:, None].expand(-1, LATENT)], dim=1)
    again = super(type(decoder).__mro__[1], decoder).forward(given)
    assert torch.equal(again.points, strokes.points[:, a_step : 2 * a_step])


@torch.no_grad()
@pytest.mark.parametrize("cls", RECURRENT)
def test_the_sketch_is_the_union_of_all_steps_times_contrast(cls):
    options, a_step = RECURRENT[cls]
    decoder = build(cls, steps=2, contrast=0.5, **options)
    strokes = decoder(LATENTS)
    halves = [
        decoder.ink(type(strokes)(part, SIGMA2, ink))
        for part, ink in zip(
            strokes.points.split(a_step, 1),
            (None, None) if strokes.intensities is None else strokes.intensities.split(a_step, 1),
            strict=True,
        )
    ]
    assert torch.allclose(decoder.draw(strokes), 0.5 * (1 - (1 - halves[0]) * (1 - halves[1])), atol=1e-6)


def test_hard_connections_count_in_every_step():
    decoder = build(RecurrentPolyConnectDecoder, npoints=3, steps=2, hard=True)
    assert set(decoder(LATENTS).intensities.detach().flatten().tolist()) <= {0.0, 1.0}


def test_a_canvas_encoder_of_colour_sees_the_grey_canvas():
    decoder = build(RecurrentSimpleLineDecoder, build_encoder=lambda: canvas_encoder(channels=3))
    decoder.draw(decoder(LATENTS)).sum().backward()
    assert all(parameter.grad is not None for parameter in decoder.encoder.parameters())


@torch.no_grad()
def test_a_gru_draws_a_curve_a_step():
    decoder = build(RNNBezierDecoder, steps=4)
    state = {key.removeprefix("rnn."): value.double() for key, value in decoder.state_dict().items()}
    cell = nn.GRUCell(LATENT, LATENT).double()
    cell.load_state_dict({key.removeprefix("gru.")[:-3]: v for key, v in state.items() if key.startswith("gru.")})
    hidden, curve, curves = LATENTS.double(), torch.zeros(3, 8, dtype=torch.float64), []
    for _ in range(4):
        fed = (curve @ state["embedding.weight"].T + state["embedding.bias"]).clamp(min=0)
        hidden = cell(fed, hidden)
        curve = hidden @ state["out.weight"].T + state["out.bias"]
        curves.append(curve.unflatten(1, (4, 2)))
    expected = torch.stack(curves, dim=1)
    strokes = decoder(LATENTS)
    assert (strokes.points - expected).abs().max() < 1e-5
    rasters = exp(curve_edt2_polyline(expected, pixel_grid(SIZE, dtype=torch.float64), 10), SIGMA2)
    assert (decoder.draw(strokes) - softor(rasters, keepdim=True)).abs().max() < 1e-5


def test_a_gru_is_fed_its_last_curve_without_gradient():
    decoder = build(RNNBezierDecoder, steps=2)
    points = decoder(LATENTS).points
    points[:, 1].sum().backward()
    # The zeros of the first step give the embedding's weights no gradient; the curve of the first step does.
    fed = torch.relu(decoder.rnn["embedding"](points[:, 0].flatten(1).detach())).detach()
    assert decoder.rnn["embedding"].weight.grad.abs().max() > 0
    with torch.no_grad():
        first_output, state = decoder.rnn["gru"](
            torch.relu(decoder.rnn["embedding"](torch.zeros(3, 8)))[:, None], LATENTS[None]
        )
        again, _ = decoder.rnn["gru"](fed[:, None], state)
        assert torch.allclose(decoder.rnn["out"](again[:, 0]), points[:, 1].flatten(1), atol=1e-6)
        assert torch.allclose(decoder.rnn["out"](first_output[:, 0]), points[:, 0].flatten(1), atol=1e-6)


@pytest.mark.parametrize("attention", [False, True])
def test_the_second_gru_feeds_on_what_it_drew_and_drops_half_in_training(attention):
    decoder = build(RNNAttnBezierDecoder, steps=3, attention=attention)
    torch.manual_seed(1)
    assert not torch.equal(decoder(LATENTS).points, decoder(LATENTS).points)
    decoder.eval()
    drawn = decoder(LATENTS).points
    assert drawn.shape == (3, 3, 4, 2)
    assert torch.equal(drawn, decoder(LATENTS).points)
    drawn.sum().backward()
    # The embedding's weights get no gradient from the first curve, which is zero.
    assert decoder.embedding.weight.grad.abs().max() > 0
    assert all(torch.isfinite(parameter.grad).all() for parameter in decoder.parameters())


@torch.no_grad()
def test_attention_weighs_parts_and_gates_their_mean():
    torch.manual_seed(0)
    attention = PartAttention(part_size=2, state_size=8)
    parts, state = torch.randn(3, PARTS, 2), torch.randn(3, 8)
    attention.gate.weight.zero_()
    attention.gate.bias.fill_(100.0)  # open
    looked = attention(parts, state)
    assert torch.allclose(looked, attention(parts[:, torch.randperm(PARTS)], state), atol=1e-6)
    assert (looked <= parts.amax(1)).all()
    assert (looked >= parts.amin(1)).all()
    attention.score.weight.zero_()  # all parts alike
    assert torch.allclose(attention(parts, state), parts.mean(1), atol=1e-6)
    attention.gate.bias.fill_(-100.0)  # closed
    assert attention(parts, state).abs().max() < 1e-6


def test_attention_needs_a_latent_that_can_be_divided():
    with pytest.raises(UsageError, match="--latent-size is 12"):
        build(RNNAttnBezierDecoder, latent_size=12, attention=True)
    build(RNNAttnBezierDecoder, latent_size=12)


@pytest.mark.parametrize("cls", [RNNBezierDecoder, RNNAttnBezierDecoder])
def test_no_gradient_passes_through_the_curves_that_a_gru_is_fed(cls):
    decoder, fed = build(cls, steps=3), []
    embedding = decoder.rnn["embedding"] if cls is RNNBezierDecoder else decoder.embedding
    embedding.register_forward_pre_hook(lambda _, inputs: fed.append(inputs[0]))
    assert decoder(LATENTS).points.requires_grad
    assert [curve.requires_grad for curve in fed] == [False] * 3
