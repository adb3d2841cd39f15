"""A game log for the page: some of its games with pictures, and statistics of the whole log."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

from learning_to_draw.analysis.measures.rates import mean_chance
from learning_to_draw.analysis.report import roles, sketch_map
from learning_to_draw.analysis.report.lexicon import Entry, as_content, in_order, rate_of
from learning_to_draw.analysis.report.pictures import Pictures
from learning_to_draw.analysis.report.views import Views
from learning_to_draw.trials.records.gamelog import GameLog, Turn
from learning_to_draw.trials.records.read_run import run_of, tested_epochs

SHOWN_GUESSES = 5  # candidates shown per game, best-scored first
WHOLE_MATRIX = 30  # classes; with more, only those most often confused are shown
PART_OF_MATRIX, WORST_PAIRS = 20, 20


def games_of(log: GameLog, views: Views, max_games: int, seed: int, pictures: Pictures) -> dict[str, Any]:
    """Returns the page's content for one log. Raises UsageError if a picture that the page needs cannot be read."""
    shown = _chosen(log.games, max_games, seed)
    return {
        "name": _name(log),
        "folder": str(log.folder),
        "epochs": tested_epochs(log.folder),
        "card": {name: log.card.get(name) for name in ("dataset", "game", "split", "weights")},
        "result": _result(log.games),
        "total": len(log.games),
        "games": [_game(log, number, pictures) for number in shown],
        "scored": log.games[0].scores is not None,
        "other_photo": any(game.photo != game.target_picture for game in log.games),
        "classes": _classes(log, views.lexicon, pictures) if views.lexicon else None,
        "roles": roles.as_content(views.roles) if views.roles else None,
        "map": sketch_map.as_content(log, views.map, pictures) if views.map else None,
    }


def _name(log: GameLog) -> str:
    name = run_of(log.folder).name
    return f"{name}, {part}" if (part := log.part) else name


def _chosen(games: Sequence[Turn], most: int, seed: int) -> list[int]:
    """Returns the numbers of the games to show: first games with a wrong guess, then games with a right guess.

    Each kind makes up half of them, if there are enough games of both. Within each kind, the choice is random.
    """
    wrong, right = ([number for number, game in enumerate(games) if game.correct is won] for won in (False, True))
    wrong_shown = min(len(wrong), max((most + 1) // 2, most - len(right)))
    choice = random.Random(seed)
    return [
        number
        for kind, count in ((wrong, wrong_shown), (right, most - wrong_shown))
        for number in sorted(choice.sample(kind, min(count, len(kind))))
    ]


def _result(games: Sequence[Turn]) -> dict[str, Any]:
    sizes = [len(game.candidates) for game in games]
    return rate_of(sum(game.correct for game in games), len(games)) | {
        "chance": mean_chance(sizes),
        "candidates": sorted({min(sizes), max(sizes)}),
        "among_best": _among_best(games) if games[0].scores is not None else None,
    }


def _among_best(games: Sequence[Turn]) -> dict[str, Any] | None:
    """Returns {of, rate}: in the share `rate` of all games, the target is one of the `of` best-scored candidates.

    `of` is SHOWN_GUESSES. Returns None if any game has SHOWN_GUESSES candidates or fewer.
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
    """Returns (candidate, rank from 1) of the SHOWN_GUESSES best-scored candidates and of the target, each once.

    Without scores, returns the guess and the target, each once and with rank None.
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
        **({} if game.scores is None else {"probability": _probability(game.scores, candidate)}),
    }


def _probability(scores: Sequence[float], candidate: int) -> float | None:
    """Returns the softmax of the scores at one candidate; None if a score is not finite."""
    if not all(map(math.isfinite, scores)):
        return None
    weights = [math.exp(score - max(scores)) for score in scores]
    return round(weights[candidate] / sum(weights), 6)


def _classes(log: GameLog, entries: Sequence[Entry], pictures: Pictures) -> dict[str, Any]:
    """Returns the lexicon, and confusions between classes."""
    counts = Counter((game.target_class, game.guessed_class) for game in log.games)
    played = {entry.name: entry.played for entry in entries}
    names = in_order({name for pair in counts for name in pair}, log.card.get("classes"))
    confused = Counter({pair: count for pair, count in counts.items() if pair[0] != pair[1]})
    whole = len(names) <= WHOLE_MATRIX
    shown = names if whole else _most_confused(confused, names)
    return {
        "lexicon": as_content(log, entries, pictures),
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


def _most_confused(confused: Counter, names: Sequence[str]) -> list[str]:
    """Returns the classes that are confused most often, at most PART_OF_MATRIX, in the order of `names`."""
    part = Counter()
    for pair, count in confused.items():
        for name in pair:
            part[name] += count
    worst = {name for name, _ in sorted(part.items(), key=lambda item: (-item[1], item[0]))[:PART_OF_MATRIX]}
    return [name for name in names if name in worst]
