"""`commgame.py export`: writes the sketches of a game log as a corpus for other tools."""

from __future__ import annotations

from pathlib import Path

from learning_to_draw.analysis.draw.save_svg import save_svg
from learning_to_draw.analysis.export.card import card_of, readme
from learning_to_draw.analysis.export.formats import drawn_points, write_ndjson, write_stroke3, write_tokens
from learning_to_draw.errors import UsageError, program
from learning_to_draw.trials.records.atomic import write_json, write_text
from learning_to_draw.trials.records.gamelog import read_log
from learning_to_draw.trials.records.output import check_new, whole_folder


def export(log: Path, format: str, output: Path, bins: int, seed: int) -> str:
    """Writes the sketches of a log to a new folder, with card.json and README.md. Returns a message for the user.

    format: ndjson, stroke3, svg or tokens. bins: for tokens, the number of values that a coordinate can have. seed: for
    stroke3, the seed of the random division into train, valid and test.

    The folder appears only once it is complete. Raises UsageError if the log has no strokes, if more than one pair of
    agents played it, or if `output` exists.
    """
    source = read_log(log)
    check_new(output)
    if len(source.meetings) > 1:
        raise UsageError(
            f"{log} is the test of a population: its log has every sketch once for each receiver.\n"
            "Test one pair with --agent, and give that log."
        )
    strokes = source.strokes()
    if strokes is None:
        raise UsageError(
            f"the log in {source.folder} has sketches as pixels only: there is no strokes.npz.\n"
            f"Logs of the official code have no strokes. Run {program()} test --weights ... and give its log."
        )
    sketches = drawn_points(strokes)
    with whole_folder(output) as folder:
        match format:
            case "ndjson":
                write_ndjson(folder, source.games, sketches)
            case "stroke3":
                write_stroke3(folder / "sketches.npz", source.games, sketches, seed)
            case "svg":
                save_svg(source.folder, folder / "sketches", None)
            case "tokens":
                write_tokens(folder, source.games, sketches, bins)
            case _:
                raise ValueError(f"{format!r} is not one of ndjson, stroke3, svg and tokens")
        card = card_of(source, sketches, format, bins, seed)
        write_json(folder / "card.json", card)
        write_text(folder / "README.md", readme(card))
    return f"{len(sketches)} sketches written to {output}, with card.json and README.md"
