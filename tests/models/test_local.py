import math

import pytest
import torch

from learning_to_draw.errors import UsageError
from learning_to_draw.models.agents import Agents
from learning_to_draw.models.config import ReceiverConfig
from learning_to_draw.models.decoders.config import LocalLineConfig
from learning_to_draw.models.decoders.local import LONGEST, SHORTEST, LocalLineDecoder, _to_cells
from learning_to_draw.models.encoders.config import SimpleMLPConfig, SqueezeNetConfig
from learning_to_draw.models.encoders.small import SimpleMLPEncoder
from learning_to_draw.models.encoders.squeezenet import SqueezeNetBackbone
from learning_to_draw.models.receivers import SimpleReceiverMLP

SIZE, GRID = 64, 4


def squeezenet():
    return SqueezeNetBackbone(SqueezeNetConfig(latent_size=8, freeze_backbone=True), image_size=SIZE)


@pytest.fixture
def agents():
    torch.manual_seed(0)
    decoder = LocalLineDecoder(
        LocalLineConfig(stroke_grid=GRID, decoder_hidden=16, sigma2=1e-3),
        latent_size=8,
        image_size=SIZE,
        build_encoder=squeezenet,
    )
    encoder = squeezenet()
    return Agents(encoder, encoder, decoder, SimpleReceiverMLP(ReceiverConfig(), latent_size=8)).eval()


def set_values(decoder, values):
    """Makes the network give the same `values` in every cell."""
    with torch.no_grad():
        decoder.values.weight.zero_()
        decoder.values.bias.copy_(torch.tensor(values))


def draw(agents, photos):
    return agents.sketch(agents.sender_encoder.encode(photos, layers=agents.decoder.needed_layers))


def test_a_line_lies_in_the_middle_of_its_cell_at_half_the_double_angle(agents):
    angle = math.radians(30)  # from the column axis towards the row axis
    set_values(agents.decoder, [0.0, 0.0, math.sin(2 * angle), math.cos(2 * angle), 0.0, 1.0])
    strokes, _ = draw(agents, torch.rand(2, 3, SIZE, SIZE))
    half = LONGEST / GRID * (SHORTEST + 1) / 2  # a sigmoid of 0 is in the middle
    end = torch.tensor([half * math.sin(angle), half * math.cos(angle)])
    places = torch.tensor([-0.75, -0.25, 0.25, 0.75])
    homes = torch.cartesian_prod(places, places)
    expected = torch.stack([homes - end, homes + end], dim=1)
    assert torch.allclose(strokes.points, expected.expand(2, -1, -1, -1), atol=1e-5)
    assert torch.equal(strokes.intensities, torch.ones(2, GRID * GRID, 1))


def test_a_closed_gate_leaves_the_line_out(agents):
    set_values(agents.decoder, [0.0, 0.0, 1.0, 0.0, 0.0, -1.0])
    strokes, sketches = draw(agents, torch.rand(1, 3, SIZE, SIZE))
    assert torch.equal(strokes.intensities, torch.zeros(1, GRID * GRID, 1))
    assert torch.equal(sketches, torch.zeros_like(sketches))


def test_centres_stay_in_their_cells(agents):
    set_values(agents.decoder, [99.0, -99.0, 1.0, 0.0, 0.0, 1.0])
    strokes, _ = draw(agents, torch.rand(1, 3, SIZE, SIZE))
    centres = strokes.points.mean(2)[0]
    assert torch.allclose(centres[0], torch.tensor([-0.5, -1.0]))  # the lower left corner of the first cell
    assert torch.allclose(centres[-1], torch.tensor([1.0, 0.5]))


def test_only_what_is_in_a_cell_and_near_it_moves_a_line():
    torch.manual_seed(0)
    encoder = SqueezeNetBackbone(SqueezeNetConfig(latent_size=8), image_size=128).eval()
    decoder = LocalLineDecoder(
        LocalLineConfig(stroke_grid=8, decoder_hidden=16),
        latent_size=8,
        image_size=128,
        build_encoder=lambda: encoder,
    )
    decoder.normalise = torch.nn.Identity()  # concerns all cells
    maps = encoder.encode(torch.rand(1, 3, 128, 128), layers=decoder.needed_layers).feature_maps
    maps = {layer: torch.rand_like(values) for layer, values in maps.items()}
    turned = {layer: values.clone() for layer, values in maps.items()}
    for values in turned.values():  # turning a corner keeps mean and variance, which concern the whole map
        values[..., :2, :2] = values[..., :2, :2].rot90(2, (2, 3))
    with torch.no_grad():
        points = [decoder(torch.zeros(1, 8), seen).points for seen in (maps, turned)]
    moved = (points[1] - points[0]).abs().amax((0, 2, 3)).view(8, 8)
    assert moved[:2, :2].min() > 1e-4
    assert moved[4:].max() < 1e-6
    assert moved[:, 4:].max() < 1e-6


@pytest.mark.parametrize("size", [4, 8, 11, 15, 23, 31])
def test_windows_are_centred_on_their_cells(size):
    torch.manual_seed(size)
    maps = torch.rand(1, 2, size, size)
    to_cells = _to_cells(maps, 4, 3)
    convolution = next(part for part in to_cells.modules() if isinstance(part, torch.nn.Conv2d))
    mirrored = [3]
    with torch.no_grad():
        seen = to_cells(maps)
        convolution.weight.copy_(convolution.weight.flip(mirrored))
        assert torch.allclose(to_cells(maps.flip(mirrored)), seen.flip(mirrored), atol=1e-5)
    assert seen.shape == (1, 3, 4, 4)


def test_gradients_reach_every_weight_of_the_decoder(agents):
    _, sketches = draw(agents, torch.rand(2, 3, SIZE, SIZE))
    sketches.square().sum().backward()
    for name, parameter in agents.decoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_cached_features_give_the_same_game(agents):
    photos, layers = torch.rand(3, 3, SIZE, SIZE), agents.decoder.needed_layers
    encoder = agents.sender_encoder
    features = encoder.extract(encoder.preprocess(photos), layers=layers)
    candidates = torch.arange(3)[None]
    played, again = agents(photos, candidates, 3), agents(photos, candidates, 3, features=features)
    assert torch.allclose(played.sketches, again.sketches, atol=1e-6)
    assert torch.allclose(played.scores, again.scores, atol=1e-4)


def test_separate_encoders_draw_from_the_senders_maps(agents):
    torch.manual_seed(1)
    pair = Agents(agents.sender_encoder, squeezenet(), agents.decoder, agents.receiver).eval()
    photos = torch.rand(3, 3, SIZE, SIZE)
    play = pair(photos, torch.arange(3)[None], 3)
    assert torch.allclose(play.sketches, draw(agents, photos)[1], atol=1e-6)


@pytest.mark.parametrize("grid", [32, 100])
def test_a_grid_finer_than_every_map_is_refused(grid):
    with pytest.raises(UsageError, match=f"--stroke-grid {grid} needs an encoder with a feature map of at least"):
        LocalLineDecoder(LocalLineConfig(stroke_grid=grid), latent_size=8, image_size=SIZE, build_encoder=squeezenet)


def test_an_encoder_without_maps_is_refused():
    with pytest.raises(UsageError, match="needs an encoder with a feature map"):
        LocalLineDecoder(
            LocalLineConfig(),
            latent_size=8,
            image_size=28,
            build_encoder=lambda: SimpleMLPEncoder(SimpleMLPConfig(latent_size=8), image_size=28, channels=1),
        )
