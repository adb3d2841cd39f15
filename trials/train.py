"""`commgame.py train`: trains a pair or a population of agents, and writes the run's folder."""

from __future__ import annotations

import logging
import os
import random
import shlex
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from learning_to_draw import plugins
from learning_to_draw.errors import UsageError, program
from learning_to_draw.games.losses.perceptual import LearntWeights, PerceptualLoss
from learning_to_draw.games.losses.terms import TotalLoss
from learning_to_draw.games.partners import as_lines
from learning_to_draw.models.population import Community, Population, decoders_of
from learning_to_draw.trials.agents import build_agents, pair_builder
from learning_to_draw.trials.build import LESSON, REPLACED, Pictures, build_loss, seeds_of, set_up
from learning_to_draw.trials.checks import check_train_options, warn_of_random_backbones
from learning_to_draw.trials.config.all_options import MADE_ABSOLUTE
from learning_to_draw.trials.config.configure import PYTHON, as_command, complete, replaced
from learning_to_draw.trials.config.run import TrainConfig
from learning_to_draw.trials.lesson import teach
from learning_to_draw.trials.loop import distributed
from learning_to_draw.trials.loop.batches import GameBatches
from learning_to_draw.trials.loop.callbacks import (
    AnnealSigma2,
    EpochClock,
    LearntWeightsColumns,
    RecalibrateBatchNorm,
    RunLog,
    Snapshots,
    StopOnNaN,
)
from learning_to_draw.trials.loop.cuda_graph import record_cuda_graph, why_no_graph
from learning_to_draw.trials.loop.interrupts import Interrupts
from learning_to_draw.trials.loop.meetings import Meetings, partners_line, population_entries
from learning_to_draw.trials.loop.memory import graph_bytes, memory_estimate
from learning_to_draw.trials.loop.pictures import EpochStrokes, PassPictures
from learning_to_draw.trials.loop.precision import (
    backbones_to_compile,
    compile_backbones,
    features_can_be_kept,
    keep_features,
    set_determinism,
    set_precision,
)
from learning_to_draw.trials.loop.progress import EpochLine, Progress, set_verbosity
from learning_to_draw.trials.loop.resume_point import ResumePoint
from learning_to_draw.trials.loop.schedule import LearningRate, parse_learning_rate
from learning_to_draw.trials.loop.step import adam
from learning_to_draw.trials.loop.steps import StepRates, step_entries, steps_line
from learning_to_draw.trials.loop.tensorboard import TensorBoard
from learning_to_draw.trials.loop.trial import build_trial, run
from learning_to_draw.trials.loop.turnover import Turnover
from learning_to_draw.trials.loop.wandb import WeightsAndBiases
from learning_to_draw.trials.plan import describe
from learning_to_draw.trials.records.atomic import write_json, write_text
from learning_to_draw.trials.records.folder import (
    changed_versions,
    check_unclaimed,
    choose_folder,
    note_resumption,
    open_folder,
    resumed_folder,
)
from learning_to_draw.trials.records.result import (
    Result,
    few_games_note,
    options_entry,
    read_result,
    result_entry,
    result_of,
)
from learning_to_draw.trials.resume import Interrupted, prepare_resume
from learning_to_draw.trials.trained import check_fit, load_teacher, take_trained
from learning_to_draw.trials.unseen import check_same_pictures, warn_of_copies

logger = logging.getLogger("commgame")


def resume(folder: Path | str, **options: Any) -> Result | None:
    """Resumes the interrupted training in `folder`, or continues a finished one for more epochs. Returns as `train`.

    options: options that may change when a run resumes, such as epochs=20 or device="cpu". Raises UsageError for
    others, for a folder without such a training, and if the training has reached its number of epochs.
    """
    given = options | {"resume": str(folder)}
    config, interrupted = prepare_resume(given, str(folder), partial(complete, "train", given, PYTHON))
    return train(config, interrupted=interrupted)


@distributed.process_group()
def train(
    config: TrainConfig, command: Sequence[str] | None = None, interrupted: Interrupted | None = None
) -> Result | None:
    """Trains the agents and writes everything to the run's folder.

    Returns None after a dry run, and on ranks > 0. command: the command line to record; None: it is made from the
    options of `config`. interrupted: a run to resume, as `resume` gives it. If it is already complete, returns its
    result, even with --dry-run or on ranks > 0. Raises UsageError, before writing anything, if an input is wrong or
    missing, and RunError if the training fails.
    """
    began = time.perf_counter()
    if not isinstance(config, TrainConfig):
        raise UsageError('this is not the configuration of a training.\nMake one with configure("train", ...).')
    set_verbosity(config.quiet and not config.dry_run)
    if interrupted and interrupted.complete(config.epochs):
        logger.info("%s is complete (epochs: %d): nothing left to do", interrupted.folder, interrupted.epochs)
        return read_result(interrupted.folder)
    if interrupted and distributed.rank() == 0:
        check_unclaimed(interrupted.folder)
    rate = parse_learning_rate(config.learning_rate)
    check_train_options(config)
    folder = interrupted.folder if interrupted else distributed.broadcast_object(lambda: choose_folder(config))
    # The test split is loaded too, so that an error in it appears now and not after a night of training.
    setup = set_up(config, ("train", "valid", "test"))
    if interrupted:
        check_same_pictures(folder, setup.pictures.splits, interrupted.content)
    warn_of_copies(setup.pictures.splits)
    device, pictures, batches, seeds = setup.device, setup.pictures, setup.batches, seeds_of(config)
    config = _make_self_contained(setup.config, batches["train"].sampler.candidates)
    _seed_everything(seeds.training)
    if interrupted:
        check_fit(config.agents, pictures, interrupted.checkpoint)
    agents = build_agents(config.agents, pictures, pretrained=interrupted is None)
    if interrupted:
        interrupted.give_weights(agents)  # before anything is computed with them
    else:
        take_trained(agents, config, pictures)
        warn_of_random_backbones(config)
    _freeze(agents, config)
    loss = build_loss(config.loss, config.auxiliary.values(), agents, seeds)
    logger.info("%s", describe(config, pictures, batches, agents))
    if config.teacher is not None and not interrupted:
        load_teacher("teacher", config.teacher, config.plugin)  # so that a dry run, too, finds a missing file
    set_precision(config.speed.precision, agents)
    if config.speed.compile:
        backbones_to_compile(agents)
    seen = {name: batches[name] for name in ("train", "valid")}
    cache = config.cache_features
    if interrupted and cache == "auto" and "cached_features" in interrupted.content:
        cache = "on" if interrupted.content["cached_features"] else "off"
    features_can_be_kept(cache, agents, seen)
    if config.dry_run:
        step = graph_bytes(batches["train"], agents, loss)
        logger.info("%s", memory_estimate(agents, pictures.nbytes, step))
        logger.info("A dry run ends here. The run would write to %s.", folder)
        return None

    agents.to(device)
    set_determinism(config.speed.deterministic)
    if config.teacher is not None and not interrupted:
        teach(agents, config, batches["train"].split, device, seeds.training + LESSON)
    if config.speed.compile:
        compile_backbones(agents, pictures.image_size)
    words = as_command(config) if command is None else command
    keep_features(cache, agents, loss, seen, device)
    with ExitStack() as claims:
        if interrupted:
            if distributed.rank() == 0:
                claims.enter_context(resumed_folder(folder, config, words, str(device)))
                interrupted.check_unchanged()
                if plugins.has_changed(config.plugin, interrupted.content["versions"]):
                    logger.warning(
                        "%s has changed since the run was saved: the rest of the training uses the new version",
                        config.plugin,
                    )
                if changed := changed_versions(interrupted.content["versions"]):
                    logger.warning(
                        "changed since the run was saved: %s; the run may not resume exactly",
                        ", ".join(changed),
                    )
                note_resumption(folder, config.plugin, words, interrupted.epochs, interrupted.batches, str(device))
            more = (
                f", finished batches of epoch {interrupted.epochs + 1}: {interrupted.batches}"
                if interrupted.batches
                else ""
            )
            logger.info("resuming %s (finished epochs: %d%s)", folder, interrupted.epochs, more)
        else:
            folder = distributed.broadcast_object(
                lambda: claims.enter_context(open_folder(folder, config, words, str(device)))
            )
            logger.info("writing to %s", folder)
        if distributed.rank() == 0:
            write_text(folder / "model-info.txt", repr(agents))
        if distributed.rank() > 0:  # so far all ranks used the same random numbers: initial weights are equal
            torch.manual_seed(seeds.views)
        del batches["test"], setup, pictures  # only needed for the checks above
        with Interrupts() as interrupts:
            history, best = _fit(
                agents, loss.to(device), batches, rate, config, folder, device, interrupts, interrupted
            )
        if distributed.rank() > 0:
            return None
        result = summarise(history, best, batches["valid"]) | {"seconds": round(time.perf_counter() - began, 2)}
        result |= options_entry(config)
        write_json(folder / "result.json", result)
    logger.info(
        "validation: communication rate %.3f (best %.3f in epoch %d), chance %.3f\n%s"
        "test it with\n%s test --weights %s",
        result["communication_rate"],
        result["best"]["communication_rate"],
        result["best"]["epoch"] + 1,  # for people, epochs count from 1
        result["chance"],
        partners_line(result) + steps_line(result),
        program(),
        shlex.quote(str(folder / "model_final.pt")),
    )
    if note := few_games_note(result, config, "val_fraction"):
        logger.info("%s", note)
    return result_of(folder, result)


def _seed_everything(seed: int) -> None:
    """Seeds the global generators of Python, numpy and torch. Only plugins draw from the first two."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _freeze(agents: Community, config: TrainConfig) -> None:
    """With --freeze-senders, freezes all weights of the senders; with --freeze-receivers, those of the receivers."""
    for pair in agents.pairs:
        for part in (pair.decoder, pair.sender_encoder) if config.freeze_senders else ():
            part.requires_grad_(False)
        for part in (pair.receiver, pair.receiver_encoder, pair.halting) if config.freeze_receivers else ():
            if part is not None:
                part.requires_grad_(False)


def _optimizer(agents: Community, loss: TotalLoss, rate: float, config: TrainConfig) -> torch.optim.Adam:
    """Adam over all weights that are trained. If --decoder-lr-factor is not 1, there are two groups: the decoders'
    weights, and all other weights, whose learning rate is in log.csv."""
    everything = [weight for weight in (*agents.parameters(), *loss.parameters()) if weight.requires_grad]
    if config.decoder_lr_factor == 1:
        return adam(everything, rate, config.weight_decay)
    drawing = {id(weight) for decoder in decoders_of(agents) for weight in decoder.parameters()}
    groups = [
        {"params": [weight for weight in everything if id(weight) not in drawing]},
        {"params": [weight for weight in everything if id(weight) in drawing], "lr": rate * config.decoder_lr_factor},
    ]
    return adam(groups, rate, config.weight_decay)


def _fit(
    agents: Community,
    loss: TotalLoss,
    batches: dict[str, GameBatches],
    rate: LearningRate,
    config: TrainConfig,
    folder: Path,
    device: torch.device,
    interrupts: Interrupts,
    interrupted: Interrupted | None,
) -> tuple[list[dict], dict]:
    """Trains until all epochs are complete or a callback stops the training. Writes logs, pictures and snapshots.

    Returns the history (one dict of metrics per epoch), and a dict of the best epoch's number and metrics.
    """
    optimizer = _optimizer(agents, loss, rate.initial, config)
    options = config.values()
    snapshots = Snapshots(
        folder,
        agents,
        loss,
        options,
        interval=config.snapshot_interval,
        keep_last=config.keep_last,
        trained_on=batches["train"].split,
    )
    clock = EpochClock(batches["train"], agents)
    service = WeightsAndBiases(folder, config.wandb, options) if config.wandb is not None else None
    log, sampler = RunLog(folder / "log.csv"), batches["train"].sampler
    scheduler = rate.scheduler_callback(config.epochs)
    of_plugin = {name: plugins.CALLBACKS[name].target(folder, agents) for name in config.callbacks or ()}
    written = [
        _learnt_weights(loss),
        clock,
        StopOnNaN(snapshots),
        PassPictures(folder, config.num_reconstructions, "val", "val_reconstruction_samples_{epoch:02d}.png"),
        EpochStrokes(folder, config.num_reconstructions),
        Meetings(folder, agents, "val") if isinstance(agents, Population) else None,
        StepRates(folder, agents, "val") if agents.pairs[0].anytime else None,
        *of_plugin.values(),
        log,
        Progress(sampler.games * sampler.senders * distributed.world_size(), clock),
        EpochLine(clock),
        TensorBoard(folder, interrupted.epochs if interrupted else 0) if config.tensorboard else None,
        service,
        snapshots,
    ]
    callbacks = [
        RecalibrateBatchNorm(agents, batches["train"]),
        *(written if distributed.rank() == 0 else ()),
        AnnealSigma2(agents),
        _turnover(agents, config),
        scheduler,
        ResumePoint(
            folder,
            options,
            agents,
            loss,
            batches,
            scheduler,
            log,
            snapshots,
            interrupts,
            of_plugin if distributed.rank() == 0 else {},
            interrupted.content if interrupted else None,
        ),
    ]
    callbacks = [callback for callback in callbacks if callback is not None]
    record = None
    if config.cuda_graph == "auto":
        reason = why_no_graph(device, agents, loss)
        record = None if reason else record_cuda_graph
        if reason:
            logger.info("--cuda-graph auto: steps run without a graph, because %s", reason)
    trial = build_trial(
        agents,
        loss,
        device,
        optimizer=optimizer,
        callbacks=callbacks,
        gather_candidates=config.gather_candidates,
        record=record,
    )
    failed = 1
    try:
        epochs = interrupted.end(config.epochs) if interrupted else config.epochs
        history = run(trial, batches["train"], batches["valid"], epochs)
        failed = 0
    finally:
        if service is not None:
            service.finish(failed)
    return history, snapshots.best


def _turnover(agents: Community, config: TrainConfig) -> Turnover | None:
    """The callback that replaces agents; None without --replace-every."""
    if not config.replace_every or not isinstance(agents, Population):
        return None
    decoder = agents.pairs[0].decoder
    seen = Pictures({}, decoder.image_size, agents.pairs[0].sender_encoder.channels)
    seed = seeds_of(config).training + REPLACED
    return Turnover(agents, config.replace_every, pair_builder(config.agents, seen), seed)


def _learnt_weights(loss: TotalLoss) -> LearntWeightsColumns | None:
    """The callback that logs each feature layer's weight in the perceptual loss; None if the weights are not learnt."""
    for term in loss.auxiliary.values():
        if isinstance(term, PerceptualLoss) and isinstance(term.weights, LearntWeights):
            return LearntWeightsColumns(term)
    return None


def _make_self_contained(config: TrainConfig, candidates: int) -> TrainConfig:
    """The configuration with a resolved num_targets, absolute paths, and the content of --partners instead of the path,
    so that a later test plays the same games, and the run resumes with the same partners.

    In `sources`, the entries of these options do not change.
    """
    if not config.plays_original and not config.game.config.num_targets:
        config = replaced(config, "settled by the run", num_targets=candidates)
    for name, value in config.values().items():
        absolute: Any = None
        if name.removeprefix("receiver_") in MADE_ABSOLUTE and value is not None:
            absolute = value.absolute()
        elif name == "partners" and os.path.isfile(value) and value not in plugins.PARTNERS:
            absolute = as_lines(Path(value))  # the file may change
        elif name == "like_a_dog_image" and value:
            absolute = [str(Path(file).absolute()) for file in value]
        if absolute is not None:
            config = replaced(config, config.sources[name], **{name: absolute})
    return config


def summarise(history: list[dict], best: dict, valid: GameBatches) -> dict:
    """Entries of a training's result.json: rates and losses of the last and of the best epoch (numbered from 0)."""
    last = history[-1]
    entry = result_entry(
        valid.split.name, valid.games_of_one, valid.sampler.candidates, rate=last["val_commrate"], loss=last["val_loss"]
    )
    entry |= population_entries(last, valid.meetings) | step_entries(last)
    return entry | {
        "epochs": len(history),
        "train": {"communication_rate": last["commrate"], "loss": last["loss"]},
        "best": {
            "epoch": best["epoch"],
            "communication_rate": best["val_commrate"],
            "loss": best["val_loss"],
            "train_communication_rate": best["commrate"],
        },
        "games_per_second": last["games_per_second"],
    }
