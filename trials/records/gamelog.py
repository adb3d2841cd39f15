"""Reads game logs of this program (see docs/outputs.md) and of the official code, into one schema."""

from __future__ import annotations

import codecs
import hashlib
import math
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, TypedDict

import msgspec
import numpy as np

from learning_to_draw.errors import UsageError, first_line, program
from learning_to_draw.reading import (
    MIB,
    MOST_BYTES,
    Count,
    Options,
    Positive,
    Share,
    cannot_read,
    check,
    inside,
    parse_json,
    read_bytes,
    read_json,
)

LOG_FORMAT = 1  # of games.jsonl; trials/records/gamelog_writer.py writes it
MOST_GAMES_BYTES, MOST_STROKES_BYTES = 1024 * MIB, 1024 * MIB
INTACT_LOG = "Give an intact log, as written by test or by the official code."


class GameRow(msgspec.Struct):
    """An entry of games.json: one turn, with the official code's keys. Entries may have further keys."""

    reciever_guess: int
    correct_image: int
    sketch: str
    images: tuple[str, ...]


class _Format(TypedDict):
    format: int


class _Meeting(TypedDict, total=False):
    """Who drew and who guessed, in the log of a population."""

    sender: Count
    receiver: Count


class GameLine(_Meeting):
    """A line of games.jsonl, which has further keys."""

    guess: int
    target: int
    sketch: str
    candidates: list[str]
    sender_image: str
    sender_class: str
    candidate_classes: list[str]
    scores: list[float]


class Card(TypedDict, total=False):
    """The content of card.json. Any key may be missing, and there may be further keys."""

    format: int
    game: str | None
    dataset: str | None
    split: str | None
    classes: list[str]
    candidates: Count
    chance: Share
    image_size: Count
    channels: Count
    invert: bool
    contrast: Positive
    decoder: str
    weights: str
    receiver_weights: str
    options: Options
    versions: dict[str, str]


@dataclass(frozen=True)
class Turn:
    """One sender's turn. Pictures are given as paths relative to the log's folder.

    Fields that can be None are missing in the official code's logs.
    """

    guess: int  # the candidate that the receiver chose, from 0
    target: int  # the correct candidate, from 0
    sketch: str
    candidates: tuple[str, ...]  # in the receiver's order
    photo: str = ""  # the picture that the sender saw; the target's picture if the log does not say
    photo_class: str | None = None
    candidate_classes: tuple[str, ...] | None = None
    scores: tuple[float, ...] | None = None  # the receiver's score of each candidate
    sender: int = 0  # who drew
    receiver: int = 0  # who guessed

    @property
    def correct(self) -> bool:
        return self.guess == self.target

    @property
    def pictures(self) -> tuple[str, ...]:
        """Every picture of the turn, without duplicates."""
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


def pair_name(sender: int, receiver: int) -> str:
    """The name of a pair: "agent 1" if both numbers are 1, "sender 1 with receiver 2" if they differ."""
    return f"agent {sender}" if sender == receiver else f"sender {sender} with receiver {receiver}"


@dataclass(frozen=True)
class LoggedStrokes:
    """The strokes of several sketches, such as all sketches of a log; see `models.decoders.base.Strokes`."""

    points: np.ndarray  # float32 [sketches, strokes, P, 2], (row, col) on a canvas from -1 to 1
    sigma2: float | np.ndarray  # one number for all strokes, or float32 [sketches, strokes]
    intensities: np.ndarray | None  # float32 [sketches, strokes, C] in 0..1

    def __getitem__(self, games: Any) -> LoggedStrokes:
        """The strokes of some sketches: indexes every array with `games`, as numpy does.

        games: the sketches' numbers, from 0, or a slice; a single number removes the first dimension. A pair of arrays
        (sketches' numbers, strokes' numbers) selects single strokes.
        """
        return LoggedStrokes(
            self.points[games],
            self.sigma2[games] if isinstance(self.sigma2, np.ndarray) else self.sigma2,
            None if self.intensities is None else self.intensities[games],
        )

    @property
    def drawn(self) -> np.ndarray:
        """bool [sketches, strokes]: whether each stroke is drawn; False if its intensities are 0 in all channels."""
        return drawn_strokes(self.points, self.intensities)

    @property
    def median_sigma2(self) -> float:
        return float(np.median(self.sigma2))


def drawn_strokes(points: np.ndarray, intensities: np.ndarray | None) -> np.ndarray:
    """bool [B, N]: whether each stroke of `points` [B, N, P, 2] is drawn; False if all its intensities are 0."""
    return np.ones(points.shape[:2], dtype=bool) if intensities is None else (intensities > 0).any(axis=2)


@dataclass(frozen=True)
class GameLog:
    """All games of a log, or those of one pair of a population.

    card: the content of card.json; empty for an official log. numbers: the games' numbers in the log's files, from 0.
    """

    folder: Path
    games: tuple[Turn, ...]
    card: Card = field(default_factory=Card)
    numbers: range | tuple[int, ...] = range(0)
    total: int = 0  # games in the files

    @property
    def meetings(self) -> tuple[tuple[int, int], ...]:
        """Every pair (sender, receiver) that played, sorted."""
        return tuple(sorted({(game.sender, game.receiver) for game in self.games}))

    def of_pair(self, sender: int, receiver: int) -> GameLog:
        """The games of one sender with one receiver. Raises UsageError if these two have not played."""
        places = [k for k, game in enumerate(self.games) if (game.sender, game.receiver) == (sender, receiver)]
        if not places:
            met = " or ".join(f"{k},{j}" for k, j in self.meetings)
            raise UsageError(
                f"the log in {self.folder} has no games of sender {sender} with receiver {receiver}.\n"
                f"Choose one of its pairs with --agent: {met}."
            )
        return replace(self, games=tuple(self.games[k] for k in places), numbers=tuple(self.numbers[k] for k in places))

    def own_pairs(self) -> list[GameLog]:
        """One log for each pair of own partners that played; [this log] if only one pair played.

        Own partners are sender k % senders and receiver k % receivers, for each k below max(senders, receivers).
        """
        if len(meetings := self.meetings) == 1:
            return [self]
        senders, receivers = (1 + max(numbers) for numbers in zip(*meetings, strict=True))
        own = ((k % senders, k % receivers) for k in range(max(senders, receivers)))
        return [self.of_pair(*pair) for pair in own if pair in meetings]

    @property
    def title(self) -> str:
        """The folder and, for a part of a population's log, who played."""
        return f"{self.folder}, {part}" if (part := self.part) else str(self.folder)

    @property
    def part(self) -> str:
        """Who played, for a part of a population's log; otherwise empty."""
        return "" if len(self.games) == self.total else pair_name(*self.meetings[0])

    def digest(self) -> str:
        """The SHA-256 of games.json and games.jsonl: it identifies the log even if its folder was moved or copied.

        For a part of a population's log, the hash also includes who played, so each part has its own digest.
        """
        digest = hashlib.sha256(self.part.encode())
        for name in ("games.json", "games.jsonl"):
            if (path := inside(self.folder, name)).is_file():
                with path.open("rb") as file:
                    while part := file.read(MIB):
                        digest.update(part)
        return digest.hexdigest()

    def rows(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """The entries of some games in games.json. Raises UsageError if that file is damaged.

        numbers: the positions of these games in `games`, from 0.
        """
        path = inside(self.folder, "games.json")
        text = read_bytes(path, MOST_GAMES_BYTES, INTACT_LOG)
        try:
            if len(text) <= MOST_BYTES:
                entries = parse_json(text.decode("utf-8-sig"), list[dict[str, Any]])
                return [entries[self.numbers[number]] for number in numbers]
            parts = msgspec.json.decode(text, type=list[msgspec.Raw])
            return [parse_json(bytes(parts[self.numbers[k]]).decode(), dict[str, Any]) for k in numbers]
        except ValueError as error:
            raise cannot_read(path, first_line(error), INTACT_LOG) from error

    def picture(self, name: str) -> Path:
        """The path of the picture `name`. Raises UsageError if it is missing, or is a link out of the log's folder."""
        path = inside(self.folder, name)
        if not path.is_file():
            raise UsageError(
                f"the game log in {self.folder} names {name}, but this folder has no such file.\n"
                "Copy the whole folder of the log, pictures included."
            )
        return path

    def strokes(self) -> LoggedStrokes | None:
        """The strokes of all `games`; None without strokes.npz (official code). Raises UsageError if it is damaged."""
        path = inside(self.folder, "strokes.npz")
        if not path.is_file():
            return None
        strokes = read_strokes(path, self.total)
        return strokes if len(self.games) == self.total else strokes[list(self.numbers)]


def read_strokes(path: Path, sketches: int | None = None) -> LoggedStrokes:
    """The strokes of all sketches in a file that `gamelog_writer.StrokesFile` wrote.

    sketches: how many the file must hold; None for any number. Raises UsageError for a damaged file.
    """
    try:
        _check_arrays(path)
        with np.load(path, allow_pickle=False) as arrays, np.errstate(over="ignore"):
            content = {name: np.asarray(arrays[name], np.float32) for name in arrays.files}
        sigma2 = content["sigma2"] if content["sigma2"].ndim == 2 else float(content["sigma2"])
        strokes = LoggedStrokes(content["points"], sigma2, content.get("intensities"))
    except Exception as error:  # the exceptions of a damaged archive vary
        raise cannot_read(path, first_line(error)) from error
    points, intensities = strokes.points, strokes.intensities
    matching = points.ndim == 4 and sketches in (None, len(points)) and points.shape[2:] in ((1, 2), (2, 2), (4, 2))
    if intensities is not None:
        matching = matching and intensities.ndim == 3 and intensities.shape[:2] == points.shape[:2]
        matching = matching and intensities.shape[2] in (1, 3)
    if isinstance(sigma2, np.ndarray):
        matching = matching and sigma2.shape == points.shape[:2]
    if not matching:
        arrays = (array for array in (points, sigma2, intensities) if isinstance(array, np.ndarray))
        shapes = " and ".join(str(list(array.shape)) for array in arrays)
        expected = "" if sketches is None else f"; games: {sketches}"
        raise UsageError(
            f"the arrays in {path} cannot be the strokes of the log's games (shapes: {shapes}{expected}).\n"
            "Give an intact log."
        )
    # Also False for NaN. The bound is generous, because some decoders draw beyond the canvas, which ends at 1.
    usual = (abs(points) < 1e6).all()
    if intensities is not None:
        usual = usual and ((intensities >= -1e-5) & (intensities <= 1 + 1e-5)).all()  # others cannot be drawn
    if not (usual and np.all((np.asarray(sigma2) > 0) & (np.asarray(sigma2) < 1e6))):
        raise UsageError(f"{path} holds numbers that strokes cannot have.\nGive an intact log.")
    return strokes


def _check_arrays(path: Path) -> None:
    """Raises ValueError, before any array is read into memory, if an npz file cannot be a log's strokes.npz.

    It cannot be one if it has more than three arrays, if its arrays have more than MOST_STROKES_BYTES in all, if an
    array is not of floats, or if the shape of an array does not match its number of bytes.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > MOST_STROKES_BYTES or len(members) > 3:
            raise ValueError("it is too large, or holds too many arrays, for a file of strokes")
        for member in members:
            with archive.open(member) as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(file)
                if dtype.kind != "f" or file.tell() + math.prod(shape) * dtype.itemsize != member.file_size:
                    raise ValueError(f"{member.filename} does not hold floats, or its header does not match its size")


def read_log(folder: Path) -> GameLog:
    """The game log in `folder` or in its subfolder gamelogs. Raises UsageError if the log is missing or damaged."""
    folder = find_log(folder)
    path = inside(folder, "games.json")
    try:
        rows = _decode_rows(read_bytes(path, MOST_GAMES_BYTES, INTACT_LOG))
    except (ValueError, RecursionError) as error:
        raise cannot_read(path, first_line(error), INTACT_LOG) from error
    if not rows:
        raise UsageError(f"{path} holds no game.\nRun the test again: {program()} test.")
    shared: dict[tuple[str, ...], tuple[str, ...]] = {}
    games = tuple(_game(row, number, path, shared) for number, row in enumerate(rows))
    details = inside(folder, "games.jsonl")
    if details.is_file():
        games = tuple(_with_details(games, details))
    card = inside(folder, "card.json")
    content = read_json(card, Card) if card.is_file() else Card()
    return GameLog(folder, games, content, range(len(games)), len(games))


def _decode_rows(text: bytes) -> list[GameRow]:
    """The entries of games.json, decoded directly into structs: dictionaries of a large log would need much memory."""
    try:
        return msgspec.json.decode(text.removeprefix(codecs.BOM_UTF8), type=list[GameRow])
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        if len(text) > MOST_BYTES:
            raise
        # Entries of other programs may hold NaN or lone surrogates, which msgspec does not decode.
        return msgspec.convert(parse_json(text.decode("utf-8-sig"), list[Any]), list[GameRow])


def _with_details(games: tuple[Turn, ...], path: Path) -> Iterator[Turn]:
    """Yields the games with the additional fields of games.jsonl.

    Raises UsageError if games.jsonl is damaged, or does not match games.json.
    """
    shared: dict[tuple[str, ...], tuple[str, ...]] = {}
    with path.open("rb") as lines:
        for number, game in enumerate(games):
            try:
                text = lines.readline(MOST_BYTES).decode("utf-8-sig")
                content = parse_json(text, _Format)
                if (version := content["format"]) != LOG_FORMAT:
                    raise UsageError(
                        f"{path}: its format is {version}, but this program reads format {LOG_FORMAT}.\n"
                        "Use the version of this program that wrote the log."
                    )
                line: GameLine = check(content, GameLine)
            except ValueError as error:
                raise _torn(path, number, f"it cannot be read ({first_line(error)})") from error
            classes, scores = tuple(line["candidate_classes"]), tuple(map(float, line["scores"]))
            same = (line["guess"], line["target"], line["sketch"]) == (game.guess, game.target, game.sketch)
            same = same and tuple(line["candidates"]) == game.candidates
            if not same or not len(classes) == len(scores) == len(game.candidates):
                raise _torn(path, number, "it does not match games.json")
            if wrong := _wrong_picture(line["sender_image"]):
                raise _torn(path, number, wrong)
            yield replace(
                game,
                photo=line["sender_image"],
                photo_class=line["sender_class"],
                candidate_classes=shared.setdefault(classes, classes),
                scores=scores,
                sender=line.get("sender", 0),
                receiver=line.get("receiver", 0),
            )
        if lines.readline(1):
            raise _torn(path, len(games), "games.json has no such game")


def _torn(path: Path, number: int, wrong: str) -> UsageError:
    return UsageError(f"{path}: line {number + 1}: {wrong}.\nGive an intact log, or remove that file.")


def find_log(folder: Path) -> Path:
    """`folder` or its subfolder gamelogs, whichever holds games.json. Raises UsageError if neither does."""
    for name in ("", "gamelogs"):
        if (folder / name / "games.json").is_file():
            return inside(folder, name)
    reason = "it has neither games.json nor gamelogs/games.json" if folder.is_dir() else "no such folder"
    raise UsageError(
        f"there is no game log in {folder}: {reason}.\n"
        f"Give a folder that {program()} test has written; training does not write a game log."
    )


def _game(row: GameRow, number: int, path: Path, shared: dict[tuple[str, ...], tuple[str, ...]]) -> Turn:
    """The turn of entry `number` of games.json. Raises UsageError if the entry is not valid.

    shared: the candidates of earlier turns; turns with the same candidates share one tuple, to save memory.
    """
    wrong = ""
    for name, choice in (("reciever_guess", row.reciever_guess), ("correct_image", row.correct_image)):
        if not 0 <= choice < len(row.images):
            wrong = f"{name} is {choice}, but the number of images is {len(row.images)}"
    known = row.images in shared
    images = shared.setdefault(row.images, row.images)
    names = (row.sketch,) if known else (row.sketch, *images)
    if wrong := wrong or next(filter(None, map(_wrong_picture, names)), ""):
        raise UsageError(f"{path}: entry {number} (counted from 0): {wrong}.\n{INTACT_LOG}")
    return Turn(row.reciever_guess, row.correct_image, row.sketch, images, images[row.correct_image])


def _wrong_picture(name: str) -> str:
    """The reason why a log cannot have a picture of this name; empty if it can."""
    parts = PurePosixPath(name).parts
    if name.startswith("/") or "\\" in name or ".." in parts:
        return f"{name[:200]!r} is not a picture in the log's folder"
    if len(parts) < 2:  # a file directly in the log's folder could replace games.json and the like
        return f"{name[:200]!r} is not in a folder of the log, such as sketch-images/"
    if any(len(part) > 255 for part in parts) or len(name) > 1000 or not name.isprintable():
        return f"{name[:200]!r} is too long for a file name, or has characters that are not printable"
    return ""
