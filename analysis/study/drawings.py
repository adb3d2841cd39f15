"""Reads and checks the drawings from the page of a `study` on which people play the sender; turns them into answers.

The page saves one JSON file per participant: format, study (the page's id), title, logs, participant, started,
finished, and drawings. logs has the name and the digest (`GameLog.digest`) of every log that the page was made from.
drawings has one entry per game in the order played:

    log                     the log that the game is from, as named to `study`; missing if the page is made from one log
    game                    the game's number in the log, from 0
    paths                   what the hand drew, without what was undone: for each path, its points [row, col, ms], with
                            row and col on a canvas from -1 to 1, and ms the milliseconds since the picture appeared
    straight                for each path, whether it was drawn as a straight line: it then has at most two points
    seconds                 time from the appearance of the picture to the press of Done
    interrupted             whether the page was reloaded or hidden in that time, which makes times unreliable
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal, TypedDict

from msgspec import Meta

from learning_to_draw.analysis.study.answers import (
    UNCHANGED,
    Answer,
    OfSeveralLogs,
    Participant,
    participant_of,
    together,
)
from learning_to_draw.analysis.study.page import of_class, read_logs
from learning_to_draw.errors import UsageError
from learning_to_draw.reading import Count, read_json
from learning_to_draw.trials.records.gamelog import GameLog

MOST_PATHS, MOST_POINTS = 1000, 10_000  # paths of a drawing, points of a path; sender.js does not record more points

Coordinate = Annotated[float, Meta(ge=-2, le=2)]
Time = Annotated[float, Meta(ge=0, le=1e12)]
HandPath = Annotated[list[tuple[Coordinate, Coordinate, Time]], Meta(min_length=1, max_length=MOST_POINTS)]


class Drawing(OfSeveralLogs):
    """What a person drew in a game; the docstring of the module describes the keys."""

    game: Count
    paths: Annotated[list[HandPath], Meta(min_length=1, max_length=MOST_PATHS)]
    straight: Annotated[list[bool], Meta(max_length=MOST_PATHS)]
    seconds: Annotated[float, Meta(ge=0, le=1e12)]
    interrupted: bool


class _NamedLog(TypedDict):
    log: str
    digest: str


class SavedDrawings(TypedDict):
    """The keys that are read from a file of drawings; the file has further keys."""

    format: Literal["learning-to-draw study drawings 1"]
    study: str
    participant: str
    logs: Annotated[list[_NamedLog], Meta(min_length=1, max_length=1000)]
    drawings: Annotated[list[Drawing], Meta(min_length=1)]


@dataclass(frozen=True)
class Source:
    """A log of the study, and the weights of the agents that guess in its games."""

    log: GameLog
    weights: Path


def read_drawings(paths: Sequence[Path]) -> list[Participant[Drawing]]:
    """Returns the participants of one study. Raises UsageError if a file is damaged, repeated or of another study."""
    participants = together([_read(path) for path in paths])
    for one in participants:
        if one.saved["logs"] != participants[0].saved["logs"]:
            raise UsageError(
                f"{one.file} and {participants[0].file} name different logs.\n"
                "Give both as saved by the page of a study, unchanged."
            )
    return participants


def sources_of(
    participants: Sequence[Participant[Drawing]], logs: Sequence[Path], weights: Sequence[Path]
) -> dict[str | None, Source]:
    """Returns each log of the study with its weights. The key is the log's name in the drawings; None for a single log.

    weights: one for all logs, or one for each. Raises UsageError if the number of weights does not fit, if the logs are
    not those that the page was made from, or if they do not have the games of the drawings.
    """
    if len(weights) not in (1, len(logs)):
        raise UsageError(
            f"--weights has {len(weights)} values, and --logs has {len(logs)}.\n"
            "Give one RUN for all logs, or one for each, in the same order."
        )
    named = participants[0].saved["logs"]
    by_digest = {
        log.digest(): (path, Source(log, weights[number % len(weights)]))
        for number, (path, log) in enumerate(read_logs(logs).items())
    }
    for entry in named:
        if entry["digest"] not in by_digest:
            raise UsageError(
                f"the study is made from the log {_printable(entry['log'])}, which is not among those in --logs.\n"
                "Give all logs from which the page was made, unchanged."
            )
    digests = {entry["digest"] for entry in named}
    if unused := [path for digest, (path, _) in by_digest.items() if digest not in digests]:
        raise UsageError(f"the study is not made from the log {unused[0]}.\nLeave it out.")
    sources: dict[str | None, Source] = {entry["log"]: by_digest[entry["digest"]][1] for entry in named}
    if len(named) == 1:
        sources = {None: sources[named[0]["log"]]}
    for one in participants:
        for drawing in one.answers:
            source = sources.get(drawing.get("log"))
            if source is None or drawing["game"] >= len(source.log.games):
                raise UsageError(
                    f"{one.file}: it has a drawing for a game or log that is not in the study "
                    f"(game {drawing['game']}).\n{UNCHANGED}"
                )
    return sources


def as_answers(
    participants: Sequence[Participant[Drawing]], sources: Mapping[str | None, Source], guesses: Sequence[Sequence[int]]
) -> list[Participant[Answer]]:
    """Returns the participants, with each drawing replaced by an answer, whose choice is the receiver's guess.

    guesses: for each participant, the candidate guessed from each drawing.
    """
    return [
        replace(one, answers=tuple(_answer(*pair, sources) for pair in zip(one.answers, chosen, strict=True)))
        for one, chosen in zip(participants, guesses, strict=True)
    ]


def _answer(drawing: Drawing, guess: int, sources: Mapping[str | None, Source]) -> Answer:
    game = sources[drawing.get("log")].log.games[drawing["game"]]
    own = of_class(game)
    answer: Answer = {
        "game": drawing["game"],
        "choice": guess,
        "target": game.target,
        "candidates": len(game.candidates),
        "right": guess == game.target,
        "right_class": None if own is None else guess in own,
        "candidates_of_class": None if own is None else len(own),
        "seconds": drawing["seconds"],
        "interrupted": drawing["interrupted"],
        "agents_choice": game.guess,
        "agents_right": game.correct,
        "agents_right_class": None if own is None else game.guess in own,
    }
    if "log" in drawing:
        answer["log"] = drawing["log"]
    return answer


def _read(path: Path) -> Participant[Drawing]:
    saved: SavedDrawings = read_json(path, SavedDrawings, UNCHANGED)
    wrong = ""
    for number, drawing in enumerate(saved["drawings"]):
        if len(drawing["straight"]) != len(drawing["paths"]):
            counts = f"{len(drawing['paths'])} paths, but {len(drawing['straight'])} values in straight"
            wrong = f"drawing {number} (counted from 0) has {counts}"
    return participant_of(path, saved, "drawings", wrong)


def _printable(text: str) -> str:
    return "".join(filter(str.isprintable, text))
