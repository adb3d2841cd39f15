"""The top of the page (what was played, and the results) and its end (options, versions, command)."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from learning_to_draw.trials.records.read_run import Run, own_log

KINDS = {"train": "training run", "test": "test run", "log": "game log"}
FACTS = {
    "sender's encoder": "encoder",
    "receiver's encoder": "receiver_encoder",  # only if it differs
    "decoder": "decoder",
    "loss": "loss",
    "image size": "image_size",
    "weights": "weights",
}


def head(run: Run, logs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns what the top and the footer of the page show. Each of the "facts" is [name, text]."""
    name = logs[0]["name"] if run.kind == "log" else run.folder.resolve().name
    return {
        "title": _title(run, logs) or name,
        "kind": KINDS[run.kind],
        "status": _status(run),
        "folder": str(run.folder),
        "facts": [[fact, text] for fact, text in _facts(run, logs)],
        "results": list(_results(run, logs)),
        "made": time.strftime("%Y-%m-%d %H:%M"),
    }


def settings(run: Run) -> dict[str, Any]:
    """Returns options (with value and source), versions, command and the agents' repr; any of the four may be empty."""
    sources = run.config.get("sources", {})
    return {
        "options": [
            {"name": name, "value": _as_text(value), "source": sources.get(name, "")}
            for name, value in run.options.items()
        ],
        "versions": {name: str(version) for name, version in run.config.get("versions", {}).items()},
        "command": _command(run),
        "model": run.model,
    }


def _title(run: Run, logs: Sequence[Mapping[str, Any]]) -> str | None:
    card = logs[0]["card"] if logs else {}
    dataset, game = run.dataset or card.get("dataset"), run.game or card.get("game")
    return f"{dataset}, {game} game" if dataset and game else dataset


def _status(run: Run) -> str:
    """Returns a phrase that says whether the run has finished; empty for a game log without a run."""
    if run.kind == "log":
        return ""
    if run.result and len(run.rows) > run.result.get("epochs", len(run.rows)):
        return f"extended after {run.result['epochs']} epochs, {len(run.rows)} done: still running, or stopped early"
    if run.result:
        return "finished"
    if not run.config:
        return "unknown whether it has finished: there is no result.json"
    if run.kind == "train":
        return f"{len(run.rows)} of {run.options.get('epochs', '?')} epochs done: still running, or stopped early"
    return "no result yet: still running, or stopped early"


def _facts(run: Run, logs: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for name, option in FACTS.items():
        if run.options.get(option) is not None:
            yield name, f"{_as_text(run.options[option])}{' px' if option == 'image_size' else ''}"
    # The number of candidates in the log has precedence over the options and the official code's default.
    of_log = logs and run.kind != "train" and own_log(run)  # then it is the first log
    played = " to ".join(map(str, logs[0]["result"]["candidates"])) if of_log else run.candidates
    if played:
        yield "candidates", str(played)
    if run.kind == "train" and run.rows:
        yield "epochs done", str(len(run.rows))
    for name, key in (("started", "started"), ("device", "device")):
        if run.config.get(key):
            yield name, str(run.config[key]).replace("T", " ")
    if 0 < run.seconds < math.inf:
        yield "time taken", duration(run.seconds)


def duration(seconds: float) -> str:
    """Returns the duration in at most two units: 53 s, 4 min 32 s, 1 h 3 min."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def _results(run: Run, logs: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yields {label, rate, low, high, chance, games, candidates}: the run's results, then the result of each game log.

    Unknown values are None. The result of a test run that has its own log is left out: the log holds the same games.
    """
    own = _own_result(run)
    if own and (run.kind == "train" or not own_log(run)):
        yield own
    best = run.result.get("best", {})
    if best and best.get("communication_rate") != run.result.get("communication_rate"):
        yield _result(f"validation, best epoch ({best['epoch'] + 1})", best["communication_rate"], chance=run.chance)
    for log in logs:
        counted = log["result"]
        split = log["card"].get("split") or "test"
        trained, epochs = len(run.rows), log["epochs"]
        if run.kind == "train" and epochs not in (None, trained):  # of a snapshot, or before more epochs
            split = f"{split} after {epochs} of {trained} epochs"
        yield _result(
            f"{split}: {log['name']}",
            counted["rate"],
            interval=(counted["low"], counted["high"]),
            chance=counted["chance"],
            games=counted["games"],
            candidates=" to ".join(map(str, counted["candidates"])),
        )


def _own_result(run: Run) -> dict[str, Any] | None:
    if "communication_rate" in run.result:
        result = run.result
        split = {"valid": "validation, last epoch"}.get(result.get("split"), result.get("split", "test"))
        return _result(
            split,
            result["communication_rate"],
            interval=result.get("interval"),
            chance=result.get("chance"),
            games=result.get("games"),
            candidates=result.get("candidates"),
        )
    for column, label in (("val_commrate", "validation, epoch {:.0f}"), ("test_commrate", "test")):
        if run.rows and run.rows[-1].get(column) is not None:
            return _result(label.format(run.rows[-1]["epoch"] + 1), run.rows[-1][column], chance=run.chance)
    return None


def _result(
    label: str,
    rate: float,
    *,
    interval: Sequence[float] | None = None,
    chance: float | None = None,
    games: int | None = None,
    candidates: int | str | None = None,
) -> dict[str, Any]:
    low, high = interval or (None, None)
    return {
        "label": label,
        "rate": rate,
        "low": low,
        "high": high,
        "chance": chance,
        "games": games,
        "candidates": None if candidates is None else str(candidates),
    }


def _as_text(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    return str(value)


def _command(run: Run) -> str:
    """Returns the command as typed, preceded by "python" if it begins with a Python file."""
    typed = shlex.join(map(str, run.config["arguments"])) if run.config.get("arguments") else run.command
    return f"python {typed}" if typed.split(" ")[0].endswith(".py") else typed
