"""Single-pass decoders: which points form which strokes, and sketches against the official formulas in float64."""

import pytest
import torch

from learning_to_draw.errors import UsageError
from learning_to_draw.models import DECODERS
from learning_to_draw.models.decoders.config import LineConfig
from learning_to_draw.models.decoders.single_pass import (
    SinglePassColouredCRSDecoder,
    SinglePassColouredLineDecoder,
    SinglePassColouredPointsDecoder,
    SinglePassCRSDecoder,
    SinglePassPointsDecoder,
    SinglePassPolyLineDecoder,
    SinglePassSimpleBezierDecoder,
    SinglePassSimpleLineDecoder,
)
from learning_to_draw.rasteriser import (
    catmull_rom_spline,
    cubic_bezier,
    curve_edt2_polyline,
    exp,
    line_edt2,
    over,
    pixel_grid,
    point_edt2,
    softor,
)

SIZE, LATENT, SIGMA2 = 20, 6, 0.01
LATENTS = torch.randn(3, LATENT, generator=torch.Generator().manual_seed(1))


def build(cls, **options):
    torch.manual_seed(0)
    config = DECODERS[cls.__name__].config(sigma2=SIGMA2, stroke_spread=1.0, **options)
    return cls(config, latent_size=LATENT, image_size=SIZE)


def official_points(decoder, head):
    """The output [B, n, 2] of the official MLP with the decoder's weights, in float64."""
    values = LATENTS.double()
    for k in (0, 2, 4):
        weight, bias = (decoder.state_dict()[f"{head}.{k}.{name}"].double() for name in ("weight", "bias"))
        values = values @ weight.T + bias
        values = values.clamp(min=0) if k < 4 else values.tanh()
    return values.unflatten(1, (-1, 2))


def grid():
    return pixel_grid(SIZE, dtype=torch.float64)


def assert_sketch(decoder, expected):
    with torch.no_grad():
        sketch = decoder.draw(decoder(LATENTS))
    assert sketch.shape == expected.shape
    assert (sketch - expected).abs().max() < 1e-5


@torch.no_grad()
def test_lines():
    decoder = build(SinglePassSimpleLineDecoder, nlines=4)
    lines = official_points(decoder, "latent_to_linecoord").unflatten(1, (4, 2))
    assert_sketch(decoder, softor(exp(line_edt2(lines, grid()), SIGMA2), keepdim=True))


@torch.no_grad()
def test_points():
    decoder = build(SinglePassPointsDecoder, npoints=7)
    points = official_points(decoder, "latent_to_pointscoord")
    assert_sketch(decoder, softor(exp(point_edt2(points, grid()), SIGMA2), keepdim=True))


@torch.no_grad()
def test_a_polyline_joins_neighbouring_points():
    decoder = build(SinglePassPolyLineDecoder, npoints=4)
    points = official_points(decoder, "latent_to_linecoord")
    lines = torch.stack([points[:, [k, k + 1]] for k in range(3)], dim=1)
    assert_sketch(decoder, softor(exp(line_edt2(lines, grid()), SIGMA2), keepdim=True))


@torch.no_grad()
@pytest.mark.parametrize("edt_approximation", ["polyline", "bruteforce"])
def test_splines_take_four_points_after_another_of_each_line(edt_approximation):
    decoder = build(SinglePassCRSDecoder, npoints=6, nlines=2, edt_approximation=edt_approximation)
    lines = official_points(decoder, "latent_to_points").unflatten(1, (2, 6))
    pieces = torch.stack([lines[:, line, k : k + 4] for line in range(2) for k in range(3)], dim=1)
    # For bruteforce, a fine polyline replaces the exact curve.
    segments = 10 if edt_approximation == "polyline" else 400
    expected = softor(exp(curve_edt2_polyline(pieces, grid(), segments, catmull_rom_spline), SIGMA2), keepdim=True)
    sketch = decoder.draw(decoder(LATENTS))
    assert (sketch - expected).abs().max() < (1e-5 if edt_approximation == "polyline" else 5e-3)


@torch.no_grad()
def test_the_search_for_the_nearest_point_is_nearer_to_the_curve_than_ten_pieces():
    exact = build(SinglePassCRSDecoder, npoints=5, edt_approximation="bruteforce")
    coarse = build(SinglePassCRSDecoder, npoints=5)
    strokes = exact(LATENTS)
    fine = softor(exp(curve_edt2_polyline(strokes.points.double(), grid(), 400, cubic_bezier), SIGMA2), keepdim=True)
    assert (exact.draw(strokes) - fine).abs().max() < 0.2 * (coarse.draw(strokes) - fine).abs().max()


def test_coloured_splines_can_be_drawn_by_the_search_too():
    torch.manual_seed(0)
    decoder = build(SinglePassColouredCRSDecoder, npoints=5, edt_approximation="bruteforce")
    coarse = build(SinglePassColouredCRSDecoder, npoints=5)
    coarse.load_state_dict(decoder.state_dict())
    sketch = decoder.draw(decoder(LATENTS))
    assert sketch.shape == (3, 3, SIZE, SIZE)
    assert (sketch - coarse.draw(coarse(LATENTS))).abs().max() < 0.05
    sketch.sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in decoder.parameters())


@torch.no_grad()
def test_bezier_lines_of_one_curve():
    decoder = build(SinglePassSimpleBezierDecoder, nlines=2)
    curves = official_points(decoder, "latent_to_linecoord").unflatten(1, (2, 4))
    assert_sketch(decoder, softor(exp(curve_edt2_polyline(curves, grid(), 10), SIGMA2), keepdim=True))


@torch.no_grad()
def test_bezier_lines_of_several_curves_with_corners():
    decoder = build(SinglePassSimpleBezierDecoder, nlines=2, segments=3)
    lines = official_points(decoder, "latent_to_linecoord").unflatten(1, (2, 10))
    curves = torch.stack([lines[:, n, 3 * k : 3 * k + 4] for n in range(2) for k in range(3)], dim=1)
    assert_sketch(decoder, softor(exp(curve_edt2_polyline(curves, grid(), 10), SIGMA2), keepdim=True))


@torch.no_grad()
def test_smooth_bezier_lines():
    decoder = build(SinglePassSimpleBezierDecoder, nlines=2, segments=3, smooth=True)
    curves = []
    for p in official_points(decoder, "latent_to_linecoord").unflatten(1, (2, 8)).unbind(1):
        p = p.unbind(1)
        curves.append(torch.stack(p[:4], 1))
        for k in (1, 2):  # as the official code numbers them
            curves.append(torch.stack([p[2 * k + 1], 2 * p[2 * k + 1] - p[2 * k], p[2 * k + 2], p[2 * k + 3]], 1))
    curves = torch.stack(curves, dim=1)
    assert_sketch(decoder, softor(exp(curve_edt2_polyline(curves, grid(), 10), SIGMA2), keepdim=True))
    points = decoder(LATENTS).points.unflatten(1, (2, 3))
    for before, after in ((0, 1), (1, 2)):
        leaving, arriving = points[:, :, after, 1] - points[:, :, after, 0], points[:, :, before, 3]
        assert torch.allclose(leaving, arriving - points[:, :, before, 2], atol=1e-6)
        assert torch.equal(points[:, :, after, 0], arriving)


@torch.no_grad()
@pytest.mark.parametrize(
    ("cls", "options", "head", "distance"),
    [
        (SinglePassColouredLineDecoder, {"nlines": 4}, "latent_to_linecoord", line_edt2),
        (SinglePassColouredPointsDecoder, {"npoints": 5}, "latent_to_pointscoord", point_edt2),
    ],
)
def test_colours_are_composed_by_over(cls, options, head, distance):
    decoder = build(cls, **options)
    state = {key: value.double() for key, value in decoder.state_dict().items()}
    colours = LATENTS.double() @ state["latent_to_rgbvalues.0.weight"].T + state["latent_to_rgbvalues.0.bias"]
    colours = colours.sigmoid().unflatten(1, (-1, 3))
    points = official_points(decoder, head)
    rasters = exp(distance(points.unflatten(1, (4, 2)) if distance is line_edt2 else points, grid()), SIGMA2)
    expected = torch.stack([over(colours[:, :, c, None, None] * rasters) for c in range(3)], dim=1)
    assert_sketch(decoder, expected)


def test_every_piece_of_a_coloured_spline_has_a_colour():
    decoder = build(SinglePassColouredCRSDecoder, npoints=7, nlines=2)
    assert decoder.latent_to_rgbvalues[0].out_features == 3 * 2 * 4
    assert decoder(LATENTS).intensities.shape == (3, 8, 3)


@torch.no_grad()
def test_contrast_multiplies_the_ink():
    strokes = build(SinglePassSimpleLineDecoder)(LATENTS)
    faint = build(SinglePassSimpleLineDecoder, contrast=0.5).draw(strokes)
    assert torch.equal(faint, build(SinglePassSimpleLineDecoder).draw(strokes) * 0.5)


@pytest.mark.parametrize(("cls", "npoints"), [(SinglePassPolyLineDecoder, 1), (SinglePassCRSDecoder, 3)])
def test_too_few_points_are_an_error(cls, npoints):
    with pytest.raises(UsageError, match=f"--npoints {npoints}"):
        build(cls, npoints=npoints)


def test_line_decoder_by_hand_and_its_strokes_stay_on_the_canvas():
    torch.manual_seed(0)
    config = LineConfig(decoder_hidden=6, decoder_hidden2=5, nlines=3)
    decoder = SinglePassSimpleLineDecoder(config, latent_size=4, image_size=16)
    latent, state = torch.randn(2, 4), decoder.state_dict()
    values = latent
    for layer in (0, 2, 4):
        values = values @ state[f"latent_to_linecoord.{layer}.weight"].T + state[f"latent_to_linecoord.{layer}.bias"]
        values = values.tanh() if layer == 4 else values.clamp(min=0)
    strokes = decoder(latent)
    assert torch.allclose(strokes.points, values.view(2, 3, 2, 2), atol=1e-6)
    assert decoder(latent * 1e6).points.abs().max() <= 1


def test_sigma2_is_annealed_after_epoch_0_and_stops_at_its_final_value():
    config = LineConfig(sigma2=0.08, final_sigma2=0.015, sigma2_factor=0.5, sigma2_step=2)
    decoder = SinglePassSimpleLineDecoder(config, latent_size=4, image_size=8)
    values = []
    for epoch in range(7):
        decoder.anneal(epoch)
        values.append(decoder.sigma2)
    assert values == pytest.approx([0.04, 0.04, 0.02, 0.02, 0.015, 0.015, 0.015])
    assert decoder(torch.zeros(1, 4)).sigma2 == pytest.approx(0.015)
    still = SinglePassSimpleLineDecoder(LineConfig(sigma2=0.08), latent_size=4, image_size=8)
    still.anneal(0)
    assert still.sigma2 == 0.08


def test_stroke_spread_spreads_untrained_strokes():
    torch.manual_seed(0)
    narrow, wide = (
        SinglePassSimpleLineDecoder(config, latent_size=4, image_size=8)(torch.zeros(1, 4))
        for config in (LineConfig(nlines=50), LineConfig(nlines=50, stroke_spread=1.0))
    )
    assert narrow.points.abs().max() < 0.2
    assert wide.points.std() > 0.35
