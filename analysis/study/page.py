"""`commgame.py study`: writes a web page on which a person plays the receiver or the sender, in games
from logs of tests.

The page is one self-contained file. It keeps the answers in the browser and saves them as a JSON file, which
`study-results` reads (analysis/study/answers.py and drawings.py describe it). page.html is common to both roles;
receiver.js or sender.js is put into it.
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
from learning_to_draw.reading import MIB, read_text
from learning_to_draw.trials.records.atomic import write_text
from learning_to_draw.trials.records.gamelog import GameLog, Turn, read_log
from learning_to_draw.trials.records.output import check_new
from learning_to_draw.trials.records.picture_files import as_uri
from learning_to_draw.trials.records.svg import half_ink_radius

RECEIVER, SENDER = "receiver", "sender"  # the person's role
TITLES = {RECEIVER: "What does the sketch show?", SENDER: "Can you draw it?"}
TEMPLATE = Path(__file__).with_name("page.html")
THE_PICTURE = "One of them is the picture that was drawn. Choose the one that you think it is."
THE_KIND = (
    "Choose the one that shows the same kind of thing as the sketch. The picture that was drawn may not be among them."
)
# Game named in the log's card -> instruction. TASK is for other games, and for logs without a card (official code).
TASKS = {"original": THE_PICTURE, "same": THE_PICTURE, "different": THE_KIND, "mixed": THE_KIND}
TASK = "Choose the one that you think the sketch shows."
# For logs of more than one kind of game. It is correct for each kind, and does not reveal which one is played.
MIXED_TASK = (
    "If the picture that was drawn is among them, choose it. If not, choose the one that shows the same kind of thing."
)


TASK_OF_SENDER = "Draw so that it chooses the right one."
ADDRESS = re.compile(r"(https?://[A-Za-z0-9.-]+(?::[0-9]+)?)(?:[/?][!-~]*)?")  # group 1 is the origin


def study(
    logs: Sequence[Path],
    output: Path,
    games: int,
    practice: int,
    seed: int,
    title: str | None,
    role: str = RECEIVER,
    attention: int = 0,
    consent: Path | None = None,
    post_url: str | None = None,
    overwrite: bool = False,
) -> str:
    """Writes the page `output`, with `practice` games and then `games` games that count, chosen from the logs.

    analysis/study/options.py describes the options. Returns a message for the user. The same seed gives the same page.
    Raises UsageError if a log is given twice or has too few games, `games` is not a multiple of the number of logs, a
    picture or the text of the consent cannot be read, the options do not fit together, or `output` exists and
    `overwrite` is False.
    """
    if not (overwrite and output.is_file()):
        check_new(output)
    if post_url is not None and not ADDRESS.fullmatch(post_url):
        raise UsageError(
            f"--post-url {post_url} is not an address that a page can send to.\n"
            "Give an address such as https://example.org/answers."
        )
    asked = _consent(consent)
    sources = read_logs(logs)
    content = study_content(
        sources, games, practice, seed, title or TITLES[role], role, attention, consent=asked, post_url=post_url
    )
    write_text(output, page(content), new=not overwrite)
    total = sum(len(source.games) for source in sources.values())
    each = f" ({games // len(logs)} of each of the {len(logs)} logs)" if len(logs) > 1 else ""
    return (
        f"study {content['id']}: {games} of {total} games{each} and {practice} for practice, written to {output} "
        f"({output.stat().st_size / 1e6:.1f} MB)"
    )


def read_logs(paths: Sequence[Path]) -> dict[str, GameLog]:
    """Returns the logs of a study, by path. Raises UsageError if one is given twice, or is the log of a population."""
    sources: dict[str, GameLog] = {}
    for path in paths:
        source = read_log(path)
        if len(source.meetings) > 1:
            raise UsageError(
                f"{path} is the test of a population: its log has every game once for each pair of agents.\n"
                "Test one pair with --agent, and give that log."
            )
        for name, other in sources.items():
            if other.folder.samefile(source.folder):
                raise UsageError(f"{name} and {path} are the same log.\nLeave out one of them.")
        sources[str(path)] = source
    return sources


def _consent(path: Path | None) -> str | None:
    """Returns the text of a file. Raises UsageError if it cannot be read or is empty."""
    if path is None:
        return None
    if text := read_text(path, MIB, "Give a text file in UTF-8.").strip():
        return text
    raise UsageError(f"--consent {path} is empty.\nGive a file with the text that participants agree to.")


def draw(classes: Sequence[str | None], count: int, practice: int, seed: int) -> tuple[list[int], list[int]]:
    """Returns the indices of the scored games, and those of the practice games; each list is in the order of play.

    classes [N]: the class of the sender's photo in each game of the log; all None if the log has no classes. `count`
    scored games are drawn in rounds, with one random game of each class per round; if the last round is incomplete, its
    classes are random. Without classes, this is a plain random sample. Practice games are a random sample of the rest;
    their number does not change which games are scored.
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
    because the logs may hold the same games. For a single log, the games and their order are those that `draw` returns.
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


def study_content(
    logs: Mapping[str, GameLog],
    count: int,
    practice: int,
    seed: int,
    title: str,
    role: str = RECEIVER,
    attention: int = 0,
    **options: str | None,
) -> dict[str, Any]:
    """Returns all data of the page, JSON-serialisable.

    logs: name in the answers -> log; if there is only one log, the answers do not name it. count, practice: the total
    numbers of scored games and of practice games. attention: how many of the scored games show the target in place of
    the sketch. options: consent and post_url, left out of the result if None. Raises UsageError if logs, numbers and
    role do not fit together, or if a picture cannot be read.

    In the result, "id" is a hash of the other entries: different pages have different ids. "pictures" lists each
    picture once, as [data URI, width, height]. "practice" lists the practice games and "rounds" the scored games, in
    the order of play: for each game, the result of `_round` or, for a sender's page, of `_task`, with further keys.
    Keys that a page does not need are left out, so that a new option does not change the ids of pages without it.
    """
    names, sources = list(logs), list(logs.values())
    _check_enough(sources, count, practice)
    if attention and (role == SENDER or attention >= count):
        problem = (
            "is for --role receiver.\nLeave it out"
            if role == SENDER
            else f"leaves no game that counts (--games {count}).\nGive a smaller number, or more --games"
        )
        raise UsageError(f"--attention {attention} {problem}.")
    pens = [_pen(log) for log in sources] if role == SENDER else []
    classes = [[game.photo_class for game in log.games] for log in sources]
    counted, rehearsed = draw_from_all(classes, count, practice, seed)
    checks = random.Random(f"{seed} attention").sample(counted, attention)
    pictures: dict[tuple[str, int, int], int] = {}

    @cache
    def picture(path: Path) -> int:
        return pictures.setdefault(as_uri(path), len(pictures))

    def shown(log: int, game: int) -> dict[str, Any]:
        name = {"log": names[log]} if len(names) > 1 else {}
        if role == SENDER:
            return name | _task(sources[log], game, seed + log, picture) | {"pen": pens[log]}
        turn = name | _round(sources[log], game, seed + log, picture)
        check = {"attention": True, "sketch": turn["candidates"][turn["target"]]}
        return turn | check if (log, game) in checks else turn

    tasks = {TASKS.get(log.card.get("game"), TASK) for log in sources}
    of_sender = {"role": SENDER, "logs": [{"log": name, "digest": log.digest()} for name, log in logs.items()]}
    content = {
        **{name: value for name, value in options.items() if value is not None},
        **(of_sender if role == SENDER else {}),
        "title": title,
        "task": TASK_OF_SENDER if role == SENDER else tasks.pop() if len(tasks) == 1 else MIXED_TASK,
        "practice": [shown(*game) for game in rehearsed],
        "rounds": [shown(*game) for game in counted],
        "pictures": list(pictures),
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode("utf-8", errors="surrogateescape"))
    return {"id": digest.hexdigest()[:16], **content}


def _check_enough(logs: Sequence[GameLog], count: int, practice: int) -> None:
    """Raises UsageError if the scored games cannot be shared equally by the logs, or if a log has too few games."""
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
                f"--games {count} --practice {practice} need {needed} different games{each}, but the log in "
                f"{log.folder} has {len(log.games)}.\nGive smaller numbers."
            )


def page(content: dict[str, Any]) -> str:
    """Returns the whole page as HTML."""
    address = ADDRESS.fullmatch(content.get("post_url", ""))
    filled = {
        "title": escape(content["title"]),
        # Only "<" could end the script element.
        "study": json.dumps(content, separators=(",", ":")).replace("<", "\\u003c"),
        "script": TEMPLATE.with_name(f"{content.get('role', RECEIVER)}.js").read_text(encoding="utf-8").rstrip(),
        "connect": f"; connect-src {address[1]}" if address else "",
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: filled[match[1]], TEMPLATE.read_text(encoding="utf-8"))


def _round(log: GameLog, number: int, seed: int, picture: Callable[[Path], int]) -> dict[str, Any]:
    """Returns a game as the receiver's page stores it. picture: returns the number that a picture has on the page."""
    game = log.games[number]
    return {
        "sketch": picture(log.picture(game.sketch)),
        **_shuffled(log, number, seed, picture),
        "guess": game.guess,
        "of_class": of_class(game),
    }


def _task(log: GameLog, number: int, seed: int, picture: Callable[[Path], int]) -> dict[str, Any]:
    """Returns a game as the sender's page stores it. Its "other" is True if the target is not the picture to draw."""
    game = log.games[number]
    return {
        **_shuffled(log, number, seed, picture),
        "photo": picture(log.picture(game.photo)),
        "other": game.photo != game.target_picture,
    }


def _shuffled(log: GameLog, number: int, seed: int, picture: Callable[[Path], int]) -> dict[str, Any]:
    """Returns what the pages of both roles store of a game.

    In the result, "order" has the candidates (numbered as in the log) in the order shown, which depends on the game and
    the seed only.
    """
    game = log.games[number]
    return {
        "game": number,
        "candidates": [picture(log.picture(name)) for name in game.candidates],
        "order": random.Random(f"{seed} {number}").sample(range(len(game.candidates)), len(game.candidates)),
        "target": game.target,
    }


def of_class(game: Turn) -> list[int] | None:
    """Returns the positions of the candidates with the class of the sender's photo; None if the log has no classes."""
    if game.photo_class is None or game.candidate_classes is None:
        return None
    return [candidate for candidate, name in enumerate(game.candidate_classes) if name == game.photo_class]


def _pen(log: GameLog) -> dict[str, Any]:
    """Returns what the agents of a log draw with. Raises UsageError if the log has no strokes.

    In the result, "most" is the maximum number of strokes, "points" the number of control points per stroke, "width"
    the strokes' width in canvas units, "size" the sketch's side in pixels, and "dark" whether strokes are white on
    black.
    """
    strokes = log.strokes()
    if strokes is None:
        raise UsageError(
            f"the log in {log.folder} has no strokes.npz, so it does not say how many strokes its agents draw.\n"
            "Give a log that test has written, or leave out --role sender."
        )
    _, most, points, _ = strokes.points.shape
    width = 2 * half_ink_radius(strokes.median_sigma2, log.card.get("contrast", 1.0))
    _, size, _ = as_uri(log.picture(log.games[0].sketch))
    dark = not log.card.get("invert", False)
    return {"most": most, "points": points, "width": round(float(width), 4), "size": size, "dark": dark}
