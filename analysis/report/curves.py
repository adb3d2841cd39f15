"""The charts of a run's log.csv: which columns are drawn together, and which are constant and need no chart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from learning_to_draw.trials.records.read_run import Run

LOG_SCALE_FROM = 20  # the axis is logarithmic if largest / smallest value is at least this
TRAINING, VALIDATION = "training", "validation"
NOT_TERMS = ("loss", "val_loss", "running_loss", "test_loss")
SMALL = {
    "lr": "learning rate",
    "sigma2": "sigma2 (squared stroke width)",
    "games_per_second": "games per second",
}
WEIGHT = "sop_weight_"
# Charts of populations and of --anytime: title -> (column -> name in the chart, whether the values are rates).
FURTHER: dict[str, tuple[dict[str, str], bool]] = {
    "Rate of senders with receivers": (
        {"val_commrate_own_partner": "own partner", "val_commrate_other_partners": "others"},
        True,
    ),
    "Distance of drawings": (
        {"val_distance_between": "of one photo, by two senders", "val_distance_within": "of two photos, by one sender"},
        False,
    ),
    "Strokes until the receiver decides": ({"val_decision_strokes": "strokes"}, False),
}
STEP = "val_commrate_step_"


def curves(run: Run) -> dict[str, Any] | None:
    """Returns the charts, the constant columns and the whole table for the page; None for tests and game logs.

    A chart is {title, big, percent, log, chance, series: [{name, role, values}]}; `log` says whether the vertical axis
    is logarithmic; `values` has one entry per epoch, None for a gap. For a training whose log.csv has no rows, or was
    overwritten by a test, returns {missing: reason}.
    """
    if run.kind != "train":
        return None
    if not run.rows or not {"commrate", "loss"} & set(run.columns):
        return {"missing": _why_there_are_none(run)}
    charts = [*_main_charts(run), *_term_charts(run), *_further_charts(run)]
    constants = []
    for title, names in _small_charts(run):
        series = [_series(run, name.removeprefix(WEIGHT), "extra", name) for name in names]
        if all(len(set(one["values"])) == 1 for one in series):
            constants += [
                {"name": title if len(series) == 1 else one["name"], "value": one["values"][0]} for one in series
            ]
        else:
            charts.append(_chart(title, series, big=False))
    return {
        "epochs": [row["epoch"] + 1 for row in run.rows],
        "charts": charts,
        "constants": constants,
        "columns": list(run.columns),
        "rows": [[row[column] for column in run.columns] for row in run.rows],
    }


def _why_there_are_none(run: Run) -> str:
    if run.columns and not {"commrate", "loss"} & set(run.columns):
        return "log.csv in this folder is not from a training; a test in the same folder may have overwritten it."
    return "No epoch is in log.csv yet. Make the report again once the first epoch is finished."


def _main_charts(run: Run) -> Iterator[dict[str, Any]]:
    for title, train, valid in (("Communication rate", "commrate", "val_commrate"), ("Loss", "loss", "val_loss")):
        series = _pair(run, train, valid)
        if series:
            rate = train == "commrate"
            yield _chart(title, series, big=True, percent=rate, chance=run.chance if rate else None)


def _term_charts(run: Run) -> Iterator[dict[str, Any]]:
    terms = [column for column in run.columns if column.endswith("_loss") and column not in NOT_TERMS]
    for name in dict.fromkeys(term.removeprefix("val_") for term in terms):
        yield _chart(name.replace("_", " "), _pair(run, name, f"val_{name}"), big=False)


def _further_charts(run: Run) -> Iterator[dict[str, Any]]:
    for title, (names, rates) in FURTHER.items():
        series = [_series(run, name, "extra", column) for column, name in names.items() if column in run.columns]
        if any(value is not None for one in series for value in one["values"]):
            yield _chart(title, series, big=False, percent=rates)
    steps = [column for column in run.columns if column.startswith(STEP)]
    if steps:
        series = [_series(run, f"step {column.removeprefix(STEP)}", "extra", column) for column in steps]
        yield _chart("Rate after each step", series, big=False, percent=True)


def _small_charts(run: Run) -> Iterator[tuple[str, list[str]]]:
    for column, title in SMALL.items():
        if column in run.columns:
            yield title, [column]
    weights = [column for column in run.columns if column.startswith(WEIGHT)]
    if weights:
        yield "weights of the perceptual loss", weights


def _pair(run: Run, train: str, valid: str) -> list[dict[str, Any]]:
    named = ((TRAINING, "train", train), (VALIDATION, "valid", valid))
    return [_series(run, name, role, column) for name, role, column in named if column in run.columns]


def _series(run: Run, name: str, role: str, column: str) -> dict[str, Any]:
    return {"name": name, "role": role, "values": [row[column] for row in run.rows]}


def _chart(
    title: str, series: Sequence[dict], *, big: bool, percent: bool = False, chance: float | None = None
) -> dict:
    values = [value for one in series for value in one["values"] if value is not None]
    log = not percent and bool(values) and min(values) > 0 and max(values) / min(values) >= LOG_SCALE_FROM
    return {"title": title, "series": list(series), "big": big, "percent": percent, "chance": chance, "log": log}
