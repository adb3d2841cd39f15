"""Going on with a training that was interrupted, exactly: `commgame.py train --resume RUN`.

After every epoch, resume.pt holds all that the next epoch depends on: weights, optimiser, schedule, sigma2, the losses'
own weights, every random state, and what the log, the metrics and the best snapshot have seen so far. After Ctrl-C or
SIGTERM it is written within an epoch, too; a run that is killed outright does its unfinished epoch again. On a CPU the
result is then the same, bit for bit, as that of a run that was never interrupted, but for the times in metrics.jsonl.
The file before it stays as resume_previous.pt.
"""

from __future__ import annotations

import json
import logging
import os
import random
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchbearer
from torchbearer.callbacks import Callback

import plugins
from errors import RunError, UsageError, first_line
from games.losses import TotalLoss
from models.agents import Agents
from trials import processes
from trials.batches import GameBatches
from trials.callbacks import RunLog, Snapshots
from trials.checkpoints import Checkpoint, load_agents
from trials.interrupts import Interrupts
from trials.options import COMMAND_LINE, CONFIG, OF_ONE_START, Options, as_text, given_value, resolve, resolve_training
from trials.run_folder import plain, versions, write_atomically
from trials.trained import spelled
from trials.trial import settle_metrics

logger = logging.getLogger("commgame")

FORMAT = "learning-to-draw resume 2"
FILE, PREVIOUS = "resume.pt", "resume_previous.pt"
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
# Attributes in which torchbearer's metrics keep what they have seen.
METRIC_MEMORY = ("_sum", "_sum_sq", "_count", "_cache", "_i", "_result")


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
    if interrupted.processes != processes.started_together():
        raise UsageError(
            f"--resume {folder}: the run was begun with {interrupted.processes} process(es), and these are "
            f"{processes.started_together()}: a step would play other games.\n"
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


class ResumePoint(Callback):
    """Saves all of a training before its first epoch, after each, and within one when it is to stop; takes it up again
    where `interrupted`.

    It has to be the last callback: the others have then done what they do to the state. Of several processes the first
    one writes; the others tell it their random states.
    """

    def __init__(
        self,
        folder: Path,
        options: Mapping[str, Any],
        agents: Agents,
        loss: TotalLoss,
        batches: Mapping[str, GameBatches],
        scheduler: Any | None,
        log: RunLog,
        snapshots: Snapshots,
        interrupts: Interrupts,
        interrupted: Interrupted | None = None,
    ):
        """scheduler: the torchbearer callback of the learning rate's schedule, None for a constant one."""
        super().__init__()
        self.folder, self.options, self.agents, self.loss = folder, options, agents, loss
        self.scheduler, self.log, self.snapshots, self.interrupts = scheduler, log, snapshots, interrupts
        self.train = batches["train"]
        self.generators = {f"{name} {kind}": g for name, b in batches.items() for kind, g in b.generators().items()}
        self.generators |= loss.generators()
        self._content = None if interrupted is None else interrupted.content
        self._within: Mapping[str, Any] | None = None  # where in its first epoch the run goes on
        self._done = 0  # batches of this epoch that were done before the run was interrupted

    def on_start(self, state):
        content = self._content
        if content is None:
            self._save(state, self._place(state))
            return
        self.loss.load_state_dict(content["loss"])
        if self.scheduler is not None:  # its construction has just changed the optimiser
            self.scheduler._scheduler.load_state_dict(content["scheduler"])
        state[torchbearer.OPTIMIZER].load_state_dict(content["optimizer"])
        state[torchbearer.HISTORY].extend(content["history"])
        self.log.rows.extend(content["rows"])
        self.snapshots.best = content["best"]
        self.snapshots.last_saved = self.folder / content["last_saved"] if content["last_saved"] else None
        self._within = content["within"]
        self._go_to(content, state)

    def on_start_epoch(self, state):
        self._deals = self._within["deals"] if self._within else self.train.dealer.generator.get_state()

    def on_start_training(self, state):
        self._done = 0
        if self._within:
            self._done = self._within["batches"]
            self.train.dealer.generator.set_state(self._deals)
            state[torchbearer.ITERATOR] = self.train.after(self._done)
            state[torchbearer.STEPS] -= self._done
            state[torchbearer.METRICS] = dict(self._within["logged"])
            self._go_to(self._content, state)  # again: torchbearer has set the metrics back, and dealing draws numbers
            self._trained = {name: self._content[name] for name in ("within", "random", "metrics")}
        self._within = self._content = None

    def on_step_training(self, state):
        last = state[torchbearer.BATCH] + 1 == state[torchbearer.STEPS]
        stop = self._is_to_stop()
        if last or stop:
            self._trained = self._place(state, self._done + state[torchbearer.BATCH] + 1)
        if stop:
            self._stop(state)

    def on_step_validation(self, state):
        if self._is_to_stop():  # the held-out games are begun again
            self._stop(state)

    def on_checkpoint(self, state):
        self._save(state, self._place(state))
        if state[torchbearer.EPOCH] + 1 < state[torchbearer.MAX_EPOCHS] and self._is_to_stop():
            processes.meet()
            self.interrupts.obey()

    def _is_to_stop(self) -> bool:
        """Whether it, or another process, was told to; all find out after the same batch. Makes no GPU wait."""
        self.interrupts.noted = processes.largest(self.interrupts.noted or 0) or None
        return self.interrupts.noted is not None

    def _stop(self, state) -> None:
        # The step just done may have broken them, which no loss has shown yet.
        if not all(torch.isfinite(parameter).all() for parameter in self.agents.parameters()):
            raise RunError("the weights are not numbers any more, so this place is not saved; the epoch before it is.")
        self._save(state, self._trained)
        processes.meet()  # none leaves while the first one writes: the others' end would be the end of it
        epoch, batches = state[torchbearer.EPOCH] + 1, self._trained["within"]["batches"]
        logger.info("stopped after batch %d of %d in epoch %d; saved", batches, len(self.train), epoch)
        self.interrupts.obey()

    def _place(self, state, batches: int = 0) -> dict[str, Any]:
        """Where the training is: after so many batches of this epoch, or 0 between two epochs."""
        within = None
        if batches:
            settle_metrics(state)
            within = {"batches": batches, "deals": self._deals, "logged": dict(state[torchbearer.METRICS])}
        return {
            "within": within,
            "random": processes.everybodys(random_state(self.generators)),
            "metrics": [
                {name: _listed(value) for name, value in vars(metric).items() if name in METRIC_MEMORY}
                for metric in metrics_of(state)
            ],
        }

    def _go_to(self, place: Mapping[str, Any], state) -> None:
        for metric, memory in zip(metrics_of(state), place["metrics"], strict=True):
            for name, value in memory.items():
                setattr(metric, name, _moved(value, state[torchbearer.DEVICE]))
        set_random_state(place["random"][processes.rank()], self.generators)

    def _save(self, state, place: Mapping[str, Any]) -> None:
        if processes.rank() > 0:
            return
        saved = self.snapshots.last_saved
        content = {
            "format": FORMAT,
            "options": plain(self.options),
            "versions": versions(self.options.get("plugin")),
            "model": self.agents.state_dict(),
            "sigma2": self.agents.decoder.sigma2,
            "loss": self.loss.state_dict(),
            "scheduler": None if self.scheduler is None else _simple(self.scheduler._scheduler.state_dict()),
            "optimizer": state[torchbearer.OPTIMIZER].state_dict(),
            "history": [dict(row) for row in state[torchbearer.HISTORY]],
            "rows": self.log.rows,
            "best": self.snapshots.best,
            "last_saved": saved.name if saved else None,
            **place,
        }
        path = self.folder / FILE

        def write(temporary: Path) -> None:
            torch.save(content, temporary)
            if path.exists():  # only now that the next one is whole
                os.replace(path, self.folder / PREVIOUS)

        write_atomically(path, write)


def metrics_of(state: Mapping) -> list[Any]:
    """All metrics of a trial; torchbearer keeps them as leaves of a tree, in an order that stays."""
    found, waiting = [], [state[torchbearer.METRIC_LIST]]
    while waiting:
        metric = waiting.pop()
        found.append(metric)
        waiting += [*getattr(metric, "metric_list", ()), *getattr(metric, "children", ())]
        waiting += [inner for inner in (getattr(metric, "metric", None), getattr(metric, "root", None)) if inner]
    return found


def _listed(memory: Any) -> Any:
    return list(memory) if isinstance(memory, deque) else memory


def _moved(memory: Any, device: torch.device) -> Any:
    if isinstance(memory, list):
        return deque(_moved(value, device) for value in memory)
    return memory.to(device) if isinstance(memory, torch.Tensor) else memory


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
