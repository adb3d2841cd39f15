"""The rows of a sweep: a training's options by name, and as a command line. Does not import torch."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from learning_to_draw.components import flag_of
from learning_to_draw.errors import UsageError, did_you_mean, listed, program
from learning_to_draw.reading import OptionValue
from learning_to_draw.trials.checks import check_conflicts, check_game_options
from learning_to_draw.trials.config.all_options import all_options, by_name, words_of
from learning_to_draw.trials.config.configure import default_values
from learning_to_draw.trials.config.parse import parse, parse_training
from learning_to_draw.trials.config.run import TestConfig, TrainConfig
from learning_to_draw.trials.loop.schedule import parse_learning_rate
from learning_to_draw.trials.records.run_files import OWN_TEST

FOLDER_NAME = re.compile(r"\w[\w.,+=-]*", re.ASCII)
TAKEN = ("sweep.json", "written.json", "table.md", "table.csv", "sketches.png", "submitit")
SET_BY_SWEEP = ("output", "resume", "seed", "weights")
# Options to pass to a row's test: the checkpoint does not pass them on, or may have values for another machine.
OF_A_TEST = ("dataset_root", "device", "data_device", "cache_dir", "no_cache", "quiet")
OF_A_TEST += ("precision", "deterministic", "compile")
NOT_A_RUN = ("dry_run", "print_config")


@dataclass(frozen=True, eq=False)
class Row:
    """One setting of a sweep, trained once per seed.

    name: also the name of the folder of the row's runs. title: the name in tables. options: of the training, by name.
    clip: whether CLIP classifies the sketches after the test. tests: name -> the options in which the test differs from
    the training; every row has `OWN_TEST`.
    """

    name: str
    title: str
    options: Mapping[str, OptionValue]
    clip: bool = False
    tests: Mapping[str, Mapping[str, OptionValue]] = field(default_factory=lambda: {OWN_TEST: {}})

    def check(self) -> None:
        """Raises UsageError for an option that is not valid, and for options that conflict."""
        parse_learning_rate(self.config.learning_rate)
        check_game_options(self.config)
        check_conflicts(self.config)
        for name in self.tests:
            try:
                check_game_options(self._config_of_test(name))
            except UsageError as error:
                raise UsageError(f"[tests.{name}]: {error}") from error

    def words_of(self, names: Collection[str]) -> list[str]:
        """The options in `names` that the row sets or that differ from declared defaults, as command-line words."""
        defaults = default_values("train", self.values)
        values = {name: value for name, value in self.values.items() if name in names and value != defaults[name]}
        return list(_words(values | {name: value for name, value in self.options.items() if name in names}))

    @functools.cached_property
    def words(self) -> list[str]:
        """The options as command-line words. Raises UsageError for values of a wrong kind, such as 1 for a switch."""
        return list(_words(self.options))

    def words_of_test(self, name: str) -> list[str]:
        """The options of the test `name`, as command-line words."""
        options = self.tests[name]
        return [*self.words_of(set(OF_A_TEST) - options.keys()), *_words(options)]

    def values_of_test(self, name: str) -> dict[str, Any]:
        """The values of the options in which the test `name` differs from the training."""
        values = self._config_of_test(name).values()
        return {option: values[option] for option in self.tests[name]}

    def _config_of_test(self, name: str) -> TestConfig:
        return parse("test", ["--weights", "model_final.pt", *self.words_of_test(name)], self.values)

    @functools.cached_property
    def config(self) -> TrainConfig:
        """The configuration of the row's trainings. Raises UsageError for an option that is not valid."""
        return parse_training(self.words)

    @functools.cached_property
    def values(self) -> dict[str, Any]:
        """The values of all options of the row's trainings."""
        return self.config.values()


def canonical(options: Mapping[str, OptionValue]) -> dict[str, OptionValue]:
    """Returns the options by Python name.

    Raises UsageError if an option is unknown, is not accepted in a sweep, or is given twice.
    """
    known, named = all_options(), by_name(options)
    for key, name in zip(options, named, strict=True):
        if name not in known:
            hint = did_you_mean(flag_of(name), sorted(map(flag_of, known)))
            raise UsageError(f"there is no option {flag_of(name)}.\n{hint}See {program()} train --help.")
        if name in SET_BY_SWEEP:
            hint = "Give seeds = [0, 1, 2] or the like at the top of the file." if name == "seed" else "Leave it out."
            raise UsageError(f"{key} is set by sweep for every run.\n{hint}")
        if name == "plugin":
            raise UsageError(
                f"{key} cannot be set in a file, because a plugin is code.\nGive --plugin FILE.py with the command."
            )
        if name in NOT_A_RUN:
            raise UsageError(f"with {key}, nothing would be trained.\nLeave it out.")
    return named


def _words(options: Mapping[str, OptionValue]) -> Iterator[str]:
    known = all_options()
    for name, value in options.items():
        option = known[name]
        if option.type is None and not isinstance(value, bool):
            raise UsageError(f"{name} = {value!r}: this option is a switch.\nWrite true or false.")
        if isinstance(value, list | tuple) and option.nargs != "+":
            raise UsageError(f"{name} = {value!r}: this option takes one value.\nFor one run per value, use [grid].")
        yield from words_of(name, option, value)


def check_names(names: Iterable[str]) -> None:
    """Raises UsageError if a name cannot be a folder, or differs from another name only in upper and lower case."""
    seen: dict[str, str] = {}
    for name in names:
        if not FOLDER_NAME.fullmatch(name) or name.casefold() in TAKEN or len(name) > 200:
            raise UsageError(
                f"{name[:200]!r} cannot be the name of a row, because the row's folder cannot have this name.\n"
                "Use at most 200 characters from a-z A-Z 0-9 . , + = - _ and begin with a letter or a digit. The names "
                "of the sweep's own files, such as table.md, are taken."
            )
        if (other := seen.setdefault(name.casefold(), name)) != name:
            raise UsageError(
                f"the rows {other} and {name} would share a folder on disks that ignore upper and lower case.\n"
                "Rename one of them."
            )


def check_test_names(names: Iterable[str]) -> None:
    """Raises UsageError if a name cannot be the name of a further test, or differs from another only in case."""
    seen: dict[str, str] = {}
    for name in names:
        if (other := seen.setdefault(name.casefold(), name)) != name:
            raise UsageError(
                f"[tests.{name}] and [tests.{other}] would share folders on disks that ignore upper and lower case.\n"
                "Rename one of them."
            )
        if not FOLDER_NAME.fullmatch(name) or name.casefold() == OWN_TEST or len(name) > 100:
            raise UsageError(
                f"[tests.{name[:100]}]: a test cannot have this name, because the folders of the tests are called "
                f"seed-0-NAME and so on.\nUse at most 100 characters from a-z A-Z 0-9 . , + = - _, and begin with a "
                f"letter or a digit. {OWN_TEST} is the name of the test that every run has."
            )


def choose(rows: Iterable[Row], names: Collection[str] | None) -> list[Row]:
    """The rows with these names, in the order of `rows`; None: all. Raises UsageError for a name that no row has."""
    rows = list(rows)
    if unknown := set(names or ()) - {row.name for row in rows}:
        raise UsageError(
            f"--rows {min(unknown)}: there is no such row.\nChoose from {listed([row.name for row in rows], 50)}."
        )
    return [row for row in rows if names is None or row.name in names]
