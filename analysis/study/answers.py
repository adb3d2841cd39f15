"""Reads and checks the answers that the page of a `study` saves.

The page saves one JSON file per participant: format, study (the page's id), title, participant, started, finished, and
answers, one entry per game in the order played (candidates are numbered from 0, as in the log):

    game                    the game's number in the log, from 0
    choice, target          the candidate chosen, and the right one
    candidates              number of candidates
    right                   whether choice is target
    right_class             whether choice is of the class of the sender's photo; null if the log has no classes
    candidates_of_class     number of candidates of that class; null if the log has no classes
    seconds                 time from the appearance of the pictures to the answer
    interrupted             whether the page was reloaded or hidden in that time, which makes seconds unreliable
    agents_choice, agents_right, agents_right_class     the same for the receiver's guess in the log
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records.gamelog import read_json

FORMAT = "learning-to-draw study answers 1"


@dataclass(frozen=True)
class Participant:
    """One file of answers."""

    label: str  # the name that the participant typed, or the file's name
    file: Path
    study: str
    answers: tuple[Mapping[str, Any], ...]
    saved: Mapping[str, Any]  # the whole content of the file


def read_answers(paths: Sequence[Path]) -> list[Participant]:
    """Returns the participants of one study. Raises UsageError if a file is damaged, repeated or of another study."""
    participants = [_read(path) for path in paths]
    _check_together(participants)
    return _labelled(participants)


def _read(path: Path) -> Participant:
    saved = read_json(path)
    wrong = _what_is_wrong(saved)
    if wrong:
        raise UsageError(f"{path}: {wrong}.\nGive the file as saved by the page of a study, unchanged.")
    label = "".join(filter(str.isprintable, saved["participant"])).strip() or path.stem
    return Participant(label, path, saved["study"], tuple(saved["answers"]), saved)


def _labelled(participants: Sequence[Participant]) -> list[Participant]:
    """Returns the participants, with the file name added to labels that occur more than once."""
    times = Counter(one.label for one in participants)
    return [replace(one, label=f"{one.label} ({one.file})") if times[one.label] > 1 else one for one in participants]


def _check_together(participants: Sequence[Participant]) -> None:
    first = participants[0]
    for number, one in enumerate(participants):
        if one.study != first.study:
            raise UsageError(
                f"{one.file} belongs to the study {one.study}, and {first.file} to the study {first.study}.\n"
                "Give the answers of one study at a time."
            )
        for other in participants[:number]:
            if one.saved == other.saved:
                raise UsageError(f"{other.file} and {one.file} hold the same answers.\nLeave out one of them.")


def _what_is_wrong(saved: Any) -> str:
    """Returns what is wrong with the content of a file of answers; "" if nothing is."""
    if not isinstance(saved, dict) or saved.get("format") != FORMAT:
        return f'it does not hold answers ("format" is not {FORMAT!r})'
    if not (isinstance(saved.get("participant"), str) and isinstance(saved.get("study"), str)):
        return "participant or study is not text"
    answers = saved.get("answers")
    if not isinstance(answers, list) or not answers:
        return "it has no answers"
    for number, answer in enumerate(answers):
        wrong = _what_is_wrong_with(answer) if isinstance(answer, dict) else "it is not an entry"
        if wrong:
            return f"answer {number} (counted from 0): {wrong}"
    games = [answer["game"] for answer in answers]
    return "it has two answers to a game" if len(set(games)) < len(games) else ""


def _what_is_wrong_with(answer: Mapping[str, Any]) -> str:
    of_class = answer.get("candidates_of_class")
    total = answer.get("candidates")
    if not _is_index(total) or total < 1:
        return f"candidates is {total!r}"
    for name, limit in (("game", None), ("choice", total), ("target", total), ("agents_choice", total)):
        value = answer.get(name)
        if not _is_index(value) or (limit is not None and value >= limit):
            return f"{name} is {value!r}"
    for name, choice in (("right", "choice"), ("agents_right", "agents_choice")):
        if answer.get(name) is not (answer[choice] == answer["target"]):
            return f"{name} is {answer.get(name)!r}, {choice} {answer[choice]} and target {answer['target']}"
    for name in ("right_class", "agents_right_class"):
        if type(answer.get(name)) is not (type(None) if of_class is None else bool):
            return f"{name} is {answer.get(name)!r}, and candidates_of_class is {of_class!r}"
    if of_class is not None and not (_is_index(of_class) and of_class <= total):
        return f"candidates_of_class is {of_class!r}"
    seconds = answer.get("seconds")
    if type(seconds) not in (int, float) or not 0 <= seconds < float("inf"):
        return f"seconds is {seconds!r}"
    return "" if type(answer.get("interrupted")) is bool else f"interrupted is {answer.get('interrupted')!r}"


def _is_index(value: Any) -> bool:
    return type(value) is int and value >= 0
