"""`commgame.py study`: writes a web page on which a person plays the receiver, in games drawn from one or more logs.

The page is one self-contained file. It keeps the answers in the browser and saves them as a JSON file, which
`study-results` reads (analysis/study/answers.py describes it).
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records.atomic import write_text
from learning_to_draw.trials.records.gamelog import GameLog, read_log
from learning_to_draw.trials.records.output import check_new
from learning_to_draw.trials.records.picture_files import as_uri

TEMPLATE = Path(__file__).with_name("page.html")
THE_PICTURE = "One of them is the picture that was drawn. Choose the one that you think it is."
THE_KIND = (
    "Choose the one that shows the same kind of thing as the sketch. The picture that was drawn may not be among them."
)
# Instructions by the game in the log's card. TASK is for other games, and for logs without a card (official code).
TASKS = {"original": THE_PICTURE, "same": THE_PICTURE, "different": THE_KIND, "mixed": THE_KIND}
TASK = "Choose the one that you think the sketch shows."
# For logs with different games. It is right for each of these games, and does not say which game is played.
MIXED_TASK = (
    "If the picture that was drawn is among them, choose it. If not, choose the one that shows the same kind of thing."
)


def study(logs: Sequence[Path], output: Path, games: int, practice: int, seed: int, title: str) -> str:
    """Writes the page `output`, with `practice` games and then `games` games that count, drawn from the logs.

    Returns a message for the user. The same seed gives the same page. Raises UsageError if a log is given twice or has
    too few games, `games` is not a multiple of the number of logs, a picture cannot be read, or the page exists
    already.
    """
    check_new(output)
    sources: dict[str, GameLog] = {}
    for path in logs:
        source = read_log(path)
        if len(source.meetings) > 1:
            raise UsageError(
                f"{path} is the test of a population: its log has every game once for each pair.\n"
                "Test one pair with --agent, and give that log."
            )
        for name, other in sources.items():
            if other.folder.samefile(source.folder):
                raise UsageError(f"{name} and {path} are the same log.\nLeave out one of them.")
        sources[str(path)] = source
    content = study_content(sources, games, practice, seed, title)
    write_text(output, page(content), new=True)
    total = sum(len(source.games) for source in sources.values())
    each = f" ({games // len(logs)} of each of the {len(logs)} logs)" if len(logs) > 1 else ""
    return (
        f"study {content['id']}: {games} of {total} games{each} and {practice} for practice, written to {output} "
        f"({output.stat().st_size / 1e6:.1f} MB)"
    )


def draw(classes: Sequence[str | None], count: int, practice: int, seed: int) -> tuple[list[int], list[int]]:
    """Returns the indices of the scored games and of the practice games, in the order of play.

    classes [N]: the class of the sender's photo in each game of the log; all None if the log has no classes. `count`
    scored games are drawn in rounds, with one random game of each class per round; if the last round is incomplete, its
    classes are random. Without classes, this is a plain random sample. Practice games are a random
    sample of the rest; they do not change the scored games.
    """
    rng = random.Random(seed)
    shuffled = rng.sample(range(len(classes)), len(classes))
    given: Counter = Counter()
    places = {}
    for game in shuffled:
        places[game] = (given[classes[game]], rng.random())
        given[classes[game]] += 1
    in_turns = sorted(shuffled, key=places.__getitem__)
    counted = rng.sample(in_turns[:count], count)  # shuffled: the order of play must not reveal the classes
    return counted, rng.sample(in_turns[count:], practice)


def draw_from_all(
    logs: Sequence[Sequence[str | None]], count: int, practice: int, seed: int
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Returns the scored games and the practice games of several logs as (log, game), in a random order of play.

    logs: for each log, the classes that `draw` takes. Each log gives the same number of scored games. The numbers of
    practice games differ by at most one; which logs give one more is random. `draw` gets a different seed for each log,
    because the logs may hold the same games. For a single log, the result has the games of `draw` in the same order.
    """
    rng = random.Random(f"{seed} practice")
    one_more = rng.sample(range(len(logs)), practice % len(logs))
    drawn = [
        draw(classes, count // len(logs), practice // len(logs) + (log in one_more), seed + log)
        for log, classes in enumerate(logs)
    ]
    counted, rehearsed = zip(*drawn, strict=True)
    return _mixed(counted, random.Random(f"{seed} games")), _mixed(rehearsed, rng)


def _mixed(logs: Sequence[Sequence[int]], rng: random.Random) -> list[tuple[int, int]]:
    """Returns all games as (log, game) in random order; the games of each log keep their order."""
    turns = [log for log, games in enumerate(logs) for _ in games]
    left = [iter(games) for games in logs]
    return [(log, next(left[log])) for log in rng.sample(turns, len(turns))]


def study_content(logs: Mapping[str, GameLog], count: int, practice: int, seed: int, title: str) -> dict[str, Any]:
    """Returns all data of the page, JSON-serialisable. `id` is a hash of the rest: different pages have different ids.

    logs: name in the answers -> log; the answers do not name a single log. count, practice: in total.
    pictures: [data URI, width, height], each picture once. practice, rounds: results of `_round`, in the order of play.
    Raises UsageError as `study`.
    """
    names, sources = list(logs), list(logs.values())
    _check_enough(sources, count, practice)
    classes = [[game.photo_class for game in log.games] for log in sources]
    counted, rehearsed = draw_from_all(classes, count, practice, seed)
    pictures: dict[tuple[str, int, int], int] = {}

    @cache
    def picture(path: Path) -> int:
        return pictures.setdefault(as_uri(path), len(pictures))

    def shown(log: int, game: int) -> dict[str, Any]:
        name = {"log": names[log]} if len(names) > 1 else {}
        return name | _round(sources[log], game, seed + log, picture)

    tasks = {TASKS.get(log.card.get("game"), TASK) for log in sources}
    content = {
        "title": title,
        "task": tasks.pop() if len(tasks) == 1 else MIXED_TASK,
        "practice": [shown(*game) for game in rehearsed],
        "rounds": [shown(*game) for game in counted],
        "pictures": list(pictures),
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode("utf-8", errors="surrogateescape"))
    return {"id": digest.hexdigest()[:16], **content}


def _check_enough(logs: Sequence[GameLog], count: int, practice: int) -> None:
    """Raises UsageError if the logs cannot give the same number of scored games each, and the practice games."""
    if count % len(logs):
        raise UsageError(
            f"--games {count} cannot be shared equally by {len(logs)} logs.\n"
            f"Give a multiple of {len(logs)}, such as {count + -count % len(logs)}."
        )
    needed = count // len(logs) + math.ceil(practice / len(logs))
    for log in logs:
        if needed > len(log.games):
            each = " of each log" if len(logs) > 1 else ""
            raise UsageError(
                f"--games {count} --practice {practice} need {needed} games{each}, none of them twice, but the log in "
                f"{log.folder} has {len(log.games)}.\nGive smaller numbers."
            )


def page(content: dict[str, Any]) -> str:
    """Returns the whole page as HTML."""
    filled = {
        "title": escape(content["title"]),
        # Only "<" could end the script element.
        "study": json.dumps(content, separators=(",", ":")).replace("<", "\\u003c"),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: filled[match[1]], TEMPLATE.read_text(encoding="utf-8"))


def _round(log: GameLog, number: int, seed: int, picture: Callable[[Path], int]) -> dict[str, Any]:
    """Returns a game as the page stores it. picture: returns the number that a picture has on the page.

    order: the candidates (numbered as in the log) in the order shown, which depends on the game and the seed only.
    of_class: the candidates of the class of the sender's photo; None if the log has no classes.
    """
    game = log.games[number]
    candidates = range(len(game.candidates))
    of_class = None
    if game.photo_class is not None and game.candidate_classes is not None:
        of_class = [candidate for candidate in candidates if game.candidate_classes[candidate] == game.photo_class]
    return {
        "game": number,
        "sketch": picture(log.picture(game.sketch)),
        "candidates": [picture(log.picture(name)) for name in game.candidates],
        "order": random.Random(f"{seed} {number}").sample(candidates, len(candidates)),
        "target": game.target,
        "guess": game.guess,
        "of_class": of_class,
    }
