"""Reads game logs, ours (docs/outputs.md describes the files) and the official code's, into one schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from learning_to_draw.errors import UsageError, first_line, program

LOG_FORMAT = 1  # of games.jsonl; trials/records/gamelog_writer.py writes it


@dataclass(frozen=True)
class Turn:
    """One sender's turn. Pictures have their names in the log, relative to its folder.

    The fields that can be None are not in the official code's logs.
    """

    guess: int  # the candidate that the receiver chose, from 0
    target: int  # the correct candidate, from 0
    sketch: str
    candidates: tuple[str, ...]  # in the receiver's order
    photo: str = ""  # what the sender saw; the target's picture if not in the log
    photo_class: str | None = None
    candidate_classes: tuple[str, ...] | None = None
    scores: tuple[float, ...] | None = None  # the receiver's score of each candidate

    @property
    def correct(self) -> bool:
        return self.guess == self.target

    @property
    def pictures(self) -> tuple[str, ...]:
        """Every picture of the game, without duplicates."""
        return tuple(dict.fromkeys((self.sketch, *self.candidates, self.photo)))

    @property
    def target_picture(self) -> str:
        return self.candidates[self.target]

    @property
    def guessed_picture(self) -> str:
        return self.candidates[self.guess]

    @property
    def target_class(self) -> str | None:
        return self.candidate_classes[self.target] if self.candidate_classes else None

    @property
    def guessed_class(self) -> str | None:
        return self.candidate_classes[self.guess] if self.candidate_classes else None


@dataclass(frozen=True)
class LoggedStrokes:
    """The strokes of all games of a log, in order; see `models.decoders.base.Strokes`."""

    points: np.ndarray  # float32 [games, strokes, P, 2], (row, col) on a canvas from -1 to 1
    sigma2: float
    intensities: np.ndarray | None  # float32 [games, strokes, C] in 0..1


@dataclass(frozen=True)
class GameLog:
    """The games of a log. rows: their entries in games.json. card: card.json; empty for an official log."""

    folder: Path
    games: tuple[Turn, ...]
    rows: tuple[Mapping[str, Any], ...]
    card: Mapping[str, Any] = field(default_factory=dict)

    def picture(self, name: str) -> Path:
        """The path of a game's picture. Raises UsageError if it is missing."""
        path = self.folder / name
        if not path.is_file():
            raise UsageError(
                f"{self.folder / 'games.json'} names {name}, but there is no such file in {self.folder}.\n"
                "Copy the whole folder of the log, pictures included."
            )
        return path

    def strokes(self) -> LoggedStrokes | None:
        """The strokes, or None if the log has none (official code). Raises UsageError for a damaged file."""
        path = self.folder / "strokes.npz"
        if not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as arrays:
                content = {name: arrays[name] for name in arrays.files}
                strokes = LoggedStrokes(content["points"], float(content["sigma2"]), content.get("intensities"))
        except Exception as error:  # the exceptions of a damaged archive vary
            raise UsageError(f"{path} cannot be read: {first_line(error)}.\nGive an intact copy.") from error
        intensities = strokes.intensities
        valid = strokes.points.ndim == 4 and strokes.points.dtype.kind == "f" and strokes.sigma2 > 0
        matching = intensities is None or intensities.shape[:2] == strokes.points.shape[:2]
        if not valid or not matching or len(strokes.points) != len(self.games):
            raise UsageError(
                f"{path} holds strokes {list(strokes.points.shape)} for {len(self.games)} games.\nGive an intact log."
            )
        return strokes


def read_log(folder: Path) -> GameLog:
    """The log in a gamelogs folder, or in the run folder that holds one. Raises UsageError for anything else."""
    folder = find_log(folder)
    path = folder / "games.json"
    rows = read_json(path)
    if not isinstance(rows, list) or not rows:
        raise UsageError(f"{path} does not hold a list of games.\nRun the test again: {program()} test.")
    games = tuple(_game(row, number, path) for number, row in enumerate(rows))
    if (folder / "games.jsonl").is_file():
        games = tuple(_with_details(games, folder / "games.jsonl"))
    card = read_json(folder / "card.json") if (folder / "card.json").is_file() else {}
    if not isinstance(card, dict):
        raise UsageError(f"{folder / 'card.json'} is not a JSON object.\nGive an intact copy.")
    return GameLog(folder, games, tuple(rows), card)


def _with_details(games: tuple[Turn, ...], path: Path) -> Iterator[Turn]:
    """The games with the additional fields of games.jsonl. Raises UsageError if it does not match games.json."""
    shared: dict[tuple, tuple] = {}  # turns with the same pool share one tuple, to save memory
    with path.open(encoding="utf-8") as lines:
        for number, game in enumerate(games):
            try:
                line = json.loads(next(lines))
                if line["format"] != LOG_FORMAT:
                    raise UsageError(
                        f"{path}: its format is {line['format']!r}, but this program reads {LOG_FORMAT}.\n"
                        "Use the version of this program that wrote it."
                    )
                classes = tuple(line["candidate_classes"])
                detailed = replace(
                    game,
                    candidates=shared.setdefault(game.candidates, game.candidates),
                    photo=line["sender_image"],
                    photo_class=line["sender_class"],
                    candidate_classes=shared.setdefault(classes, classes),
                    scores=tuple(line["scores"]),
                )
                same = (line["guess"], line["target"], line["sketch"], tuple(line["candidates"])) == (
                    game.guess,
                    game.target,
                    game.sketch,
                    game.candidates,
                )
                whole = (
                    len(classes) == len(detailed.scores) == len(game.candidates)
                    and isinstance(line["candidate_classes"], list)
                    and all(type(name) is str for name in (*classes, detailed.photo_class))
                    and all(type(score) in (int, float) for score in detailed.scores)
                )
            except (StopIteration, ValueError, KeyError, TypeError, RecursionError) as error:
                raise _torn(path, number, f"it cannot be read ({type(error).__name__})") from error
            if not (same and whole):
                raise _torn(path, number, "it does not match games.json")
            if wrong := _wrong_picture(detailed.photo):
                raise _torn(path, number, wrong)
            yield detailed
        if next(lines, None) is not None:
            raise _torn(path, len(games), "games.json has no such game")


def _torn(path: Path, number: int, wrong: str) -> UsageError:
    return UsageError(f"{path}: line {number + 1}: {wrong}.\nGive an intact log, or remove that file.")


def find_log(folder: Path) -> Path:
    """`folder` or its gamelogs/, whichever holds games.json. Raises UsageError if neither does."""
    for candidate in (folder, folder / "gamelogs"):
        if (candidate / "games.json").is_file():
            return candidate
    reason = "it has no games.json, nor a folder gamelogs with one" if folder.is_dir() else "no such folder"
    raise UsageError(
        f"there is no game log in {folder}: {reason}.\n"
        f"Give a folder that {program()} test has written (training does not write a game log), or its gamelogs."
    )


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises UsageError if it is missing or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # ValueError: not JSON, or not even text
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{path} cannot be read: {reason}.\nGive an intact copy.") from error


def _game(row: Any, number: int, path: Path) -> Turn:
    try:
        images, target = tuple(row["images"]), row["correct_image"]
        photo = images[target] if type(target) is int and 0 <= target < len(images) else ""
        game = Turn(row["reciever_guess"], target, row["sketch"], images, photo)
        wrong = _what_is_wrong(game)
    except KeyError as error:
        wrong = f"it has no {error}"
    except TypeError:
        wrong = "it is not a game's entry"
    if wrong:
        raise UsageError(
            f"{path}: entry {number} (counted from 0): {wrong}.\n"
            f"Give an intact log, as written by {program()} test or by the official code."
        )
    return game


def _what_is_wrong(game: Turn) -> str:
    for name, choice in (("reciever_guess", game.guess), ("correct_image", game.target)):
        if type(choice) is not int or not 0 <= choice < len(game.candidates):
            return f"{name} is {choice!r}, and there are {len(game.candidates)} images"
    return next(filter(None, map(_wrong_picture, (game.sketch, *game.candidates))), "")


def _wrong_picture(name: Any) -> str:
    if not isinstance(name, str) or _leaves_the_folder(name):
        return f"{name!r} is not a picture in the log's folder"
    if len(PurePosixPath(name).parts) < 2:  # in the log's folder itself, it could have the name of a list
        return f"{name!r} is not in a folder of the log, such as sketch-images/"
    if not _is_text(name):
        return f"{name!r} has characters that no file's name can have"
    return ""


def _leaves_the_folder(name: str) -> bool:
    return name.startswith("/") or "\\" in name or ".." in name.split("/")


def _is_text(name: str) -> bool:
    """Whether `name` can be encoded as UTF-8. JSON can contain lone surrogates, which cannot."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
