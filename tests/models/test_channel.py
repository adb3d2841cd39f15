"""Noise between sender and receiver: turned, shifted and dropped strokes, in training only."""

import math

import pytest
import torch

from learning_to_draw import commgame
from learning_to_draw.components import InvalidValueError
from learning_to_draw.models.agents import Agents
from learning_to_draw.models.channel import turned, with_noise
from learning_to_draw.models.config import ChannelNoise, parse_channel_noise
from learning_to_draw.models.decoders.base import Strokes
from learning_to_draw.models.decoders.config import LineConfig
from learning_to_draw.models.decoders.single_pass import SinglePassSimpleLineDecoder
from learning_to_draw.models.encoders.base import Encoding
from learning_to_draw.models.encoders.config import SimpleMLPConfig
from learning_to_draw.models.encoders.small import SimpleMLPEncoder
from learning_to_draw.models.receivers import SimpleReceiverMLP
from learning_to_draw.rasteriser import draw_lines

NOISE = ChannelNoise(turn=15, shift=0.1, drop=0.1)


def small_pair(noise=None):
    encoder = SimpleMLPEncoder(SimpleMLPConfig(latent_size=8, encoder_hidden=16), image_size=12, channels=1)
    decoder = SinglePassSimpleLineDecoder(LineConfig(nlines=3, stroke_spread=1.0), latent_size=8, image_size=12)
    return Agents(encoder, encoder, decoder, SimpleReceiverMLP(latent_size=8), channel_noise=noise)


def test_a_line_turned_by_a_quarter():
    """Anticlockwise, rows downwards: right goes up, up goes left. The two sketches get angles of their own."""
    line = torch.tensor([[[[0.0, 0.8], [-0.5, 0.2]]]]).repeat(2, 1, 1, 1)
    quarter, third = turned(line, torch.tensor([90.0, -30.0]))
    assert torch.allclose(quarter, torch.tensor([[[-0.8, 0.0], [-0.2, -0.5]]]), atol=1e-6)
    half, root = 0.5, math.sqrt(3) / 2
    expected = [[0.8 * half, 0.8 * root], [-0.5 * root + 0.2 * half, 0.5 * half + 0.2 * root]]
    assert torch.allclose(third, torch.tensor([expected]), atol=1e-6)
    drawn, as_drawn = draw_lines(turned(line, torch.tensor([90.0, 90.0])), 21, 0.01), draw_lines(line, 21, 0.01)
    assert torch.allclose(drawn, as_drawn.rot90(dims=(-2, -1)), atol=1e-5)


def test_shifts_and_dropped_strokes_have_the_distribution_that_was_asked_for():
    strokes = Strokes(torch.rand(20_000, 3, 2, 2) - 0.5, 0.01, torch.rand(20_000, 3, 1) + 0.1)
    torch.manual_seed(0)
    noisy = with_noise(strokes, ChannelNoise(shift=0.1, drop=0.25))
    shifts = noisy.points - strokes.points
    assert torch.allclose(shifts, shifts[:, :1, :1], atol=1e-6)
    shift = shifts[:, 0, 0]
    assert shift.abs().max() <= 0.1 + 1e-6
    assert shift.abs().amax(dim=0).min() > 0.099
    assert shift.mean(dim=0).tolist() == pytest.approx([0, 0], abs=0.002)
    assert shift.var(dim=0).tolist() == pytest.approx([0.01 / 3] * 2, rel=0.03)  # uniform: width² / 12
    assert float(torch.corrcoef(shift.T)[0, 1]) == pytest.approx(0, abs=0.03)
    dropped = noisy.intensities == 0
    assert dropped.float().mean(dim=0).flatten().tolist() == pytest.approx([0.25] * 3, abs=0.015)
    assert dropped.all(dim=1).float().mean().item() == pytest.approx(0.25**3, abs=0.004)  # independently
    assert torch.equal(noisy.intensities[~dropped], strokes.intensities[~dropped])
    assert noisy.sigma2 == strokes.sigma2


def test_angles_are_uniform():
    torch.manual_seed(0)
    noisy = with_noise(Strokes(torch.tensor([0.0, 0.7]).expand(20_000, 1, 1, 2), 0.01), ChannelNoise(turn=60))
    row, column = noisy.points[:, 0, 0].unbind(-1)
    assert torch.allclose(row.hypot(column), torch.tensor(0.7))
    degrees = torch.rad2deg(torch.atan2(-row, column))
    assert degrees.abs().max() <= 60 + 1e-3
    assert degrees.mean().item() == pytest.approx(0, abs=1)
    assert degrees.var().item() == pytest.approx(120**2 / 12, rel=0.03)
    assert torch.equal(noisy.intensities, torch.ones(20_000, 1, 1))


def test_gradients_pass_and_a_dropped_stroke_gets_none():
    points = (torch.rand(3, 4, 2, 2, dtype=torch.float64) - 0.5).requires_grad_()
    intensities = torch.rand(3, 4, 3, dtype=torch.float64).add(0.1).requires_grad_()

    def noisy(points, intensities):
        torch.manual_seed(1)
        strokes = with_noise(Strokes(points, 0.01, intensities), ChannelNoise(turn=15, shift=0.1, drop=0.5))
        return strokes.points, strokes.intensities

    assert torch.autograd.gradcheck(noisy, (points, intensities))
    arrived = noisy(points, intensities)[1]
    (gradient,) = torch.autograd.grad(arrived.sum(), intensities)
    assert torch.equal(gradient, (arrived > 0).double())
    assert 0 < gradient.mean() < 1


def test_the_receiver_sees_noise_in_training_only():
    torch.manual_seed(0)
    agents = small_pair(NOISE)
    photos, candidates = torch.rand(5, 1, 12, 12), torch.arange(5)[None]
    clean = agents.decoder(agents.sender_encoder.encode(photos).latent)

    play = agents(photos, candidates, 5)
    assert torch.equal(play.sketches, agents.decoder.draw(play.strokes))
    expected = agents.guess(
        agents.receiver_encoder.encode(play.sketches, is_sketch=True).latent,
        agents.receiver_encoder.encode(photos).latent[candidates],
    )
    assert torch.allclose(play.scores, expected, atol=1e-6)
    moved = (play.strokes.points - clean.points).abs().amax(dim=(1, 2, 3))
    assert (moved > 1e-3).all()
    play.scores.sum().backward()
    assert all(weight.grad is not None for weight in agents.decoder.parameters())
    assert agents.decoder.latent_to_linecoord[4].weight.grad.abs().max() > 0

    agents.eval()
    state = torch.get_rng_state()
    quiet = agents(photos, candidates, 5)
    assert torch.equal(quiet.strokes.points, clean.points)
    assert quiet.strokes.intensities is None
    assert torch.equal(torch.get_rng_state(), state)


def test_without_noise_no_random_numbers_are_drawn_in_training():
    agents = small_pair()
    state = torch.get_rng_state()
    strokes, _ = agents.sketch(Encoding(torch.rand(2, 8, generator=torch.Generator().manual_seed(0))))
    assert torch.equal(torch.get_rng_state(), state)
    assert strokes.intensities is None


def test_texts_of_the_option():
    assert parse_channel_noise("turn=15,shift=0.1,drop=0.1") == NOISE
    assert parse_channel_noise("drop=1, turn = 180") == ChannelNoise(turn=180, drop=1)
    assert parse_channel_noise("shift=1e-1") == ChannelNoise(shift=0.1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("turn=abc", "'turn=abc': turn needs a number from 0 to 180"),
        ("turn", "'turn': turn needs a number"),
        ("turn=-5", "'turn=-5': turn needs"),
        ("turn=181", "'turn=181': turn needs"),
        ("shift=nan", "'shift=nan': shift needs a number from 0 to 1"),
        ("drop=1.5", "'drop=1.5': drop needs a number from 0 to 1"),
        ("tilt=3", "'tilt=3' is not a kind of noise: write one or more of turn, shift and drop"),
        ("turn=1,turn=2", "turn is given twice"),
        ("turn=1,", "'' is not a kind of noise"),
        ("15", "'15' is not a kind of noise"),
    ],
)
def test_wrong_texts_of_the_option(text, message, capsys, tmp_path):
    with pytest.raises(InvalidValueError) as caught:
        parse_channel_noise(text)
    assert str(caught.value).startswith(message)
    output = tmp_path / "run"
    assert commgame.main(["train", "--channel-noise", text, "--output", str(output)]) == 2
    assert str(caught.value) in " ".join(capsys.readouterr().err.split())
    assert not output.exists()
