"""`commgame.py learnability`: how fast new agents learn a language from trained ones."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from learning_to_draw.analysis.figure_style import COLUMN, PAGE, figure_if_possible
from learning_to_draw.errors import UsageError
from learning_to_draw.experiments.jobs import Job
from learning_to_draw.experiments.rows import Row, choose
from learning_to_draw.experiments.sweep import Sweep, Way, failed
from learning_to_draw.streams import show
from learning_to_draw.text_tables import aligned, as_csv, mean_and_deviation
from learning_to_draw.trials.config.configure import changed_options
from learning_to_draw.trials.loop.schedule import parse_learning_rate
from learning_to_draw.trials.records.own_files import replace_own_files
from learning_to_draw.trials.records.read_run import read_run
from learning_to_draw.trials.trained import Trained, checkpoint_of, load_trained

# Options of the trained run that a learner does not take over.
OF_TEACHERS = ("population", "senders", "receivers", "partners", "replace_every", "senders_from", "receivers_from")
OF_TEACHERS += ("from_agent", "freeze_senders", "freeze_receivers", "seed", "preset", "epochs", "learning_rate")
OF_TEACHERS += (
    "teacher",
    "bottleneck",
    "lesson_steps",
    "callbacks",
    "gather_candidates",
    "wandb",
    "tensorboard",
    "sigma2_step",
)
COLOURS = {"receivers": "#0072B2", "senders": "#D55E00"}


class Learner(NamedTuple):
    """How one new agent learned.

    rates: validation rate after every epoch. area: their mean. epochs: number of epochs until the rate is at least the
    argument `reach` of `learnability`; NaN if it never is.
    """

    rates: np.ndarray
    area: float
    epochs: float


def learnability(
    run: Path,
    agent: int,
    epochs: int,
    reach: float,
    output: Path | None,
    seeds: Sequence[int],
    rows: Collection[str] | None,
    jobs: int | None,
    cluster: str | None,
    slurm: Sequence[str],
    dry_run: bool,
) -> str:
    """Trains new receivers with frozen senders, and new senders with frozen receivers. Returns a table.

    Also writes the numbers of every learner and the curves to `output`. With dry_run, only returns the remaining
    commands. If some remain and `cluster` is "slurm", only submits them and returns a message.

    run: the folder of a training, or a checkpoint. agent: number of the agent that teaches. epochs: of each training.
    reach: a validation rate; the table says after how many epochs it is reached. output: None for RUN-learnability.
    options.py describes the other arguments. Raises UsageError if the checkpoint cannot be read, and RunError if a
    training fails.
    """
    way, weights = Way(jobs, cluster, slurm), checkpoint_of(run)
    known = _rows(weights.absolute(), agent, epochs)
    folder = output or Path(f"{run.resolve() if run.is_dir() else run.with_suffix('')}-learnability")
    plan = Sweep(known, choose(known, rows), seeds, folder)
    plan.check()
    if dry_run:
        return plan.commands_left()
    with plan.claimed():
        failures, submitted = plan.carry_out(way)
        if submitted is not None:
            return submitted
        learners = {job: _learner(job, reach) for job in plan.finished()}
        if not learners:
            raise failed(failures)
        of_rows: dict[Row, list[Learner]] = {}
        for job, learner in learners.items():
            of_rows.setdefault(job.row, []).append(learner)
        numbers = as_csv(_runs(learners, reach))
        replace_own_files(folder, {"learnability.csv": numbers.encode(), **_figure(of_rows)})
    text = aligned(_table(of_rows, reach))
    if failures:
        show(text)
        raise failed(failures)
    return text


def _rows(weights: Path, agent: int, epochs: int) -> list[Row]:
    """Four trainings: each kind of learner with trained teachers, and with untrained ones for comparison."""
    trained = load_trained("test", weights, {"weights": str(weights)})
    counts = trained.config.agents.counts
    if agent >= min(counts):
        raise UsageError(
            f"--agent {agent}: {weights} does not have both a sender and a receiver with this number.\n"
            f"The largest number that you can give is {min(counts) - 1}."
        )
    common = {**options_for_new_agents(trained), "separate_encoders": True, "epochs": epochs}
    from_senders = {"senders_from": str(weights), "from_agent": agent}
    from_receivers = {"receivers_from": str(weights), "from_agent": agent}
    return [
        Row("receivers", "receivers, trained senders", {**common, **from_senders, "freeze_senders": True}),
        Row("receivers-untrained", "receivers, untrained senders", {**common, "freeze_senders": True}),
        Row("senders", "senders, trained receivers", {**common, **from_receivers, "freeze_receivers": True}),
        Row("senders-untrained", "senders, untrained receivers", {**common, "freeze_receivers": True}),
    ]


def options_for_new_agents(trained: Trained) -> dict[str, Any]:
    """Options for training a new pair of agents, taken from the checkpoint's training.

    The seed, the number of epochs, and the options for populations, schedules and teachers are left out. The learning
    rate is constant, at its initial value, and sigma2 is constant, at the checkpoint's value. Raises UsageError for a
    checkpoint of the official code, which contains no options.
    """
    if not trained.checkpoint.options:
        path = trained.checkpoint.path
        raise UsageError(f"{path} contains no options of its training.\nGive a checkpoint of this program.")
    options = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in changed_options(trained.config, trained.checkpoint.options).items()
        if name not in OF_TEACHERS
    }
    rate = parse_learning_rate(trained.checkpoint.options["learning_rate"]).initial
    return options | {"learning_rate": str(rate)}


def _learner(job: Job, reach: float) -> Learner:
    rates = np.array([row["val_commrate"] for row in read_run(job.trained).rows], dtype=float)
    reached = np.flatnonzero(rates >= reach)
    return Learner(rates, float(rates.mean()), float(reached[0] + 1) if len(reached) else float("nan"))


def _runs(learners: Mapping[Job, Learner], reach: float) -> list[list[Any]]:
    """The headings, then one row per learner: unrounded rates, and None for the epochs if the rate is not reached."""
    rows = [
        [job.row.name, job.seed, one.rates[-1], one.area, reach, None if np.isnan(one.epochs) else int(one.epochs)]
        for job, one in learners.items()
    ]
    return [["row", "seed", "rate", "area", "reach", "epochs_to_reach"], *rows]


def _table(learners: Mapping[Row, Sequence[Learner]], reach: float) -> list[list[str]]:
    """Returns the headings, then one line per row of the sweep: means ± standard deviations over the seeds.

    The epochs until the rate is at least `reach` are a mean only, over the seeds whose rate reaches it.
    """
    lines = [["learners", "final rate, %", "area, %", f"epochs until {100 * reach:g} %", "seeds"]]
    for row, seeds in learners.items():
        epochs = [one.epochs for one in seeds if np.isfinite(one.epochs)]
        text = f"{statistics.mean(epochs):.1f}" if epochs else "not reached"
        if epochs and len(epochs) < len(seeds):
            text += f" ({len(epochs)} of {len(seeds)})"
        final = mean_and_deviation([one.rates[-1] for one in seeds])
        lines.append([row.title, final, mean_and_deviation([one.area for one in seeds]), text, str(len(seeds))])
    return lines


def _figure(learners: Mapping[Row, Sequence[Learner]]) -> Mapping[str, bytes]:
    """Returns file name -> content. The figure shows validation-rate curves: one per seed, and each row's mean."""

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for row, seeds in learners.items():
            role, _, control = row.name.partition("-")
            look: dict[str, Any] = {"c": COLOURS[role], "ls": ":" if control else "-"}
            curves = [100 * one.rates for one in seeds]
            numbers = np.arange(1, min(map(len, curves)) + 1)
            for curve in curves:
                axes.plot(np.arange(1, len(curve) + 1), curve, lw=0.5, alpha=0.5, **look)
            axes.plot(numbers, np.mean([curve[: len(numbers)] for curve in curves], axis=0), label=row.title, **look)
        axes.set_xlabel("epochs")
        axes.set_ylabel("validation rate, %")
        axes.set_ylim(0, 100)
        axes.legend()

    return figure_if_possible("learnability", "learnability", (PAGE, COLUMN), draw)
