"""`commgame.py save-svg`: writes the sketches of a game log as SVG files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from learning_to_draw.errors import UsageError, program
from learning_to_draw.trials.records.gamelog import GameLog, LoggedStrokes, read_log
from learning_to_draw.trials.records.output import check_new, whole_folder
from learning_to_draw.trials.records.svg import svg


def save_svg(log: Path, output: Path, games: Sequence[int] | None) -> str:
    """Writes the sketches of `games` (numbers from 0; None for all) to a new folder. Returns a message for the user.

    Files are named NUMBER-MD5.svg, by the number of the game and the md5 of the sketch's picture. The folder appears
    only once it is complete.
    Raises UsageError if the log has no strokes or lacks one of the games, or if `output` exists.
    """
    source = read_log(log)
    check_new(output)
    chosen = list(range(len(source.games)) if games is None else dict.fromkeys(games))
    absent = next((number for number in chosen if not 0 <= number < len(source.games)), None)
    if absent is not None:
        raise UsageError(
            f"--games {absent}: the log in {source.folder} has no game {absent}.\n"
            f"Give numbers from 0 to {len(source.games) - 1}, or omit --games for all."
        )
    sketches = sketches_as_svg(source, chosen)
    with whole_folder(output) as folder:
        for number, text in zip(chosen, sketches, strict=True):
            name = PurePosixPath(source.games[number].sketch).stem
            (folder / f"{number:0{len(str(len(source.games) - 1))}}-{name}.svg").write_text(text, encoding="utf-8")
    return f"{len(chosen)} of {len(source.games)} sketches written to {output}"


def sketches_as_svg(log: GameLog, games: Sequence[int]) -> list[str]:
    """Returns the sketch of each game as SVG text. Raises UsageError if the log lacks strokes or the sketches' size."""
    strokes = log.strokes()
    if strokes is None:
        raise UsageError(
            f"the log in {log.folder} has sketches as pixels only: there is no strokes.npz.\n"
            f"Logs of the official code have no strokes. Run {program()} test --weights ... and give its log."
        )
    size = log.card.get("image_size")
    if not size:
        raise UsageError(
            f"the log in {log.folder} has no card.json that says how large the sketches are.\n"
            f"Give an intact log, as written by {program()} test."
        )
    invert, contrast = log.card.get("invert", False), log.card.get("contrast", 1.0)
    return strokes_as_svg(strokes, games, size, invert, contrast)


def strokes_as_svg(
    strokes: LoggedStrokes, rows: Iterable[int], size: int, invert: bool = False, contrast: float = 1.0
) -> list[str]:
    """Returns one SVG text per sketch. rows: which sketches of `strokes`. The other arguments are those of `svg`."""
    chosen = (strokes[row] for row in rows)
    return [svg(one.points, one.sigma2, size, one.intensities, invert, contrast) for one in chosen]
