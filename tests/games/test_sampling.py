"""Deals, against games worked out by hand and against what must hold for any deal."""

import itertools
from collections import Counter

import pytest
import torch

from learning_to_draw.datasets.splits import Split
from learning_to_draw.errors import UsageError
from learning_to_draw.games import GAMES
from learning_to_draw.games.config import GameConfig
from learning_to_draw.games.sampling import GameIndices, shuffled_pools


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def meant_items(deal: GameIndices) -> torch.Tensor:
    """What each sender's target is, looked up in its own game's pool."""
    pools = deal.candidates.repeat_interleave(len(deal.targets) // len(deal.candidates), dim=0)
    return pools.gather(1, deal.targets[:, None]).flatten()


def sample(kind, labels, *, shuffle=False, seed=0, items=None, **options):
    """The sampler of a split. labels: the class of every picture. items: the picture of every item; None: one each."""
    labels, name = torch.tensor(labels), "train" if shuffle else "test"
    classes = tuple("abcdefgh"[: int(labels.max()) + 1])
    items = torch.arange(len(labels)) if items is None else torch.tensor(items)
    split = Split(name, torch.zeros(len(labels), 1, 1, 1, dtype=torch.uint8), labels, classes, items)
    return GAMES[kind].load()(GameConfig(**options), split, generator=seeded(seed), shuffle=shuffle)


def original(items, *, shuffle, **options):
    return sample("none", [0] * items, shuffle=shuffle, **options)


def object_oriented(labels, kind, *, batch_size=4, **settings):
    return sample(kind, labels, batch_size=batch_size, **settings)


def test_original_game_means_every_item_of_a_batch_once_and_drops_the_short_last_batch():
    sampler = original(11, batch_size=4, shuffle=True)
    deals = list(sampler)
    assert len(deals) == len(sampler) == 2
    used = torch.cat([deal.senders for deal in deals])
    assert len(set(used.tolist())) == 8
    for deal in deals:
        assert deal.candidates.shape == (1, 4)
        assert torch.equal(meant_items(deal), deal.senders)
        assert set(deal.candidates.flatten().tolist()) == set(deal.senders.tolist())


def test_original_game_shuffles_training_and_repeats_the_rest():
    train = original(40, batch_size=8, shuffle=True)
    assert not torch.equal(next(iter(train)).senders, next(iter(train)).senders)
    fixed = original(40, batch_size=8, shuffle=False)
    for first, second in zip(fixed, fixed, strict=True):
        assert torch.equal(first.senders, second.senders)
        assert torch.equal(first.candidates, second.candidates)
        assert torch.equal(first.targets, second.targets)
    again = original(40, batch_size=8, shuffle=False)
    assert torch.equal(next(iter(fixed)).candidates, next(iter(again)).candidates)
    # The order is not the split's own, in which classes may lie together.
    assert not torch.equal(next(iter(fixed)).senders, torch.arange(8))


def test_pools_are_shuffled_away_from_the_senders_order():
    deal = next(iter(original(64, batch_size=64, shuffle=True)))
    assert not torch.equal(deal.targets, torch.arange(64))
    assert sorted(deal.targets.tolist()) == list(range(64))


def test_fewer_senders_than_candidates():
    deal = next(iter(original(10, batch_size=10, sender_images_per_iter=3, shuffle=False)))
    assert deal.senders.shape == deal.targets.shape == (3,)
    assert deal.candidates.shape == (1, 10)
    assert torch.equal(meant_items(deal), deal.senders)


def test_targets_are_local_to_their_game():
    seen = torch.tensor([[0, 1, 2], [3, 4, 5]])
    deal = shuffled_pools(seen, seen + 10, 3, seeded())
    assert deal.targets.max() <= 2
    assert torch.equal(meant_items(deal), (seen + 10).flatten())
    assert sorted(deal.candidates[0].tolist()) == [10, 11, 12]
    assert sorted(deal.candidates[1].tolist()) == [13, 14, 15]


def test_same_game_in_the_official_order_by_hand():
    # class a: items 0 1 2, class b: 3 4 5. A class deals its head, then rotates right: 0, 2, 1 and 3, 5, 4.
    deals = list(object_oriented([0, 0, 0, 1, 1, 1], "same", batch_size=2))
    assert [deal.senders.tolist() for deal in deals] == [[0, 3], [2, 5], [1, 4]]
    for deal in deals:
        assert torch.equal(meant_items(deal), deal.senders)


def test_different_game_in_the_official_order_by_hand():
    # The sender gets the head, the receiver the tail, then the deque rotates right.
    deals = list(object_oriented([0, 0, 0, 1, 1, 1], "different", batch_size=2))
    assert [deal.senders.tolist() for deal in deals] == [[0, 3], [2, 5], [1, 4]]
    assert [meant_items(deal).tolist() for deal in deals] == [[2, 5], [1, 4], [0, 3]]


def test_mixed_game_is_half_same_and_half_different():
    labels = [c for c in range(4) for _ in range(6)]
    deals = list(object_oriented(labels, "mixed", batch_size=4))
    kinds = Counter()
    for deal in deals:
        meant = meant_items(deal)
        same = deal.senders == meant
        assert same.sum() == 2
        for sender, is_same in zip(deal.senders.tolist(), same.tolist(), strict=True):
            kinds[labels[sender], is_same] += 1
        assert [labels[i] for i in deal.senders] == [labels[i] for i in meant]
    assert all(kinds[c, True] == kinds[c, False] == 3 for c in range(4))


@pytest.mark.parametrize("kind", ["same", "different", "mixed"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_a_game_holds_one_picture_of_each_class(kind, shuffle):
    labels = torch.tensor([0] * 5 + [1] * 9 + [2] * 7 + [3] * 6 + [4] * 5)
    sampler = object_oriented(labels.tolist(), kind, shuffle=shuffle, num_targets=3, batch_size=7, seed=3)
    assert (sampler.games, sampler.candidates) == (2, 3)
    for deal in sampler:
        assert deal.candidates.shape == (2, 3)
        assert all(len(set(labels[pool].tolist())) == 3 for pool in deal.candidates)
        assert torch.equal(labels[meant_items(deal)], labels[deal.senders])


def test_different_never_shows_the_receiver_the_senders_own_picture():
    labels = [0] * 2 + [1] * 3 + [2] * 8
    for deal in object_oriented(labels, "different", shuffle=True, batch_size=3):
        assert not (meant_items(deal) == deal.senders).any()


def test_different_means_another_picture_also_where_a_balanced_split_repeats_them():
    # class a: pictures 0 and 1, shown 8 times in all; class b: pictures 2 to 9, shown once each
    labels, pictures = torch.tensor([0] * 8 + [1] * 8), torch.tensor([0, 1] * 4 + list(range(2, 10)))
    for kind in ("different", "mixed"):
        sampler = object_oriented([0] * 2 + [1] * 8, kind, items=pictures.tolist(), batch_size=2, shuffle=True)
        for turn, deal in enumerate([deal for _ in range(5) for deal in sampler]):
            seen, meant = pictures[deal.senders], pictures[meant_items(deal)]
            assert torch.equal(labels[deal.senders], labels[meant_items(deal)])
            assert (seen == meant).sum() == (0 if kind == "different" else 1), turn


def test_a_class_of_one_picture_shows_it_to_both():
    # class a: one item; class b: pictures 1 2 3; class c: one picture, which a balanced split repeats as items 4 5 6
    labels, pictures = [0] + [1] * 3 + [2] * 3, [0, 1, 2, 3, 4, 4, 4]
    for kind, shuffle in itertools.product(("different", "mixed"), (True, False)):
        sampler = object_oriented([0, 1, 1, 1, 2], kind, items=pictures, batch_size=3, shuffle=shuffle)
        assert sampler.lonely == ("a", "c")
        for deal in sampler:
            for sender, receiver in zip(deal.senders.tolist(), meant_items(deal).tolist(), strict=True):
                assert labels[sender] == labels[receiver]
                if labels[sender] != 1:
                    assert pictures[sender] == pictures[receiver]
                elif kind == "different":
                    assert pictures[sender] != pictures[receiver]
                if kind == "different" and labels[sender] == 2:
                    assert sender != receiver  # as officially: the item's next copy, with an augmentation of its own
    assert object_oriented([0, 0, 1, 1], "different").lonely == ()


def test_every_picture_is_sender_and_receiver_once_in_a_cycle():
    labels = [0] * 5 + [1] * 5
    deals = list(object_oriented(labels, "different", shuffle=True, batch_size=2))
    assert sorted(torch.cat([deal.senders for deal in deals]).tolist()) == list(range(10))
    assert sorted(torch.cat([meant_items(deal) for deal in deals]).tolist()) == list(range(10))


def test_with_fewer_targets_than_classes_every_class_is_still_tested():
    labels = [c for c in range(6) for _ in range(4)]
    deals = list(object_oriented(labels, "same", num_targets=2, batch_size=2))
    met = Counter(labels[i] for deal in deals for i in deal.senders.tolist())
    assert set(met) == set(range(6))
    assert set(met.values()) == {4}
    # After each game the class order rotates right by T: a b, then e f, then c d.
    assert [sorted(labels[i] for i in deal.senders) for deal in deals[:3]] == [[0, 1], [4, 5], [2, 3]]


def test_with_few_senders_every_class_still_takes_its_turn_as_sender():
    labels = [c for c in range(5) for _ in range(6)]
    deals = list(object_oriented(labels, "same", batch_size=5, sender_images_per_iter=1))
    met = Counter(labels[deal.senders.item()] for deal in deals)
    assert set(met) == set(range(5))


def test_training_deals_differ_between_epochs_and_follow_the_seed():
    labels = [c for c in range(5) for _ in range(10)]
    sampler = object_oriented(labels, "same", shuffle=True, batch_size=10, seed=1)
    first, second = next(iter(sampler)), next(iter(sampler))
    assert not torch.equal(first.senders, second.senders)
    again = next(iter(object_oriented(labels, "same", shuffle=True, batch_size=10, seed=1)))
    assert torch.equal(first.senders, again.senders)
    assert torch.equal(first.candidates, again.candidates)


def test_batch_size_is_rounded_to_whole_games_and_may_be_exceeded_by_one_game():
    labels = [c for c in range(8) for _ in range(4)]
    assert object_oriented(labels, "same", batch_size=20).games == 2
    assert object_oriented(labels, "same", batch_size=3).games == 1
    # A held-out split that is smaller than a batch plays fewer games at a time; training refuses (see below).
    assert object_oriented([0, 0, 1, 1], "same", batch_size=6).games == 2


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (lambda: original(9, batch_size=10, shuffle=True), "9 pictures"),
        (lambda: original(9, batch_size=4, sender_images_per_iter=5, shuffle=True), "at most 4"),
        (lambda: object_oriented([0, 0, 1, 1], "same", num_targets=3), "2 classes"),
        (lambda: object_oriented([0, 0, 0, 0], "same"), "1 class"),
        (lambda: object_oriented([0, 0, 0, 0], "same", num_targets=5), "1 class, .*\nLeave out --object-oriented"),
        (lambda: object_oriented([0, 0, 1, 1], "same", batch_size=6, shuffle=True), "has 4"),
        (lambda: object_oriented([0, 0, 1, 1], "same", sender_images_per_iter=3), "at most 2"),
    ],
)
def test_what_cannot_be_played_is_said(build, told):
    with pytest.raises(UsageError, match=told):
        build()
