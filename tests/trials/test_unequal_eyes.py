"""A sender and a receiver with different encoders: options, training, resuming, testing, and what they share."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import learning_to_draw
from learning_to_draw import commgame
from learning_to_draw.datasets.digits import Digits
from learning_to_draw.errors import UsageError
from learning_to_draw.games.config import GameConfig
from learning_to_draw.games.sampling import OriginalGame
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import Pictures, build_loss, seeds_of
from learning_to_draw.trials.config.config_file import as_json
from learning_to_draw.trials.config.configure import configure
from learning_to_draw.trials.config.parse import parse, parse_training
from learning_to_draw.trials.loop.batches import GameBatches
from learning_to_draw.trials.loop.precision import keep_features

pytest.importorskip("timm")
CPU = torch.device("cpu")
SQUEEZENET = {"encoder": "SqueezeNetBackbone", "feature_layer": "fire3", "freeze_backbone": True}
TIMM = {"receiver_encoder": "TimmBackbone", "receiver_timm_model": "test_resnet"}
WORDS = ["--sender-encoder", "SqueezeNetBackbone", "--feature-layer", "fire3", "--freeze-backbone"]
WORDS += ["--receiver-encoder", "TimmBackbone", "--receiver-timm-model", "test_resnet", "--receiver-freeze-backbone"]
WORDS += ["--latent-size", "24", "--sort-of-perceptual-loss"]


def agents_of(image_size=32, **options):
    torch.manual_seed(0)
    return build_agents(configure("train", **options).agents, Pictures({}, image_size, 1))


def test_each_encoder_has_its_own_options_and_both_share_the_size_of_the_latent():
    agents = parse("train", WORDS).agents
    assert (agents.encoder.name, agents.receiver_encoder.name) == ("SqueezeNetBackbone", "TimmBackbone")
    assert (agents.encoder.config.latent_size, agents.receiver_encoder.config.latent_size) == (24, 24)
    assert agents.receiver_encoder.config.timm_model == "test_resnet"
    assert agents.receiver_encoder.config.freeze_backbone
    twice = configure(
        "train", encoder="TimmBackbone", timm_model="a", receiver_encoder="TimmBackbone", receiver_timm_model="b"
    ).agents
    assert (twice.encoder.config.timm_model, twice.receiver_encoder.config.timm_model) == ("a", "b")
    unfrozen = configure("train", **SQUEEZENET, receiver_encoder="SqueezeNetBackbone").agents.receiver_encoder.config
    assert (unfrozen.feature_layer, unfrozen.freeze_backbone) == ("fire9", False)  # the declared defaults


def test_without_the_option_both_have_one_encoder():
    config = configure("train", encoder="SimpleMLPEncoder", receiver_encoder=None)
    assert config.agents.receiver_encoder is None
    assert config.values()["receiver_encoder"] is None
    assert not [name for name in config.values() if name.startswith("receiver_") and name != "receiver_encoder"]
    assert agents_of(encoder="SimpleMLPEncoder").shared


def test_a_printed_configuration_is_the_same_run_again(tmp_path):
    config = parse("train", WORDS)
    (tmp_path / "config.json").write_text(as_json(config))
    assert parse_training(["--config", str(tmp_path / "config.json")]).values() == config.values() | {
        "config": str(tmp_path / "config.json")
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--receiver-timm-model resnet18", "belongs to the receiver's encoder TimmBackbone, but this run has none"),
        (
            "--receiver-encoder TimmBackbone --timm-model x",
            "the encoder TimmBackbone, but this run has TinyCNN",
        ),
        ("--receiver-encoder timm", r"invalid choice: 'timm'\.\nDid you mean TimmBackbone"),
        ("--receiver-enc TimmBackbone", r"an abbreviated option.\nWrite --receiver-encoder in full"),
        ("--receiver-encoder TimmBackbone --receiver-latent-size 3", "no option --receiver-latent-size"),
    ],
)
def test_calls_that_cannot_be_understood(words, told):
    with pytest.raises(UsageError, match=told):
        parse("train", words.split())


def test_the_message_names_the_encoder_that_does_not_fit():
    with pytest.raises(UsageError, match=r"^--receiver-encoder TimmBackbone: .* cannot take pictures of 32 px"):
        agents_of(encoder="SmallCNNEncoder", receiver_encoder="TimmBackbone", receiver_timm_model="mixer_s32_224")


def test_messages_of_the_receiver_s_encoder_name_its_options():
    with pytest.raises(UsageError, match=r"^--receiver-timm-layers nope: test_resnet has no such feature layer"):
        agents_of(encoder="SmallCNNEncoder", **TIMM, receiver_timm_layers=("nope",))
    with pytest.raises(UsageError, match=r"--no-receiver-imagenet-weights turns it off"):
        agents_of(
            encoder="SmallCNNEncoder",
            receiver_encoder="VGG16BackboneExtended",
            receiver_imagenet_weights=True,
            receiver_sin_weights="weights.pth",
        )
    with pytest.raises(UsageError, match=r"^--timm-layers nope: test_resnet has no such feature layer"):
        agents_of(encoder="TimmBackbone", timm_model="test_resnet", timm_pretrained=False, timm_layers=("nope",))


def test_who_sees_what_with_which_encoder():
    agents = agents_of(**SQUEEZENET, **TIMM, latent_size=24)
    assert not agents.shared
    photos = torch.rand(5, 1, 32, 32)
    layers = agents.sender_encoder.feature_layers
    play = agents(photos, torch.arange(5)[None], 5, feature_layers=layers)
    assert tuple(play.photo_encoding.feature_maps) == tuple(play.sketch_encoding.feature_maps) == ("relu1", "fire3")
    with torch.no_grad():
        latents = agents.receiver_encoder.encode(photos).latent
        scores = agents.guess(agents.receiver_encoder.encode(play.sketches, is_sketch=True).latent, latents[None])
    assert torch.allclose(play.scores, scores, atol=1e-4)
    play.scores.sum().backward()
    trained = {name.split(".")[0] for name, weight in agents.named_parameters() if weight.grad is not None}
    assert trained == {"sender_encoder", "receiver_encoder", "decoder", "receiver"}
    assert all(weight.grad is not None for weight in agents.receiver_encoder.network.parameters())  # not frozen


@pytest.mark.parametrize(
    "options",
    [
        {**SQUEEZENET, **TIMM, "receiver_freeze_backbone": True},
        # Equal weights, but the receiver's change in training.
        {**SQUEEZENET, "receiver_encoder": "SqueezeNetBackbone", "receiver_feature_layer": "fire3"},
    ],
)
def test_features_of_unequal_eyes_are_not_shared(options):
    config = configure("train", **options)
    agents = agents_of(**options)
    if options["receiver_encoder"] == "SqueezeNetBackbone":
        agents.receiver_encoder.backbone.load_state_dict(agents.sender_encoder.backbone.state_dict())
    loss = build_loss(config.loss, config.auxiliary.values(), agents, seeds_of(config))
    split = Digits().split("test")
    deal = OriginalGame(GameConfig(batch_size=8), split, generator=torch.Generator(), shuffle=False)
    batches = {"test": GameBatches(split, deal, device=CPU, seed=2)}
    with pytest.raises(UsageError, match="backbones of the agents are not the same"):
        keep_features("on", agents, loss, batches, CPU)


def call(*words):
    assert commgame.main([*map(str, words)]) == 0


TRAIN = ["train", *WORDS, "--batch-size", "150", "--learning-rate", "0.0005", "--snapshot-interval", "1"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a training of two epochs."""
    folder = tmp_path_factory.mktemp("unequal") / "run"
    call(*TRAIN, "--epochs", 2, "--output", folder)
    return folder


def test_a_run_that_resumes_equals_one_that_was_not_interrupted(run, tmp_path):
    call(*TRAIN, "--epochs", 1, "--output", tmp_path / "run")
    call("train", "--resume", tmp_path / "run", "--epochs", 2)
    assert (run / "log.csv").read_bytes() == (tmp_path / "run" / "log.csv").read_bytes()
    states = [torch.load(folder / "model_final.pt", weights_only=True)["model"] for folder in (run, tmp_path / "run")]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())


def test_a_test_a_loaded_pair_and_crossplay_give_one_rate(run, tmp_path):
    saved = json.loads((run / "config.json").read_text())["options"]
    assert (saved["encoder"], saved["receiver_encoder"]) == ("SqueezeNetBackbone", "TimmBackbone")
    call("test", "--weights", run / "model_final.pt", "--output", tmp_path / "tested")
    rate = json.loads((tmp_path / "tested" / "result.json").read_text())["communication_rate"]
    pair = learning_to_draw.load(run)
    assert type(pair.agents.sender_encoder).__name__ == "SqueezeNetBackbone"
    assert type(pair.agents.receiver_encoder).__name__ == "TimmBackbone"
    assert pair.play().communication_rate == pytest.approx(rate)
    photos = np.random.default_rng(0).random((4, 1, 32, 32), np.float32)
    scores = pair.guess(pair.draw(photos[:3]).sketches, photos)
    assert scores.shape == (3, 4)
    assert np.isfinite(scores).all()
    files = [run / "model_final.pt", run / "model_00.pt"]
    call("crossplay", *files, "--output", tmp_path / "crossplay")
    rows = list(csv.reader((tmp_path / "crossplay" / "crossplay.csv").read_text().splitlines()))
    assert float(rows[1][1]) == pytest.approx(rate, abs=1e-4)


@pytest.mark.slow  # 15 s
def test_the_tools_draw_measure_and_report(run, tmp_path, capsys):
    call("test", "--weights", run / "model_final.pt", "--output", tmp_path / "tested")
    capsys.readouterr()
    call("report", tmp_path / "tested", "--output", tmp_path / "report.html")
    assert "receiver's encoder" in Path(tmp_path / "report.html").read_text().replace("\\u0027", "'")
    call("measure", tmp_path / "tested", "--weights", run / "model_final.pt", "--features", "encoder")
