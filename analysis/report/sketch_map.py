"""A map of sketches by t-SNE (van der Maaten and Hinton 2008): similar sketches are close to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from learning_to_draw.analysis.report.pictures import Pictures, open_picture
from learning_to_draw.analysis.report.roles import different_photos, random_sample
from learning_to_draw.trials.records.gamelog import GameLog

LEAST, MOST = 10, 200  # sketches
MOST_LABELS = 12  # classes; more names would cover the map
PERPLEXITY, SIDE = 30, 32  # sketches are compared at no more than SIDE x SIDE pixels


@dataclass(frozen=True)
class SketchMap:
    """games: M games with different sketches, by their numbers in the log. places: float32 [M, 2], (x, y) of these
    sketches on the map, in 0..1. labels: class -> median place; empty if there are too few or too many classes."""

    games: list[int]
    places: np.ndarray
    labels: Mapping[str, tuple[float, float]]


def sketch_map(log: GameLog, seed: int) -> SketchMap | None:
    """Returns a map of the sketches of at most MOST random photos, or None if fewer than LEAST of the sketches differ.

    The t-SNE of scikit-learn compares sketches pixel by pixel. The same seed gives the same map.
    """
    chosen = random_sample(different_photos(log), MOST, seed)
    chosen = sorted({log.games[number].sketch: number for number in chosen}.values())
    if len(chosen) < LEAST:
        return None
    from sklearn.manifold import TSNE  # the import takes more than a second

    sketches = [open_picture(log.picture(log.games[number].sketch)) for number in chosen]
    side = min(SIDE, *sketches[0].size)
    pixels = np.stack([np.asarray(sketch.resize((side, side)), np.float32).ravel() / 255 for sketch in sketches])
    perplexity = min(PERPLEXITY, (len(chosen) - 1) / 3)
    places = TSNE(perplexity=perplexity, init="random", learning_rate="auto", random_state=seed).fit_transform(pixels)
    low, high = places.min(axis=0), places.max(axis=0)
    places = (places - low) / np.maximum(high - low, 1e-9)
    return SketchMap(chosen, places, _labels(log, chosen, places))


def _labels(log: GameLog, chosen: list[int], places: np.ndarray) -> dict[str, tuple[float, float]]:
    classes = [log.games[number].target_class for number in chosen]
    names = sorted({name for name in classes if name is not None})
    if not 1 < len(names) <= MOST_LABELS:
        return {}
    of = np.array(classes)
    return {name: tuple(np.median(places[of == name], axis=0).tolist()) for name in names}


def as_content(log: GameLog, found: SketchMap, pictures: Pictures) -> dict[str, Any]:
    """Returns the map for the page, with the sketches in random order.

    The page draws a thumbnail only where it does not cover an earlier one; another order would favour some sketches.
    """
    order = np.random.default_rng(0).permutation(len(found.games)).tolist()
    games = {place: log.games[found.games[place]] for place in order}
    return {
        "sketches": [
            {
                "x": round(float(found.places[place, 0]), 4),
                "y": round(float(found.places[place, 1]), 4),
                "picture": pictures.add_file(log.picture(game.sketch)),
                "class": game.target_class,
                "right": game.correct,
            }
            for place, game in games.items()
        ],
        "labels": [{"name": name, "x": round(x, 4), "y": round(y, 4)} for name, (x, y) in found.labels.items()],
    }
