"""Going on with a training that was interrupted, exactly: `commgame.py train --resume RUN`.

`resume_point` says what is saved when. A run that is killed outright does its unfinished epoch again. On a CPU the
result is the same, bit for bit, as that of a run that was never interrupted, but for the times in metrics.jsonl.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from learning_to_draw import plugins
from learning_to_draw.errors import UsageError, first_line
from learning_to_draw.models.agents import Agents
from learning_to_draw.trials.config.resolve import (
    COMMAND_LINE,
    CONFIG,
    OF_ONE_START,
    Options,
    as_text,
    given_value,
    resolve,
    resolve_training,
)
from learning_to_draw.trials.loop import distributed
from learning_to_draw.trials.loop.resume_point import FILE, FORMAT, PREVIOUS
from learning_to_draw.trials.records.checkpoints import Checkpoint, load_agents
from learning_to_draw.trials.trained import spelled

logger = logging.getLogger("commgame")

# Options that may be others when a run goes on.
MAY_CHANGE = (
    *OF_ONE_START,
    *(
        "epochs",
        "plugin",
        "device",
        "data_device",
        "snapshot_interval",
        "keep_last",
        "num_reconstructions",
        "tensorboard",
    ),
)


@dataclass(frozen=True)
class Interrupted:
    """A run to go on with. options: those it was started with. epochs, batches: how many it has finished, and how many
    of the next epoch. processes: that it was trained by."""

    folder: Path
    content: Mapping[str, Any]

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

    def complete(self, epochs: int) -> bool:
        """Whether nothing is left to do. A run killed after its last epoch has still to write its result."""
        with suppress(OSError, ValueError, KeyError, TypeError):  # it is not there, or broken
            result = json.loads((self.folder / "result.json").read_text(encoding="utf-8"))
            return self.epochs == epochs == result["epochs"]
        return False

    def give_weights(self, agents: Agents) -> None:
        """Raises UsageError where the agents are others."""
        load_agents(agents, Checkpoint(self.folder / FILE, self.epochs - 1, self.options, self.content["model"], []))
        agents.decoder.sigma2 = self.content["sigma2"]


def take_up(arguments: Sequence[str], where: str) -> tuple[Options, Interrupted | None]:
    """The options of `commgame.py train ARGUMENTS --resume WHERE`, and the run to go on with.

    where: its folder, or "auto" for --output if a training was begun there; None where there is nothing to go on with.
    Raises UsageError where an option given is not what the run was begun with, or the run is complete; with "auto" a
    complete one is given back like others, as a job that is started once more has nothing to complain of.
    """
    if where == "auto":
        options = resolve_training(arguments)
        if options.output is None:
            raise UsageError("--resume auto goes on with the run in --output, and there is none.\nName a folder.")
        if not _can_go_on(Path(options.output)):
            return options, None
    folder = Path(options.output if where == "auto" else where)
    interrupted = load_interrupted(folder)
    saved = {name: value for name, value in interrupted.options.items() if name not in OF_ONE_START}
    plugins.load_again(given_value("plugin", arguments), saved, interrupted.content["versions"], str(folder))
    options = resolve("train", arguments, saved, FILE)
    asked = options if given_value("config", arguments) is None else resolve_training(arguments)
    _check_same(asked, saved, folder)
    if interrupted.processes != distributed.started_together():
        raise UsageError(
            f"--resume {folder}: the run was begun with {interrupted.processes} process(es), and these are "
            f"{distributed.started_together()}: a step would play other games.\n"
            f"Start it with torchrun --nproc-per-node={interrupted.processes}, or begin a new run."
        )
    if options.num_targets == 0:
        options = options.settled(FILE, num_targets=saved["num_targets"])
    # With as many as are done there may be a result to write, unless more were asked for, and so no end was reached.
    shortened = options.epochs == interrupted.epochs and (interrupted.batches or saved["epochs"] > options.epochs)
    complete = interrupted.complete(options.epochs) and where != "auto"
    if options.epochs < interrupted.epochs or shortened or complete:
        raise UsageError(
            f"--resume {folder}: the run has {interrupted.epochs} epochs already.\nGive more --epochs to go on with it."
        )
    return options.settled(FILE, output=str(folder)), interrupted


def _check_same(options: Options, saved: Mapping[str, Any], folder: Path) -> None:
    for name, source in options.sources.items():
        if source not in (COMMAND_LINE, CONFIG) or name in MAY_CHANGE:
            continue
        value = given = options.values[name]
        if isinstance(value, Path):
            given = str(value.absolute())
        elif name == "like_a_dog_image" and value:
            given = [str(Path(file).absolute()) for file in value]
        elif name == "num_targets" and value == 0:  # all classes: what that came to is saved
            continue
        if as_text(given) != as_text(saved.get(name)):
            raise UsageError(
                f"--resume {folder}: the run was begun with {spelled(name, saved.get(name))}, and this says "
                f"{spelled(name, value)}.\nLeave it out, or begin a new run."
            )


def _can_go_on(folder: Path) -> bool:
    """Killed between two renamings, a run has left the earlier file alone."""
    return any((folder / name).is_file() for name in (FILE, PREVIOUS))


def load_interrupted(folder: Path) -> Interrupted:
    """The run in a folder. Raises UsageError where there is none to go on with."""
    if not _can_go_on(folder):
        raise UsageError(
            f"--resume {folder}: there is no {FILE} in it, so no training of this program to go on with.\n"
            "Give the folder of a run, or leave out --resume to begin one."
        )
    problems = []
    for name in (FILE, PREVIOUS):
        try:
            content = torch.load(folder / name, map_location="cpu", weights_only=True)
            if content["format"] != FORMAT:
                raise ValueError(f"its format is {content['format']!r}")
        except Exception as error:  # whatever a damaged file makes the unpickler stumble over
            problems.append(f"{name} cannot be read ({first_line(error)[:100]})")
            continue
        if problems:
            logger.warning("%s; going on from %s, an epoch earlier", problems[0], name)
        return Interrupted(folder, content)
    raise UsageError(
        f"--resume {folder}: {'; '.join(problems)}.\nThe snapshots model_*.pt are not touched; begin a new run."
    )
