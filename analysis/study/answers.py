"""Reads and checks the answers from the page of a `study` on which people play the receiver.

The page saves one JSON file per participant: format, study (the page's id), title, participant, started, finished, and
answers, one entry per game in the order played (candidates are numbered from 0, as in the log):

    log                     the log that the game is from, as named to `study`; missing if the page is made from one log
    game                    the game's number in the log, from 0
    attention               true if the page showed the target itself instead of the sketch; missing in other games
    choice, target          the candidate chosen, and the right one
    candidates              number of candidates
    right                   whether choice is target
    right_class             whether choice is of the class of the sender's photo; null if the log has no classes
    candidates_of_class     number of candidates of that class; null if the log has no classes
    seconds                 time from the appearance of the pictures to the answer
    interrupted             whether the page was reloaded or hidden during this game, which makes seconds unreliable
    agents_choice, agents_right, agents_right_class     choice, right and right_class of the guess in the log
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypedDict, TypeVar

from msgspec import Meta

from learning_to_draw.errors import UsageError
from learning_to_draw.reading import Count, read_json

FORMAT = "learning-to-draw study answers 1"
FORMAT_OF_DRAWINGS = "learning-to-draw study drawings 1"
UNCHANGED = "Give the file as saved by the page of a study, unchanged."


class OfSeveralLogs(TypedDict, total=False):
    """The key that answers and drawings have only if the page has games of several logs."""

    log: str


class _OfSomeGames(OfSeveralLogs, total=False):
    """The key that an answer has only if the page showed the target itself instead of the sketch."""

    attention: bool


class Answer(_OfSomeGames):
    """One answer; the docstring of the module describes the keys."""

    game: Count
    choice: Count
    target: Count
    candidates: Annotated[int, Meta(ge=1, le=2**53)]
    right: bool
    right_class: bool | None
    candidates_of_class: Count | None
    seconds: Annotated[float, Meta(ge=0, le=1e12)]
    interrupted: bool
    agents_choice: Count
    agents_right: bool
    agents_right_class: bool | None


class SavedAnswers(TypedDict):
    """The keys that are read from a file of answers; the file has further keys."""

    format: Literal["learning-to-draw study answers 1"]
    study: str
    participant: str
    answers: Annotated[list[Answer], Meta(min_length=1)]


class _Format(TypedDict):
    format: Literal["learning-to-draw study answers 1", "learning-to-draw study drawings 1"]


Played = TypeVar("Played")  # what a person did in a game: an `Answer`, or a `Drawing`


@dataclass(frozen=True)
class Participant(Generic[Played]):
    """One file that the page saved."""

    label: str  # the name that the participant typed, or the file's name
    file: Path
    study: str
    answers: tuple[Played, ...]
    saved: Mapping[str, Any]  # the whole content of the file


def hold_drawings(paths: Sequence[Path]) -> bool:
    """Returns True for files of drawings (people played the sender), False for files of answers.

    Raises UsageError if both kinds are given, or if a file is damaged.
    """
    formats = [read_json(path, _Format, UNCHANGED)["format"] for path in paths]
    if len(set(formats)) > 1:
        drawings, answers = (paths[formats.index(name)] for name in (FORMAT_OF_DRAWINGS, FORMAT))
        raise UsageError(
            f"{drawings} holds drawings, and {answers} holds answers.\nGive the files of one study at a time."
        )
    return formats[0] == FORMAT_OF_DRAWINGS


def read_answers(paths: Sequence[Path]) -> list[Participant[Answer]]:
    """Returns the participants of one study. Raises UsageError if a file is damaged, repeated or of another study."""
    return together([_read(path) for path in paths])


def together(participants: Sequence[Participant[Played]]) -> list[Participant[Played]]:
    """Returns the participants with labels made unique. Raises UsageError if a file is repeated or of another study."""
    _check_together(participants)
    return _labelled(participants)


def participant_of(path: Path, saved: Mapping[str, Any], key: str, wrong: str) -> Participant:
    """Returns the participant of a file. key: "answers" or "drawings", the key of the entries in `saved`.

    wrong: what is wrong with the entries, as text; empty if nothing is. Raises UsageError if `wrong` is not empty, or
    if two entries are of the same game.
    """
    entries = saved[key]
    if not wrong and len({game_of(entry) for entry in entries}) < len(entries):
        wrong = f"it has two {key} for one game"
    if wrong:
        raise UsageError(f"{path}: {wrong}.\n{UNCHANGED}")
    label = "".join(filter(str.isprintable, saved["participant"])).strip() or path.stem
    return Participant(label, path, saved["study"], tuple(entries), saved)


def game_of(answer: Any) -> tuple[str | None, int]:
    """Returns (log, number in the log), which identify a game of a study; log is None if the page has one log."""
    return answer.get("log"), answer["game"]


def _read(path: Path) -> Participant[Answer]:
    saved: SavedAnswers = read_json(path, SavedAnswers, UNCHANGED)
    answers = saved["answers"]
    wrong = next((f"answer {n} (counted from 0): {w}" for n, a in enumerate(answers) if (w := _contradiction(a))), "")
    if not wrong and all(answer.get("attention") for answer in answers):
        wrong = "it has no answer to a game that counts"
    return participant_of(path, saved, "answers", wrong)


def _labelled(participants: Sequence[Participant[Played]]) -> list[Participant[Played]]:
    """Returns the participants, with the file name added to labels that occur more than once."""
    times = Counter(one.label for one in participants)
    return [replace(one, label=f"{one.label} ({one.file})") if times[one.label] > 1 else one for one in participants]


def _check_together(participants: Sequence[Participant]) -> None:
    first = participants[0]
    for number, one in enumerate(participants):
        if one.study != first.study:
            raise UsageError(
                f"{one.file} belongs to the study {one.study}, and {first.file} to the study {first.study}.\n"
                "Give the files of one study at a time."
            )
        for other in participants[:number]:
            if one.saved == other.saved:
                raise UsageError(f"{other.file} and {one.file} have the same content.\nLeave out one of them.")


def _contradiction(answer: Answer) -> str:
    """Returns the first contradiction between the answer's values, as text; "" if they agree."""
    total, of_class = answer["candidates"], answer["candidates_of_class"]
    for name in ("choice", "target", "agents_choice"):
        if answer[name] >= total:
            return f"{name} is {answer[name]}, but the number of candidates is {total}"
    for name, choice in (("right", "choice"), ("agents_right", "agents_choice")):
        if answer[name] != (answer[choice] == answer["target"]):
            return f"{name} is {answer[name]}, but {choice} is {answer[choice]} and target is {answer['target']}"
    for name in ("right_class", "agents_right_class"):
        if (answer[name] is None) != (of_class is None):
            return f"{name} is {answer[name]}, but candidates_of_class is {of_class}"
    if of_class is not None and of_class > total:
        return f"candidates_of_class is {of_class}, but the number of candidates is {total}"
    return ""
