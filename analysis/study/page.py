"""`commgame.py study`: a web page in which a person plays the receiver, in games drawn from a log.

The page is one file that needs no other and no network; it keeps the answers in the browser and saves them as a file
of JSON that `study-results` reads (analysis/study/answers.py says what is in it).
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
from learning_to_draw.trials.records.gamelog import Game, GameLog, read_log
from learning_to_draw.trials.records.output import check_new
from learning_to_draw.trials.records.picture_files import as_uri

TEMPLATE = Path(__file__).with_name("page.html")
THE_PICTURE = "One of them is the very picture that was drawn: choose the one that you think it is."
THE_KIND = (
    "Choose the one that shows the same kind of thing as the sketch; the very picture that was drawn may be missing."
)
# What a participant is asked to do, by the kind of game in the log's card; logs of the official code do not tell.
TASKS = {"original": THE_PICTURE, "same": THE_PICTURE, "different": THE_KIND, "mixed": THE_KIND}
TASK = "Choose the one that you think the sketch stands for."


def study(log: Path, output: Path, games: int, practice: int, seed: int, title: str) -> str:
    """Writes the page `output`, with `games` games of a log that count and `practice` before them; what to tell.

    The same seed gives the same page. Raises UsageError where the log has too few games, a picture cannot be read, or
    the page is there already.
    """
    check_new(output)
    source = read_log(log)
    if games + practice > len(source.games):
        raise UsageError(
            f"--games {games} --practice {practice}: that is {games + practice} different games, and the log in "
            f"{source.folder} has {len(source.games)}.\nGive at most that many together."
        )
    content = study_content(source, games, practice, seed, title)
    write_text(output, page(content))
    return (
        f"study {content['id']}: {games} of {len(source.games)} games and {practice} for practice, written to {output} "
        f"({output.stat().st_size / 1e6:.1f} MB)"
    )


def draw(classes: Sequence[str | None], count: int, practice: int, seed: int) -> tuple[list[int], list[int]]:
    """The games that count and those for practice, numbers from 0 in the order of play.

    classes [N]: of what the sender saw, in each game of the log; all None where the log has none. Classes take turns:
    every class gives a game before any gives its second one, and so on, until `count` are there; which of its games a
    class gives, and which classes the last turn reaches, is chance. Without classes that is a plain random sample.
    Practice games are a random sample of the rest, and do not change those that count.
    """
    rng = random.Random(seed)
    shuffled = rng.sample(range(len(classes)), len(classes))
    given: Counter = Counter()
    places = {}
    for game in shuffled:
        places[game] = (given[classes[game]], rng.random())
        given[classes[game]] += 1
    in_turns = sorted(shuffled, key=places.__getitem__)
    counted = rng.sample(in_turns[:count], count)  # so that turns cannot be told from the order of play
    return counted, rng.sample(in_turns[count:], practice)


def study_content(log: GameLog, count: int, practice: int, seed: int, title: str) -> dict[str, Any]:
    """All that the page has to know, as JSON. `id` is a hash of the rest, so that pages that differ have other ids.

    pictures: [data URI, width, height] of each, once. practice, rounds: what `_round` gives, in the order of play.
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
    """The whole page, as HTML."""
    filled = {
        "title": escape(content["title"]),
        # Inside a script element only "<" could end it.
        "study": json.dumps(content, separators=(",", ":")).replace("<", "\\u003c"),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: filled[match[1]], TEMPLATE.read_text(encoding="utf-8"))


def _round(game: Game, number: int, seed: int, numbers: dict[str, int]) -> dict[str, Any]:
    """A game as the page has it; gives its pictures numbers, from 0, where they have none yet.

    order: candidates (in the log's numbers) in the order shown, the same for a game whatever else is drawn.
    of_class: the candidates of the class of what the sender saw; None where the log has no classes.
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
