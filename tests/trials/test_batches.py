"""From deals to pictures: which row is what, and that a picture seen twice is gathered once."""

import pytest
import torch

from learning_to_draw.datasets.splits import Split
from learning_to_draw.games.config import GameConfig
from learning_to_draw.games.sampling import DifferentGame, GameIndices, MixedGame, OriginalGame, SameGame
from learning_to_draw.trials.loop.batches import GameBatches, SenderView, unique_rows

CPU = torch.device("cpu")


def numbered_split(count=12, name="test", **kwargs):
    """Pictures of one pixel value each, which is their number."""
    images = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 4, 4).contiguous()
    labels = torch.arange(count) % 3
    return Split(name, images, labels, ("a", "b", "c"), torch.arange(count), **kwargs)


def original_game(split, shuffle=False, **options):
    return OriginalGame(GameConfig(**options), split, generator=torch.Generator().manual_seed(0), shuffle=shuffle)


def numbers(photos):
    return (photos[:, 0, 0, 0] * 255).round().long()


def test_rows_are_senders_first_and_every_picture_once():
    deal = GameIndices(torch.tensor([5, 2]), torch.tensor([[7, 5, 9], [2, 7, 5]]), torch.tensor([1, 0]))
    items, candidates = unique_rows(deal)
    assert items.tolist() == [5, 2, 7, 9]
    assert candidates.tolist() == [[2, 0, 3], [1, 2, 0]]
    assert torch.equal(items[candidates], deal.candidates)


@pytest.mark.parametrize("kind", ["original", "same", "different", "mixed"])
@pytest.mark.parametrize("transformed", [True, False])
def test_a_batch_shows_what_was_dealt(kind, transformed):
    split = numbered_split()
    if kind == "original":
        sampler = original_game(split, shuffle=True, batch_size=6, sender_images_per_iter=4)
    else:
        game = {"same": SameGame, "different": DifferentGame, "mixed": MixedGame}[kind]
        generator = torch.Generator().manual_seed(0)
        sampler = game(GameConfig(num_targets=3, batch_size=6), split, generator=generator, shuffle=True)
    leave = (lambda photos, generator: photos) if transformed else None
    for batch in GameBatches(split, sampler, device=CPU, seed=0, sender_view=leave):
        assert torch.equal(numbers(batch.photos[: batch.senders]), batch.items.senders)
        assert torch.equal(numbers(batch.photos)[batch.candidates], batch.items.candidates)
        rows = batch.candidate_rows()
        assert rows.shape == (batch.senders, batch.candidates.shape[1])
        meant = numbers(batch.photos)[rows.gather(1, batch.targets[:, None])].flatten()
        if kind in ("original", "same"):
            assert torch.equal(meant, batch.items.senders)
        assert torch.equal(split.labels[meant], split.labels[batch.items.senders])
        if kind == "original" and not transformed:
            assert len(batch.photos) == 6


def test_number_of_games_counts_senders():
    split = numbered_split(13)
    batches = GameBatches(split, original_game(split, batch_size=4, sender_images_per_iter=3), device=CPU, seed=0)
    assert len(batches) == 3
    assert batches.games == 9 == sum(batch.senders for batch in batches)


def noise(images, indices, generator, device=None):
    return torch.rand(len(indices), 1, 4, 4, generator=generator)


def test_views_are_new_each_epoch_in_training_and_the_same_in_testing():
    def first_photos(name):
        split = numbered_split(name=name, augment=noise)
        batches = GameBatches(split, original_game(split, batch_size=6), device=CPU, seed=3)
        return next(iter(batches)).photos, next(iter(batches)).photos

    assert torch.equal(*first_photos("test"))
    assert not torch.equal(*first_photos("train"))


def test_sender_view_keeps_within_the_official_ranges():
    photos = torch.full((64, 3, 16, 16), 0.8)
    centre = torch.tensor([0.5, 0.4, 0.3])
    seen = SenderView(centre)(photos, torch.Generator().manual_seed(0))
    # inside, (0.8 - centre) is multiplied by 0.95 to 1.05; what comes in from outside is the centre itself
    gain = (seen - centre.view(3, 1, 1)) / (0.8 - centre.view(3, 1, 1))
    inside = gain > 0.5
    assert gain[inside].min() >= 0.95 - 1e-5
    assert gain[inside].max() <= 1.05 + 1e-5
    assert gain[inside].mean().item() == pytest.approx(1, abs=1e-3)
    assert gain[~inside].abs().max() < 1e-5
    assert 0.7 < inside.float().mean() < 1
    assert not torch.equal(seen[0], seen[1])
