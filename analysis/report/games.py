"""A game log for the page: statistics of all its games, and a sample of games with pictures."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

from learning_to_draw.analysis.measures.rates import class_counts, mean_chance
from learning_to_draw.analysis.report.pictures import Pictures
from learning_to_draw.games.scores import rate_interval
from learning_to_draw.trials.records.gamelog import GameLog, Turn

SHOWN_GUESSES = 5  # candidates shown per game, best-scored first
WHOLE_MATRIX = 30  # classes; with more, only those most often confused are shown
PART_OF_MATRIX, WORST_PAIRS = 20, 20


def games_of(log: GameLog, max_games: int, seed: int, pictures: Pictures) -> dict[str, Any]:
    """Returns the page's content for one log. Raises UsageError if a picture of a shown game cannot be read."""
    shown = sorted(random.Random(seed).sample(range(len(log.games)), min(max_games, len(log.games))))
    return {
        "name": log.folder.parent.name if log.folder.name == "gamelogs" else log.folder.name,
        "folder": str(log.folder),
        "card": {name: log.card.get(name) for name in ("dataset", "game", "split", "weights")},
        "result": _result(log.games),
        "total": len(log.games),
        "games": [_game(log, number, pictures) for number in shown],
        "scored": log.games[0].scores is not None,
        "other_photo": any(game.photo != game.target_picture for game in log.games),
        "classes": _classes(log),
    }


def rate_of(right: int, games: int) -> dict[str, Any]:
    """Returns the counts and their rate with its 95 % interval, in 0..1."""
    low, high = rate_interval(right, games)
    return {"right": right, "games": games, "rate": right / games, "low": low, "high": high}


def _result(games: Sequence[Turn]) -> dict[str, Any]:
    sizes = [len(game.candidates) for game in games]
    return rate_of(sum(game.correct for game in games), len(games)) | {
        "chance": mean_chance(sizes),
        "candidates": sorted({min(sizes), max(sizes)}),
        "among_best": _among_best(games) if games[0].scores is not None else None,
    }


def _among_best(games: Sequence[Turn]) -> dict[str, Any] | None:
    """How often the target is among the SHOWN_GUESSES candidates with the highest scores.

    None if a game has only SHOWN_GUESSES candidates or fewer.
    """
    if min(len(game.candidates) for game in games) <= SHOWN_GUESSES:
        return None
    return {
        "of": SHOWN_GUESSES,
        "rate": sum(ranking(game).index(game.target) < SHOWN_GUESSES for game in games) / len(games),
    }


def ranking(game: Turn) -> list[int]:
    """The candidates of a game as indices: the guess first, then the others, from the highest score to the lowest."""
    order = sorted(range(len(game.candidates)), key=lambda candidate: -game.scores[candidate])
    return [game.guess, *(candidate for candidate in order if candidate != game.guess)]


def _game(log: GameLog, number: int, pictures: Pictures) -> dict[str, Any]:
    game = log.games[number]
    return {
        "number": number,
        "right": game.correct,
        "class": game.target_class,
        "photo": pictures.add_file(log.picture(game.photo)),
        "photo_class": game.photo_class,
        "sketch": pictures.add_file(log.picture(game.sketch)),
        "candidates": len(game.candidates),
        "guesses": [_guess(log, game, candidate, rank, pictures) for candidate, rank in _shown(game)],
    }


def _shown(game: Turn) -> list[tuple[int, int | None]]:
    """Returns (candidate, rank from 1) of the candidates with the highest scores, and of the target.

    Without scores, returns the guess and the target, with rank None.
    """
    if game.scores is None:
        return [(candidate, None) for candidate in dict.fromkeys((game.guess, game.target))]
    ranked = list(zip(ranking(game), range(1, len(game.candidates) + 1), strict=True))
    return ranked[:SHOWN_GUESSES] + [entry for entry in ranked[SHOWN_GUESSES:] if entry[0] == game.target]


def _guess(log: GameLog, game: Turn, candidate: int, rank: int | None, pictures: Pictures) -> dict[str, Any]:
    return {
        "picture": pictures.add_file(log.picture(game.candidates[candidate])),
        "class": game.candidate_classes[candidate] if game.candidate_classes else None,
        "target": candidate == game.target,
        "guess": candidate == game.guess,
        "rank": rank,
        **({} if game.scores is None else _score(game, candidate)),
    }


def _score(game: Turn, candidate: int) -> dict[str, float | None]:
    """Returns the score and its position between the lowest (0) and the highest (1) score of the game."""
    score, low, high = game.scores[candidate], min(game.scores), max(game.scores)
    if not all(map(math.isfinite, (score, low, high, high - low))):
        return {"score": None, "share": 0}
    return {"score": round(score, 4), "share": round((score - low) / (high - low), 3) if high > low else 0}


def _classes(log: GameLog) -> dict[str, Any] | None:
    """Returns rates by class of the target, and confusions between classes; None if the log has no classes."""
    if any(game.candidate_classes is None for game in log.games):
        return None
    counts = Counter((game.target_class, game.guessed_class) for game in log.games)
    rates = class_counts([game.correct for game in log.games], [game.target_class for game in log.games])
    played = {name: games for name, (_, games) in rates.items()}
    names = _in_order({name for pair in counts for name in pair}, log.card.get("classes"))
    confused = Counter({pair: count for pair, count in counts.items() if pair[0] != pair[1]})
    whole = len(names) <= WHOLE_MATRIX
    shown = names if whole else _most_confused(confused, names)
    return {
        "rates": [{"name": name, **rate_of(*rates[name])} for name in names if name in rates],
        "matrix": {
            "names": shown,
            "counts": [[counts[target, guess] for guess in shown] for target in shown],
            "played": [played.get(name, 0) for name in shown],
            "whole": whole,
        },
        "pairs": [
            {"target": target, "guess": guess, "count": count, "played": played[target]}
            for (target, guess), count in sorted(confused.items(), key=lambda item: (-item[1], item[0]))[:WORST_PAIRS]
        ],
        "confused": sum(confused.values()),
        "same_class": sum(not game.correct and game.target_class == game.guessed_class for game in log.games),
    }


def _in_order(found: set[str], order: Sequence[str] | None) -> list[str]:
    """Returns the classes in the order of the data set, or by name if that is not known."""
    places = {name: place for place, name in enumerate(order or ())}
    return sorted(found, key=lambda name: (places.get(name, len(places)), name))


def _most_confused(confused: Counter, names: Sequence[str]) -> list[str]:
    """Returns the classes involved in most confusions, in the order of `names`."""
    part = Counter()
    for pair, count in confused.items():
        for name in pair:
            part[name] += count
    worst = {name for name, _ in sorted(part.items(), key=lambda item: (-item[1], item[0]))[:PART_OF_MATRIX]}
    return [name for name in names if name in worst]
