"""`commgame.py generations`: a language that is handed on from one pair to the next (iterated learning)."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from learning_to_draw.analysis.figure_style import COLUMN, PAGE, figure_if_possible
from learning_to_draw.analysis.measure.judge_rows import judged, semanticity_of_sketches, symbolicity
from learning_to_draw.analysis.measure.material import LogData, Settings
from learning_to_draw.analysis.measure.table import Measured, NotMeasured
from learning_to_draw.analysis.measure.training_photos import load_training_photos
from learning_to_draw.analysis.measures.distances import matching_distances, rms_distances
from learning_to_draw.analysis.measures.judge import Judge, load_judge
from learning_to_draw.analysis.measures.topographic import topographic_similarity
from learning_to_draw.errors import UsageError, first_line, listed
from learning_to_draw.experiments.jobs import Job
from learning_to_draw.experiments.learnability import options_for_new_agents
from learning_to_draw.experiments.rows import Row
from learning_to_draw.experiments.run_jobs import run_jobs
from learning_to_draw.experiments.sheet import draw_sheet
from learning_to_draw.experiments.sweep import Sweep, failed
from learning_to_draw.games.drawings import NOT_DRAWN, matched_distances
from learning_to_draw.text_tables import aligned, as_csv, mean_and_deviation
from learning_to_draw.trials.records.gamelog import read_log
from learning_to_draw.trials.records.own_files import replace_own_files
from learning_to_draw.trials.records.read_run import read_run
from learning_to_draw.trials.trained import checkpoint_of, load_trained

logger = logging.getLogger("commgame")

SAMPLE = 200  # photos whose drawings are compared
# What is measured in every generation: name -> column of the table.
COLUMNS = {
    "rate": "rate, %",
    "area": "area, %",
    "topographic": "topographic similarity",
    "distance": "distance from teacher",
    "legibility": "legibility, %",
    "symbolicity": "symbolicity, %",
    "semanticity": "semanticity",
}
SHARES = ("rate", "area", "legibility", "symbolicity")  # 0..1; shown in per cent


def generations(
    run: Path, runs: int, bottleneck: int, lesson_steps: int, play: int, seeds: Sequence[int], output: Path | None
) -> str:
    """Trains a first generation and `runs` further ones, each taught by the one before. Returns a table.

    Also writes the measures of every generation of every line, a figure of them (if matplotlib is installed), and a
    sheet of the same photos drawn by all generations of the first seed.

    run: a training or a checkpoint; `options_for_new_agents` derives the options of all generations from it.
    bottleneck: the number of drawings that a new sender sees. lesson_steps: training steps on these drawings. play:
    epochs of each generation. seeds: one line of generations per seed. output: None for RUN-generations. Raises
    UsageError if the checkpoint cannot be read, and RunError if a training fails.
    """
    weights = checkpoint_of(run)
    folder = output or Path(f"{run.resolve() if run.is_dir() else run.with_suffix('')}-generations")
    trained = load_trained("test", weights.absolute(), {"weights": str(weights.absolute())})
    common = {**options_for_new_agents(trained), "epochs": play}
    lines = [_line(common, folder, seed, runs, bottleneck, lesson_steps) for seed in seeds]
    for jobs in lines:
        plan = Sweep([job.row for job in jobs], [job.row for job in jobs], [jobs[0].seed], folder)
        plan.check()
        with plan.claimed():
            for job in jobs:
                job.check_begun()  # again, because its teacher may have been trained just now
                if failures := run_jobs([job], (), 1):
                    raise failed(failures)
    judge = _judge()
    measured = [_measure(jobs, judge) for jobs in lines]
    table = _table(measured)
    sheet = io.BytesIO()
    draw_sheet({f"generation {number}": job.tested for number, job in enumerate(lines[0])}).save(sheet, "PNG")
    numbers = as_csv(_runs(dict(zip(seeds, measured, strict=True))))
    files = {"generations.csv": numbers.encode(), "generations-sheet.png": sheet.getvalue()}
    replace_own_files(folder, {**files, **_figure(measured)})
    return aligned(table)


def _line(
    common: Mapping[str, Any], folder: Path, seed: int, runs: int, bottleneck: int, lesson_steps: int
) -> list[Job]:
    """The jobs of all generations with one seed."""
    jobs: list[Job] = []
    for number in range(runs + 1):
        options = dict(common)
        if jobs:
            teacher = str((jobs[-1].trained / "model_final.pt").absolute())
            options |= {"teacher": teacher, "bottleneck": bottleneck, "lesson_steps": lesson_steps}
        # Equal seeds would give all generations the same initial weights.
        row = Row(f"line-{seed}-generation-{number}", f"generation {number}, line {seed}", options)
        jobs.append(Job(row, 1000 * seed + number, folder))
    return jobs


def _judge() -> Judge | None:
    try:
        return load_judge()
    except UsageError as error:
        logger.warning("legibility, symbolicity and semanticity are not measured: %s", first_line(error))
        return None


def _measure(jobs: Sequence[Job], judge: Judge | None) -> list[dict[str, float]]:
    """The measures of `COLUMNS`, one dict per generation; NaN for what cannot be measured."""
    found, before, left_out = [], None, []
    for job in jobs:
        log = LogData(read_log(job.tested), Settings(sample=SAMPLE, judge=judge))
        points = log.sampled_strokes.points if log.sampled_strokes.drawn.all() else None
        topographic = distance = np.nan
        if points is None:
            left_out.append(job.row.name)
        else:
            topographic = topographic_similarity(rms_distances(log.sampled_photos), matching_distances(points))
            if before is not None:
                distance = np.mean([matched_distances(a[None], b)[0] for a, b in zip(points, before, strict=True)])
        entry = {
            "rate": job.run().rate,
            "area": float(np.mean([row["val_commrate"] for row in read_run(job.trained).rows])),
            "topographic": topographic,
            "distance": float(distance),
        }
        found.append(entry | _signs(log))
        before = points
    if left_out:
        logger.warning("topographic similarity and distances are not measured for %s: %s", listed(left_out), NOT_DRAWN)
    return found


def _signs(log: LogData) -> dict[str, float]:
    """Legibility, symbolicity and semanticity, measured by the judge; NaN for what cannot be measured."""
    measures = {"legibility": judged, "symbolicity": symbolicity, "semanticity": semanticity_of_sketches}
    values = dict.fromkeys(measures, float("nan"))
    if log.settings.judge is None:
        return values
    try:
        log.photos = load_training_photos(log.log, log.settings.seed)
    except UsageError as error:
        logger.warning("legibility and semanticity are not measured: %s", first_line(error))
        del measures["legibility"], measures["semanticity"]
    for name, measure in measures.items():
        try:
            values[name] = _value(measure(log), name)
        except NotMeasured as reason:
            logger.warning("%s is not measured: %s", name, reason)
    return values


def _value(measured: Measured, name: str) -> float:
    """The value of the measure's first row about sketches (for legibility: top 1); NaN without such a row."""
    wanted = "legibility of sketches" if name == "legibility" else name
    values = [row.value for row in measured.rows if row.label.startswith(wanted)]
    return float("nan") if not values or values[0] is None else values[0]


def _runs(lines: Mapping[int, Sequence[Mapping[str, float]]]) -> list[list[Any]]:
    """The headings, then one row per line and generation: unrounded measures, None for those that are not measured.

    lines: seed -> the measures of its generations.
    """
    rows = [
        [seed, number, *(entry[name] if np.isfinite(entry[name]) else None for name in COLUMNS)]
        for seed, line in lines.items()
        for number, entry in enumerate(line)
    ]
    return [["seed", "generation", *COLUMNS], *rows]


def _table(lines: Sequence[Sequence[Mapping[str, float]]]) -> list[list[str]]:
    """One table row per generation: means ± standard deviations over the seeds."""
    names = [name for name in COLUMNS if any(np.isfinite(entry[name]) for line in lines for entry in line)]
    table = [["generation", *(COLUMNS[name] for name in names)]]
    for number in range(len(lines[0])):
        cells = []
        for name in names:
            values = [line[number][name] for line in lines if np.isfinite(line[number][name])]
            if name in SHARES:
                cells.append(mean_and_deviation(values) if values else "")
            else:
                spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
                cells.append(f"{np.mean(values):.3f}{spread}" if values else "")
        table.append([str(number), *cells])
    return table


def _figure(lines: Sequence[Sequence[Mapping[str, float]]]) -> Mapping[str, bytes]:
    """File name -> content: every measure by generation; one thin curve per seed, and their mean."""
    panels = {
        "%": ("rate", "area", "legibility", "symbolicity"),
        "correlation": ("topographic", "semanticity"),
        "canvas units": ("distance",),
    }

    def draw(figure: Any) -> None:
        for axes, (unit, names) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
            for name in names:
                curves = np.array([[entry[name] for entry in line] for line in lines]) * (100 if unit == "%" else 1)
                if not np.isfinite(curves).any():
                    continue
                numbers, mean = np.arange(curves.shape[1]), np.ma.masked_invalid(curves).mean(axis=0)
                (drawn,) = axes.plot(numbers, mean, marker="o", ms=3, label=COLUMNS[name].split(",")[0])
                for curve in curves:
                    axes.plot(numbers, curve, lw=0.5, alpha=0.5, c=drawn.get_color())
            axes.set_xlabel("generation")
            axes.set_ylabel(unit)
            axes.legend()

    return figure_if_possible("generations", "generations", (PAGE, COLUMN), draw)
