"""Writes sketches as QuickDraw's ndjson, as sketch-rnn's stroke-3 arrays, and as tokens.

A sketch is given by the control points [N, P, 2] of its N drawn strokes. A point is (row, column) on a canvas from -1
to 1; -1 and 1 are the centres of the first and the last pixel. None of these formats has widths, intensities or
colours.
"""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from learning_to_draw.analysis.measures.distances import sample_points
from learning_to_draw.trials.records.gamelog import LoggedStrokes, Turn

PIECES = 10  # straight pieces per curve, as in the agents' pictures
LAST = 255  # the largest coordinate in ndjson and stroke-3; the smallest is 0
END_OF_SKETCH, END_OF_STROKE, FIRST_ROW = 0, 1, 2  # tokens; those of the columns follow those of the rows


def drawn_points(strokes: LoggedStrokes) -> list[np.ndarray]:
    """Returns the control points, float64 [N, P, 2], of the drawn strokes of each sketch."""
    pairs = zip(strokes.points, strokes.drawn, strict=True)
    return [points[drawn].astype(np.float64) for points, drawn in pairs]


def polylines(points: np.ndarray) -> np.ndarray:
    """int64 [N, Q, 2] in 0..255: strokes [N, P, 2] as polylines of points (x, y), x to the right and y down.

    Q is 1 for strokes that are points, 2 for lines, and 11 for curves. Coordinates outside the canvas are moved to its
    edge.
    """
    strokes, control_points, _ = points.shape
    samples = PIECES + 1 if control_points == 4 else control_points
    places = sample_points(points[None], samples).reshape(strokes, samples, 2)[..., ::-1]
    return np.rint((places + 1) / 2 * LAST).clip(0, LAST).astype(np.int64)


def write_ndjson(folder: Path, games: Sequence[Turn], sketches: Sequence[np.ndarray]) -> None:
    """Writes one file per class of the senders' photos; without classes, one file sketches.ndjson.

    Each line of a file is a drawing in QuickDraw's simplified format: `recognized` is whether the receiver guessed
    right, and `key_id` is the number of the game. `datasets.quickdraw` reads these files.
    """
    files: dict[str, list[str]] = defaultdict(list)
    for number, (game, points) in enumerate(zip(games, sketches, strict=True)):
        drawing = [[stroke[:, 0].tolist(), stroke[:, 1].tolist()] for stroke in polylines(points)]
        line = {"word": game.photo_class or "", "countrycode": "", "timestamp": "", "recognized": game.correct}
        line |= {"key_id": str(number), "drawing": drawing}
        name = "sketches" if game.photo_class is None else file_name(game.photo_class)
        files[name].append(json.dumps(line, separators=(",", ":")) + "\n")
    for name, lines in files.items():
        # "x" never overwrites a file: some file systems take "a" and "A" for the same name.
        with (folder / f"{name}.ndjson").open("x", encoding="utf-8", newline="") as file:
            file.writelines(lines)


def file_name(text: str) -> str:
    """Returns the text as a file name. As in URLs, % and two hexadecimal digits replace a character that some file
    systems forbid."""
    return re.sub(r'[\x00-\x1f%/\\:*?"<>|]', lambda match: f"%{ord(match[0]):02X}", text)


def write_stroke3(path: Path, games: Sequence[Turn], sketches: Sequence[np.ndarray], seed: int) -> None:
    """Writes all sketches to an npz file with the arrays train, valid and test.

    These arrays get 80, 10 and 10 % of the distinct sketches, chosen at random, and all copies of each. A sketch is
    int16 [points, 3]. A point has three numbers: the change in x and the change in y from the previous point (for the
    first point, from 0), in the coordinates of `polylines`; and 1 if the pen is lifted after the point, otherwise 0.

    The arrays hold objects, because sketch-rnn reads such files. numpy stores objects as pickles, so it reads the file
    only with allow_pickle=True. A pickle from somebody else can run code. This program never reads such a file.
    """
    equal: dict[str, list[np.ndarray]] = defaultdict(list)
    for game, points in zip(games, sketches, strict=True):
        equal[game.sketch].append(stroke3(points))
    different = list(equal.values())
    order = np.random.default_rng(seed).permutation(len(different))
    parts = np.split(order, [len(order) * 8 // 10, len(order) * 9 // 10])
    arrays = [_objects([sketch for k in part for sketch in different[k]]) for part in parts]
    np.savez_compressed(path, **dict(zip(("train", "valid", "test"), arrays, strict=True)))


def stroke3(points: np.ndarray) -> np.ndarray:
    """int16 [N * Q, 3]: the strokes [N, P, 2] of a sketch as `write_stroke3` writes them. `polylines` defines Q."""
    places = polylines(points)
    lifted = np.zeros((*places.shape[:2], 1), dtype=np.int64)
    lifted[:, -1] = 1
    steps = np.diff(places.reshape(-1, 2), axis=0, prepend=0)
    return np.concatenate([steps, lifted.reshape(-1, 1)], axis=1).astype(np.int16)


def _objects(sketches: Sequence[np.ndarray]) -> np.ndarray:
    """Returns an array [N] of N sketches as objects. np.array would stack sketches of equal length: [N, points, 3]."""
    array = np.empty(len(sketches), dtype=object)
    for number, sketch in enumerate(sketches):
        array[number] = sketch
    return array


def write_tokens(folder: Path, games: Sequence[Turn], sketches: Sequence[np.ndarray], bins: int) -> None:
    """Writes the tokens of each game's sketch to tokens.jsonl, one list per line, and to tokens.csv, one row per game.

    The rows name the photo that the sender saw, the target and the guessed picture by their MD5.
    """
    messages = [tokens(points, bins) for points in sketches]
    with (folder / "tokens.jsonl").open("w", encoding="utf-8", newline="") as file:
        file.writelines(json.dumps(message) + "\n" for message in messages)
    # A class name may contain undecodable bytes.
    with (folder / "tokens.csv").open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["game", "sender_class", "photo", "target", "guess", "right", "message"])
        for number, (game, message) in enumerate(zip(games, messages, strict=True)):
            pictures = [Path(name).stem for name in (game.photo, game.target_picture, game.guessed_picture)]
            text = " ".join(map(str, message))
            table.writerow([number, game.photo_class or "", *pictures, game.correct, text])


def tokens(points: np.ndarray, bins: int) -> list[int]:
    """Returns the tokens of a sketch: for each stroke, the row and column of every control point, then END_OF_STROKE.

    points: [N, P, 2]. The canvas is divided into `bins` rows, with tokens from 2, and as many columns, with tokens from
    bins + 2. A coordinate outside the canvas gets the nearest token. END_OF_SKETCH ends the list.
    """
    places = np.floor((points + 1) / 2 * bins).clip(0, bins - 1).astype(np.int64) + (FIRST_ROW, FIRST_ROW + bins)
    strokes = ([*stroke.ravel().tolist(), END_OF_STROKE] for stroke in places)
    return [*chain.from_iterable(strokes), END_OF_SKETCH]


def vocabulary(bins: int, control_points: int) -> dict[str, int | list[int]]:
    """Returns what the tokens mean. "rows" and "columns" are lists [first token, last token]."""
    return {
        "size": FIRST_ROW + 2 * bins,
        "end_of_sketch": END_OF_SKETCH,
        "end_of_stroke": END_OF_STROKE,
        "rows": [FIRST_ROW, FIRST_ROW + bins - 1],
        "columns": [FIRST_ROW + bins, FIRST_ROW + 2 * bins - 1],
        "bins": bins,
        "control_points": control_points,
    }
