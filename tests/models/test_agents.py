"""The pair of agents: scores against a game computed by hand, one pass per picture, shared and separate encoders."""

import pytest
import torch
from torch import nn

from learning_to_draw.models.agents import Agents
from learning_to_draw.models.config import ReceiverConfig
from learning_to_draw.models.decoders.config import LineConfig
from learning_to_draw.models.decoders.single_pass import SinglePassSimpleLineDecoder
from learning_to_draw.models.encoders.base import IMAGENET_MEAN, IMAGENET_STD, Encoder, Encoding, expand_channels
from learning_to_draw.models.encoders.config import EncoderConfig, SimpleMLPConfig, SqueezeNetConfig
from learning_to_draw.models.encoders.small import SimpleMLPEncoder, SmallCNNEncoder
from learning_to_draw.models.encoders.squeezenet import SqueezeNetBackbone
from learning_to_draw.models.receivers import SimpleReceiverMLP


def small_pair(*, shared=True, channels=1, **kwargs):
    def encoder():
        return SimpleMLPEncoder(SimpleMLPConfig(latent_size=8, encoder_hidden=16), image_size=12, channels=channels)

    sender_encoder = encoder()
    receiver_encoder = sender_encoder if shared else encoder()
    decoder = SinglePassSimpleLineDecoder(LineConfig(nlines=3, stroke_spread=1.0), latent_size=8, image_size=12)
    receiver = SimpleReceiverMLP(ReceiverConfig(rx_hidden=16, rx_latent_size=4), latent_size=8)
    return Agents(sender_encoder, receiver_encoder, decoder, receiver, **kwargs)


@torch.no_grad()
@pytest.mark.parametrize("shared", [True, False])
def test_scores_are_dot_products_within_each_game(shared):
    torch.manual_seed(0)
    agents = small_pair(shared=shared)
    photos = torch.rand(6, 1, 12, 12)
    candidates = torch.tensor([[2, 0, 5], [4, 1, 3]])
    play = agents(photos, candidates, 4)  # 2 games of 3 candidates with 2 senders each
    assert play.scores.shape == (4, 3)
    for turn in range(4):
        sketch = play.sketches[turn : turn + 1]
        sketch_vector = agents.receiver(agents.receiver_encoder(sketch).latent)[0]
        for slot in range(3):
            photo = photos[candidates[turn // 2, slot]][None]
            photo_vector = agents.receiver(agents.receiver_encoder(photo).latent)[0]
            assert play.scores[turn, slot].item() == pytest.approx(float(sketch_vector @ photo_vector), abs=1e-4)


def test_order_of_candidates_permutes_the_scores_and_nothing_else():
    agents = small_pair()
    photos = torch.rand(5, 1, 12, 12)
    order = torch.tensor([3, 1, 4, 0, 2])
    straight = agents(photos, torch.arange(5)[None], 5)
    permuted = agents(photos, order[None], 5)
    assert torch.allclose(permuted.scores, straight.scores[:, order], atol=1e-6)
    assert torch.equal(permuted.sketches, straight.sketches)


class Counting(Encoder):
    """An encoder that counts the pictures it encodes."""

    channels = 1
    feature_layers = ("layer",)

    def __init__(self):
        super().__init__()
        self.project = nn.Linear(144, 8)
        self.photos = self.drawn = 0

    def forward(self, pictures, *, layers=(), is_sketch=False):
        if is_sketch:
            self.drawn += len(pictures)
        else:
            self.photos += len(pictures)
        return Encoding(self.project(pictures.flatten(1)))


@pytest.mark.parametrize("feature_layers", [("layer",), ()])
def test_a_shared_encoder_sees_every_photo_and_every_sketch_once(feature_layers):
    encoder = Counting()
    agents = small_pair()
    agents.sender_encoder = agents.receiver_encoder = encoder
    play = agents(torch.rand(7, 1, 12, 12), torch.tensor([[0, 1, 6], [2, 3, 5]]), 4, feature_layers=feature_layers)
    assert (encoder.photos, encoder.drawn) == (7, 4)
    assert play.sketch_encoding is not None


def test_separate_encoders_see_only_what_their_agent_sees():
    agents = small_pair()
    agents.sender_encoder, agents.receiver_encoder = Counting(), Counting()
    play = agents(torch.rand(7, 1, 12, 12), torch.tensor([[0, 1, 6]]), 2)
    assert (agents.sender_encoder.photos, agents.sender_encoder.drawn) == (2, 0)
    assert (agents.receiver_encoder.photos, agents.receiver_encoder.drawn) == (3, 2)
    assert play.sketch_encoding is None
    assert (
        agents(torch.rand(7, 1, 12, 12), torch.tensor([[0, 1, 6]]), 2, feature_layers=("layer",)).sketch_encoding
        is not None
    )
    assert agents.sender_encoder.drawn == 2


def test_the_receiver_is_told_nothing_but_the_sketch():
    """The sender's photo changes nothing in the scores except through the sketch."""
    torch.manual_seed(0)
    agents = small_pair()
    photos = torch.rand(4, 1, 12, 12)
    with torch.no_grad():
        agents.decoder.latent_to_linecoord[4].weight.zero_()  # now every sketch is the same
    scores = agents(photos, torch.arange(4)[None], 4).scores
    assert torch.allclose(scores, scores[:1].expand_as(scores), atol=1e-6)


def test_invert_is_black_on_white():
    agents = small_pair(invert=True)
    strokes, sketches = agents.sketch(Encoding(torch.rand(2, 8)))
    assert torch.allclose(sketches, 1 - agents.decoder.draw(strokes))
    assert torch.equal(agents.render(strokes), sketches)
    assert sketches.median() > 0.5


def test_normalisation_is_imagenets_and_reaches_photos_and_sketches():
    seen = []

    class Looking(Counting):
        channels = 3

        def forward(self, pictures, **arguments):
            seen.append(pictures)
            return Encoding(pictures.mean(dim=(2, 3)).repeat(1, 3)[:, :8])

    agents = small_pair(channels=3)
    agents.sender_encoder = agents.receiver_encoder = Looking()
    agents.sender_encoder.imagenet_norm = True
    photos = torch.rand(2, 3, 12, 12)
    play = agents(photos, torch.tensor([[0, 1]]), 2)
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    for looked, pictures in zip(seen, (photos, play.sketches), strict=True):
        expected = (pictures.permute(0, 2, 3, 1) - mean) / std
        assert torch.allclose(looked.permute(0, 2, 3, 1), expected, atol=1e-5)
    assert play.sketches.shape == (2, 3, 12, 12)
    assert play.sketches.min() >= 0
    assert play.sketches.max() <= 1


def test_grey_photos_with_an_encoder_of_colour():
    encoder = SqueezeNetBackbone(SqueezeNetConfig(latent_size=8, feature_layer="fire3"), image_size=32)
    decoder = SinglePassSimpleLineDecoder(latent_size=8, image_size=32)
    agents = Agents(encoder, encoder, decoder, SimpleReceiverMLP(latent_size=8))
    grey = torch.rand(3, 1, 32, 32)
    candidates = torch.arange(3)[None]
    assert torch.allclose(
        agents(grey, candidates, 3).scores, agents(grey.expand(-1, 3, -1, -1), candidates, 3).scores, atol=1e-5
    )
    assert expand_channels(grey, 1) is grey


def test_everything_trainable_is_trained():
    torch.manual_seed(0)
    encoder = SmallCNNEncoder(EncoderConfig(latent_size=8), image_size=16, channels=1)
    decoder = SinglePassSimpleLineDecoder(LineConfig(stroke_spread=1.0), latent_size=8, image_size=16)
    agents = Agents(encoder, encoder, decoder, SimpleReceiverMLP(latent_size=8))
    agents(torch.rand(4, 1, 16, 16), torch.arange(4)[None], 4).scores.diagonal().sum().backward()
    for name, parameter in agents.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_state_dict_has_the_official_names_for_shared_and_separate_encoders():
    shared, separate = small_pair().state_dict(), small_pair(shared=False).state_dict()
    assert list(shared) == list(separate)
    assert [name for name in shared if name.startswith("receiver.")] == [
        f"receiver.mlp.{layer}.{kind}" for layer in (0, 2) for kind in ("weight", "bias")
    ]
    assert {
        "sender_encoder.enc.0.weight",
        "receiver_encoder.enc.2.bias",
        "decoder.latent_to_linecoord.4.weight",
    } <= set(shared)
