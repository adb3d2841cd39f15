"""Going on with a training that was interrupted, exactly: `commgame.py train --resume RUN`.

After every epoch, resume.pt holds all that the next epoch depends on: weights, optimiser, schedule, sigma2, the losses'
own weights, every random state, and what the log, the running means and the best snapshot have seen so far. A run that
is killed in an epoch does that epoch again. On a CPU the result is then the same, bit for bit, as that of a run that
was never interrupted, but for the columns that tell the time. The file before it stays as resume_previous.pt.
"""

from __future__ import annotations

import logging
import os
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchbearer
from torchbearer.callbacks import Callback

from errors import UsageError, first_line
from games.losses import TotalLoss
from models.agents import Agents
from trials.batches import GameBatches
from trials.callbacks import RunLog, Snapshots
from trials.checkpoints import Checkpoint, load_agents
from trials.options import COMMAND_LINE, OF_ONE_START, Options, as_text, resolve, resolve_training
from trials.run_folder import plain, versions, write_atomically
from trials.trained import spelled
from trials.trial import QuietRunningMean

logger = logging.getLogger("commgame")

FORMAT = "learning-to-draw resume 1"
FILE, PREVIOUS = "resume.pt", "resume_previous.pt"
# Options that may be others when a run goes on.
MAY_CHANGE = (*OF_ONE_START, "epochs", "device", "data_device", "snapshot_interval", "keep_last", "num_reconstructions")


@dataclass(frozen=True)
class Interrupted:
    """A run to go on with. options: those it was started with. epochs: how many it has finished."""

    folder: Path
    content: Mapping[str, Any]

    @property
    def options(self) -> dict[str, Any]:
        return self.content["options"]

    @property
    def epochs(self) -> int:
        return len(self.content["history"])

    def give_weights(self, agents: Agents) -> None:
        """Raises UsageError where the agents are others."""
        load_agents(agents, Checkpoint(self.folder / FILE, self.epochs - 1, self.options, self.content["model"], []))
        agents.decoder.sigma2 = self.content["sigma2"]


def take_up(arguments: Sequence[str], where: str) -> tuple[Options, Interrupted | None]:
    """The options of `commgame.py train ARGUMENTS --resume WHERE`, and the run to go on with.

    where: its folder, or "auto" for --output if a training was begun there; None where there is nothing to go on with.
    Raises UsageError where an option given is not what the run was begun with, or the run is finished.
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
    options = resolve("train", arguments, saved, FILE)
    _check_same(options, saved, folder)
    if options.epochs <= interrupted.epochs:
        raise UsageError(
            f"--resume {folder}: the run has all of its {interrupted.epochs} epochs.\n"
            "Give more --epochs to go on with it."
        )
    return options.settled(FILE, output=str(folder)), interrupted


def _check_same(options: Options, saved: Mapping[str, Any], folder: Path) -> None:
    for name, source in options.sources.items():
        if source != COMMAND_LINE or name in MAY_CHANGE:
            continue
        value = options.values[name]
        given = str(value.absolute()) if isinstance(value, Path) else value
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


class ResumePoint(Callback):
    """Saves all of a training before its first epoch and after each, and takes it up again where `interrupted`.

    It has to be the last callback: the others have then done what they do to the state.
    """

    def __init__(
        self,
        folder: Path,
        options: Mapping[str, Any],
        agents: Agents,
        loss: TotalLoss,
        batches: Mapping[str, GameBatches],
        log: RunLog,
        snapshots: Snapshots,
        scheduler: Any | None,
        interrupted: Interrupted | None = None,
    ):
        """scheduler: the torchbearer callback of the learning rate's schedule, None for a constant one."""
        super().__init__()
        self.folder, self.options, self.agents, self.loss = folder, options, agents, loss
        self.log, self.snapshots, self.scheduler, self.interrupted = log, snapshots, scheduler, interrupted
        self.generators = {f"{name} {kind}": g for name, b in batches.items() for kind, g in b.generators().items()}
        self.generators |= loss.generators()

    def on_start(self, state):
        if self.interrupted is None:
            self._save(state)
            return
        content = self.interrupted.content
        self.loss.load_state_dict(content["loss"])
        if self.scheduler is not None:  # its construction has just changed the optimiser
            self.scheduler._scheduler.load_state_dict(content["scheduler"])
        state[torchbearer.OPTIMIZER].load_state_dict(content["optimizer"])
        state[torchbearer.HISTORY].extend(content["history"])
        self.log.rows.extend(content["rows"])
        self.snapshots.best = content["best"]
        self.snapshots.last_saved = self.folder / content["last_saved"] if content["last_saved"] else None
        for mean in running_means(state):
            mean.load(content["running"][mean.name], state[torchbearer.DEVICE])
        set_random_state(content["random"], self.generators)

    def on_checkpoint(self, state):
        self._save(state)

    def _save(self, state) -> None:
        saved = self.snapshots.last_saved
        content = {
            "format": FORMAT,
            "options": plain(self.options),
            "versions": versions(),
            "model": self.agents.state_dict(),
            "sigma2": self.agents.decoder.sigma2,
            "loss": self.loss.state_dict(),
            "scheduler": None if self.scheduler is None else _simple(self.scheduler._scheduler.state_dict()),
            "optimizer": state[torchbearer.OPTIMIZER].state_dict(),
            "history": [dict(row) for row in state[torchbearer.HISTORY]],
            "rows": self.log.rows,
            "best": self.snapshots.best,
            "last_saved": saved.name if saved else None,
            "running": {mean.name: mean.saved() for mean in running_means(state)},
            "random": random_state(self.generators),
        }
        path = self.folder / FILE

        def write(temporary: Path) -> None:
            torch.save(content, temporary)
            if path.exists():  # only now that the next one is whole
                os.replace(path, self.folder / PREVIOUS)

        write_atomically(path, write)


def running_means(state: Mapping) -> list[QuietRunningMean]:
    """The metrics that remember more than an epoch; torchbearer keeps them as leaves of a tree."""
    found, waiting = [], [state[torchbearer.METRIC_LIST]]
    while waiting:
        metric = waiting.pop()
        if isinstance(metric, QuietRunningMean):
            found.append(metric)
        waiting += [*getattr(metric, "metric_list", ()), *getattr(metric, "children", ())]
        waiting += [inner for inner in (getattr(metric, "metric", None), getattr(metric, "root", None)) if inner]
    return found


def random_state(generators: Mapping[str, torch.Generator]) -> dict[str, Any]:
    """The states of Python's, numpy's and torch's random numbers, as plain values and tensors."""
    kind, keys, *position = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": (kind, torch.from_numpy(keys.astype(np.int64)), *position),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "generators": {name: generator.get_state() for name, generator in generators.items()},
    }


def set_random_state(saved: Mapping[str, Any], generators: Mapping[str, torch.Generator]) -> None:
    random.setstate(saved["python"])
    kind, keys, *position = saved["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *position))
    torch.set_rng_state(saved["torch"])
    if torch.cuda.is_available() and len(saved["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(saved["cuda"])
    for name, generator in generators.items():
        generator.set_state(saved["generators"][name])


def _simple(schedule: Mapping[str, Any]) -> dict[str, Any]:
    """A scheduler's state without functions, which are built anew from the options."""
    allowed = (bool, int, float, str, list, tuple, dict, Counter, type(None))
    return {name: value for name, value in schedule.items() if isinstance(value, allowed)}
