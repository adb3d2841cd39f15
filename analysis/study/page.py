"""`commgame.py study`: writes a web page on which a person plays the receiver, in games drawn from a log.

The page is one self-contained file. It keeps the answers in the browser and saves them as a JSON file, which
`study-results` reads (analysis/study/answers.py describes it).
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records.atomic import write_text
from learning_to_draw.trials.records.gamelog import GameLog, Turn, read_log
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


def study(log: Path, output: Path, games: int, practice: int, seed: int, title: str) -> str:
    """Writes the page `output`, with `practice` games and then `games` games that count, drawn from a log.

    Returns a message for the user. The same seed gives the same page. Raises UsageError if the log has too few games, a
    picture cannot be read, or the page exists already.
    """
    check_new(output)
    source = read_log(log)
    if games + practice > len(source.games):
        raise UsageError(
            f"--games {games} --practice {practice} need {games + practice} different games, and the log in "
            f"{source.folder} has {len(source.games)}.\nGive numbers whose sum is at most {len(source.games)}."
        )
    content = study_content(source, games, practice, seed, title)
    write_text(output, page(content), new=True)
    return (
        f"study {content['id']}: {games} of {len(source.games)} games and {practice} for practice, written to {output} "
        f"({output.stat().st_size / 1e6:.1f} MB)"
    )


def draw(classes: Sequence[str | None], count: int, practice: int, seed: int) -> tuple[list[int], list[int]]:
    """Returns the indices of the scored games and of the practice games, in the order of play.

    classes [N]: the class of the sender's photo in each game of the log; all None if the log has no classes. `count`
    scored games are drawn from the classes in round-robin order; the game of each class, and the classes in an
    incomplete last round, are random. Without classes, this is a plain random sample. Practice games are a random
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


def study_content(log: GameLog, count: int, practice: int, seed: int, title: str) -> dict[str, Any]:
    """Returns all data of the page, JSON-serialisable. `id` is a hash of the rest: different pages have different ids.

    pictures: [data URI, width, height], each picture once. practice, rounds: results of `_round`, in the order of play.
    """
    counted, rehearsed = draw([game.photo_class for game in log.games], count, practice, seed)
    numbers: dict[str, int] = {}
    content = {
        "title": title,
        "task": TASKS.get(log.card.get("game"), TASK),
        "practice": [_round(log.games[game], game, seed, numbers) for game in rehearsed],
        "rounds": [_round(log.games[game], game, seed, numbers) for game in counted],
        "pictures": [as_uri(log.picture(name)) for name in numbers],
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode("utf-8", errors="surrogateescape"))
    return {"id": digest.hexdigest()[:16], **content}


def page(content: dict[str, Any]) -> str:
    """Returns the whole page as HTML."""
    filled = {
        "title": escape(content["title"]),
        # Only "<" could end the script element.
        "study": json.dumps(content, separators=(",", ":")).replace("<", "\\u003c"),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: filled[match[1]], TEMPLATE.read_text(encoding="utf-8"))


def _round(game: Turn, number: int, seed: int, numbers: dict[str, int]) -> dict[str, Any]:
    """Returns a game as the page stores it. Adds its new pictures to `numbers`, numbered from 0.

    order: the candidates (numbered as in the log) in the order shown, which depends on the game and the seed only.
    of_class: the candidates of the class of the sender's photo; None if the log has no classes.
    """
    candidates = range(len(game.candidates))
    of_class = None
    if game.photo_class is not None and game.candidate_classes is not None:
        of_class = [candidate for candidate in candidates if game.candidate_classes[candidate] == game.photo_class]
    return {
        "game": number,
        "sketch": numbers.setdefault(game.sketch, len(numbers)),
        "candidates": [numbers.setdefault(name, len(numbers)) for name in game.candidates],
        "order": random.Random(f"{seed} {number}").sample(candidates, len(candidates)),
        "target": game.target,
        "guess": game.guess,
        "of_class": of_class,
    }
