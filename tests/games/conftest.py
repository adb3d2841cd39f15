import pytest
import torch

from learning_to_draw.models.agents import Play
from learning_to_draw.models.decoders.base import Strokes
from learning_to_draw.models.encoders.base import Encoding


@pytest.fixture
def play_with():
    """play_with(...) -> a play with the given sketches, photos and feature maps; the rest is empty."""

    def build(photo=None, drawn=None, *, sketches=None, photos=None) -> Play:
        empty = torch.zeros(0)
        sketches, photos = (empty if pictures is None else pictures for pictures in (sketches, photos))
        return Play(empty, sketches, Strokes(empty, 0.1), photos, Encoding(empty, photo), Encoding(empty, drawn))

    return build
