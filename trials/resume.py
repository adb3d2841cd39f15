"""Resumes an interrupted training exactly: `commgame.py train --resume RUN`.

`loop/resume_point.py` describes what is saved and when. After SIGKILL, the resumed run repeats the unfinished epoch. On
a CPU the result is bit-identical to that of an uninterrupted run, except for the times in metrics.jsonl and
result.json.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from learning_to_draw import plugins
from learning_to_draw.errors import UsageError
from learning_to_draw.games.partners import as_lines
from learning_to_draw.models.population import Community, decoders_of
from learning_to_draw.reading import check, read_json
from learning_to_draw.trials.config.all_options import OF_ONE_START, OF_THE_PLACE, as_text, format_option
from learning_to_draw.trials.config.config_file import TrainingConfig, read_config
from learning_to_draw.trials.config.configure import CONFIG, PRESET, is_asked_for, replaced
from learning_to_draw.trials.config.run import TrainConfig
from learning_to_draw.trials.loop.launch import launched_world_size
from learning_to_draw.trials.loop.resume_point import FILE, PREVIOUS, SavedState
from learning_to_draw.trials.records.checkpoints import Checkpoint, load_agents
from learning_to_draw.trials.records.folder import CONFIG as CONFIG_FILE
from learning_to_draw.trials.records.folder import resumptions, unfinished
from learning_to_draw.trials.records.result import read_result
from learning_to_draw.trials.records.torch_files import Damaged, NotPlain, read_torch

logger = logging.getLogger("commgame")

# Options that may have other values when a run resumes. `unseen.check_same_pictures` compares the pictures.
MAY_CHANGE = (*OF_THE_PLACE, "split_files", "num_workers", "epochs")


@dataclass(frozen=True)
class Interrupted:
    """A run to resume.

    folder: the run's folder. content: the content of the resume file. file: the path of that file. status: the file's
    `os.stat_result` when it was read. options: those that the run was started with. epochs: the number of finished
    epochs. batches: the number of finished batches in the unfinished epoch, 0 between epochs. processes: the number of
    processes that trained the run.
    """

    folder: Path
    content: Mapping[str, Any]
    file: Path
    status: os.stat_result

    @property
    def options(self) -> dict[str, Any]:
        return self.content["options"]

    @property
    def epochs(self) -> int:
        return len(self.content["history"])

    @property
    def batches(self) -> int:
        return self.content["within"]["batches"] if self.content["within"] else 0

    @property
    def processes(self) -> int:
        return len(self.content["random"])

    @property
    def stopped(self) -> bool:
        """Whether a callback has stopped the run after its last epoch."""
        return self.content.get("stopped", False) and not self.batches

    def end(self, epochs: int) -> int:
        """The number of epochs after which the run ends if it resumes with --epochs `epochs`.

        A run that a callback has stopped stays finished, unless `epochs` is larger than the run's --epochs.
        """
        return self.epochs if self.stopped and epochs <= self.options["epochs"] else epochs

    def complete(self, epochs: int) -> bool:
        """Whether the run has written its result and has nothing left to train with --epochs `epochs`.

        A run that was killed after its last epoch is not complete: it still has to write its result.
        """
        with suppress(UsageError):  # missing or damaged
            return self.epochs == self.end(epochs) == read_result(self.folder).content["epochs"]
        return False

    def check_unchanged(self) -> None:
        """Raises UsageError if another process has resumed the run since the file was read."""
        now = self.file.stat()
        if (now.st_ino, now.st_mtime_ns) != (self.status.st_ino, self.status.st_mtime_ns):
            raise UsageError(
                f"--resume {self.folder}: another process has resumed this run in the meantime.\nRun the command again."
            )

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.folder / FILE, self.epochs - 1, self.options, self.content["model"], [])

    def give_weights(self, agents: Community) -> None:
        """Loads the saved weights and sigma2 into `agents`. Raises UsageError if the weights do not fit."""
        load_agents(agents, self.checkpoint)
        for decoder in decoders_of(agents):
            decoder.sigma2 = self.content["sigma2"]


def prepare_resume(
    given: Mapping[str, Any], where: str, configured: Callable[..., TrainConfig]
) -> tuple[TrainConfig, Interrupted | None]:
    """The configuration of a training with --resume WHERE, and the run to resume.

    given: the user's options, at least config, preset and plugin. where: the run's folder, or "auto" for the run in
    --output. configured: returns the configuration with the user's options, which override saved options; called with
    the saved options and their source, such as "resume.pt". Returns None instead of the run in two cases: "auto"
    finds no run yet, or the run was killed before its first save. In the second case, the configuration is that of the
    killed run, from its config.json, and the training starts from the beginning. Raises UsageError if the value of an
    option differs from the one that the run was started with (except the options in `MAY_CHANGE`), or if the run is
    complete. With "auto" a complete run is not an error, because a job may be restarted after it has finished.
    """
    output = None
    if where == "auto":
        config = configured(*read_config(given))
        output = config.output
        if output is None:
            raise UsageError(
                "--resume auto resumes the run in --output, but --output is not given.\nName a folder with --output."
            )
    folder = Path(where if output is None else output)
    if not _can_go_on(folder):
        if unfinished(folder) == "train":
            return _begin_again(folder, given, configured), None
        if where == "auto":
            return config, None
    interrupted = load_interrupted(folder)
    options = interrupted.options.items()
    # The preset's name is kept for the record only.
    saved = {name: value for name, value in options if name == "preset" or name not in OF_ONE_START}
    plugins.reload_plugin(given.get("plugin"), saved, interrupted.content["versions"], str(folder))
    config = configured(saved, FILE)
    _check_output(config, folder)
    _check_same(_asked_for(given, configured, config), saved, folder)
    if interrupted.processes != launched_world_size():
        raise UsageError(
            f"--resume {folder}: the number of processes was {interrupted.processes} when the run was started, and is "
            f"{launched_world_size()} now: every step would play different games.\n"
            "Resume the run with the same number of processes, or start a new run."
        )
    if config.game.config.num_targets == 0:
        config = replaced(config, FILE, num_targets=saved["num_targets"])
    # --epochs may equal the number of finished epochs, to write a missing result. It must not end a longer run early.
    shortened = config.epochs == interrupted.epochs and (interrupted.batches or saved["epochs"] > config.epochs)
    complete = interrupted.complete(config.epochs) and where != "auto"
    if config.epochs < interrupted.epochs or shortened or complete:
        stopped, larger = "", "a larger --epochs"
        if interrupted.stopped:
            stopped, larger = ", where a callback stopped it", f"an --epochs larger than {saved['epochs']}"
        raise UsageError(
            f"--resume {folder}: --epochs is {config.epochs}, but the run has already finished epoch "
            f"{interrupted.epochs} of {saved['epochs']}{stopped}.\nGive {larger}, or start a new run."
        )
    return replaced(config, FILE, output=str(folder)), interrupted


def _begin_again(folder: Path, given: Mapping[str, Any], configured: Callable[..., TrainConfig]) -> TrainConfig:
    """The configuration, read from config.json, with which a run without resume.pt starts again.

    Raises UsageError if an option of the user is not valid, or differs from config.json (except those in `MAY_CHANGE`).
    """
    file = folder / CONFIG_FILE
    config = configured(*read_config({"config": file, "plugin": given.get("plugin")}))
    _check_output(config, folder)
    _check_same(_asked_for(given, configured, config), read_json(file, TrainingConfig)["options"], folder)
    return replaced(config, CONFIG, output=str(folder))


def _check_output(config: TrainConfig, folder: Path) -> None:
    """Raises UsageError if the user gave an --output other than the run's folder."""
    if config.output is not None and Path(config.output).resolve() != folder.resolve():
        raise UsageError(
            f"--output {config.output}: a resumed run continues in its own folder, {folder}.\n"
            "Leave out --output; to keep the run as it is, copy its folder and resume the copy."
        )


def _asked_for(given: Mapping[str, Any], configured: Callable[..., TrainConfig], config: TrainConfig) -> TrainConfig:
    """A configuration with the values that the user asks for, also through --config or --preset; otherwise `config`."""
    if given.get("config") is None and given.get("preset") is None:
        return config
    return configured(*read_config(given))


def _check_same(config: TrainConfig, saved: Mapping[str, Any], folder: Path) -> None:
    values = config.values()
    for name, source in config.sources.items():
        of_preset = source.startswith(PRESET)
        if name in MAY_CHANGE or source == FILE or not (of_preset or is_asked_for(config, name)):
            continue
        value = given = values[name]
        if of_preset and name == "batch_size" and saved["batch_size"] < value:  # shrunk to fit the splits
            continue
        if isinstance(value, Path):
            given = str(value.absolute())
        elif name == "partners" and os.path.isfile(value):
            given = str(Path(value).absolute())  # which the first versions of the program saved
            given = given if given == saved.get(name) else as_lines(Path(value))
        elif name == "like_a_dog_image" and value:
            given = [str(Path(file).absolute()) for file in value]
        elif name == "num_targets" and value == 0:  # 0 stands for all classes; the saved value is their number
            continue
        if as_text(given) != as_text(saved.get(name)):
            before, now = format_option(name, saved.get(name)), format_option(name, value)
            advice = f"Leave out {now}, or the --config or --preset that sets it"
            if value is None:
                advice = f"Add {before}"
            raise UsageError(
                f"--resume {folder}: the run was started with {before}, but this command has {now}.\n"
                f"{advice}, or start a new run."
            )


def _can_go_on(folder: Path) -> bool:
    """Whether resume.pt or resume_previous.pt exists. A run killed while saving may have only the second."""
    return any((folder / name).is_file() for name in (FILE, PREVIOUS))


def load_interrupted(folder: Path) -> Interrupted:
    """The interrupted run in a folder. Raises UsageError if the folder has no resume file that can be read."""
    if not _can_go_on(folder):
        raise UsageError(
            f"--resume {folder}: there is no {FILE} in this folder, so there is no training to resume.\n"
            "Give the folder of a run, or leave out --resume to start a new one."
        )
    problems = []
    for file in (folder / FILE, folder / PREVIOUS):
        try:
            status = file.stat()
            content = check(read_torch(file), SavedState)
        except NotPlain as needed:
            problems.append(f"{file.name} cannot be read (it contains {needed}, which could run any code)")
            continue
        except (Damaged, OSError, ValueError) as error:
            problems.append(f"{file.name} cannot be read ({error})")
            continue
        resumptions(folder)  # so that a damaged resumed.json raises UsageError before the run resumes
        if problems:
            logger.warning("%s; resuming from %s, at most one epoch earlier", problems[0], file.name)
        return Interrupted(folder, content, file, status)
    raise UsageError(
        f"--resume {folder}: {'; '.join(problems)}.\n"
        "This training cannot be resumed: start a new one. Snapshots, model_*.pt, can still be tested."
    )
