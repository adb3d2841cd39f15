"""The lexicon of a game log: how the sender draws each class, and how often the receiver then guesses right."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from learning_to_draw.analysis.draw.save_svg import sketches_as_svg
from learning_to_draw.analysis.report.pictures import Pictures, open_picture
from learning_to_draw.games.scores import rate_interval
from learning_to_draw.trials.records.gamelog import GameLog

MOST_EXAMPLES, MOST_AVERAGED = 4, 50  # sketches of a class
MOST_STROKES = 12_000  # of all examples of a log: about 1.2 MB on the page


@dataclass(frozen=True)
class Entry:
    """A class of the lexicon.

    played: how many games have a target of this class. right: how many of these are guessed right. confused: the other
    class that is guessed most often in the `played` games, and how often; None if no other class is guessed. sketches:
    the first game with each different sketch, by number in the log; in random order.
    """

    name: str
    right: int
    played: int
    confused: tuple[str, int] | None
    sketches: tuple[int, ...]


def lexicon(log: GameLog, seed: int) -> list[Entry]:
    """Returns the classes of all targets, in the order of the data set; empty if the log has no classes."""
    if any(game.candidate_classes is None for game in log.games):
        return []
    numbers: dict[str, list[int]] = {}
    for number, game in enumerate(log.games):
        numbers.setdefault(str(game.target_class), []).append(number)
    return [_entry(log, name, numbers[name], seed) for name in in_order(set(numbers), log.card.get("classes"))]


def in_order(found: set[str], order: Sequence[str] | None) -> list[str]:
    """Returns the classes in the order of the data set, or by name if this order is not known."""
    places = {name: place for place, name in enumerate(order or ())}
    return sorted(found, key=lambda name: (places.get(name, len(places)), name))


def _entry(log: GameLog, name: str, numbers: Sequence[int], seed: int) -> Entry:
    games = [log.games[number] for number in numbers]
    taken_for = Counter(str(game.guessed_class) for game in games if game.guessed_class != name)
    distinct = {log.games[number].sketch: number for number in reversed(numbers)}
    return Entry(
        name,
        sum(game.correct for game in games),
        len(games),
        min(taken_for.items(), key=lambda item: (-item[1], item[0]), default=None),
        tuple(random.Random(seed).sample(sorted(distinct.values()), len(distinct))),
    )


def mean_sketch(log: GameLog, entry: Entry) -> Image.Image:
    """Returns the mean of the class's sketches, pixel by pixel, over at most MOST_AVERAGED of them."""
    sketches = [open_picture(log.picture(log.games[number].sketch)) for number in entry.sketches[:MOST_AVERAGED]]
    pixels = [np.asarray(sketch, np.float32) for sketch in sketches if sketch.size == sketches[0].size]
    return Image.fromarray(np.mean(pixels, axis=0).round().astype(np.uint8))


def as_content(log: GameLog, entries: Sequence[Entry], pictures: Pictures) -> list[dict[str, Any]]:
    """Returns the entries for the page. Examples are SVGs, or pixels if the log lacks strokes or the image size."""
    strokes = log.strokes()
    each = 1 if strokes is None else max(1, strokes.points.shape[1])
    most = max(1, min(MOST_EXAMPLES, MOST_STROKES // (each * max(1, len(entries)))))
    examples = [number for entry in entries for number in entry.sketches[:most]]
    if strokes is None or not log.card.get("image_size"):
        places = [pictures.add_file(log.picture(log.games[number].sketch)) for number in examples]
    else:
        places = [pictures.add_svg(text) for text in sketches_as_svg(log, examples)]
    place_of = dict(zip(examples, places, strict=True))
    return [
        {
            "name": entry.name,
            **rate_of(entry.right, entry.played),
            "confused": entry.confused and {"name": entry.confused[0], "games": entry.confused[1]},
            "mean": pictures.add(mean_sketch(log, entry)),
            "examples": [place_of[number] for number in entry.sketches[:most]],
        }
        for entry in entries
    ]


def rate_of(right: int, games: int) -> dict[str, Any]:
    """Returns the counts and their rate with its 95 % interval, in 0..1."""
    low, high = rate_interval(right, games)
    return {"right": right, "games": games, "rate": right / games, "low": low, "high": high}
