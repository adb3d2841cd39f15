import pytest
import torch

from learning_to_draw.models.agents import Agents, Play
from learning_to_draw.models.config import ReceiverConfig
from learning_to_draw.models.decoders.base import Strokes
from learning_to_draw.models.decoders.config import LineConfig
from learning_to_draw.models.decoders.single_pass import SinglePassSimpleLineDecoder
from learning_to_draw.models.encoders.base import Encoder, Encoding
from learning_to_draw.models.receivers import SimpleReceiverMLP


@pytest.fixture
def play_with():
    """play_with(...) -> a play with the given sketches, photos and feature maps; the rest is empty."""

    def build(photo=None, drawn=None, *, sketches=None, photos=None) -> Play:
        empty = torch.zeros(0)
        sketches, photos = (empty if pictures is None else pictures for pictures in (sketches, photos))
        return Play(
            empty,
            sketches,
            Strokes(torch.zeros(0, 0, 2, 2), 0.1),
            photos,
            Encoding(empty, photo),
            Encoding(empty, drawn),
        )

    return build


@pytest.fixture
def agents_with():
    """agents_with(encoder) -> agents that share it and draw pictures of 6 px, black on white."""

    def build(encoder: Encoder) -> Agents:
        decoder = SinglePassSimpleLineDecoder(LineConfig(nlines=1), latent_size=2, image_size=6)
        return Agents(encoder, encoder, decoder, SimpleReceiverMLP(ReceiverConfig(), latent_size=2), invert=True)

    return build


@pytest.fixture
def agents_with_layers(agents_with):
    """agents_with_layers("a", "b") -> agents whose encoder says that it has these feature layers; it cannot encode."""

    def build(*feature_layers: str) -> Agents:
        encoder = Encoder()
        encoder.channels, encoder.feature_layers = 3, feature_layers
        return agents_with(encoder)

    return build
