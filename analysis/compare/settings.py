"""Groups runs into settings: runs with the same options are seeds of one setting."""

from __future__ import annotations

import logging
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from learning_to_draw.analysis.compare.runs import OF_THE_SPEED, LeftOut, TestedRun, find_runs
from learning_to_draw.errors import UsageError, listed
from learning_to_draw.reading import Options, OptionValue
from learning_to_draw.streams import UNSEEN
from learning_to_draw.trials.config.all_options import OF_THE_PLACE, as_text
from learning_to_draw.trials.config.configure import default_values
from learning_to_draw.trials.config.run import KINDS
from learning_to_draw.trials.records.folder import plain

logger = logging.getLogger("commgame")

SEEDS = ("seed", "data_seed")
# Runs that differ only in these options have the same setting. Runs with different plugins have different settings.
NOT_OF_A_SETTING = {*OF_THE_PLACE, *OF_THE_SPEED} - {"plugin"}
MOST_NAMED = 3  # options in a label


@dataclass(frozen=True)
class Setting:
    """Runs that differ only in their seeds, sorted by seed. All were tested with the same number of candidates.

    label: the title of the sweep's row; without a sweep, the options in which the settings differ or, if these are more
    than MOST_NAMED, the folder of the first run.
    options: all options of the runs, except seeds and those in NOT_OF_A_SETTING. differing: the options in which the
    compared settings differ; a value is None if the option is not set, or if this setting does not have it.
    """

    label: str
    options: Options
    differing: Mapping[str, OptionValue]
    runs: tuple[TestedRun, ...]

    @property
    def rates(self) -> tuple[float, ...]:
        """The communication rate of each run's test, 0..1, in the order of `runs`."""
        return tuple(run.rate for run in self.runs)

    @property
    def mean(self) -> float:
        return statistics.fmean(self.rates)

    @property
    def deviation(self) -> float | None:
        """The standard deviation over seeds (n - 1); None with one seed."""
        return statistics.stdev(self.rates) if len(self.runs) > 1 else None

    @property
    def chance(self) -> float:
        return statistics.fmean(run.chance for run in self.runs)

    def number(self, option: str) -> float:
        """Returns the value of a numeric option. option: a name that `numeric_option` returns."""
        value = self.differing[option]
        assert isinstance(value, int | float)
        return float(value)


def read_settings(paths: Sequence[Path | str]) -> list[Setting]:
    """Returns the settings of all finished and tested runs in these folders. Logs a warning for each folder left out.

    Raises UsageError if a path holds no run, or if no run is finished and tested.
    """
    settings, left_out = group(*find_runs(paths))
    check_any(settings, left_out, paths)
    for entry in left_out:
        logger.warning("left out: %s", entry)
    return settings


def check_any(settings: Sequence[Setting], left_out: Sequence[LeftOut], paths: Sequence[Path | str]) -> None:
    """Raises UsageError, with the reasons, if there is no setting."""
    if not settings:
        raise UsageError(
            f"there is no finished training with a finished test in {listed(list(map(str, paths)))}.\n"
            + "\n".join(map(str, left_out[:3]))
        )


def group(runs: Sequence[TestedRun], left_out: Sequence[LeftOut] = ()) -> tuple[list[Setting], list[LeftOut]]:
    """Returns (settings, left_out) for `runs`.

    The returned left_out is the given one plus runs that repeat a seed of their setting, and runs that were tested
    with another number of candidates than the first run of their setting. Settings are in the order of the sweep's
    rows; without a sweep, they are sorted by the values of their options. An option that did not exist when a run was
    made has its declared default.
    """
    groups: list[tuple[Options, list[TestedRun]]] = []
    left_out = list(left_out)
    for run in runs:
        known = plain(default_values("train", run.options)) | run.options
        options = {name: value for name, value in known.items() if name not in NOT_OF_A_SETTING | {*SEEDS}}
        members = next((members for known, members in groups if known == options), None)
        if members is None:
            groups.append((options, [run]))
        elif twin := next((member for member in members if member.seed == run.seed), None):
            left_out.append(LeftOut(run.folder, f"repeats {twin.folder}: same options and seed"))
        elif run.candidates != (first := members[0]).candidates:
            why = f"was tested with {run.candidates} candidates, not with {first.candidates}"
            left_out.append(LeftOut(run.folder, f"{why} like {first.folder}, which has the same options"))
        else:
            members.append(run)
    names = list(dict.fromkeys(name for options, _ in groups for name in options))
    differing = [name for name in names if any(o.get(name) != groups[0][0].get(name) for o, _ in groups)]
    differing.sort(key=lambda name: name not in KINDS)  # components first: other options depend on them
    in_all = [name for name in differing if all(name in options for options, _ in groups)]
    settings = []
    for number, (options, members) in enumerate(groups):
        members.sort(key=lambda run: run.seed)
        label = members[0].row[1] if members[0].row else _label(members[0], options, in_all or differing) or "all runs"
        label = UNSEEN.sub(" ", label.replace("\n", " ").replace("\t", " "))  # a title from a file may hold anything
        if label in (setting.label for setting in settings) and "plugin" in differing:
            label = f"{label}, plugin {str(options.get('plugin'))[:8]}"
        if label in (setting.label for setting in settings):
            label = f"{label} ({number + 1})"
        settings.append(Setting(label, options, {name: options.get(name) for name in differing}, tuple(members)))
    settings.sort(key=lambda setting: (_row(setting), [_order(value) for value in setting.differing.values()]))
    return settings, left_out


def numeric_options(settings: Sequence[Setting]) -> list[str]:
    """Returns the options in which the settings differ and that are numeric in every setting."""
    names = settings[0].differing if settings else ()
    return [name for name in names if all(_is_number(setting.differing[name]) for setting in settings)]


def numeric_option(against: str, settings: Sequence[Setting]) -> str:
    """Returns the Python name of the option `against`. Raises UsageError unless the settings differ in it and it is
    numeric in every setting."""
    name, numeric = against.lstrip("-").replace("-", "_"), numeric_options(settings)
    if name not in numeric:
        raise UsageError(
            f"--against {against}: this is not a numeric option in which the settings differ.\n"
            + (
                f"Choose from {', '.join(numeric)}."
                if numeric
                else "The settings differ in no numeric option: leave out --against."
            )
        )
    return name


def _is_number(value: OptionValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def option_text(name: str, value: OptionValue) -> str:
    """Returns an option as text for a label: "nlines 3", "invert on"."""
    text = (
        {None: "none", True: "on", False: "off"}[value] if value is None or isinstance(value, bool) else as_text(value)
    )
    return f"{name.replace('_', '-')} {text}"


def _label(run: TestedRun, options: Options, names: Sequence[str]) -> str:
    if len(names) > MOST_NAMED:
        return run.folder.resolve().name
    return ", ".join(option_text(name, options.get(name)) for name in names)


def _row(setting: Setting) -> int:
    return setting.runs[0].row[0] if setting.runs[0].row else 0


def _order(value: OptionValue) -> tuple:
    return (0, value, "") if _is_number(value) else (1, 0, as_text(value))
