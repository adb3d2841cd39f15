"""`commgame.py analyse-logs`: summarises a game log: how many games were won, and what CLIP saw."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from learning_to_draw.analysis.official.clip_entries import CLIP_FILE, Entry, read_entries
from learning_to_draw.reading import inside
from learning_to_draw.trials.records.atomic import write_json
from learning_to_draw.trials.records.gamelog import Turn, read_log
from learning_to_draw.trials.records.output import check_new

logger = logging.getLogger("commgame")

# Conditions counted over the entries of clip-analysis.json: the official names, in the official order.
COUNTERS: dict[str, Callable[[Entry], bool]] = {
    "sketch_class_matches_true": lambda e: e["sketch_class"] == e["true_class"],
    "sketch_class_matches_correct": lambda e: e["sketch_class"] == e["correct_class"],
    "sketch_class_matches_correct_and_true": lambda e: e["sketch_class"] == e["correct_class"] == e["true_class"],
    "sketch_class_matches_guess": lambda e: e["sketch_class"] == e["guessed_class"],
    "sketch_class_matches_guess_and_true": lambda e: e["sketch_class"] == e["guessed_class"] == e["true_class"],
    "correct_class_matches_true": lambda e: e["correct_class"] == e["true_class"],
    "guess_class_matches_true": lambda e: e["guessed_class"] == e["true_class"],
    "sketch_is_drawing": lambda e: e["sketch_template"] == "drawing",
    "correct_is_photo": lambda e: e["correct_template"] == "photo",
    "guess_is_photo": lambda e: e["guessed_template"] == "photo",
}


def analyse_logs(log: Path, clip_analysis: Path | None, json: Path | None) -> str:
    """Returns a table that has, for each counter, its name, its count, and the count divided by the number of games.
    Also writes these numbers to `json`, if given.

    clip_analysis: output of clip-analysis; None reads clip-analysis.json in the log's folder, if this file exists.
    Raises UsageError if a file cannot be read or does not fit the log, or if `json` exists.
    """
    if json is not None:
        check_new(json)
    source, entries = read_log(log), None
    path = clip_analysis or inside(source.folder, CLIP_FILE)
    if clip_analysis is not None or path.exists():
        entries = read_entries(path, len(source.games))
    else:
        logger.info("%s does not exist, so only the communication rate is counted (see clip-analysis --help)", path)
    games, counts = len(source.games), count(source.games, entries)
    if json is not None:
        counters = {name: {"count": number, "mean": number / games} for name, number in counts.items()}
        write_json(json, {"games": games, "counters": counters}, new=True)
    return table(counts, games)


def count(games: Sequence[Turn], entries: Sequence[Entry] | None) -> dict[str, int]:
    """Returns counter -> number of games: for `commrate`, the games guessed right; for each counter of `COUNTERS`, the
    games for which its condition holds. Without `entries`, only `commrate` is returned."""
    counts = {"commrate": sum(game.correct for game in games)}
    if entries is not None:
        counts |= {name: sum(map(is_true, entries)) for name, is_true in COUNTERS.items()}
    return counts


def table(counts: Mapping[str, int], games: int) -> str:
    """Returns one aligned line per counter, below a line of headings."""
    names, digits = max(map(len, counts)), max(5, len(str(games)))
    lines = [f"{name:<{names}}  {number:>{digits}}  {number / games:.4f}" for name, number in counts.items()]
    return "\n".join([f"{f'of {games} games':<{names}}  {'count':>{digits}}    mean", *lines])
