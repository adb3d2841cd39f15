"""Prepares a log for the measures: pictures, strokes and guesses as arrays, each computed once and only when needed."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from torch import Tensor
from tqdm import tqdm

from learning_to_draw.analysis.measure.picture_arrays import read_pictures
from learning_to_draw.analysis.measure.replay import Replay
from learning_to_draw.analysis.measure.table import NotMeasured
from learning_to_draw.analysis.measure.training_photos import TrainingPhotos
from learning_to_draw.analysis.measures.erasure import without_stroke
from learning_to_draw.analysis.measures.ink import paper_is_white
from learning_to_draw.analysis.measures.judge import Judge
from learning_to_draw.analysis.measures.legibility import Clip
from learning_to_draw.trials.records.gamelog import GameLog, LoggedStrokes, Turn

logger = logging.getLogger("commgame")

# Smallest share of logged guesses that the right agents repeat; pictures are rounded to 8 bits.
AGREEMENT, AGREEMENT_OF_PICTURES = 0.99, 0.9
LEAST = 3  # smallest number of photos for a comparison of distances
NO_STROKES = "the log has no strokes, like all logs of the official code"
NO_DATA_SET = "the log has no card.json with the options of its data set (logs of the official code have no card.json)"
NO_CLASSES = "the log has no classes, like all logs of the official code"


@dataclass(frozen=True)
class Drawings:
    """N different photos, uint8 [N, C, H, W], one sketch of each, uint8 [N, C, H, W], and their classes, str [N]."""

    photos: np.ndarray
    sketches: np.ndarray
    classes: np.ndarray


@dataclass(frozen=True)
class Settings:
    """How to measure. features: compare pictures by "pixels" or by latents ("encoder"). seed: of all random choices.

    sample: maximum number of games for the measures that compare pairs of drawings, draw each stroke alone, erase
    strokes, or replay games. clip: the CLIP for the measure legibility; None skips it. classes: the classes that CLIP
    chooses from; None for those of the log. judge: the network that looks at sketches; None skips the measures that
    need it. word_vectors: class -> [D], the meanings of classes; None for the judge's mean features of each class's
    training photos.
    """

    features: str = "pixels"
    sample: int = 500
    seed: int = 0
    clip: Clip | None = None
    classes: Sequence[str] | None = None
    judge: Judge | None = None
    word_vectors: Mapping[str, np.ndarray] | None = None


class LogData:
    """The arrays of one log, each computed once.

    replay: the agents that played the log, if they are known. photos: training photos of its data set, for the judge.
    """

    def __init__(
        self, log: GameLog, settings: Settings, replay: Replay | None = None, photos: TrainingPhotos | None = None
    ):
        self.log, self.settings, self.replay, self.photos = log, settings, replay, photos
        self._warned = False

    @cached_property
    def drawn_once(self) -> dict[str, int]:
        """Photo -> the first game (counted from 0) in which it was drawn."""
        first_game: dict[str, int] = {}
        for number, game in enumerate(self.log.games):
            first_game.setdefault(game.photo, number)
        return first_game

    @cached_property
    def sample(self) -> np.ndarray:
        """int64 [N]: numbers of up to `settings.sample` games with different photos, chosen at random; ascending."""
        return draw_sample(list(self.drawn_once.values()), self.settings.sample, self.settings.seed)

    @cached_property
    def sampled_photos(self) -> np.ndarray:
        """uint8 [N, C, H, W]: the photos of the sampled games."""
        return self.pictures([game.photo for game in self.games_of(self.sample)])

    @cached_property
    def sampled_sketches(self) -> np.ndarray:
        """uint8 [N, C, H, W]: the sketches of the sampled games."""
        return self.pictures([game.sketch for game in self.games_of(self.sample)])

    @cached_property
    def sketches(self) -> np.ndarray:
        """uint8 [G, C, H, W]: the sketches of all G games."""
        names = [game.sketch for game in self.log.games]
        distinct = {name: row for row, name in enumerate(dict.fromkeys(names))}
        return self.pictures(list(distinct))[[distinct[name] for name in names]]

    @cached_property
    def white_paper(self) -> bool:
        """Whether sketches are dark on light: from the log's card or, if it does not say, guessed from sketches."""
        return bool(self.log.card["invert"]) if "invert" in self.log.card else paper_is_white(self.sampled_sketches)

    @cached_property
    def strokes(self) -> LoggedStrokes:
        """The strokes of all games. Raises NotMeasured if the log has none."""
        if self._strokes is None:
            raise NotMeasured(NO_STROKES)
        return self._strokes

    @cached_property
    def _strokes(self) -> LoggedStrokes | None:
        return self.log.strokes()

    @property
    def has_strokes(self) -> bool:
        return self._strokes is not None

    @cached_property
    def sampled_strokes(self) -> LoggedStrokes:
        return self.strokes[self.sample]

    @cached_property
    def classes(self) -> list[str]:
        """The class of each game's photo. Raises NotMeasured if a photo has no class."""
        classes = [game.photo_class for game in self.log.games]
        if None in classes:
            raise NotMeasured(NO_CLASSES)
        return classes

    def agents(self) -> Replay:
        """Returns the agents that played the log. Raises NotMeasured if their weights were not given.

        Logs a warning, once, if these agents do not repeat the log's guesses.
        """
        if self.replay is None:
            named = self.log.card.get("receiver_weights") or self.log.card.get("weights")
            raise NotMeasured("give --weights" + (f"; the log was played by {named}" if named else ""))
        if (differ := self.differ()) and not self._warned:
            self._warned = True
            logger.warning(
                "%s: the agents of --weights %s: other weights probably played this log", self.log.folder, differ
            )
        return self.replay

    def differ(self) -> str:
        """Returns in words how many of the log's guesses the agents repeat; "" if it may be the agents that played it.

        `replay` must not be None.
        """
        agreement = AGREEMENT if self.has_strokes else AGREEMENT_OF_PICTURES
        played = [game.guess for game in self.games_of(self.sample)]
        repeated = int((self.replayed == played).sum())
        # Rounded down: in a log of few games, one guess may differ.
        return "" if repeated >= int(agreement * len(played)) else f"repeat only {repeated} of {len(played)} guesses"

    @cached_property
    def replayed(self) -> np.ndarray:
        """int64 [N]: the guesses of the agents in the sampled games, given the logged strokes or, without them, the
        logged sketch."""
        assert self.replay is not None
        if self.has_strokes:
            return self.replay.guesses(self.sampled_strokes, *self._offered)
        return self.replay.guesses_from_pictures(self.sampled_sketches, *self._offered)

    def judge(self) -> Judge:
        """Returns the judge. Raises NotMeasured without --judge."""
        if self.settings.judge is None:
            raise NotMeasured("give --judge")
        return self.settings.judge

    def training_photos(self) -> TrainingPhotos:
        """Returns photos for the judge to learn from. Raises NotMeasured if the log does not name its data set."""
        if self.photos is None:
            raise NotMeasured(NO_DATA_SET)
        return self.photos

    @cached_property
    def drawings(self) -> Drawings:
        """Every photo that was drawn, with its first sketch and its class.

        Raises NotMeasured if a photo has no class.
        """
        names = np.array(self.classes)
        games = self.games_of(list(self.drawn_once.values()))
        return Drawings(
            self.pictures([game.photo for game in games]),
            self.pictures([game.sketch for game in games]),
            names[list(self.drawn_once.values())],
        )

    @property
    def offered(self) -> tuple[Tensor, list[list[int]]]:
        """(vectors, rows): the receiver's vectors, float [M, R], for all M different candidates of the sampled games;
        and for each of these games, the rows of its candidates in `vectors`.

        Raises NotMeasured without the agents.
        """
        self.agents()
        return self._offered

    @cached_property
    def _offered(self) -> tuple[Tensor, list[list[int]]]:
        replay, games = self.replay, self.games_of(self.sample)
        assert replay is not None
        row_of = {name: row for row, name in enumerate(dict.fromkeys(n for game in games for n in game.candidates))}
        return replay.offered(self.pictures(list(row_of))), [[row_of[n] for n in game.candidates] for game in games]

    @cached_property
    def erased_guesses(self) -> tuple[np.ndarray, np.ndarray]:
        """(whole, erased): the agents' guesses in the sampled games.

        whole: int64 [N], from all strokes. erased: int64 [K, N]; row k has the guesses without stroke k.
        Raises NotMeasured without the agents or without strokes.
        """
        replay, strokes = self.agents(), self.sampled_strokes
        offered, candidates = self.offered
        whole = self.replayed
        erased = np.tile(whole, (strokes.points.shape[1], 1))
        drawn = strokes.drawn
        for stroke in tqdm(range(len(erased)), desc="erasing", unit=" strokes", disable=None, leave=False):
            # In a game without this stroke, the sketch and the guess stay the same.
            if len(games := np.flatnonzero(drawn[:, stroke])):
                some = strokes[games]
                left = replace(some, intensities=without_stroke(some.intensities, some.points.shape, stroke))
                erased[stroke, games] = replay.guesses(left, offered, [candidates[game] for game in games])
        return whole, erased

    def photo_features(self, photos: np.ndarray) -> np.ndarray:
        """[N, ...]: the pixels or the sender's latents (`settings.features`) of photos uint8 [N, C, H, W].

        Raises NotMeasured for latents if two checkpoints played: --weights is then the receiver's checkpoint, which
        does not hold the sender that drew.
        """
        if self.settings.features == "pixels":
            return photos
        sender, receiver = (self.log.card.get(key) for key in ("weights", "receiver_weights"))
        if receiver is not None and receiver != sender:
            raise NotMeasured(f"the sender's encoder is in {sender}, not in --weights; use --features pixels")
        return self.agents().photo_features(photos)

    def sketch_features(self, sketches: np.ndarray) -> np.ndarray:
        """[N, ...]: the pixels or the receiver's latents (`settings.features`) of sketches uint8 [N, C, H, W]."""
        return sketches if self.settings.features == "pixels" else self.agents().sketch_features(sketches)

    def games_of(self, numbers: Sequence[int]) -> list[Turn]:
        return [self.log.games[number] for number in numbers]

    def pictures(self, names: Sequence[str]) -> np.ndarray:
        """uint8 [N, C, H, W]: the pictures with these names in the log."""
        return read_pictures([self.log.picture(name) for name in names])


def draw_sample(things: Sequence, most: int, seed: int) -> np.ndarray:
    """Returns at most `most` of the things, chosen at random with `seed`, in their original order."""
    if len(things) <= most:
        return np.array(things)
    chosen = np.random.default_rng(seed).choice(len(things), most, replace=False)
    return np.array(things)[np.sort(chosen)]
