"""A population: which agents it has, and what they share."""

import pytest
import torch

from learning_to_draw.errors import UsageError
from learning_to_draw.models.agents import Agents, Meeting
from learning_to_draw.models.population import Population, all_meetings, decoders_of, encoders_of, in_turn
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import Pictures
from learning_to_draw.trials.config.configure import configure

SMALL = {"encoder": "SimpleMLPEncoder", "latent_size": 8, "nlines": 3}
FROZEN = {"encoder": "SqueezeNetBackbone", "freeze_backbone": True, "feature_layer": "fire3", "latent_size": 8}


def agents_of(image_size=16, pretrained=True, **options):
    torch.manual_seed(0)
    agents = build_agents(configure("train", **options).agents, Pictures({}, image_size, 1), pretrained=pretrained)
    return agents.eval()


def games(size=16):
    torch.manual_seed(1)
    return torch.rand(4, 1, size, size), torch.arange(4)[None], 4


def test_one_pair_is_no_population():
    agents = agents_of(**SMALL)
    assert isinstance(agents, Agents)
    assert agents.pairs == (agents,)
    assert agents.meetings == ((0, 0),)
    assert agents.meeting(Meeting()) is agents
    with pytest.raises(UsageError, match="there is no receiver 1: these agents have one receiver, number 0"):
        agents.meeting(Meeting(0, 1))


def test_senders_and_receivers_can_have_different_numbers():
    population = agents_of(**SMALL, senders=3, receivers=2, separate_encoders=True)
    assert len(population.pairs) == 3
    assert len(set(decoders_of(population))) == 3
    assert population.pairs[2].receiver is population.pairs[0].receiver
    assert population.pairs[2].receiver_encoder is population.pairs[0].receiver_encoder
    assert len(encoders_of(population)) == 5
    assert population.meetings == ((0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1))
    own = [meeting for meeting in population.meetings if population.own_partners(meeting)]
    assert own == [(0, 0), (1, 1), (2, 0)]
    with pytest.raises(UsageError, match="there is no sender 3: these agents have 3 senders, numbered from 0 to 2"):
        population.meeting(Meeting(3, 0))


def test_more_receivers_than_senders():
    population = agents_of(**SMALL, senders=1, receivers=3)
    assert len(decoders_of(population)) == 1
    assert len({id(pair.receiver) for pair in population.pairs}) == 3
    assert population.pairs[0].shared
    assert not population.pairs[1].shared
    assert all(population.own_partners(meeting) for meeting in population.meetings)


@pytest.mark.parametrize("separate", [False, True])
def test_an_agent_is_the_same_in_all_its_meetings(separate):
    population = agents_of(**SMALL, population=2, separate_encoders=separate)
    plays = {meeting: population.meeting(meeting)(*games()) for meeting in population.meetings}
    for sender in range(2):
        assert torch.equal(plays[sender, 0].sketches, plays[sender, 1].sketches)
    assert not torch.equal(plays[0, 0].sketches, plays[1, 0].sketches)
    photos = games()[0]
    for (_, receiver), play in plays.items():  # the receiver's scores, computed step by step
        agents = population.pairs[receiver]
        seen, offered = (
            agents.receiver(agents.receiver_encoder.encode(pictures, is_sketch=drawn).latent)
            for pictures, drawn in ((play.sketches, True), (photos, False))
        )
        assert torch.allclose(play.scores, seen @ offered.T, atol=1e-5)


def test_a_meeting_is_in_the_mode_of_the_population():
    population = agents_of(**SMALL, population=2, channel_noise="shift=0.5")
    meeting, played = population.meeting(Meeting(0, 1)), games()
    assert torch.equal(meeting(*played).sketches, meeting(*played).sketches)
    population.train()
    noisy = population.meeting(Meeting(0, 1))
    assert not torch.equal(noisy(*played).sketches, noisy(*played).sketches)


def test_equal_frozen_backbones_become_one_which_sees_every_picture_once():
    population = agents_of(**FROZEN, population=2, image_size=32, pretrained=False)
    first, other = (pair.sender_encoder for pair in population.pairs)
    assert first.backbone is not other.backbone  # random weights: eyes of their own
    population.share_backbones()
    assert first.backbone is not other.backbone
    other.backbone.load_state_dict(first.backbone.state_dict())
    apart = population.meeting(Meeting(0, 1))(*games(32), feature_layers=["fire3"])
    population.share_backbones()
    assert first.backbone is other.backbone
    passes = []
    first.backbone[1].register_forward_hook(lambda *arguments: passes.append(arguments))
    together = population.meeting(Meeting(0, 1))(*games(32), feature_layers=["fire3"])
    assert len(passes) == 2  # photos, sketches
    assert torch.allclose(apart.scores, together.scores, atol=1e-5)
    assert torch.equal(apart.sketches, together.sketches)
    for name in ("photo_encoding", "sketch_encoding"):
        one, two = (getattr(play, name).feature_maps["fire3"] for play in (apart, together))
        assert torch.allclose(one, two, atol=1e-5), name


def test_every_kind_of_frozen_backbone_is_shared():
    config = {**FROZEN, "receiver_encoder": "SqueezeNetBackbone", "receiver_feature_layer": "fire5"}
    population = agents_of(**config, receiver_freeze_backbone=True, population=3, image_size=32, pretrained=False)
    for pair in population.pairs[1:]:
        pair.sender_encoder.load_state_dict(population.pairs[0].sender_encoder.state_dict())
        pair.receiver_encoder.load_state_dict(population.pairs[0].receiver_encoder.state_dict())
    population.share_backbones()
    assert len({encoder.backbone for encoder in encoders_of(population)}) == 2


def test_meetings_in_turn_have_everybody_with_changing_partners():
    assert in_turn(0, 1, 1) == in_turn(5, 1, 1) == ((0, 0),)
    for senders, receivers in ((3, 3), (2, 3), (4, 2)):
        met = set()
        for number in range(receivers):
            meetings = in_turn(number, senders, receivers)
            assert {sender for sender, _ in meetings} == set(range(senders))
            assert {receiver for _, receiver in meetings} == set(range(receivers))
            met |= set(meetings)
        assert senders != receivers or met == set(all_meetings(senders, receivers))


def test_gradients_reach_those_who_meet_and_nobody_else():
    population = agents_of(**SMALL, population=3, separate_encoders=True)
    population.meeting(Meeting(0, 2))(*games()).scores.square().sum().backward()
    touched = {
        (number, part)
        for number, pair in enumerate(population.pairs)
        for part in ("sender_encoder", "decoder", "receiver_encoder", "receiver")
        if any(weight.grad is not None for weight in getattr(pair, part).parameters())
    }
    assert touched == {(0, "sender_encoder"), (0, "decoder"), (2, "receiver_encoder"), (2, "receiver")}


def test_every_agent_has_weights_of_its_own():
    population = agents_of(**SMALL, population=3)
    assert isinstance(population, Population)
    decoders = [torch.cat([weight.flatten() for weight in decoder.parameters()]) for decoder in decoders_of(population)]
    assert len({tuple(weights.tolist()) for weights in decoders}) == 3
