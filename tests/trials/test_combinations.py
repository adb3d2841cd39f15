"""Every encoder with every decoder and receiver: plays a game, learns, is saved, and plays the game again."""

import pytest
import torch

from learning_to_draw.errors import UsageError
from learning_to_draw.games.losses.terms import TotalLoss
from learning_to_draw.models import DECODERS, ENCODERS, RECEIVERS
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import Pictures
from learning_to_draw.trials.config.configure import configure
from learning_to_draw.trials.records.checkpoints import load_agents, load_checkpoint, save_checkpoint

SIZE, PICTURES = 32, 3
COLOURED = [name for name in DECODERS if "Coloured" in name]
WITHOUT_MAPS = [name for name in ENCODERS if "Backbone" not in name]  # or, in CLIP's small stand-in, with tiny ones
# Options that make the networks small; all others have their defaults.
OPTIONS = {
    "Conv2DEncoder": {"encoder_channels": 3},
    "StrokeNetEncoder": {"encoder_channels": 3, "batchnorm": True},
    "TimmBackbone": {"timm_model": "test_vit"},  # an untrained ResNet hardly sees the middle of such a small picture
    "SinglePassBezierConnectDecoder": {"npoints": 4},
    "LocalLineDecoder": {"stroke_grid": 2, "decoder_hidden": 8},
    "RecurrentPolyConnectDecoder": {"npoints": 4},
    "RNNAttnBezierDecoder": {"attention": True},
}


def config_for(encoder, decoder, receiver="SimpleReceiverMLP"):
    options = {"encoder": encoder, "decoder": decoder, "receiver": receiver, "latent_size": 16, "image_size": SIZE}
    for name in (encoder, decoder, receiver):
        options |= OPTIONS.get(name, {})
    return configure("train", **options, **({"steps": 2} if "Recurrent" in decoder else {}))


def build(config, channels, seed):
    torch.manual_seed(seed)
    return build_agents(config.agents, Pictures({}, SIZE, channels), pretrained=False)


@pytest.fixture(autouse=True)
def small_clip(small_clip_network):
    """Replaces CLIP's networks, which would take minutes."""


@pytest.mark.parametrize("receiver", RECEIVERS)
@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_all_that_fits_together_plays_learns_and_is_saved(encoder, decoder, receiver, tmp_path):
    config = config_for(encoder, decoder, receiver)
    if decoder == "LocalLineDecoder" and encoder in WITHOUT_MAPS:
        with pytest.raises(UsageError, match="needs an encoder with a feature map of at least 2 x 2 values"):
            build(config, 3, seed=1)
        return
    agents = build(config, 3, seed=1)
    photos = torch.rand(PICTURES, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    candidates, targets = torch.tensor([[2, 0, 1]]), torch.tensor([1, 2, 0])

    play = agents(photos, candidates, PICTURES)
    assert play.scores.shape == (PICTURES, PICTURES)
    assert play.sketches.shape == (PICTURES, 3, SIZE, SIZE)
    assert play.sketches.min() >= 0
    assert play.sketches.max() <= 1
    assert play.sketches.max() > 0.05  # something is drawn
    loss = TotalLoss(config.loss.build())
    sum(loss(play, targets).values()).backward()
    trained = {name: parameter for name, parameter in agents.named_parameters() if parameter.requires_grad}
    assert trained
    for name, parameter in trained.items():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    assert any(parameter.grad.any() for name, parameter in trained.items() if name.startswith("decoder."))

    path = tmp_path / "model.pt"
    save_checkpoint(path, agents, loss, torch.optim.Adam(trained.values()), config.values(), 0, [])
    again = build(config, 3, seed=2)
    load_agents(again, load_checkpoint(path))
    path.unlink()
    with torch.no_grad():
        scores, scores_again = (pair.eval()(photos, candidates, PICTURES).scores for pair in (agents, again))
    assert torch.equal(scores, scores_again)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_grey_pictures_fit_every_encoder_and_colours_only_one_that_sees_them(encoder):
    agents = build(config_for(encoder, "SinglePassSimpleLineDecoder"), 1, seed=1)
    channels = agents.sender_encoder.channels
    play = agents(torch.rand(PICTURES, 1, SIZE, SIZE), torch.arange(PICTURES)[None], PICTURES)
    assert play.sketches.shape == (PICTURES, channels, SIZE, SIZE)
    for decoder in COLOURED:
        coloured = config_for(encoder, decoder)
        if channels == 3:
            build(coloured, 1, seed=1)
        else:
            with pytest.raises(UsageError, match="draws in colour"):
                build(coloured, 1, seed=1)
