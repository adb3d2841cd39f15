"""Describes exported sketches: card.json for programs, and README.md, a data card for people.

In both, absolute paths are reduced to their last part.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from learning_to_draw.analysis.export.formats import vocabulary
from learning_to_draw.games.scores import rate_interval
from learning_to_draw.trials.records.gamelog import GameLog
from learning_to_draw.trials.records.read_run import run_of

UNKNOWN = "unknown"
POLYLINES = """\
Coordinates are whole numbers from 0 to 255, x to the right and y down. Curves are polylines of ten pieces. Coordinates
outside the canvas are moved to its edge. Widths, intensities and colours of strokes are left out."""
TEXTS = {
    "ndjson": f"""\
`CLASS.ndjson` holds the sketches of one class, one per line, in the simplified format of Quick, Draw!: `word` is the
class of the photo, `recognized` whether the receiver guessed right, `key_id` the number of the game in the log, and
`drawing` a list of strokes, each `[[x, ...], [y, ...]]`. In file names, characters such as `/` are written as `%2F`.

{POLYLINES}""",
    "stroke3": f"""\
`sketches.npz` holds all sketches in the arrays `train`, `valid` and `test`, as sketch-rnn reads them. These arrays have
80, 10 and 10 % of the distinct sketches, chosen at random, and all copies of each. A sketch is an int16 array
[points, 3]. A point has three numbers: the change in x and the change in y from the previous point (for the first
point, from 0), and 1 if the pen is lifted after the point, otherwise 0.

{POLYLINES}

The arrays are pickles. Read them with `numpy.load("sketches.npz", allow_pickle=True)`, and only if you trust the person
who gave you the file, because a pickle can run code. numpy before 1.26 cannot read pickles of numpy 2.""",
    "svg": """\
`sketches/NUMBER-MD5.svg` are vector graphics with the widths and colours of the strokes. NUMBER is the number of the
game in the log, and MD5 is the MD5 hash of the sketch's pixels.""",
    "tokens": """\
`tokens.jsonl` holds one list of tokens, which are whole numbers, per sketch. `tokens.csv` has one row per game: the
number of the game in the log (`game`), the class of the photo that the sender saw (`sender_class`), the MD5 hashes that
name this photo (`photo`), the target (`target`) and the guessed picture (`guess`) in the log, whether the guess was
right (`right`), and the tokens of the sketch, separated by blanks (`message`). In `different` games, the target is
another picture than the photo.

The canvas is divided into {bins} rows and {bins} columns. Token {end_of_sketch} ends the sketch, and token
{end_of_stroke} ends a stroke. Tokens {rows[0]} to {rows[1]} are rows, from top to bottom. Tokens {columns[0]} to
{columns[1]} are columns, from left to right. A stroke is {strokes}; for each point, the token of its row comes first,
then that of its column. Strokes are in the order in which they were drawn. A coordinate outside the canvas has the
token of the nearest edge. Widths, intensities and colours of strokes are left out.""",
}
STROKES = {1: "a point", 2: "the two ends of a line", 4: "the four control points of a cubic Bezier curve"}
VIEWS = {"ndjson": "*.ndjson", "tokens": "tokens.csv"}  # the files that Hugging Face shows as a table


def card_of(log: GameLog, sketches: Sequence[np.ndarray], format: str, bins: int, seed: int) -> dict[str, Any]:
    """Returns the content of card.json.

    sketches: the drawn strokes [N, P, 2] of every game. bins, seed: as for `export`.
    """
    card: Mapping[str, Any] = log.card
    right, games = sum(game.correct for game in log.games), len(log.games)
    folder = log.folder.resolve()
    weights = {name: PureWindowsPath(card.get(name) or "").name or None for name in ("weights", "receiver_weights")}
    entries = {
        "log": run_of(folder).name,
        "log_sha256": log.digest(),
        "format": format,
        "drawn_by": card.get("sender") or "agents",
        **{name: card.get(name) for name in ("game", "dataset", "split", "candidates", "chance", "data_seed")},
        **weights,
        "decoder": card.get("decoder"),
        "communication_rate": right / games,
        "interval": list(rate_interval(right, games)),
        "sketches": games,
        "different_sketches": len({game.sketch for game in log.games}),
        "sketches_without_strokes": sum(not len(points) for points in sketches),
    }
    if format == "stroke3":
        entries["seed"] = seed
    if format == "tokens":
        entries["vocabulary"] = vocabulary(bins, sketches[0].shape[1])
    options = {name: without_folder(value) for name, value in card.get("options", {}).items()}
    return entries | {"options": options}


def without_folder(value: Any) -> Any:
    """Returns the value of an option, with an absolute path reduced to its last part."""
    if isinstance(value, list):
        return [without_folder(entry) for entry in value]
    absolute = isinstance(value, str) and (PurePosixPath(value).is_absolute() or PureWindowsPath(value).is_absolute())
    return PureWindowsPath(value).name if absolute else value  # PureWindowsPath splits at / and at \


def readme(card: Mapping[str, Any]) -> str:
    """Returns the text of README.md, which begins with YAML for Hugging Face. card: the content of card.json."""
    view = VIEWS.get(card["format"])
    shown = f'configs:\n- config_name: default\n  data_files: "{view}"' if view else "viewer: false"
    sender = "a person" if card["drawn_by"] == "person" else "a neural network, the sender,"
    low, high = card["interval"]
    facts = {
        "photos": f"{card['dataset'] or UNKNOWN}, {card['split'] or UNKNOWN} split",
        "game": f"{card['game'] or UNKNOWN}, {card['candidates'] or UNKNOWN} candidates",
        "communication rate": f"{card['communication_rate']:.3f} (95 % interval {low:.3f} to {high:.3f})",
        "chance": f"{card['chance']:.3g}" if card["chance"] else UNKNOWN,
        "sketches": f"{card['sketches']}, of which {card['different_sketches']} are distinct",
        "decoder": card["decoder"] or UNKNOWN,
        "weights": card["weights"] or UNKNOWN,
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    text = TEXTS[card["format"]]
    if words := card.get("vocabulary"):
        text = text.format(**words, strokes=STROKES[words["control_points"]])
    return f"""\
---
license: unknown
pretty_name: {json.dumps(f"Sketches of {card['dataset'] or UNKNOWN}, drawn to communicate")}
tags:
- sketches
- emergent-communication
{shown}
---

# Sketches of {card["dataset"] or UNKNOWN}, drawn to communicate

Each sketch was drawn by {sender} from a photo. A neural network, the receiver, saw the sketch and
guessed which of several photos was meant. The communication rate is the share of right guesses.

| | |
|---|---|
{table}

{text}

`card.json` has all numbers and the options of the agents.

## Before you use these sketches

- Only the receiver has to understand a sketch. People may not recognise what it shows. The class of a sketch is that
  of the photo, not what a person sees in the sketch.
- The corpus contains no photos. The licence of the photos is that of their data set. It may also limit what may be done
  with sketches of these photos. The licence of this corpus is unknown until its publisher states it in the head of this
  file.
"""
