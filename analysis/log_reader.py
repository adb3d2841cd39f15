"""Game logs read back: ours (trials/gamelog.py describes the files) and the official code's, which have one schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from errors import UsageError


@dataclass(frozen=True)
class Game:
    """One sender's turn. Pictures are named as in the log, relative to its folder."""

    guess: int  # the candidate that the receiver chose, counted from 0
    target: int  # the candidate that was meant, counted from 0
    sketch: str
    candidates: tuple[str, ...]  # in the order the receiver had them

    @property
    def correct(self) -> bool:
        return self.guess == self.target

    @property
    def pictures(self) -> tuple[str, ...]:
        """Every picture that the game names."""
        return (self.sketch, *self.candidates)

    @property
    def target_picture(self) -> str:
        return self.candidates[self.target]

    @property
    def guessed_picture(self) -> str:
        return self.candidates[self.guess]


@dataclass(frozen=True)
class GameLog:
    """The games of a log; `rows` are their entries in games.json, unchanged."""

    folder: Path
    games: tuple[Game, ...]
    rows: tuple[Mapping[str, Any], ...]

    def picture(self, name: str) -> Path:
        """The file of a picture that a game names. Raises UsageError where it is missing."""
        path = self.folder / name
        if not path.is_file():
            raise UsageError(
                f"{self.folder / 'games.json'} names {name}, and there is no such file in {self.folder}.\n"
                "Copy the whole folder of the log, pictures included."
            )
        return path


def read_log(folder: Path) -> GameLog:
    """The log in a gamelogs folder, or in the run folder that holds one. Raises UsageError for anything else."""
    folder = find_log(folder)
    path = folder / "games.json"
    rows = read_json(path)
    if not isinstance(rows, list) or not rows:
        raise UsageError(f"{path} holds no list of games.\nPlay a test again: commgame.py test.")
    return GameLog(folder, tuple(_game(row, number, path) for number, row in enumerate(rows)), tuple(rows))


def find_log(folder: Path) -> Path:
    """`folder` or its gamelogs/, whichever holds games.json."""
    for candidate in (folder, folder / "gamelogs"):
        if (candidate / "games.json").is_file():
            return candidate
    found = "no games.json in it, nor in a folder gamelogs" if folder.is_dir() else "no such folder"
    raise UsageError(
        f"there is no game log in {folder}: {found}.\n"
        "Give the folder that commgame.py test has written (training leaves no game log), or its gamelogs."
    )


def read_json(path: Path) -> Any:
    """Raises UsageError where the file is not there or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # ValueError: no JSON, or no text at all
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{path} cannot be read: {reason}.\nGive an intact copy.") from error


def _game(row: Any, number: int, path: Path) -> Game:
    try:
        game = Game(row["reciever_guess"], row["correct_image"], row["sketch"], tuple(row["images"]))
        wrong = _what_is_wrong(game)
    except KeyError as error:
        wrong = f"it has no {error}"
    except TypeError:
        wrong = "it is not a game's entry"
    if wrong:
        raise UsageError(
            f"{path}: entry {number} (counted from 0): {wrong}.\n"
            "Give an intact log, as written by commgame.py test or by the official code."
        )
    return game


def _what_is_wrong(game: Game) -> str:
    for name, choice in (("reciever_guess", game.guess), ("correct_image", game.target)):
        if type(choice) is not int or not 0 <= choice < len(game.candidates):
            return f"{name} is {choice!r}, and there are {len(game.candidates)} images"
    for name in game.pictures:
        if not isinstance(name, str) or _leaves_the_folder(name):
            return f"{name!r} is not a picture in the log's folder"
        if len(PurePosixPath(name).parts) < 2:  # beside the lists a picture could have the name of one
            return f"{name!r} is not in a folder of the log, such as sketch-images/"
        if not _is_text(name):
            return f"{name!r} has characters that no file's name can have"
    return ""


def _leaves_the_folder(name: str) -> bool:
    return name.startswith("/") or "\\" in name or ".." in name.split("/")


def _is_text(name: str) -> bool:
    """JSON can hold halves of characters, which cannot be written as UTF-8."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
