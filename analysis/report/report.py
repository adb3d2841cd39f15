"""`commgame.py report`: shows a run as one self-contained web page."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from learning_to_draw.analysis.measure.saved import measures_within, read_measures
from learning_to_draw.analysis.report.curves import curves
from learning_to_draw.analysis.report.figures import figures as draw_figures
from learning_to_draw.analysis.report.figures import write_figures
from learning_to_draw.analysis.report.games import games_of
from learning_to_draw.analysis.report.head import head, settings
from learning_to_draw.analysis.report.page import is_unchanged, page, signed
from learning_to_draw.analysis.report.pictures import Pictures
from learning_to_draw.analysis.report.sketches import sketches_by_epoch
from learning_to_draw.analysis.report.views import views_of
from learning_to_draw.errors import UsageError, program
from learning_to_draw.trials.records.atomic import write_text
from learning_to_draw.trials.records.gamelog import GameLog, find_log, read_log
from learning_to_draw.trials.records.output import check_new, check_writable
from learning_to_draw.trials.records.read_run import Run, own_log, read_run, run_of, tests_beside


def report(
    run: Path,
    logs: Sequence[Path],
    output: Path | None,
    max_games: int,
    seed: int,
    measures: Sequence[Path] = (),
    figures: Path | None = None,
) -> str:
    """Writes the page about a run. Returns a message for the user.

    run: the folder of the run, or of a game log. logs: folders of game logs to show in addition to the run's own;
    empty: for a training, the tests next to it. output: the page's file; None for report.html in the folder `run`.
    max_games: maximum number of games shown with pictures per log. seed: of all random choices. measures: files of
    `measure --json`; empty: those in the folders of the run and of the logs shown. figures: the folder for figures as
    PNG and PDF; None for no figures.
    Raises UsageError if the run, one of `logs` or one of `measures` is missing or damaged; if `output` exists and is
    not an unchanged report on this run; if `measures` is not empty, but has no erasure of strokes for any log shown; or
    if figures cannot be drawn, or would replace files other than unchanged figures of an earlier report.
    """
    source = read_run(run)
    output = run / "report.html" if output is None else output
    new, name = not output.exists() and not output.is_symlink(), _identity(source)
    _check_replaceable(output, name)
    pictures = Pictures()
    played = [log for folder in _log_folders(source, logs) for log in read_log(folder).own_pairs()]
    measured = [read_measures(path) for path in measures] or list(measures_within(_folders(run, played)))
    views = [views_of(log, measured, seed) for log in played]
    if measures and not any(view.roles and view.roles.lost for view in views):
        raise UsageError(
            f'--measures {", ".join(map(str, measures))}: there are no results of the measure "erasure" for '
            "the logs that the report shows.\n"
            f"Create a file that has them: {_measure_command(played)}"
        )
    files = draw_figures(played, views) if figures is not None else {}
    shown = [games_of(log, view, max_games, seed, pictures) for log, view in zip(played, views, strict=True)]
    content = {
        **head(source, shown),
        "curves": curves(source),
        "sketches": sketches_by_epoch(source, pictures),
        "logs": shown,
        "no_logs": None if shown else _why_no_games(source),
        "measure": _measure_command(played),
        **settings(source),
        "pictures": pictures.uris,
    }
    text = signed(page(content), name)
    if figures is not None:
        write_figures(figures, files)
    if not new:
        _check_replaceable(output, name)  # again: the file may have changed meanwhile
    write_text(output, text, new=new)
    size = len(text.encode("utf-8", "surrogateescape")) / 1e6
    drawn = f"\n{len(files)} figures written to {figures}" if figures is not None else ""
    return f"report on {run}, {size:.1f} MB, written to {output}{drawn}"


def _folders(run: Path, logs: Sequence[GameLog]) -> list[Path]:
    """Returns `run` and the folders of the logs; for a log in a folder X/gamelogs, also X."""
    folders = [log.folder for log in logs]
    return list(dict.fromkeys([run, *folders, *(path.parent for path in folders if path.name == "gamelogs")]))


def _measure_command(logs: Sequence[GameLog]) -> str:
    """Returns the command that measures the erasure of strokes in the first log."""
    log = logs[0].folder if logs else Path("LOG")
    weights = (logs[0].card.get("receiver_weights") or logs[0].card.get("weights") if logs else None) or "WEIGHTS"
    file = str(run_of(log) / "erasure.json")
    words = (*program().split(), "measure", str(log), "--weights", weights, "--only", "erasure", "--json", file)
    return shlex.join(words)


def _identity(run: Run) -> str:
    """Returns an identifier of the run, from its start time and arguments or, if these are unknown, from its path."""
    start = [run.config.get("started"), run.config.get("arguments")]
    known = json.dumps(start if all(start) else str(run.folder.resolve()))
    return f"run {hashlib.sha256(known.encode()).hexdigest()[:16]}"


def _check_replaceable(output: Path, run: str) -> None:
    """Raises UsageError if `output` exists and is not an unchanged report on `run`, or if it cannot be written."""
    if not output.exists() and not output.is_symlink():
        check_new(output)
    elif output.is_symlink() or not output.is_file() or not is_unchanged(output, run):
        raise UsageError(
            f"{output} exists and is not replaced: "
            "it is not a report on this run, or was changed after it was written.\n"
            "Give another name with --output, or move it away."
        )
    else:
        check_writable(output.parent)


def _log_folders(run: Run, logs: Sequence[Path]) -> list[Path]:
    """Returns the folders of the logs to show. A log that is given twice (RUN and RUN/gamelogs) appears once."""
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
