"""Options that make a run faster: that they leave the numbers as they are, and what is said where they cannot be."""

import csv

import pytest
import torch

from learning_to_draw.datasets.splits import Split
from learning_to_draw.errors import UsageError
from learning_to_draw.games.config import GameConfig
from learning_to_draw.games.sampling import OriginalGame
from learning_to_draw.models.encoders.base import Features
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import Pictures, build_loss, seeds_of
from learning_to_draw.trials.config.configure import configure
from learning_to_draw.trials.loop.batches import GameBatches
from learning_to_draw.trials.loop.feature_cache import FeatureCache, compute, needed_bytes
from learning_to_draw.trials.loop.precision import keep_features, set_precision
from learning_to_draw.trials.train import train

CPU = torch.device("cpu")
SMALL = {"image_size": 32, "encoder": "SqueezeNetBackbone", "feature_layer": "fire3", "batch_size": 8}
FROZEN = {**SMALL, "freeze_backbone": True}


def split(name="train", augment=None, count=40):
    torch.manual_seed(5)
    images = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8)
    return Split(name, images, torch.arange(count) % 4, tuple("abcd"), torch.arange(count).flip(0), augment)


def games(**which):
    pictures = split(**which)
    generator = torch.Generator().manual_seed(1)
    deal = OriginalGame(GameConfig(batch_size=8), pictures, generator=generator, shuffle=True)
    return GameBatches(pictures, deal, device=CPU, seed=2)


def build(**options):
    config = configure("train", **options)
    torch.manual_seed(0)
    agents = build_agents(config.agents, Pictures({}, 32, 3))
    return agents, build_loss(config.loss, config.auxiliary.values(), agents, seeds_of(config))


@torch.no_grad()
@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("losses", [(), ("sort_of_perceptual_loss",), ("sort_of_perceptual_loss", "CLIP_loss")])
def test_looked_up_features_give_the_play_that_computed_ones_give(losses, separate):
    agents, loss = build(**FROZEN, imagenet_norm=True, separate_encoders=separate, **dict.fromkeys(losses, True))
    # As two backbones with the same pretrained weights would be.
    agents.receiver_encoder.backbone.load_state_dict(agents.sender_encoder.backbone.state_dict())
    one, other = games(), games()
    keep_features("on", agents, loss, {"train": other}, CPU)
    for computed, looked_up in zip(one, other, strict=True):
        assert torch.equal(computed.photos, looked_up.photos)
        plays = [
            agents(b.photos, b.candidates, b.senders, feature_layers=loss.needed_layers, features=b.features)
            for b in (computed, looked_up)
        ]
        assert looked_up.features is not None
        assert torch.allclose(plays[0].scores, plays[1].scores, rtol=1e-4, atol=1e-4)
        for name, term in loss(plays[0], computed.targets).items():
            assert term.item() == pytest.approx(loss(plays[1], looked_up.targets)[name].item(), rel=1e-4, abs=1e-5) or (
                name == "CLIP"  # whose views are drawn anew
            )


def test_a_backbone_is_not_asked_for_photos_whose_features_are_known(monkeypatch):
    agents, loss = build(**FROZEN)
    batches = games()
    keep_features("on", agents, loss, {"train": batches}, CPU)
    seen = []
    extract = type(agents.sender_encoder).extract
    monkeypatch.setattr(
        type(agents.sender_encoder),
        "extract",
        lambda self, *given, **how: seen.append(how) or extract(self, *given, **how),
    )
    batch = next(iter(batches))
    agents(batch.photos, batch.candidates, batch.senders, features=batch.features)
    assert [how["is_sketch"] for how in seen] == [True]


def test_features_are_of_the_pictures_asked_for_whatever_the_batch_they_were_computed_in():
    agents, _ = build(**FROZEN)
    pictures = split()
    cache = compute(agents.sender_encoder, pictures, ("relu1",), CPU, batch=7)
    rows = torch.tensor([3, 39, 3])
    found = cache.take(rows)
    alone = agents.sender_encoder.extract(pictures.pictures(rows), layers=("relu1",))
    assert torch.allclose(found.values, alone.values, rtol=1e-4, atol=1e-4)
    assert torch.allclose(found.feature_maps["relu1"], alone.feature_maps["relu1"], rtol=1e-4, atol=1e-4)
    kept = [cache.features.values, *cache.features.feature_maps.values()]
    assert sum(tensor.nbytes for tensor in kept) == needed_bytes(agents.sender_encoder, pictures, ("relu1",), CPU)


def test_taking_features_keeps_their_order():
    cache = FeatureCache(Features(torch.arange(5.0)[:, None], {"a": torch.arange(5.0).view(5, 1, 1, 1)}))
    taken = cache.take(torch.tensor([4, 0, 4]))
    assert taken.values.flatten().tolist() == [4, 0, 4]
    assert taken.feature_maps["a"].flatten().tolist() == [4, 0, 4]


def _moving(images, indices, generator, device=None):
    return images[indices].float()


@pytest.mark.parametrize(
    ("options", "augment", "told"),
    [
        (SMALL, None, "the backbone is not frozen"),
        ({**FROZEN, "separate_encoders": True}, None, "backbones of the agents are not the same"),
        ({"image_size": 32, "encoder": "SmallCNNEncoder"}, None, "no backbone"),
        (FROZEN, _moving, "train pictures are augmented"),
    ],
)
def test_features_that_cannot_be_kept(options, augment, told):
    agents, loss = build(**options)
    batches = games(augment=augment)
    with pytest.raises(UsageError, match=told):
        keep_features("on", agents, loss, {"train": batches}, CPU)
    for way in ("auto", "off"):
        keep_features(way, agents, loss, {"train": batches}, CPU)
        assert batches.features is None


def test_only_pictures_that_stay_are_kept():
    agents, loss = build(**FROZEN)
    batches = {"train": games(augment=_moving), "valid": games(name="valid")}
    keep_features("auto", agents, loss, batches, CPU)
    assert batches["train"].features is None
    assert batches["valid"].features is not None


def test_features_that_do_not_fit_are_computed_at_every_step(monkeypatch, caplog):
    agents, loss = build(**FROZEN)
    batches = games()
    monkeypatch.setattr("learning_to_draw.trials.loop.precision.memory_budget", lambda device: 1000)
    with caplog.at_level("INFO"):
        keep_features("auto", agents, loss, {"train": batches}, CPU)
    assert batches.features is None
    assert "are not cached" in caplog.text


def test_a_run_is_the_same_with_and_without_kept_features(tmp_path):
    rows = {}
    for way in ("off", "on"):
        options = {**FROZEN, "epochs": 1, "batch_size": 40, "latent_size": 16, "nlines": 3}
        train(configure("train", **options, cache_features=way, output=str(tmp_path / way)))
        rows[way] = list(csv.DictReader((tmp_path / way / "log.csv").read_text().splitlines()))
    for one, other in zip(rows["off"], rows["on"], strict=True):
        for column in ("loss", "val_loss", "commrate", "val_commrate"):
            assert float(one[column]) == pytest.approx(float(other[column]), rel=2e-3, abs=2e-3)


@torch.no_grad()
def test_bfloat16_is_for_the_backbone_alone():
    agents, _ = build(**FROZEN)
    pictures = torch.rand(4, 3, 32, 32)
    exact = agents.sender_encoder.encode(pictures).latent
    set_precision("bf16", agents)
    features = agents.sender_encoder.extract(pictures)
    assert features.values.dtype == torch.bfloat16
    rounded = agents.sender_encoder.encode(pictures).latent
    assert rounded.dtype == torch.float32
    assert 0 < (rounded - exact).abs().max() < 0.05 * exact.abs().max()
    play = agents(pictures, torch.arange(4)[None], 4)
    assert play.strokes.points.dtype == play.sketches.dtype == play.scores.dtype == torch.float32


@pytest.mark.parametrize("what", [{"precision": "bf16"}, {"compile": True}])
def test_without_a_backbone_there_is_nothing_to_speed_up(what, tmp_path):
    config = configure("train", encoder="SmallCNNEncoder", output=str(tmp_path / "run"), **what)
    with pytest.raises(UsageError, match="SmallCNNEncoder has none"):
        train(config)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("precision", ["fp32", "tf32"])
def test_tf32_is_only_used_where_asked_for(precision):
    agents, _ = build(**FROZEN)
    set_precision(precision, agents)
    assert torch.backends.cudnn.allow_tf32 == (precision == "tf32")
    assert torch.get_float32_matmul_precision() == ("high" if precision == "tf32" else "highest")
    set_precision("fp32", agents)
