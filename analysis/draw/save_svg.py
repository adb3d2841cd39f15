"""`commgame.py save-svg`: the sketches of a game log as SVG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from learning_to_draw.analysis.draw.svg import svg
from learning_to_draw.errors import UsageError, program
from learning_to_draw.trials.records.gamelog import GameLog, read_log
from learning_to_draw.trials.records.output import check_new, whole_folder


def save_svg(log: Path, output: Path, games: Sequence[int] | None) -> str:
    """Writes the sketches of `games` (numbers from 0; None for all) to a new folder; what to tell the user.

    A file is named NUMBER-MD5.svg, after its game and the picture of its sketch. The folder appears once it is whole.
    Raises UsageError for a log without strokes, or games that it does not have.
    """
    source = read_log(log)
    check_new(output)
    chosen = list(range(len(source.games)) if games is None else dict.fromkeys(games))
    absent = next((number for number in chosen if not 0 <= number < len(source.games)), None)
    if absent is not None:
        raise UsageError(
            f"--games {absent}: the log in {source.folder} has {len(source.games)} games, counted from 0.\n"
            f"Give numbers from 0 to {len(source.games) - 1}, or leave it out for all."
        )
    sketches = sketches_as_svg(source, chosen)
    with whole_folder(output) as folder:
        for number, text in zip(chosen, sketches, strict=True):
            name = PurePosixPath(source.games[number].sketch).stem
            (folder / f"{number:0{len(str(len(source.games) - 1))}}-{name}.svg").write_text(text, encoding="utf-8")
    return f"{len(chosen)} of {len(source.games)} sketches written to {output}"


def sketches_as_svg(log: GameLog, games: Sequence[int]) -> list[str]:
    """The sketch of each of these games. Raises UsageError for a log that does not hold its strokes whole."""
    strokes = log.strokes()
    if strokes is None:
        raise UsageError(
            f"the log in {log.folder} holds sketches as pixels only, not their strokes (there is no strokes.npz).\n"
            f"Logs of the official code are so. Play the test again, {program()} test --weights ..., and give its log."
        )
    inks = strokes.intensities
    try:
        size = int(log.card["image_size"])
        invert, contrast = bool(log.card.get("invert", False)), float(log.card.get("contrast", 1.0))
        return [
            svg(strokes.points[game], strokes.sigma2, size, None if inks is None else inks[game], invert, contrast)
            for game in games
        ]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise UsageError(
            f"{log.folder}: its card.json and strokes.npz do not say how sketches were drawn ({error!r}).\n"
            f"Give an intact log, as written by {program()} test."
        ) from error
