"""The jobs of a sweep: each trains and tests one row with one seed. Also reads the results of finished jobs."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple, TypedDict

from msgspec import Meta

from learning_to_draw.analysis.official.clip_entries import CLIP_FILE
from learning_to_draw.components import options_of
from learning_to_draw.datasets import DATASETS
from learning_to_draw.errors import UsageError, program
from learning_to_draw.experiments.rows import Row
from learning_to_draw.plugins import has_changed
from learning_to_draw.reading import Finite, Share, read_json
from learning_to_draw.trials.config.all_options import MADE_ABSOLUTE, OF_THE_PLACE, as_text, format_option
from learning_to_draw.trials.config.config_file import SavedConfig
from learning_to_draw.trials.config.configure import DEFAULT_SOURCE
from learning_to_draw.trials.records.folder import check_free, check_unclaimed, sha256_of_teachers
from learning_to_draw.trials.records.read_run import read_run
from learning_to_draw.trials.records.run_files import OWN_TEST

REMOVE = "Remove the folder of this run, and run the command again."
SETTLED = ("settled by", "shrunk to")  # sources of values that the training chose itself


class Step(NamedTuple):
    """One command of a job. result: the file that exists once the command is done."""

    result: Path
    words: list[str]


@dataclass(frozen=True)
class Job:
    """The training and test of one row with one seed. output: the sweep's folder."""

    row: Row
    seed: int
    output: Path

    @property
    def title(self) -> str:
        return f"{self.row.title}, seed {self.seed}"

    @property
    def trained(self) -> Path:
        return self.output / self.row.name / f"seed-{self.seed}"

    @property
    def tested(self) -> Path:
        return self.folder_of(OWN_TEST)

    def folder_of(self, test: str) -> Path:
        """The folder of the test with this name."""
        return self.trained.with_name(f"{self.trained.name}-{test}")

    @property
    def log(self) -> Path:
        """The file for the output of the job's commands, if several jobs run at once."""
        return self.trained.with_name(f"{self.trained.name}.log")

    @property
    def steps(self) -> list[Step]:
        """All commands of the job, finished or not."""
        row, trained, tested = self.row, self.trained, self.tested
        training = ["train", *row.words, "--seed", str(self.seed), "--output", str(trained), "--resume", "auto"]
        steps = [Step(trained / "result.json", training)]
        for name in row.tests:
            folder, words = self.folder_of(name), row.words_of_test(name)
            test = ["test", "--weights", str(trained / "model_final.pt"), *words, "--output", str(folder)]
            steps.append(Step(folder / "result.json", test))
        if row.clip:
            of_dataset = row.words_of({"dataset", *options_of(DATASETS[row.values["dataset"]].config)})
            classes, seen = trained.with_name(f"{trained.name}-classes.csv"), tested / "gamelogs" / CLIP_FILE
            steps += [
                Step(classes, ["dump-hashes-classes", "--name", *of_dataset, "--output", str(classes)]),
                Step(seen, ["clip-analysis", "--input", str(tested), "--hash-classes", str(classes)]),
            ]
        return steps

    @property
    def left(self) -> list[Step]:
        """The commands that still have to run."""
        return [step for step in self.steps if not step.result.is_file()]

    @property
    def has_other_plugin(self) -> bool:
        """Whether the folder of the training holds a run with another version of the row's plugin."""
        path = self.trained / "config.json"
        if not path.is_file():
            return False
        return has_changed(self.row.config.plugin, read_json(path, SavedConfig, REMOVE).get("versions", {}))

    def check_begun(self) -> None:
        """Raises UsageError if the folder of the training or of a test holds a run with other options, even if
        unfinished.

        Also raises it if the training began with, or learned from, a checkpoint that has changed since; if another
        process uses the folder of an unfinished test; or if that folder holds files that a test does not write.
        """
        tests = {self.folder_of(name): name for name in self.row.tests}
        for folder in tests:
            if not (folder / "result.json").is_file():
                check_free(folder, "test")
                check_unclaimed(folder)
            self._check_test_is_of_the_end(folder)
        if self.has_other_plugin and not (self.trained / "result.json").is_file():
            raise UsageError(
                f"{self.trained} holds an unfinished training with another version of the plugin.\n"
                "Move it away to train it anew, or restore the plugin."
            )
        settled: set[str] = set()  # options whose values the training chose
        for folder in (self.trained, *tests):
            of_test = self.row.values_of_test(tests[folder]) if folder in tests else {}
            path = folder / "config.json"
            config: SavedConfig = read_json(path, SavedConfig, REMOVE) if path.is_file() else {}
            sources, saved = config.get("sources", {}), config.get("options", {})
            settled |= {name for name, source in sources.items() if source.startswith(SETTLED)}
            if folder in tests:  # without defaults, which were neither given nor in the checkpoint
                saved = {name: value for name, value in saved.items() if sources.get(name) != DEFAULT_SOURCE}
            free = settled - self.row.options.keys() - of_test.keys()
            for name, value in {**self.row.values, "seed": self.seed, **of_test}.items():
                if name in OF_THE_PLACE or name not in saved or name in free:
                    continue
                if name == "num_targets" and not value:  # all classes; config.json has the number of classes
                    continue
                if name.removeprefix("receiver_") in MADE_ABSOLUTE and value is not None:
                    value = Path(value).absolute()
                elif name == "like_a_dog_image" and value:
                    value = [str(Path(file).absolute()) for file in value]
                if as_text(saved[name]) != as_text(value):
                    where = f"[tests.{tests[folder]}]" if name in of_test else f"the row {self.row.name}"
                    raise UsageError(
                        f"{folder} holds a run with {format_option(name, saved[name])}, but {where} has "
                        f"{format_option(name, value)}.\nGive another --output, or move that run away."
                    )
        self._check_teachers()

    def _check_teachers(self) -> None:
        """Raises UsageError if a checkpoint of trained agents has changed since the training read it.

        Nothing is known of trainings of earlier versions, which did not record the hash. Reads the whole checkpoint.
        """
        path = self.trained / "config.json"
        recorded = read_json(path, SavedConfig, REMOVE).get("versions", {}) if path.is_file() else {}
        for name, sha256 in sha256_of_teachers(self.row.config).items():
            if recorded.get(name, sha256) != sha256:
                raise UsageError(
                    f"{self.trained} holds a run with {format_option(name, self.row.values[name])}, but this "
                    "checkpoint has changed since.\n"
                    "Move that run and its tests away to train it again, or give another --output."
                )

    def _check_test_is_of_the_end(self, test: Path) -> None:
        """Raises UsageError if the training has trained for more epochs since the test in this folder."""
        trained, tested = self.trained / "result.json", test / "result.json"
        if not (trained.is_file() and tested.is_file()):
            return
        epochs, epoch = (read_json(path, _Epochs, REMOVE) for path in (trained, tested))
        if epochs.get("epochs") is not None and epoch.get("epoch") not in (None, epochs["epochs"] - 1):
            raise UsageError(
                f"{test} holds a test after {epoch['epoch'] + 1} epochs, but {self.trained} has trained for "
                f"{epochs['epochs']}.\nMove the test away; the command then tests again."
            )

    def run(self) -> Run:
        """The result of a finished job. Raises UsageError if one of its files is damaged."""
        read_json(self.trained / "result.json", _Result, REMOVE)
        tests = {name: read_json(self.folder_of(name) / "result.json", _Result, REMOVE) for name in self.row.tests}
        tested = tests[OWN_TEST]
        return Run(
            self,
            {name: result["communication_rate"] for name, result in tests.items()},
            tested["candidates"],
            (read_run(self.trained).seconds + tested["seconds"]) / 60,
            read_json(self.trained / "config.json", SavedConfig, REMOVE).get("device", ""),
        )


class _Epochs(TypedDict, total=False):
    """The entries of result.json that say how long a run has trained: `epochs` of a training, `epoch` of a test."""

    epochs: int
    epoch: int


class _Result(TypedDict):
    """The entries of result.json that are read here."""

    communication_rate: Share
    candidates: Annotated[int, Meta(ge=1, le=2**31)]
    seconds: Finite


@dataclass(frozen=True)
class Run:
    """The result of one job.

    rates: name of a test -> its communication rate, 0..1. candidates: of the test with the training's own options.
    minutes: training plus this test.
    """

    job: Job
    rates: Mapping[str, float]
    candidates: int
    minutes: float
    device: str

    @property
    def rate(self) -> float:
        """The communication rate in the test with the training's own options."""
        return self.rates[OWN_TEST]


def finished_jobs(rows: Iterable[Row], output: Path) -> Iterator[Job]:
    """Yields the finished jobs of these rows, with any seed."""
    for row in rows:
        for folder in (output / row.name).glob("seed-*"):
            number = folder.name.removeprefix("seed-")
            if number.isdecimal() and not (job := Job(row, int(number), output)).left:
                yield job


def commands_left(jobs: Iterable[Job]) -> str:
    """The commands that still have to run, one per line."""
    commands = [shlex.join([*program().split(), *step.words]) for job in jobs for step in job.left]
    return "\n".join(commands) or "Nothing is left to do."
