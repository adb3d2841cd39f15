"""Finds finished trainings and their tests in folders. Writes nothing."""

from __future__ import annotations

import filecmp
import os
import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from learning_to_draw.errors import UsageError, first_line, listed, program
from learning_to_draw.reading import Options, OptionValue, inside, read_json
from learning_to_draw.trials.config.all_options import OF_THE_PLACE, format_option, of_training
from learning_to_draw.trials.config.configure import default_values
from learning_to_draw.trials.records.folder import plain
from learning_to_draw.trials.records.read_run import RUN_FILES, Run, read_run
from learning_to_draw.trials.records.run_files import OWN_TEST

FINAL = "model_final.pt"
SWEEP = "sweep.json"
OF_THE_SPEED = ("num_workers", "deterministic", "compile", "cache_features", "cuda_graph")
NEEDED = ("communication_rate", "games", "chance", "candidates")  # entries of a test's result.json


class _Row(TypedDict, total=False):
    title: str


class _Sweep(TypedDict):
    """The part of sweep.json that is read."""

    rows: dict[str, _Row]


@dataclass(frozen=True)
class LeftOut:
    """A folder that is not compared, and why."""

    folder: Path
    why: str

    def __str__(self) -> str:
        names_it = re.match(rf"{re.escape(str(self.folder))}(?![\w.-])", self.why)
        return self.why if names_it else f"{self.folder}: {self.why}"


@dataclass(frozen=True)
class TestedRun:
    """A finished training and its test.

    folder, options: of the training. test: the folder of the test. rate, games, candidates, chance: of the test, with
    rate and chance in 0..1. curve: (epoch, validation rate) of every epoch with a validation rate; epochs count
    from 1. minutes: the time of training and test together. commands: of training and test. row: (number, title) of the
    sweep's row; None without a sweep. test_options: the options of the test. overridden: the names of those that differ
    from the training's and may change the rate.
    """

    __test__ = False  # pytest: this is not a test

    folder: Path
    test: Path
    options: Options
    rate: float
    games: int
    candidates: int
    chance: float
    minutes: float
    curve: tuple[tuple[int, float], ...]
    commands: tuple[str, str]
    row: tuple[int, str] | None = None
    test_options: Options = field(default_factory=dict)
    overridden: Collection[str] = ()

    @property
    def seed(self) -> tuple[int, int]:
        """(seed, data seed). The seed is the data seed if no seed was given."""
        data_seed = self.options.get("data_seed")
        data_seed = data_seed if isinstance(data_seed, int) else 0
        seed = self.options.get("seed")
        return (seed if isinstance(seed, int) else data_seed), data_seed

    @property
    def right(self) -> int:
        """The number of right guesses."""
        return round(self.rate * self.games)


def find_runs(paths: Sequence[Path | str], test: str = OWN_TEST) -> tuple[list[TestedRun], list[LeftOut]]:
    """Returns (finished trainings with a finished test, folders left out).

    Searches `paths` at any depth, and for tests also next to the trainings. The test must have played the training's
    model_final.pt. test: for `OWN_TEST`, the test must have the training's own options; another NAME means the test in
    FOLDER-NAME, next to the training's FOLDER, which may have other options. Raises UsageError for a path that is not a
    folder, or that holds no run.
    """
    runs: dict[Path, Run] = {}
    left_out: list[LeftOut] = []
    for path in map(Path, paths):
        before = len(runs) + len(left_out)
        for folder in _run_folders(path, left_out):
            _read(folder, runs, left_out)
        if len(runs) + len(left_out) == before and not any(path.resolve() in (run, *run.parents) for run in runs):
            raise UsageError(
                f"{path} holds no run: there is no config.json in it, nor in a folder below.\n"
                "Give folders of trainings, or folders that hold such folders."
            )
    trainings, asked = {place: run for place, run in runs.items() if run.kind == "train"}, set(runs)
    # Also the tests next to a training whose own folder was given.
    for parent in {place.parent: _parent(run.folder, place) for place, run in trainings.items()}.values():
        for config in sorted(parent.glob("*/config.json")):
            if config.parent.resolve() not in runs and _is_test(config):
                _read(config.parent, runs, left_out)
    tests = {place: run for place, run in runs.items() if run.kind == "test"}
    tests_of = _match(trainings, tests, asked, left_out)
    compared, further = [], set()
    for place, training in trainings.items():
        try:
            run = _tested(training, tests_of.get(place, []), test)
            compared.append(run)
            for other in (other.folder for other in tests_of[place] if other.folder != run.test):
                name = _name_of(other, run.folder)
                if name is None:
                    left_out.append(LeftOut(other, f"is another test of {run.folder}; {run.test} is used"))
                elif test == OWN_TEST and name not in further:
                    further.add(name)
                    why = f"is another test of {run.folder}; compare all tests of this name with --test {name}"
                    left_out.append(LeftOut(other, why))
        except UsageError as error:
            left_out.append(LeftOut(training.folder, str(error).replace("\n", " ")))
    unique = {(entry.folder.resolve(), entry.why): entry for entry in left_out}
    return compared, list(unique.values())


def _parent(folder: Path, place: Path) -> Path:
    """Returns the folder that holds `place`, the resolved `folder`, as a relative path if `folder` is relative."""
    if folder.parent.resolve() == place.parent:
        return folder.parent
    return place.parent if folder.is_absolute() else Path(os.path.relpath(place.parent))  # "." or a link


def _run_folders(path: Path, left_out: list[LeftOut]) -> Iterator[Path]:
    """Yields every folder with a config.json among `path` and the folders below it. Does not follow links below `path`.

    Adds to `left_out`: runs without a config.json, and links to runs. Skips hidden folders, and folders named gamelogs.
    """
    if not path.is_dir():
        raise UsageError(f"there is no folder {path}.\nGive folders of runs, or folders that hold runs.")
    for folder, names, files in os.walk(path):
        here = Path(folder)
        if "config.json" in files:
            yield here
        elif set(files) & {"log.csv", "result.json", FINAL}:
            left_out.append(LeftOut(here, "has no config.json, like runs of the official code"))
        for name in names:
            if (link := here / name).is_symlink() and any((link / file).exists() for file in RUN_FILES):
                left_out.append(LeftOut(link, "is a link, and links are not followed: give its target folder"))
        names[:] = sorted(name for name in names if name != "gamelogs" and not name.startswith("."))


def _read(folder: Path, runs: dict[Path, Run], left_out: list[LeftOut]) -> None:
    """Adds the run in `folder` to `runs`, with the resolved folder as key. If the run is unusable, adds `folder` to
    `left_out` instead."""
    place = folder.resolve()
    if place in runs:
        return
    try:
        run = read_run(folder)
        if run.config.get("command") in ("train", "test"):
            runs[place] = run
        else:
            left_out.append(LeftOut(folder, "its config.json names no command"))
    except UsageError as error:
        left_out.append(LeftOut(folder, first_line(error)))
    except (OSError, ValueError, RuntimeError) as error:  # no permission; a loop of links
        left_out.append(LeftOut(folder, f"cannot be read: {first_line(error)}"))


def _is_test(config: Path) -> bool:
    """Returns whether the config.json belongs to a test. False, without an error, if it cannot be read: the user did
    not name its folder."""
    try:
        content = read_json(inside(config.parent, config.name), dict)
    except (UsageError, OSError, ValueError, RuntimeError):
        return False
    return content.get("command") == "test"


def _name_of(test: Path, training: Path) -> str | None:
    """Returns NAME if `test` is FOLDER-NAME and `training` is FOLDER; otherwise None."""
    test, training = test.resolve(), training.resolve()
    begin = f"{training.name}-"
    return test.name.removeprefix(begin) if test.parent == training.parent and test.name.startswith(begin) else None


def _match(
    trainings: dict[Path, Run], tests: dict[Path, Run], asked: set[Path], left_out: list[LeftOut]
) -> dict[Path, list[Run]]:
    """Returns resolved folder of a training -> the tests of its model_final.pt. Adds other tests to `left_out`.

    asked: the resolved folders of the runs in the folders that the user gave. A test whose training is not in
    `trainings` is added to `left_out` if the test's folder is in `asked`, and ignored otherwise.
    """
    tests_of: dict[Path, list[Run]] = {}
    for place, test in tests.items():
        weights = Path(str(test.result.get("weights") or test.options.get("weights") or "."))
        owner = _resolved(weights).parent
        if owner not in trainings:  # moved or copied: look for the training next to the test
            near = [place.parent / weights.parent.name, *(folder for folder in trainings if _name_of(place, folder))]
            fitting = (folder for folder in near if _fits(trainings.get(folder), test))
            owner = next((folder for folder in fitting if _is_moved(weights, folder)), None)
        if owner is not None and test.options.get("swap_agents"):
            left_out.append(LeftOut(test.folder, "is a test of two trainings' agents (--swap-agents)"))
        elif owner is None:
            if place in asked:
                left_out.append(LeftOut(test.folder, f"tests {weights}, which is not in the given folders"))
        elif weights.name != FINAL:
            left_out.append(LeftOut(test.folder, f"tests {weights.name}, not {FINAL}"))
        else:
            tests_of.setdefault(owner, []).append(test)
    return tests_of


def _fits(training: Run | None, test: Run) -> bool:
    """Returns whether `test` may belong to `training`: both have the same seed, if the test's seed is known, and the
    same options, unless the name of the test's folder says that it may have others."""
    if training is None:
        return False
    if _name_of(test.folder, training.folder) in (None, OWN_TEST) and _other_options(training, test):
        return False
    seed, data_seed = training.options.get("seed"), training.options.get("data_seed")
    return test.result.get("seed") in (None, data_seed if seed is None else seed)


def _is_moved(weights: Path, folder: Path) -> bool:
    """Returns whether `folder` may hold the training that wrote `weights`: `weights` and the config.json next to it are
    gone, or that config.json equals the one in `folder`."""
    config = weights.parent / "config.json"
    if not os.path.exists(config):  # False for a path that cannot be read
        return not os.path.exists(weights)
    try:
        return filecmp.cmp(config, folder / "config.json", shallow=False)
    except OSError:
        return False


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return path


def _tested(training: Run, tests: Iterable[Run], name: str) -> TestedRun:
    """Returns the training with its test `name` (see `find_runs`). If several tests with the training's own options can
    be used, takes the one in FOLDER-test, else the latest.

    Raises UsageError, with the reason, if the training is unfinished or none of its tests can be used.
    """
    epochs = training.result.get("epochs")
    if epochs is None:
        raise UsageError(f"unfinished: {len(training.rows)} of {training.options.get('epochs', '?')} epochs")
    if len(training.rows) > epochs:
        raise UsageError(f"unfinished: it was resumed after epoch {epochs} and has not finished since")
    words = ["test", "--weights", str(training.folder / FINAL), "--output", f"{training.folder}-{name}"]
    usable, reason = [], f"no test; run {shlex.join([*program().split(), *words])}"
    if name != OWN_TEST:
        tests = [test for test in tests if _name_of(test.folder, training.folder) == name]
        reason = f"no test in {training.folder}-{name}"
    for test in tests:
        last = test.result.get("epoch")
        if any(name not in test.result for name in NEEDED) or not test.result["games"]:
            reason = f"its test {test.folder} is unfinished"
        elif isinstance(last, int) and last != epochs - 1:
            reason = f"its test {test.folder} was made after {last + 1} of {epochs} epochs: test again"
        elif name == OWN_TEST and (other := _other_options(training, test)):
            shown = listed([format_option(*pair) for pair in other.items()], 3)
            reason = f"its test {test.folder} played with options that differ from the training's: {shown}"
        else:
            usable.append(test)
    if not usable:
        raise UsageError(reason)
    folder = f"{training.folder.resolve().name}-{name}"
    test = max(usable, key=lambda test: (test.folder.name == folder, str(test.config.get("started"))))
    curve = ((row["epoch"], row.get("val_commrate")) for row in training.rows)
    # Not the number of epochs in config.json: a run that is being extended still has the result of the earlier one.
    options = training.options | {"epochs": _epochs_asked_for(training, epochs)}
    rate, games = test.result["communication_rate"], test.result["games"]
    if options.get("plugin") is not None:  # its hash: the same plugin may have another path
        options["plugin"] = training.config.get("versions", {}).get("plugin", options["plugin"])
    return TestedRun(
        training.folder,
        test.folder,
        options,
        # result.json holds the rate as float32. That of a population is a mean over pairs, not a share of the games.
        rate if "communication_rates" in test.result else round(rate * games) / games,
        games,
        test.result["candidates"],
        test.result["chance"],
        (training.seconds + test.seconds) / 60,
        tuple((int(epoch) + 1, rate) for epoch, rate in curve if epoch is not None and rate is not None),
        (_command(training), _command(test)),
        _row(training.folder.resolve()),
        plain(default_values("", test.options)) | test.options,
        tuple(_other_options(training, test)),
    )


def _epochs_asked_for(training: Run, trained: int) -> OptionValue:
    """Returns the --epochs that led to the training's result: more than the epochs trained if a callback stopped it."""
    changed = training.result.get("options")
    if not isinstance(changed, dict):  # a result of an early version
        return trained
    return changed.get("epochs", default_values("train", training.options)["epochs"])


def _other_options(training: Run, test: Run) -> Options:
    """Returns the options of the test that differ from those of the training.

    Ignores options that should not change a test's rate, such as `output`, `device`, `precision` and `loss`.
    """
    trained, tested = (plain(default_values("", run.options)) | run.options for run in (training, test))
    ignored = {*OF_THE_PLACE, *OF_THE_SPEED, "precision", "split_files", "loss", *of_training(tested)}
    if not tested.get("num_targets"):  # 0: all classes; a training saves their number, except in the original game
        tested["num_targets"] = test.result.get("candidates") if trained.get("num_targets") else trained["num_targets"]
    names = [name for name in trained if name in tested and name not in ignored]
    return {name: tested[name] for name in names if tested[name] != trained[name]}


def _command(run: Run) -> str:
    return shlex.join(run.config["arguments"]) if run.config.get("arguments") else run.command


def _row(folder: Path) -> tuple[int, str] | None:
    """Returns (number, title) of the sweep's row if `folder` is OUTPUT/ROW/seed-N; None if OUTPUT/sweep.json does not
    exist or has no such row."""
    path = folder.parent.parent / SWEEP
    if not path.is_file():
        return None
    rows = read_json(inside(path.parent, SWEEP), _Sweep)["rows"]
    name = folder.parent.name
    return (list(rows).index(name), rows[name].get("title") or name) if name in rows else None
