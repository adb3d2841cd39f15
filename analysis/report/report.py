"""`commgame.py report`: shows a run as one self-contained web page."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from learning_to_draw.analysis.report.curves import curves
from learning_to_draw.analysis.report.games import games_of
from learning_to_draw.analysis.report.head import head, settings
from learning_to_draw.analysis.report.page import is_unchanged, page, signed
from learning_to_draw.analysis.report.pictures import Pictures
from learning_to_draw.analysis.report.sketches import sketches_by_epoch
from learning_to_draw.errors import UsageError, program
from learning_to_draw.trials.records.atomic import write_text
from learning_to_draw.trials.records.gamelog import find_log, read_log
from learning_to_draw.trials.records.output import check_new, check_writable
from learning_to_draw.trials.records.read_run import Run, own_log, read_run, tests_beside


def report(run: Path, logs: Sequence[Path], output: Path | None, max_games: int, seed: int) -> str:
    """Writes the page on the run in the folder `run`. Returns a message for the user.

    logs: folders of game logs to show in addition to the run's own; empty: for a training, the tests next to it.
    output: None for report.html in the run's folder. max_games: games per log shown with pictures, drawn with `seed`.
    Raises UsageError if there is no run, one of its files is damaged, or `output` exists and is
    not an unchanged report on this run.
    """
    source = read_run(run)
    output = run / "report.html" if output is None else output
    new, name = not output.exists() and not output.is_symlink(), _identity(source)
    _check_replaceable(output, name)
    pictures = Pictures()
    shown = [games_of(read_log(folder), max_games, seed, pictures) for folder in _log_folders(source, logs)]
    content = {
        **head(source, shown),
        "curves": curves(source),
        "sketches": sketches_by_epoch(source, pictures),
        "logs": shown,
        "no_logs": None if shown else _why_no_games(source),
        **settings(source),
        "pictures": pictures.uris,
    }
    text = signed(page(content), name)
    if not new:
        _check_replaceable(output, name)  # again: the file may have changed meanwhile
    write_text(output, text, new=new)
    return f"report on {run}, {len(text.encode('utf-8', 'surrogateescape')) / 1e6:.1f} MB, written to {output}"


def _identity(run: Run) -> str:
    """Returns an identifier of the run, from its start time and arguments or, if these are unknown, from its path."""
    start = [run.config.get("started"), run.config.get("arguments")]
    known = json.dumps(start if all(start) else str(run.folder.resolve()))
    return f"run {hashlib.sha256(known.encode()).hexdigest()[:16]}"


def _check_replaceable(output: Path, run: str) -> None:
    """Raises UsageError unless `output` does not exist yet, or is an unchanged report on the same run."""
    if not output.exists() and not output.is_symlink():
        check_new(output)
    elif output.is_symlink() or not output.is_file() or not is_unchanged(output, run):
        raise UsageError(
            f"{output} exists and is not replaced: it is not a report on this run, or was changed since.\n"
            "Give another name with --output, or move it away."
        )
    else:
        check_writable(output.parent)


def _log_folders(run: Run, logs: Sequence[Path]) -> list[Path]:
    """Returns the folders of the logs to show; a log given both as its own folder and as a run folder appears once."""
    folders = [*own_log(run), *(logs or (tests_beside(run) if run.kind == "train" else ()))]
    return list({find_log(folder).resolve(): folder for folder in reversed(folders)}.values())[::-1]


def _why_no_games(run: Run) -> dict[str, str | None]:
    if run.kind != "train":
        return {
            "why": "This folder has no game log (yet): a test writes it when all games are played.",
            "command": None,
        }
    weights = next((path for name in ("final", "best") if (path := run.folder / f"model_{name}.pt").is_file()), None)
    call = (*program().split(), "test", "--weights", str(weights), "--output", f"{run.folder}-test")
    return {
        "why": "Training writes no game log. Run a test and make the report again: it finds tests next to this folder.",
        "command": shlex.join(call) if weights else None,
    }
