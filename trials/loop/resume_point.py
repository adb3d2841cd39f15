"""Saves and restores the complete training state, for exact resumption (see `trials/resume.py`).

After every epoch, resume.pt holds the state that the next epoch depends on: weights, optimiser, schedule, sigma2, the
losses' learnt weights, every random state, and the state of the log, the metrics, the best snapshot and the plugin's
callbacks. If Ctrl-C or SIGTERM stops the run within an epoch, resume.pt holds the state after the last batch that was
trained. The previous file stays as resume_previous.pt.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import torch
import torchbearer
from msgspec import Meta
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR
from torchbearer.callbacks import Callback

from learning_to_draw.datasets.identity import pixels_hash
from learning_to_draw.errors import RunError, UsageError, first_line
from learning_to_draw.games.losses.terms import TotalLoss
from learning_to_draw.models.population import Community
from learning_to_draw.reading import Count, Options, OptionValue, Plain, Positive
from learning_to_draw.trials.loop import distributed
from learning_to_draw.trials.loop.batches import GameBatches
from learning_to_draw.trials.loop.callbacks import RunLog, Snapshots
from learning_to_draw.trials.loop.interrupts import Interrupts
from learning_to_draw.trials.loop.states import (
    metrics_state,
    plain_copy,
    random_state,
    set_metrics_state,
    set_random_state,
)
from learning_to_draw.trials.loop.trial import metrics_to_floats
from learning_to_draw.trials.records.checkpoints import save_tensors
from learning_to_draw.trials.records.folder import plain, versions

logger = logging.getLogger("commgame")

FORMAT = "learning-to-draw resume 2"
Row = dict[str, OptionValue]
FILE, PREVIOUS = "resume.pt", "resume_previous.pt"


class _Best(TypedDict):
    epoch: Count
    commrate: float
    val_commrate: float
    val_loss: float


class _Within(TypedDict):
    batches: Annotated[int, Meta(ge=1)]
    deals: Tensor
    logged: dict[str, float]


class _Random(TypedDict):
    python: list
    numpy: list
    torch: Tensor
    cuda: list[Tensor]
    generators: dict[str, Tensor]


# A name that cannot lead out of the run's folder, because --keep-last removes these files.
Snapshot = Annotated[str, Meta(pattern=r"^model_\w+\.pt$")]


class _Optimizer(TypedDict):
    state: dict[int, dict[str, Tensor]]
    param_groups: list[dict[str, Plain | list[Plain]]]


class _Later(TypedDict, total=False):
    """The entries that the first versions of this program did not write to resume.pt."""

    pictures: dict[str, Tensor]  # ids by split
    pixels: dict[str, str]  # hashes by split
    cached_features: bool  # whether `keep_features` cached any
    snapshots: list[Snapshot]
    callbacks: dict[str, Any]  # what state_dict of each callback of a plugin returned
    stopped: bool  # whether a callback has stopped the training


class SavedState(_Later):
    """The content of resume.pt."""

    format: Literal["learning-to-draw resume 2"]
    options: Options
    versions: dict[str, str]
    model: dict[str, Tensor]
    sigma2: Positive
    loss: dict[str, Tensor]
    scheduler: dict[str, Any] | None
    optimizer: _Optimizer
    history: list[Row]
    rows: list[Row]
    best: _Best | None
    last_saved: Snapshot | None
    within: _Within | None
    random: Annotated[list[_Random], Meta(min_length=1)]
    metrics: list[dict[str, Any]]


class ResumePoint(Callback):
    """Saves the training state before the first epoch, after each epoch, and when a signal stops the run.

    Also restores the state. This callback must be the last one, because the other callbacks change the state. Rank 0
    writes the file, with the random states of all ranks. If a plugin's callback sets torchbearer's STOP_TRAINING, all
    ranks stop after the epoch, which is then complete.
    """

    def __init__(
        self,
        folder: Path,
        options: Mapping[str, Any],
        agents: Community,
        loss: TotalLoss,
        batches: Mapping[str, GameBatches],
        scheduler: Any | None,
        log: RunLog,
        snapshots: Snapshots,
        interrupts: Interrupts,
        callbacks: Mapping[str, Callback],
        content: Mapping[str, Any] | None = None,
    ):
        """scheduler: the torchbearer callback of the learning rate schedule; None if the rate is constant.

        callbacks: those of a plugin that this process calls, by name. content: the loaded resume.pt; None for a new
        run.
        """
        super().__init__()
        self.folder, self.options, self.agents, self.loss = folder, options, agents, loss
        self.scheduler, self.log, self.snapshots, self.interrupts = scheduler, log, snapshots, interrupts
        self.callbacks = callbacks
        self.train = batches["train"]
        splits = {name: b.split for name, b in batches.items()}
        self.pictures = {name: split.ids for name, split in splits.items() if split.ids is not None}
        self.pixels = (content or {}).get("pixels")  # which `check_same_pictures` has compared
        if self.pixels is None:
            self.pixels = {name: pixels_hash(split.images, split.labels) for name, split in splits.items()}
        self.cached_features = any(b.features is not None for b in batches.values())
        self.generators = {f"{name} {kind}": g for name, b in batches.items() for kind, g in b.generators().items()}
        self.generators |= loss.generators()
        self._content = content
        self._within: Mapping[str, Any] | None = None  # the position within an epoch to resume from, if any
        self._done = 0  # batches of this epoch that were done before the interruption
        self._stops = False  # whether a callback has asked to stop after this epoch

    def on_start(self, state):
        content = self._content
        if content is None:
            self._save(state, self._place(state))
            return
        try:
            self._restore(content, state)
        except Exception as error:  # each part raises its own errors for values that do not fit
            raise UsageError(
                f"--resume {self.folder}: {FILE} does not fit this run ({first_line(error)}).\n"
                "The file is damaged, or was not written by this program: start a new run. Snapshots, model_*.pt, can "
                "still be tested."
            ) from error
        self._load_callbacks(content)

    def _restore(self, content: Mapping[str, Any], state) -> None:
        self.loss.load_state_dict(content["loss"])
        if self.scheduler is not None:  # before the optimiser's state: the new scheduler has changed the optimiser
            schedule = self.scheduler._scheduler
            _check_alike(content["scheduler"], _simple(schedule.state_dict()), "the schedule")
            schedule.load_state_dict(content["scheduler"])
        optimizer = state[torchbearer.OPTIMIZER]
        for group, saved in zip(
            optimizer.state_dict()["param_groups"], content["optimizer"]["param_groups"], strict=True
        ):
            _check_alike(saved, {name: group[name] for name in group.keys() & saved.keys()}, "the optimiser")
            if not {"lr", "betas", "eps", "weight_decay", "params"} <= saved.keys():
                raise ValueError("a setting of the optimiser is missing")
            saved["fused"] = optimizer.defaults["fused"]  # None in earlier revisions; decides where `step` is stored
        optimizer.load_state_dict(content["optimizer"])
        if self.scheduler is not None and isinstance(schedule, LambdaLR):
            # The saved rate belongs to a cosine over the saved number of epochs, and --epochs may have changed.
            for group, first, factor in zip(
                optimizer.param_groups, schedule.base_lrs, schedule.lr_lambdas, strict=True
            ):
                group["lr"] = first * factor(schedule.last_epoch)
        for parameter, moments in optimizer.state.items():
            if any(moments[name].shape != parameter.shape for name in ("exp_avg", "exp_avg_sq")):
                raise ValueError("the optimiser's moments have other shapes than the weights")
            if not (torch.is_tensor(moments["step"]) and moments["step"].numel() == 1):
                raise ValueError("the optimiser has no number of steps")
        if content["within"] and content["within"]["batches"] > len(self.train):
            raise ValueError("the saved run stopped after more batches than an epoch has")
        for row in content["history"]:
            for name in ("val_commrate", "val_loss", "commrate", "loss", "games_per_second"):
                float(row[name])
        state[torchbearer.HISTORY].extend(content["history"])
        self.log.rows.extend(content["rows"])
        self.snapshots.best = content["best"]
        self.snapshots.numbered.extend(content.get("snapshots", ()))
        self.snapshots.last_saved = self.folder / content["last_saved"] if content["last_saved"] else None
        self._within = content["within"]
        self._stops = bool(self._within) and content.get("stopped", False)
        self._go_to(content, state)

    def on_start_epoch(self, state):
        self._deals = self._within["deals"] if self._within else self.train.sampler.generator.get_state()

    def on_start_training(self, state):
        self._done = 0
        if self._within:
            self._done = self._within["batches"]
            self.train.sampler.generator.set_state(self._deals)
            state[torchbearer.ITERATOR] = self.train.after(self._done)
            state[torchbearer.STEPS] -= self._done
            state[torchbearer.METRICS] = dict(self._within["logged"])
            self._go_to(self._content, state)  # again: torchbearer has reset the metrics, and `after` has drawn numbers
            self._load_callbacks(self._content)  # again: their own on_start_training may have reset them
            self._trained = {name: self._content[name] for name in ("within", "random", "metrics")}
            self._trained |= {"callbacks": self._content.get("callbacks", {}), "stopped": self._stops}
        self._within = self._content = None

    def on_step_training(self, state):
        self._defer_stop(state)
        last = state[torchbearer.BATCH] + 1 == state[torchbearer.STEPS]
        stop = self._is_to_stop()
        if last or stop:
            self._trained = self._place(state, self._done + state[torchbearer.BATCH] + 1)
        if stop:
            self._stop(state)

    def on_end_training(self, state):
        self._defer_stop(state)

    def on_step_validation(self, state):
        self._defer_stop(state)
        if self._is_to_stop():  # the resumed run repeats the validation from its start
            self._stop(state)

    def on_end_epoch(self, state):
        state[torchbearer.STOP_TRAINING] = self._stops or state[torchbearer.STOP_TRAINING]

    def on_checkpoint(self, state):
        # Shared, because only rank 0 calls the plugin's callbacks.
        self._stops = distributed.largest(int(state[torchbearer.STOP_TRAINING])) > 0
        state[torchbearer.STOP_TRAINING] = self._stops
        self._save(state, self._place(state))
        epoch, epochs = state[torchbearer.EPOCH] + 1, state[torchbearer.MAX_EPOCHS]
        if epoch == epochs:
            return
        if self._stops:
            logger.info("a callback has stopped the training after epoch %d of %d", epoch, epochs)
        elif self._is_to_stop():
            distributed.barrier()
            self.interrupts.obey()

    def _defer_stop(self, state) -> None:
        """Lets torchbearer complete the epoch, which would otherwise have no validation and no row in the log."""
        self._stops = self._stops or bool(state[torchbearer.STOP_TRAINING])
        state[torchbearer.STOP_TRAINING] = False

    def _is_to_stop(self) -> bool:
        """Whether any process got a signal. All processes get the same answer. Does not synchronise with the GPU."""
        if number := distributed.largest(self.interrupts.noted or 0):
            self.interrupts.note(number)
        return number > 0

    def _stop(self, state) -> None:
        # The last step may have made the weights NaN, before any loss could show it.
        if not all(torch.isfinite(parameter).all() for parameter in self.agents.parameters()):
            raise RunError(
                "stopped by a signal, but the weights are NaN or infinite, so this state is not saved.\n"
                "resume.pt still holds the state that was saved last. Try a smaller --learning-rate in a new run."
            )
        self._save(state, self._trained)
        distributed.barrier()  # wait until rank 0 has written: torchrun ends all processes as soon as one ends
        epoch, batches = state[torchbearer.EPOCH] + 1, self._trained["within"]["batches"]
        logger.info("stopped after batch %d of %d in epoch %d; saved", batches, len(self.train), epoch)
        self.interrupts.obey()

    def _place(self, state, batches: int = 0) -> dict[str, Any]:
        """The position in the training, all random states and the metrics' state, after `batches` batches of the epoch.

        batches: 0 between epochs.
        """
        within = None
        if batches:
            metrics_to_floats(state)
            within = {"batches": batches, "deals": self._deals, "logged": dict(state[torchbearer.METRICS])}
        return {
            "within": within,
            "random": distributed.all_gather_object(random_state(self.generators)),
            "metrics": metrics_state(state),
            "callbacks": {name: _state_of(name, callback) for name, callback in self.callbacks.items()},
            "stopped": self._stops,
        }

    def _load_callbacks(self, content: Mapping[str, Any]) -> None:
        """Gives the callbacks their saved states. A callback without one stays as it is."""
        for name, callback in self.callbacks.items():
            saved = content.get("callbacks", {}).get(name)
            if not saved:  # by an earlier version of the program, or of the callback
                continue
            try:
                callback.load_state_dict(plain_copy(saved))
            except Exception as error:  # a plugin's code may raise anything
                raise UsageError(
                    f"--resume {self.folder}: the callback {name} cannot load the state that it saved "
                    f"({type(error).__name__}: {first_line(error)}).\n"
                    "If the plugin has changed, give the earlier file with --plugin; the run's folder has a copy, "
                    "plugin.py or plugin-*.py."
                ) from error

    def _go_to(self, place: Mapping[str, Any], state) -> None:
        set_metrics_state(place["metrics"], state)
        saved = place["random"][distributed.rank()]
        # Earlier versions saved only those generators of a loss that were called `generator`.
        unsaved = self.loss.generators().keys() - saved["generators"].keys()
        set_random_state(saved, {name: self.generators[name] for name in self.generators.keys() - unsaved})

    def _save(self, state, place: Mapping[str, Any]) -> None:
        if distributed.rank() > 0:
            return
        saved = self.snapshots.last_saved
        content = {
            "format": FORMAT,
            "options": plain(self.options),
            "pictures": self.pictures,
            "pixels": self.pixels,
            "cached_features": self.cached_features,
            "versions": versions(self.options.get("plugin")),
            "model": self.agents.state_dict(),
            "sigma2": self.agents.pairs[0].decoder.sigma2,
            "loss": self.loss.state_dict(),
            "scheduler": None if self.scheduler is None else _simple(self.scheduler._scheduler.state_dict()),
            "optimizer": state[torchbearer.OPTIMIZER].state_dict(),
            "history": [dict(row) for row in state[torchbearer.HISTORY]],
            "rows": self.log.rows,
            "best": self.snapshots.best,
            "snapshots": list(self.snapshots.numbered),
            "last_saved": saved.name if saved else None,
            **place,
        }
        save_tensors(self.folder / FILE, content, previous=self.folder / PREVIOUS)


def _state_of(name: str, callback: Callback) -> Any:
    """A copy of the callback's state. Raises UsageError if `read_torch` could not read it from a file."""
    state = callback.state_dict()
    try:
        return plain_copy(state)
    except TypeError as error:
        raise UsageError(
            f"the callback {name}: its state_dict() holds {error}, which resume.pt cannot hold.\n"
            "Return only numbers, text, None, tensors, and lists, tuples and dicts of these."
        ) from error


def _check_alike(saved: Any, fresh: Any, what: str) -> None:
    """Raises an exception unless `saved` has the structure and types of `fresh`.

    saved: a part of resume.pt. fresh: the corresponding part of a new run. what: the part's name in messages.
    """
    alike = True
    if isinstance(fresh, Counter):
        alike = isinstance(saved, Counter) and saved == fresh
    elif isinstance(fresh, dict):
        for name, value in fresh.items():
            _check_alike(saved[name], value, f"{what}: {name}")
    elif isinstance(fresh, list | tuple):
        for pair in zip(saved, fresh, strict=True):
            _check_alike(*pair, what)
    elif isinstance(fresh, int | float) and not isinstance(fresh, bool):
        alike = isinstance(saved, int | float) and not isinstance(saved, bool)
    elif fresh is not None and saved is not None:
        alike = type(saved) is type(fresh)
    if not alike:
        raise ValueError(f"{what} has another value or type")


def _simple(schedule: Mapping[str, Any]) -> dict[str, Any]:
    """A scheduler's state without its functions, which are rebuilt from the options."""
    allowed = (bool, int, float, str, list, tuple, dict, Counter, type(None))
    return {name: value for name, value in schedule.items() if isinstance(value, allowed)}
