"""`commgame.py reproduce tradeoff`: what the sketches of every row cost, beside the rates that they reach."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from learning_to_draw.analysis.measure.material import LogData, Settings
from learning_to_draw.analysis.measures.ink import ink_shares
from learning_to_draw.experiments.jobs import Job
from learning_to_draw.text_tables import markdown, mean_and_deviation
from learning_to_draw.trials.records.gamelog import read_log


def rate_and_cost(jobs: Sequence[Job]) -> str:
    """A Markdown table of communication rate, number of strokes drawn and ink, with one line per row of the sweep.

    Numbers are means over all games of a test, then mean ± standard deviation over the seeds. jobs: must be finished.
    Raises UsageError if a file is damaged.
    """
    cells = [["row", "rate, %", "strokes drawn", "ink, %"]]
    for title in dict.fromkeys(job.row.title for job in jobs):
        costs = np.array([_costs(job) for job in jobs if job.row.title == title])
        rates, strokes, inks = costs.T
        cells.append([title, mean_and_deviation(rates), f"{strokes.mean():.1f}", mean_and_deviation(inks)])
    note = "Strokes drawn: mean number per sketch. Ink: 0 for blank paper, 100 for full ink in every pixel."
    return f"What sketches cost:\n\n{markdown(cells)}\n\n{note}"


def _costs(job: Job) -> tuple[float, float, float]:
    """Communication rate (0..1), strokes drawn per sketch, and mean ink (0..1), in the games of a job's test."""
    log = LogData(read_log(job.tested), Settings())
    rate = float(np.mean([game.correct for game in log.log.games]))
    inks = ink_shares(log.sketches, white_paper=log.white_paper)
    return rate, float(log.strokes.drawn.sum(axis=1).mean()), float(inks.mean())
