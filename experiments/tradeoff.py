"""`commgame.py reproduce tradeoff`: the cost of every row's sketches, their communication rate and their legibility."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from learning_to_draw.analysis.figure_style import COLUMN, PAGE, figure_if_possible
from learning_to_draw.analysis.measure.judge_rows import labels_of_drawings
from learning_to_draw.analysis.measure.material import LogData, Settings
from learning_to_draw.analysis.measure.training_photos import TrainingPhotos, load_training_photos
from learning_to_draw.analysis.measures.ink import ink_shares
from learning_to_draw.analysis.measures.judge import Judge, Ruler, load_judge, teach
from learning_to_draw.analysis.measures.probe import class_mean, ranks
from learning_to_draw.errors import UsageError, first_line
from learning_to_draw.experiments.jobs import Job
from learning_to_draw.text_tables import markdown, mean_and_deviation
from learning_to_draw.trials.records.gamelog import read_log
from learning_to_draw.trials.records.own_files import replace_own_files

logger = logging.getLogger("commgame")

NOTE = (
    "Strokes: mean number drawn per sketch. Ink: 0 for blank paper, 100 for full ink in every pixel. Legibility: the "
    "share of sketches whose class an independent judge names; classes count equally (docs/language.md)."
)
PRICES = {"stroke_price": "#0072B2", "ink_price": "#D55E00"}


class Cost(NamedTuple):
    """The results of one test. rate, ink: means over all games, 0..1. strokes: mean number drawn per sketch.

    legibility: a mean over classes, 0..1; NaN if it was not measured.
    """

    rate: float
    strokes: float
    ink: float
    legibility: float


@dataclass
class _Seeds:
    """The costs of a row, one per seed. prices: the row's options that are prices."""

    prices: tuple[str, ...]
    costs: list[Cost] = field(default_factory=list)

    def of(self, quantity: str) -> np.ndarray:
        return np.array([getattr(cost, quantity) for cost in self.costs])


def rate_and_cost(jobs: Sequence[Job]) -> str:
    """A Markdown table with one line per row of the sweep. Also writes tradeoff.png and .pdf to the sweep's folder.

    Numbers are mean ± standard deviation over the seeds; for strokes, the mean only. jobs: must be finished. Without
    matplotlib there is no figure; without the judge or the data set, the table has no legibility. Raises UsageError if
    a file of a test is damaged, or if the figure would replace a file that this command did not write.
    """
    rulers = _Rulers()
    costs: dict[str, dict[str, _Seeds]] = {}  # data set -> row
    for job in jobs:
        dataset, cost = _cost(job, rulers)
        prices = tuple(name for name in PRICES if name in job.row.options)
        costs.setdefault(dataset, {}).setdefault(job.row.title, _Seeds(prices)).costs.append(cost)
    cells = [["row", "rate, %", "legibility, %", "strokes", "ink, %"]]
    for rows in costs.values():
        for title, row in rows.items():
            legible = row.of("legibility")
            judged = mean_and_deviation(legible) if np.isfinite(legible).all() else ""
            rate, ink = mean_and_deviation(row.of("rate")), mean_and_deviation(row.of("ink"))
            cells.append([title, rate, judged, f"{row.of('strokes').mean():.1f}", ink])
    replace_own_files(jobs[0].output, _figure(costs))
    return f"What sketches cost:\n\n{markdown(cells)}\n\n{NOTE}"


class _Rulers:
    """A judge, taught once for every data set and colour of paper.

    taught: (data set, whether paper is white) -> photos and taught judge; None if legibility cannot be measured.
    """

    def __init__(self) -> None:
        self.judge: Judge | None = None
        self.taught: dict[tuple[str, bool], tuple[TrainingPhotos, Ruler] | None] = {}
        try:
            self.judge = load_judge()
        except UsageError as error:
            logger.warning("legibility is not measured: %s", first_line(error))

    def legibility(self, log: LogData, dataset: str) -> float:
        """The legibility of the sketches, 0..1, as in `measure --judge`.

        NaN if the judge or the photos of the data set are not available.
        """
        key = (dataset, log.white_paper)
        if key not in self.taught:
            self.taught[key] = self._teach(log)
        if (known := self.taught[key]) is None:
            return float("nan")
        log.photos, ruler = known
        labels = labels_of_drawings(log)
        return class_mean(ranks(ruler.lines.scores(ruler.judge.features(log.drawings.sketches)), labels) < 1, labels)

    def _teach(self, log: LogData) -> tuple[TrainingPhotos, Ruler] | None:
        if self.judge is None:
            return None
        try:
            photos = load_training_photos(log.log, log.settings.seed)
        except UsageError as error:
            logger.warning("legibility is not measured: %s", first_line(error))
            return None
        assert photos is not None, "a test of this program names its data set"
        count = len(photos.classes)
        return photos, teach(self.judge, photos.pictures, photos.labels, count, white_paper=log.white_paper)


def _cost(job: Job, rulers: _Rulers) -> tuple[str, Cost]:
    """Returns (label, cost) of a job. The label is the data set and the sketches' size, such as "Caltech101, 64 px"."""
    log = LogData(read_log(job.tested), Settings())
    dataset = f"{log.log.card['options']['dataset']}, {log.sketches.shape[-1]} px"
    return dataset, Cost(
        float(np.mean([game.correct for game in log.log.games])),
        float(log.strokes.drawn.sum(axis=1).mean()),
        float(ink_shares(log.sketches, white_paper=log.white_paper).mean()),
        rulers.legibility(log, dataset),
    )


def _figure(costs: Mapping[str, Mapping[str, _Seeds]]) -> Mapping[str, bytes]:
    """Returns file name -> content. Each panel shows rate and legibility against strokes or ink, for one data set."""

    def draw(figure: Any) -> None:
        panels = figure.subplots(len(costs), 2, squeeze=False, sharey="row")
        for (dataset, rows), (by_strokes, by_ink) in zip(costs.items(), panels, strict=True):
            _plot(by_strokes, list(rows.values()), "strokes", 1, "strokes drawn per sketch")
            _plot(by_ink, list(rows.values()), "ink", 100, "ink, %")
            by_strokes.set_title(dataset, loc="left")
            by_strokes.set_ylabel("%")
            by_ink.legend(loc="center right")

    return figure_if_possible("tradeoff", "reproduce tradeoff", (PAGE, 0.75 * COLUMN * len(costs)), draw)


def _plot(axes: Any, rows: Sequence[_Seeds], cost: str, factor: float, label: str) -> None:
    """Plots the rows' rate and legibility against `cost`: for each kind of price, one line of rates, one of legibility.

    Rows without a price are on the lines of both kinds. Points are means over the seeds, bars are standard deviations.
    """
    for kind, colour in PRICES.items():
        of_kind = [row for row in rows if row.prices in ((), (kind,))]
        for quantity, marker, look in (("rate", "o", "-"), ("legibility", "s", ":")):
            points = sorted(
                (factor * float(np.mean(row.of(cost))), *_mean_and_spread(100 * row.of(quantity))) for row in of_kind
            )
            if all(np.isfinite(mean) for _, mean, _ in points) and points:
                values, means, spreads = zip(*points, strict=True)
                name = f"{quantity}, {kind.replace('_', ' ')}"
                axes.errorbar(values, means, spreads, ls=look, c=colour, marker=marker, ms=3.5, capsize=2, label=name)
    axes.set_xlabel(label)
    axes.set_ylim(0, 100)
    axes.margins(x=0.08)


def _mean_and_spread(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation; 0 for a single value."""
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0
