"""The games of a person with a trained pair: deals them, scores what the person draws, and logs what happened."""

from __future__ import annotations

import base64
import io
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchbearer
from torch import Tensor

from learning_to_draw.analysis.play.fit import fitted
from learning_to_draw.analysis.study.answers import FORMAT
from learning_to_draw.games.sampling import GameIndices
from learning_to_draw.models.agents import Agents, Play
from learning_to_draw.models.decoders.base import Strokes
from learning_to_draw.trials.loop.batches import Batch, GameBatches, PlayedBatch
from learning_to_draw.trials.loop.gamelog import GameLogWriter
from learning_to_draw.trials.records.atomic import write_json
from learning_to_draw.trials.records.pictures import to_picture

DRAW, GUESS = "draw", "guess"  # the person's roles
MOST_FRAMES = 30  # steps in which a sketch appears
MOST_TURNS = 32  # games that are kept, so that a drawing hand need not wait for the agents to play the game again


@dataclass(frozen=True)
class Turn:
    """One game. play: how the agents play it. candidates: [1, T, L], the candidates' latents for the receiver."""

    batch: Batch
    play: Play
    candidates: Tensor

    @property
    def target(self) -> int:
        return int(self.batch.targets[0])

    @property
    def other(self) -> bool:
        """Whether the target is not the photo that the sender sees, but another picture of its class."""
        return _is_other(self.batch.items)

    @property
    def agents_guess(self) -> int:
        return int(self.play.scores[0].argmax())


class Games:
    """The games of one page. In half of them, the person draws; in the other half, the person guesses.

    After the last game of a role, its games begin again.
    """

    def __init__(self, agents: Agents, batches: GameBatches, most_candidates: int, seed: int):
        """agents: in evaluation mode. most_candidates: the maximum per game.

        If a game has more candidates, randomly chosen distractors are left out. seed: for this choice, and for the
        order of the games.
        """
        self.agents, self.batches = agents, batches
        self._deals = list(_deals(batches, most_candidates, random.Random(seed)))
        self._turns: dict[tuple[str, int], Turn] = {}

    @torch.no_grad()
    def turn(self, role: str, number: int) -> Turn:
        """Returns game `number` (from 0) of those that the person plays in this role."""
        if (role, number) not in self._turns:
            deals = self._deals[role == GUESS :: 2] or self._deals  # a single deal serves both roles
            batch, agents = self.batches.gather(deals[number % len(deals)]), self.agents
            play = agents(batch.photos, batch.candidates, batch.senders, targets=batch.targets)
            latents = agents.receiver_encoder.encode(batch.photos[batch.candidates[0]]).latent
            if len(self._turns) == MOST_TURNS:
                del self._turns[next(iter(self._turns))]  # the one that was added first
            self._turns[role, number] = Turn(batch, play, latents[None])
        return self._turns[role, number]

    @property
    def candidates(self) -> int:
        """The number of candidates of every game."""
        return self._deals[0].candidates.shape[1]

    @property
    def others(self) -> bool:
        """Whether there are games whose target is another picture than the sender's; see `Turn.other`."""
        return any(map(_is_other, self._deals))

    @cached_property
    def pen(self) -> Pen:
        """The kind of strokes that the agents draw, and that the person draws with."""
        return Pen.of(self.turn(DRAW, 0).play.strokes, self.agents)

    @torch.no_grad()
    def sketch(self, turn: Turn, paths: Sequence[np.ndarray]) -> tuple[Play, int]:
        """Returns (the game with the person's sketch instead of the agents', the number of strokes in this sketch).

        paths: what the hand drew, each [M, 2], (row, col) on a canvas from -1 to 1. If the paths need more strokes
        than the agents draw, the last path that gets strokes is followed less closely, and the paths after it are left
        out.
        """
        strokes, count = self.pen.strokes(paths)
        sketches = self.agents.render(strokes)
        latent = self.agents.receiver_encoder.encode(sketches, is_sketch=True).latent
        scores = self.agents.guess(latent, turn.candidates)
        return replace(turn.play, scores=scores, sketches=sketches, strokes=strokes, guesses=None), count

    @torch.no_grad()
    def frames(self, turn: Turn) -> tuple[list[str], list[int]]:
        """Returns (pictures of the agents' growing sketch as data URIs, the number of strokes in each picture).

        A sketch with more than `MOST_FRAMES` strokes appears in `MOST_FRAMES` steps, its strokes in random order.
        """
        strokes = turn.play.strokes
        drawn = list(range(strokes.points.shape[1]))
        if strokes.intensities is not None:
            drawn = strokes.intensities[0].amax(dim=1).nonzero()[:, 0].tolist()
        if len(drawn) > MOST_FRAMES:
            random.Random(turn.target).shuffle(drawn)
        steps = min(len(drawn), MOST_FRAMES)
        counts = [round(len(drawn) * step / steps) for step in range(1, steps + 1)] or [0]
        pictures = [uri(self.agents.render(strokes[:, sorted(drawn[:count])])[0]) for count in counts]
        return pictures, counts


@dataclass(frozen=True)
class Pen:
    """The kind of strokes that the agents draw.

    most: the number of strokes per sketch. control_points: the number per stroke. channels: of the ink, 1 or 3.
    sigma2: the decoder's squared stroke width, in canvas units. device: of the agents.
    """

    most: int
    control_points: int
    channels: int
    sigma2: float
    device: torch.device

    @classmethod
    def of(cls, strokes: Strokes, agents: Agents) -> Pen:
        _, most, control_points, _ = strokes.points.shape
        return cls(most, control_points, agents.decoder.channels, agents.decoder.sigma2, strokes.points.device)

    def strokes(self, paths: Sequence[np.ndarray]) -> tuple[Strokes, int]:
        """Returns `most` strokes, and the number of those that follow the paths of a hand; the others have no ink."""
        points = np.zeros((1, self.most, self.control_points, 2))
        count = 0
        for path in paths:
            if count < self.most:
                new = fitted(path, self.control_points, self.most - count)
                points[0, count : count + len(new)] = new
                count += len(new)
        ink = torch.zeros(1, self.most, self.channels, device=self.device)
        ink[:, :count] = 1
        return Strokes(torch.from_numpy(points).float().to(self.device), self.sigma2, ink), count


class PlayLog:
    """The log of the games that a person has finished, in a folder that is created with the first of them.

    drawn/ and guessed/ hold one game log each, in the format of the game log of a test. In drawn/, the person drew, and
    the receiver guessed. In guessed/, the sender drew; the log has the receiver's guesses, and answers.json has the
    person's, in the format that the page of a `study` saves.
    """

    def __init__(self, folder: Path, batches: GameBatches, seed: int, card: Mapping[str, Any], started: str):
        self.folder, self._batches, self._seed, self._card, self._started = folder, batches, seed, card, started
        self._writers: dict[str, GameLogWriter] = {}
        self._answers: list[dict[str, Any]] = []
        self._ended: set[tuple[str, int]] = set()
        self.games = {DRAW: 0, GUESS: 0}
        self.right = {DRAW: 0, GUESS: 0}

    def drew(self, turn: Turn, number: int, play: Play) -> None:
        """Adds game `number`, in which the person drew. play: with the person's sketch and the receiver's scores."""
        self._add(DRAW, number, turn, play, int(play.scores[0].argmax()) == turn.target)

    def guessed(
        self, turn: Turn, number: int, choice: int, strokes_seen: int, seconds: float, interrupted: bool
    ) -> None:
        """Adds game `number`, in which the person chose candidate `choice` after `strokes_seen` strokes and `seconds`.

        interrupted: whether the page was hidden in the meantime.
        """
        classes = self._classes(turn)
        own = self._batches.split.classes[self._label(turn.batch.items.senders)[0]]
        answer = {
            "game": self.games[GUESS],
            "choice": choice,
            "target": turn.target,
            "candidates": len(classes),
            "right": choice == turn.target,
            "right_class": classes[choice] == own,
            "candidates_of_class": classes.count(own),
            "seconds": round(seconds, 3),
            "interrupted": interrupted,
            "agents_choice": turn.agents_guess,
            "agents_right": turn.agents_guess == turn.target,
            "agents_right_class": classes[turn.agents_guess] == own,
            "strokes_seen": strokes_seen,
        }
        if not self._add(GUESS, number, turn, turn.play, answer["right"]):
            return
        self._answers.append(answer)
        content = {"format": FORMAT, "study": f"play {self._started}", "title": "play", "participant": "player"}
        content |= {"started": self._started, "finished": None, "answers": self._answers}
        write_json(self._folder(GUESS) / "answers.json", content)

    def finish(self) -> None:
        """Completes the logs. Games that were begun, but not finished, are left out."""
        for role, writer in self._writers.items():
            writer.card = {**writer.card, "sender": "person" if role == DRAW else "agents"}
            writer.on_end_validation({})
        self._writers.clear()

    def holds(self, role: str, number: int) -> bool:
        """Returns whether game `number` of this role is in the log."""
        return (role, number) in self._ended

    def _add(self, role: str, number: int, turn: Turn, play: Play, right: bool) -> bool:
        """Adds a game, unless the page has already sent it, and sends it again. Returns whether it was added."""
        if self.holds(role, number):
            return False
        self._ended.add((role, number))
        if role not in self._writers:
            writer = GameLogWriter(self._folder(role), self._batches.split, self._seed, self._card)
            writer.on_start_validation({})
            self._writers[role] = writer
        played = PlayedBatch(play, {})
        self._writers[role].on_step_validation({torchbearer.X: turn.batch, torchbearer.Y_PRED: played})
        self.games[role] += 1
        self.right[role] += right
        return True

    def _folder(self, role: str) -> Path:
        return self.folder / ("drawn" if role == DRAW else "guessed")

    def _label(self, items: Tensor) -> list[int]:
        split = self._batches.split
        return split.labels[split.items[items]].tolist()

    def _classes(self, turn: Turn) -> list[str]:
        return [self._batches.split.classes[label] for label in self._label(turn.batch.items.candidates[0])]


def uri(picture: Tensor) -> str:
    """Returns a picture, float [1 or 3, H, W] in 0..1, as the data URI of a PNG."""
    file = io.BytesIO()
    to_picture(picture).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


def _is_other(game: GameIndices) -> bool:
    return int(game.candidates[0, game.targets[0]]) != int(game.senders[0])


def _deals(batches: GameBatches, most: int, rng: random.Random) -> Iterator[GameIndices]:
    """Yields all turns of the split's games in random order, each as a separate game with at most `most` candidates."""
    turns = []
    for indices in batches.sampler:
        senders = len(indices.senders) // len(indices.candidates)
        for turn, (sender, target) in enumerate(zip(indices.senders.tolist(), indices.targets.tolist(), strict=True)):
            turns.append((sender, indices.candidates[turn // senders].tolist(), target))
    rng.shuffle(turns)
    for sender, pool, target in turns:
        others = [place for place in range(len(pool)) if place != target]
        shown = [target, *rng.sample(others, min(most - 1, len(others)))]
        rng.shuffle(shown)
        yield GameIndices(
            torch.tensor([sender]),
            torch.tensor([[pool[place] for place in shown]]),
            torch.tensor([shown.index(target)]),
        )
