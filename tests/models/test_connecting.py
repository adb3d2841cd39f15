"""Decoders that connect points, against the official formulas; straight-through connections."""

import pytest
import torch

from learning_to_draw.errors import UsageError
from learning_to_draw.models.decoders.config import ConnectConfig
from learning_to_draw.models.decoders.connect import SinglePassBezierConnectDecoder, SinglePassPolyConnectDecoder
from learning_to_draw.rasteriser import curve_edt2_polyline, exp, line_edt2, pixel_grid, softor

SIZE, LATENT, SIGMA2 = 20, 6, 0.01
LATENTS = torch.randn(3, LATENT, generator=torch.Generator().manual_seed(1))
ALL_PAIRS = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
OTHERS = [(0, 1), (0, 2), (1, 2)]


def build(cls, **options):
    torch.manual_seed(0)
    config = ConnectConfig(**({"sigma2": SIGMA2, "npoints": 3, "stroke_spread": 1.0} | options))
    decoder = cls(config, latent_size=LATENT, image_size=SIZE)
    with torch.no_grad():
        decoder.enc_con[0].weight.mul_(20)  # connections far from one half
    return decoder


def official_heads(decoder):
    """(coordinates [B, *], connections [B, pairs]) in float64."""
    state = {key: value.double() for key, value in decoder.state_dict().items()}

    def linear(values, key):
        return values @ state[f"{key}.weight"].T + state[f"{key}.bias"]

    hidden = linear(linear(LATENTS.double(), "enc1.0").clamp(min=0), "enc1.2").clamp(min=0)
    return linear(hidden, "enc_pts.0").tanh(), linear(hidden, "enc_con.0").sigmoid()


def expected_sketch(strokes, connections, distance):
    rasters = exp(distance(strokes, pixel_grid(SIZE, dtype=torch.float64)), SIGMA2)
    return softor(rasters * connections[:, :, None, None], keepdim=True)


@torch.no_grad()
@pytest.mark.parametrize(("allow_points", "pairs"), [(True, ALL_PAIRS), (False, OTHERS)])
@pytest.mark.parametrize("hard", [False, True])
def test_lines_between_all_pairs(allow_points, pairs, hard):
    decoder = build(SinglePassPolyConnectDecoder, allow_points=allow_points, hard=hard)
    values, connections = official_heads(decoder)
    points = values.unflatten(1, (3, 2))
    lines = torch.stack([points[:, pair] for pair in pairs], dim=1)
    if hard:
        connections = (connections > 0.5).double()
    sketch = decoder.draw(decoder(LATENTS))
    assert (sketch - expected_sketch(lines, connections, line_edt2)).abs().max() < 1e-5


@torch.no_grad()
@pytest.mark.parametrize(("allow_points", "pairs"), [(True, ALL_PAIRS), (False, OTHERS)])
def test_curves_leave_towards_a_control_and_arrive_from_its_mirror_image(allow_points, pairs):
    decoder = build(SinglePassBezierConnectDecoder, allow_points=allow_points)
    values, connections = official_heads(decoder)
    point, control = values.unflatten(1, (3, 2, 2)).unbind(2)
    curves = torch.stack(
        [torch.stack([point[:, i], control[:, i], 2 * point[:, j] - control[:, j], point[:, j]], 1) for i, j in pairs],
        dim=1,
    )
    sketch = decoder.draw(decoder(LATENTS))
    expected = expected_sketch(curves, connections, lambda strokes, grid: curve_edt2_polyline(strokes, grid, 10))
    assert (sketch - expected).abs().max() < 1e-5


def test_hard_connections_pass_on_the_gradient_of_soft_ones():
    hard, soft = (build(SinglePassPolyConnectDecoder, hard=hard) for hard in (True, False))
    weights = torch.randn(3, 6, 1)
    rounded = hard(LATENTS).intensities
    assert set(rounded.detach().flatten().tolist()) == {0.0, 1.0}
    (rounded * weights).sum().backward()
    (soft(LATENTS).intensities * weights).sum().backward()
    assert torch.allclose(hard.enc_con[0].weight.grad, soft.enc_con[0].weight.grad)
    assert hard.enc_con[0].weight.grad.abs().max() > 0


def test_pairs_are_in_lexicographic_order():
    assert build(SinglePassPolyConnectDecoder).pairs.T.tolist() == [list(pair) for pair in ALL_PAIRS]
    assert build(SinglePassPolyConnectDecoder, npoints=16).pairs.shape == (2, 136)
    assert build(SinglePassPolyConnectDecoder, npoints=16, allow_points=False).pairs.shape == (2, 120)


def test_one_point_alone_needs_to_be_connected_with_itself():
    assert build(SinglePassPolyConnectDecoder, npoints=1)(LATENTS).points.shape == (3, 1, 2, 2)
    with pytest.raises(UsageError, match="--npoints 1"):
        build(SinglePassPolyConnectDecoder, npoints=1, allow_points=False)
