"""Strokes with a width of their own, and strokes that are left out."""

import math

import pytest
import torch

from learning_to_draw.models import DECODERS
from learning_to_draw.models.decoders.base import Decoder, Strokes
from learning_to_draw.models.decoders.config import SinglePassConfig
from learning_to_draw.models.encoders.config import SimpleMLPConfig
from learning_to_draw.models.encoders.small import SimpleMLPEncoder
from learning_to_draw.rasteriser import line_edt2, pixel_grid

SIZE, LATENT, SIGMA2 = 16, 6, 0.01
LATENTS = torch.randn(3, LATENT, generator=torch.Generator().manual_seed(1))
WITH_MLP = [name for name, component in DECODERS.items() if issubclass(component.config, SinglePassConfig)]
SMALL = {"nlines": 2, "npoints": 5, "steps": 2}


def canvas_encoder():
    return SimpleMLPEncoder(SimpleMLPConfig(latent_size=LATENT, encoder_hidden=16), image_size=SIZE, channels=1)


def build(name="SinglePassSimpleLineDecoder", **options):
    torch.manual_seed(0)
    component = DECODERS[name]
    known = {key: value for key, value in SMALL.items() if key in component.config.__dataclass_fields__}
    config = component.config(**{"sigma2": SIGMA2, "stroke_spread": 1.0, **known, **options})
    return component.load()(config, latent_size=LATENT, image_size=SIZE, build_encoder=canvas_encoder)


def randomised(decoder):
    """The decoder, with heads as after some training."""
    generator = torch.Generator().manual_seed(2)
    for name, values in decoder.named_parameters():
        if name.startswith(("width_head", "gate_head")):
            size = 0.3 if name.startswith("width_head") else 1.0
            values.data += size * torch.randn(values.shape, generator=generator)
    return decoder


@torch.no_grad()
@pytest.mark.parametrize("name", WITH_MLP)
@pytest.mark.parametrize("widths", ["learned", "chosen"])
def test_untrained_agents_are_the_same_with_and_without_widths_and_gates(name, widths):
    plain, draws = build(name), torch.rand(1)
    styled = build(name, stroke_widths=widths, stroke_gates=True)
    assert torch.equal(torch.rand(1), draws)  # the weights of the receiver follow
    state = styled.state_dict()
    assert all(torch.equal(state.pop(key), value) for key, value in plain.state_dict().items())
    assert all(key.startswith(("width_head", "gate_head")) for key in state)
    strokes = styled(LATENTS)
    assert strokes.sigma2.shape == strokes.points.shape[:2]
    assert torch.allclose(strokes.sigma2, torch.tensor(SIGMA2))
    assert torch.allclose(styled.draw(strokes), plain.draw(plain(LATENTS)), atol=1e-6)


def test_widths_by_hand():
    """tanh(ln 3 / 2) is 1/2, so the factors are 4^(1/2) = 2 and 4^(-1/2) = 1/2; they lie between 1/4 and 4."""
    decoder = build(stroke_widths="learned")
    decoder.width_head.data = torch.tensor([math.log(3) / 2, -math.log(3) / 2])
    assert torch.allclose(decoder(LATENTS).sigma2, torch.tensor([[2 * SIGMA2, SIGMA2 / 2]] * 3))
    decoder.width_head.data = torch.tensor([50.0, -50.0])
    assert torch.allclose(decoder(LATENTS).sigma2, torch.tensor([[4 * SIGMA2, SIGMA2 / 4]] * 3))
    chosen = build(stroke_widths="chosen")
    chosen.width_head.weight.data[0, 0], chosen.width_head.bias.data[1] = 1.0, 50.0
    expected = torch.stack([SIGMA2 * 4 ** LATENTS[:, 0].tanh(), torch.full((3,), 4 * SIGMA2)], dim=1)
    assert torch.allclose(chosen(LATENTS).sigma2, expected)


def test_annealing_scales_all_widths():
    decoder = randomised(build(stroke_widths="chosen", sigma2_step=1, sigma2_factor=0.5, final_sigma2=0.001))
    before = decoder(LATENTS).sigma2
    decoder.anneal(0)
    assert torch.allclose(decoder(LATENTS).sigma2, before / 2)
    assert before.std() > 0.1 * SIGMA2


@torch.no_grad()
def test_a_sketch_has_its_strokes_at_their_widths():
    decoder = randomised(build(nlines=4, stroke_widths="chosen"))
    strokes = decoder(LATENTS)
    d2 = line_edt2(strokes.points.double(), pixel_grid(SIZE, dtype=torch.float64))  # [B, N, S, S]
    expected = 1 - (1 - torch.exp(-d2 / strokes.sigma2.double()[..., None, None])).prod(dim=1, keepdim=True)
    assert (decoder.draw(strokes) - expected).abs().max() < 1e-5


@torch.no_grad()
@pytest.mark.parametrize("approximation", ["polyline", "bruteforce"])
def test_splines_have_widths_in_both_approximations(approximation):
    decoder = randomised(build("SinglePassCRSDecoder", stroke_widths="learned", edt_approximation=approximation))
    strokes = decoder(LATENTS)
    blank = 1.0
    for number in range(strokes.points.shape[1]):  # ink that does not meet multiplies its paper
        blank = blank * (1 - decoder.ink(Strokes(strokes.points[:, [number]], float(strokes.sigma2[0, number]))))
    assert (decoder.ink(strokes) - (1 - blank)).abs().max() < 1e-5


@torch.no_grad()
@pytest.mark.parametrize("name", WITH_MLP)
def test_a_stroke_whose_gate_is_closed_is_not_in_the_sketch(name):
    decoder = build(name, stroke_gates=True)
    strokes = decoder(LATENTS)
    decoder.gate_head.bias.data[0] = -0.1
    step = len(decoder.gate_head.bias)
    left = [stroke for stroke in range(strokes.points.shape[1]) if stroke % step]
    gated = decoder(LATENTS)
    closed = gated.intensities[:, ::step]
    assert torch.equal(closed, torch.zeros_like(closed))
    if "Recurrent" in name:  # later steps look at another canvas
        strokes = gated
    assert torch.equal(gated.intensities[:, left], strokes.intensities[:, left])
    assert torch.allclose(decoder.draw(gated), Decoder.draw(decoder, strokes[:, left]), atol=1e-6)


def test_gradients_reach_gates_and_widths():
    """Also those of a stroke that is not drawn, or it would never be drawn again."""
    decoder = randomised(build(nlines=3, stroke_widths="chosen", stroke_gates=True))
    decoder.gate_head.weight.data.zero_()
    decoder.gate_head.bias.data = torch.tensor([1.0, -1.0, 2.0])
    decoder.draw(decoder(LATENTS)).square().sum().backward()
    assert (decoder.gate_head.bias.grad != 0).all()
    assert (decoder.gate_head.weight.grad != 0).all()
    widths = decoder.width_head.bias.grad
    assert widths[0] != 0
    assert widths[1] == 0  # a stroke without ink has no width
    assert widths[2] != 0


def test_a_gate_passes_on_the_gradient_of_a_sigmoid():
    decoder = build(stroke_gates=True)
    decoder.gate_head.bias.data = torch.tensor([0.7, -0.3])
    intensities = decoder(LATENTS).intensities
    assert intensities.flatten().tolist() == [1, 0] * 3
    weights = torch.tensor([2.0, -5.0])
    (intensities * weights[:, None]).sum().backward()
    openness = torch.tensor([0.7, -0.3]).sigmoid()
    assert torch.allclose(decoder.gate_head.bias.grad, 3 * weights * openness * (1 - openness))


def test_a_gated_colour_or_connection_keeps_its_strength():
    for name in ("SinglePassColouredLineDecoder", "SinglePassPolyConnectDecoder"):
        plain, gated = build(name)(LATENTS).intensities, randomised(build(name, stroke_gates=True))(LATENTS).intensities
        drawn = gated.amax(dim=2, keepdim=True) > 0
        assert 0 < drawn.float().mean() < 1
        assert torch.equal(gated, plain * drawn)


@pytest.mark.parametrize("shape", [(), (2,), (3, 1), (3, 2, 1)])
def test_widths_of_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"sigma2 has shape .*or shape \[3, 2\] \(one value per stroke\)"):
        Strokes(torch.zeros(3, 2, 2, 2), torch.full(shape, 0.1))
