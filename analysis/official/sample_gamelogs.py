"""`commgame.py sample-gamelogs`: writes a random sample of a game log as a new log."""

from __future__ import annotations

import csv
import json
import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records.atomic import write_json
from learning_to_draw.trials.records.gamelog import GameLog, read_log
from learning_to_draw.trials.records.output import check_new, whole_folder


def sample_gamelogs(log: Path, output: Path | None, games: int, seed: int) -> str:
    """Copies `games` random games of a log, in the order of the log. Returns a message for the user.

    output: the new folder; None: the log's name followed by -sampled. The folder does not appear until it is
    complete. Raises UsageError if the log has fewer games, or if the folder exists already.
    """
    source = read_log(log)
    if output is None:
        output = Path(f"{source.folder.resolve()}-sampled")
    check_new(output)
    if games > len(source.games):
        raise UsageError(
            f"--games {games}: the log in {source.folder} has fewer games.\nGive at most {len(source.games)}."
        )
    drawn = sorted(random.Random(seed).sample(range(len(source.games)), games))
    with whole_folder(output) as folder:
        _write_games(folder, source.rows(drawn))
        _write_details(source, drawn, folder)
        pictures = _copy_pictures(source, drawn, folder)
    return f"{games} of {len(source.games)} games, with {pictures} pictures, written to {output}"


def _write_games(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    lines = ",\n ".join(json.dumps(row) for row in rows)
    (folder / "games.json").write_text(f"[{lines}]\n", encoding="utf-8")
    # Logs of other programs may hold text that UTF-8 cannot encode; it is escaped, as in JSON.
    with (folder / "games.csv").open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        table = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def _write_details(source: GameLog, drawn: Sequence[int], folder: Path) -> None:
    """Writes the files that only logs of this program have, for the games whose numbers in `source` are `drawn`.

    Copies the lines of games.jsonl unchanged: the games are not renumbered.
    """
    if (source.folder / "games.jsonl").is_file():
        wanted = set(drawn)
        with (source.folder / "games.jsonl").open("rb") as lines:
            chosen = [line for number, line in enumerate(lines) if number in wanted]
        (folder / "games.jsonl").write_bytes(b"".join(chosen))
    strokes = source.strokes()
    if strokes is not None:
        strokes = strokes[drawn]
        arrays = {"sigma2": np.array(strokes.sigma2), "points": strokes.points}
        if strokes.intensities is not None:
            arrays["intensities"] = strokes.intensities
        np.savez_compressed(folder / "strokes.npz", **arrays)
    if source.card:
        right = sum(source.games[number].correct for number in drawn)
        card = {**source.card, "games": len(drawn), "communication_rate": right / len(drawn)}
        write_json(folder / "card.json", card)


def _copy_pictures(source: GameLog, drawn: Sequence[int], folder: Path) -> int:
    names = {name for number in drawn for name in source.games[number].pictures}
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source.picture(name), folder / name)
    return len(names)
