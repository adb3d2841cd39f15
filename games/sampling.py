"""How the items of a split are dealt into games: the original game and the object-oriented ones.

A dealer is iterated once an epoch and gives `Deal`s. Every game of every deal has the same number of candidates, so
that rates are comparable; items that do not fill a last batch sit that epoch out. Training deals are shuffled anew each
epoch; the others are the same every time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from learning_to_draw.errors import UsageError
from learning_to_draw.games import OBJECT_ORIENTED


@dataclass(frozen=True)
class Deal:
    """One batch: G games of T candidates, with S senders each, B = G * S. All numbers but targets are items of a split.

    senders: int64 [B], what each sender sees, game by game.
    candidates: int64 [G, T], the receiver's pool of each game, in the order that the receiver sees.
    targets: int64 [B], which candidate (0..T-1, within its own game) the sender means.
    """

    senders: Tensor
    candidates: Tensor
    targets: Tensor


class Game:
    """A dealer of one split: what there is to know of its games, which are alike, and an iterator of `Deal`s.

    kind: its name. items: length of the split. games, candidates, senders: G, T and S of every deal. generator: where
    all that is random in training comes from. lonely: classes of one picture, where a receiver should see another one.
    """

    kind: str
    items: int
    games: int
    candidates: int
    senders: int
    generator: torch.Generator
    lonely: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Deals an epoch."""
        return self.items // (self.games * self.candidates)

    def __iter__(self) -> Iterator[Deal]:
        raise NotImplementedError


class OriginalGame(Game):
    """Every batch is one game: each of its T pictures is meant once, the T - 1 others are its distractors.

    Section 4 of the paper. With `senders` below T only the first pictures of a batch are meant.
    """

    kind = "original"

    def __init__(
        self,
        items: int,
        *,
        candidates: int,
        generator: torch.Generator,
        shuffle: bool,
        senders: int | None = None,
        split: str = "train",
    ):
        """items: length of the split. generator: where every order comes from; the fixed orders are drawn here.

        Raises UsageError if the split cannot fill one game.
        """
        if candidates > items:
            raise UsageError(
                f"--batch-size {candidates}: the {split} split has {items} pictures, and a game needs {candidates}.\n"
                f"Give at most {items}, or use more pictures."
            )
        _check_senders(senders, candidates)
        self.items = items
        self.games, self.candidates, self.senders = 1, candidates, senders or candidates
        self.generator, self._shuffle = generator, shuffle
        if not shuffle:
            self._order = torch.randperm(items, generator=generator)
            self._pool_seed = _draw_seed(generator)

    def __iter__(self) -> Iterator[Deal]:
        generator = self.generator if self._shuffle else torch.Generator().manual_seed(self._pool_seed)
        order = torch.randperm(self.items, generator=generator) if self._shuffle else self._order
        for batch in range(len(self)):
            meant = order[batch * self.candidates : (batch + 1) * self.candidates][None]  # [1, T]
            yield shuffled_pools(meant, meant, self.senders, generator)


class ObjectOrientedGame(Game):
    """Every game holds one picture each of T classes; which one is meant is which class.

    kind `same`: the receiver's pool holds the very picture that the sender saw. `different`: another picture of its
    class. `mixed`: both kinds in every game; slots take turns, so half of the senders of a game (rounded up and down in
    turn where that does not divide) see the target itself and the others another picture of its class.

    The order is the official code's: every class deals its pictures in turn (shuffled in training) and starts again
    when all have been used. A sender's picture in `different` is its class's next, the receiver's the one after it, so
    that in one cycle every picture is once the sender's and once the receiver's; in a class of one picture, which
    `lonely` names, both get that one. The next game goes on with the next T classes; here this goes on from batch to
    batch too, so that with T below the number of classes every class is played at test time. And where a balanced split
    repeats pictures, the receiver's is the next one that really is another.
    """

    def __init__(
        self,
        labels: Tensor,
        classes: tuple[str, ...],
        *,
        kind: str,
        pictures: Tensor | None = None,
        num_targets: int | None,
        batch_size: int,
        generator: torch.Generator,
        shuffle: bool,
        senders: int | None = None,
        split: str = "train",
    ):
        """labels: int64 [N], the class of every item of the split. pictures: int64 [N], the picture that each item
        shows, None where no two show the same. num_targets: T, None or 0 for all classes.

        Raises UsageError where the split cannot be played: too few classes, fewer pictures than a batch.
        """
        assert kind in OBJECT_ORIENTED
        self.kind = kind
        self._pictures = list(range(len(labels))) if pictures is None else pictures.tolist()
        members = {label: torch.nonzero(labels == label).flatten() for label in dict.fromkeys(labels.tolist())}
        self._members = list(members.values())
        _check_classes(len(members), num_targets, split)
        shown = {label: {self._pictures[item] for item in items.tolist()} for label, items in members.items()}
        self.lonely = tuple(classes[label] for label, pictures in shown.items() if len(pictures) == 1)
        self.items = len(labels)
        self.candidates = num_targets or len(members)
        _check_senders(senders, self.candidates)
        self.senders = senders or self.candidates
        # The official code plays one game a batch when only some of its pictures are meant.
        self.games = 1 if senders else max(1, batch_size // self.candidates)
        if self.games * self.candidates > self.items:
            raise UsageError(
                f"--batch-size {batch_size}: a batch is {self.games} game(s) of {self.candidates} pictures, and the "
                f"{split} split has {self.items}.\nGive a smaller --batch-size or --num-targets."
            )
        self.generator, self._shuffle = generator, shuffle
        self._pool_seed = None if shuffle else _draw_seed(generator)

    def __iter__(self) -> Iterator[Deal]:
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
            seen, meant = [], []
            for _ in range(self.games):
                for slot in range(self.candidates):
                    cycle = order[(first + slot) % len(cycles)]
                    sender, receiver = self._pick(cycles[cycle], taken[cycle], slot + game)
                    taken[cycle] += 1
                    seen.append(sender)
                    meant.append(receiver)
                # By the senders, not the candidates: where only some have one, all classes still take their turn.
                first = (first - self.senders) % len(cycles)
                game += 1
            shape = (self.games, self.candidates)
            yield shuffled_pools(
                torch.tensor(seen).view(shape), torch.tensor(meant).view(shape), self.senders, generator
            )

    def _pick(self, cycle: list[int], taken: int, turn: int) -> tuple[int, int]:
        """The sender's and the receiver's item of one slot; `taken` items of this class were dealt before."""
        sender = cycle[-taken % len(cycle)]
        if self.kind == "same" or (self.kind == "mixed" and turn % 2 == 0):
            return sender, sender
        following = (cycle[(-taken - step) % len(cycle)] for step in range(1, len(cycle)))
        others = (item for item in following if self._pictures[item] != self._pictures[sender])
        return sender, next(others, cycle[(-taken - 1) % len(cycle)])  # the next item, where all show one picture


def shuffled_pools(seen: Tensor, meant: Tensor, senders: int, generator: torch.Generator) -> Deal:
    """Shuffles each game's pool by itself and remembers where each target went.

    seen, meant: int64 [G, T], the sender's and the receiver's item of every slot. senders: how many of the T slots
    have a sender.
    """
    order = torch.stack([torch.randperm(seen.shape[1], generator=generator) for _ in range(seen.shape[0])])
    targets = torch.argsort(order, dim=1)[:, :senders]  # where slot i's picture lies after shuffling
    return Deal(seen[:, :senders].flatten(), torch.gather(meant, 1, order), targets.flatten())


def _check_classes(present: int, num_targets: int | None, split: str) -> None:
    if present < 2:
        raise UsageError(
            f"the {split} split has {present} class, and a game between classes needs 2 or more.\n"
            "Leave out --object-oriented to play with single pictures."
        )
    if num_targets and num_targets > present:
        raise UsageError(
            f"--num-targets {num_targets}: the {split} split has {present} classes, and a game holds one "
            f"picture of each class.\nGive at most {present}; training and testing play games of one size."
        )


def _check_senders(senders: int | None, candidates: int) -> None:
    if senders is not None and senders > candidates:
        raise UsageError(
            f"--sender-images-per-iter {senders}: a game has {candidates} pictures.\nGive at most {candidates}."
        )


def _draw_seed(generator: torch.Generator) -> int:
    return int(torch.randint(2**62, (), generator=generator))
