"""Samples games from the items of a split: the original game and the object-oriented ones.

A sampler is iterated once per epoch and yields one `GameIndices` per batch. All games have the same number of
candidates, so rates are comparable. All batches are full: the original game leaves out the items that remain at the
end of an epoch. Training games are shuffled anew every epoch; validation and test games are always the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from learning_to_draw.datasets.splits import Split
from learning_to_draw.errors import UsageError
from learning_to_draw.games.config import GameConfig


@dataclass(frozen=True)
class GameIndices:
    """One batch: G games, each with T candidates and S senders; B = G * S.

    A picture is given as the number of an item of the split, from 0 to len(split) - 1.

    senders: int64 [B], the item that each sender sees, game by game.
    candidates: int64 [G, T], the candidates of each game, in the order that the receiver sees.
    targets: int64 [B], the index (0..T-1) of each sender's target among the candidates of its game.
    """

    senders: Tensor
    candidates: Tensor
    targets: Tensor


class BatchTooLarge(UsageError):
    """A split has too few pictures for a batch of this size.

    split: the split's name. pictures: the number of its pictures. most: the largest batch size that it can fill.
    reason: text that follows the number of pictures in the message.
    """

    def __init__(self, batch_size: int, split: str, pictures: int, most: int, reason: str = ""):
        super().__init__(
            f"--batch-size {batch_size}: the {split} split has {pictures} pictures{reason}.\n"
            f"Give at most {most}, or use more pictures."
        )
        self.split, self.pictures, self.most, self.reason = split, pictures, most, reason


class GameSampler:
    """A sampler of one split: an iterable of `GameIndices`, one per batch, and the sizes that all batches share.

    kind: name of the game. items: length of the split. games, candidates, senders: G, T and S of every batch.
    generator: the source of all randomness in training. lonely: classes with a single picture, which both sender and
    receiver see.

    Every sampler is built as `Class(config, split, generator=, shuffle=)`. shuffle: sample new games in every epoch, as
    in training. Otherwise all epochs have the same games, and only the constructor uses `generator`.
    """

    kind: str
    items: int
    games: int
    candidates: int
    senders: int
    generator: torch.Generator
    lonely: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Batches per epoch."""
        return self.items // (self.games * self.candidates)

    def __iter__(self) -> Iterator[GameIndices]:
        raise NotImplementedError


class OriginalGame(GameSampler):
    """Every batch is one game: each of its T pictures is the target once, with the T - 1 others as distractors.

    Section 4 of the paper. With `senders` below T, only the first `senders` pictures of a batch are targets.
    """

    kind = "original"

    def __init__(
        self,
        config: GameConfig,
        split: Split,
        *,
        generator: torch.Generator,
        shuffle: bool,
    ):
        """T is the batch size of the configuration. Raises UsageError if the split cannot fill one game
        (`BatchTooLarge`), or if S exceeds T."""
        candidates, items = config.batch_size, len(split)
        if candidates > items:
            raise BatchTooLarge(candidates, split.name, items, items)
        self.items = items
        self.games, self.candidates, self.senders = 1, candidates, _senders(config, candidates)
        self.generator, self._shuffle = generator, shuffle
        if not shuffle:
            self._order = torch.randperm(items, generator=generator)
            self._pool_seed = _draw_seed(generator)

    def __iter__(self) -> Iterator[GameIndices]:
        generator = self.generator if self._shuffle else torch.Generator().manual_seed(self._pool_seed)
        order = torch.randperm(self.items, generator=generator) if self._shuffle else self._order
        for batch in range(len(self)):
            items = order[batch * self.candidates : (batch + 1) * self.candidates][None]  # [1, T]
            yield shuffled_pools(items, items, self.senders, generator)


class ObjectOrientedGame(GameSampler):
    """The candidates are one picture from each of T classes; the receiver guesses the class of the sender's picture.

    `SameGame`: the target is the picture that the sender sees. `DifferentGame`: the target is another picture of the
    same class. `MixedGame`: half of a game's senders see the target itself, the others another picture of its
    class. With an odd number of senders, the larger half alternates from game to game.

    The order is almost the official code's: every class uses its pictures one after the other (shuffled in training)
    and starts again when all have been used. In `different`, the sender gets the next picture of the class and the
    receiver the one after it, so in one cycle every picture is once the sender's and once the receiver's. In a class
    with a single picture (listed in `lonely`), both get that picture. The targets of the next game are from the next S
    classes. There are two differences from the official code. First, the order continues across batches: with T below
    the number of classes, later test batches play further classes. Second, if a balanced split repeats a picture, the
    receiver gets the next picture that differs from the sender's.
    """

    def __init__(
        self,
        config: GameConfig,
        split: Split,
        *,
        generator: torch.Generator,
        shuffle: bool,
    ):
        """T is the configuration's `num_targets`; 0 or None: all classes. Raises UsageError if the split has too few
        classes, if it cannot fill one batch (`BatchTooLarge`), or if S exceeds T."""
        labels, classes, num_targets = split.item_labels, split.classes, config.num_targets
        self._pictures = split.items.tolist()
        members = {label: torch.nonzero(labels == label).flatten() for label in dict.fromkeys(labels.tolist())}
        self._members = list(members.values())
        _check_classes(len(members), num_targets, split.name)
        shown = {label: {self._pictures[item] for item in items.tolist()} for label, items in members.items()}
        self.lonely = tuple(classes[label] for label, pictures in shown.items() if len(pictures) == 1)
        self.items = len(labels)
        self.candidates = num_targets or len(members)
        self.senders = _senders(config, self.candidates)
        # Validation and test games do not depend on the number of games per batch, so a small split can use fewer.
        batch_size = config.batch_size if shuffle else min(config.batch_size, self.items)
        # The official code plays one game per batch if the number of senders is given.
        self.games = 1 if config.sender_images_per_iter else max(1, batch_size // self.candidates)
        if self.games * self.candidates > self.items:  # a single game always fits
            raise BatchTooLarge(batch_size, split.name, self.items, self.items)
        self.generator, self._shuffle = generator, shuffle
        if not shuffle:
            self._pool_seed = _draw_seed(generator)

    def __iter__(self) -> Iterator[GameIndices]:
        if self._shuffle:
            generator = self.generator
            cycles = [members[torch.randperm(len(members), generator=generator)].tolist() for members in self._members]
        else:
            generator = torch.Generator().manual_seed(self._pool_seed)
            cycles = [members.tolist() for members in self._members]
        taken = [0] * len(cycles)
        first, game = 0, 0
        for _ in range(len(self)):
            order = torch.randperm(len(cycles), generator=generator).tolist() if self._shuffle else range(len(cycles))
            seen, offered = [], []
            for _ in range(self.games):
                for slot in range(self.candidates):
                    cycle = order[(first + slot) % len(cycles)]
                    sender, receiver = self._pick(cycles[cycle], taken[cycle], slot + game)
                    taken[cycle] += 1
                    seen.append(sender)
                    offered.append(receiver)
                # Moved by S, not T, so every class can become the target even if S is smaller than T.
                first = (first - self.senders) % len(cycles)
                game += 1
            shape = (self.games, self.candidates)
            yield shuffled_pools(
                torch.tensor(seen).view(shape), torch.tensor(offered).view(shape), self.senders, generator
            )

    def _pick(self, cycle: list[int], taken: int, turn: int) -> tuple[int, int]:
        """The item that the sender sees and the one that the receiver gets as a candidate, both of one class.

        cycle: the items of the class. taken: how many items of the cycle were used before. turn: in `mixed`, both items
        are the same if this number is even.
        """
        sender = cycle[-taken % len(cycle)]
        if self.kind == "same" or (self.kind == "mixed" and turn % 2 == 0):
            return sender, sender
        following = (cycle[(-taken - step) % len(cycle)] for step in range(1, len(cycle)))
        others = (item for item in following if self._pictures[item] != self._pictures[sender])
        return sender, next(others, cycle[(-taken - 1) % len(cycle)])  # the next item if all show one picture


class SameGame(ObjectOrientedGame):
    kind = "same"


class DifferentGame(ObjectOrientedGame):
    kind = "different"


class MixedGame(ObjectOrientedGame):
    kind = "mixed"


def shuffled_pools(seen: Tensor, meant: Tensor, senders: int, generator: torch.Generator) -> GameIndices:
    """Returns the games, with the candidates of each game shuffled separately.

    seen, meant: items, int64 [G, T]. In turn t of game g, the sender sees seen[g, t], and the target is meant[g, t].
    All T items of meant[g] are candidates. senders: S; only the first S turns are played.
    """
    order = torch.stack([torch.randperm(seen.shape[1], generator=generator) for _ in range(seen.shape[0])])
    targets = torch.argsort(order, dim=1)[:, :senders]  # the index of turn t's target after shuffling
    return GameIndices(seen[:, :senders].flatten(), torch.gather(meant, 1, order), targets.flatten())


def _check_classes(present: int, num_targets: int | None, split: str) -> None:
    if present < 2:
        raise UsageError(
            f"the {split} split has {present} class, but an object-oriented game needs 2 or more.\n"
            "Leave out --object-oriented to play the original game."
        )
    if num_targets and num_targets > present:
        raise UsageError(
            f"--num-targets {num_targets}: the {split} split has {present} classes, and a game's candidates are "
            f"all of different classes.\nGive at most {present}."
        )


def _senders(config: GameConfig, candidates: int) -> int:
    """S, the number of turns in a game of T candidates. Raises UsageError if S exceeds T."""
    senders = config.sender_images_per_iter
    if senders is not None and senders > candidates:
        raise UsageError(
            f"--sender-images-per-iter {senders}: a game has {candidates} candidates.\nGive at most {candidates}."
        )
    return senders or candidates


def _draw_seed(generator: torch.Generator) -> int:
    return int(torch.randint(2**62, (), generator=generator))
