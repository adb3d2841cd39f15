"""`commgame.py reproduce shared`: what CLIP sees in each row's sketches, counted as in `analyse-logs`."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from learning_to_draw.analysis.official.analyse_logs import COUNTERS, count
from learning_to_draw.analysis.official.clip_entries import CLIP_FILE, read_entries
from learning_to_draw.experiments.jobs import Job
from learning_to_draw.reading import inside
from learning_to_draw.text_tables import markdown
from learning_to_draw.trials.records.gamelog import read_log


def what_clip_sees(jobs: Sequence[Job]) -> str:
    """A Markdown table: each of `COUNTERS` in per cent of the games, averaged over seeds. Empty if no job uses CLIP.

    jobs: must be finished. Raises UsageError if a file is damaged.
    """
    rates = {job: _rates(job) for job in jobs if job.row.clip}
    if not rates:
        return ""
    lines = [["counter", *dict.fromkeys(job.row.title for job in rates)]]
    for name in COUNTERS:
        of_row = [[rates[job][name] for job in rates if job.row.title == title] for title in lines[0][1:]]
        lines.append([name, *(f"{100 * statistics.mean(values):.1f}" for values in of_row)])
    return f"What CLIP sees, in per cent of the games:\n\n{markdown(lines)}"


def _rates(job: Job) -> dict[str, float]:
    log = read_log(job.tested)
    entries = read_entries(inside(log.folder, CLIP_FILE), len(log.games))
    return {name: number / len(log.games) for name, number in count(log.games, entries).items()}
