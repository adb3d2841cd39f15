"""`commgame.py train`: everything from resolved options to a trained pair and its folder."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

import numpy as np
import torch

from errors import UsageError
from games.scores import rate_interval
from models.agents import Agents
from trials.callbacks import AnnealSigma2, EpochClock, RunLog, Snapshots, StopOnNaN
from trials.options import Options
from trials.pictures import PassPictures
from trials.plan import describe, memory_estimate
from trials.progress import EpochLine, Progress
from trials.run_folder import choose_folder, open_folder, write_json, write_text
from trials.schedule import parse_learning_rate
from trials.trial import build_trial, run
from trials.wiring import build_agents, build_batches, build_loss, choose_device, load_pictures

logger = logging.getLogger("commgame")


def train(options: Options, arguments: Sequence[str]) -> None:
    """Trains a pair and leaves everything in the run's folder.

    arguments: the command as it was typed, for the record. Raises UsageError before anything is written where something
    is wrong or missing, RunError where the run has to be given up.
    """
    began = time.perf_counter()
    rate = parse_learning_rate(options.learning_rate)
    folder = choose_folder(options)
    device = choose_device(options)
    splits = ("train", "valid", "test") if options.dry_run else ("train", "valid")
    pictures = load_pictures(options, splits)
    batches = build_batches(options, pictures, device)
    torch.manual_seed(options.data_seed)
    np.random.seed(options.data_seed % 2**32)
    agents = build_agents(options, pictures)
    loss = build_loss(options, agents)
    trained = _trained_parameters(agents)
    logger.info("%s", describe(options, pictures, batches, agents))
    if options.dry_run:
        logger.info("%s", memory_estimate(batches["train"], agents, pictures, training=True))
        logger.info("A dry run: nothing was written. The run would write to %s.", folder)
        return

    open_folder(folder, options, arguments, str(device))
    write_text(folder / "model-info.txt", repr(agents))
    logger.info("writing to %s", folder)
    agents.to(device)
    optimizer = torch.optim.Adam(trained, lr=rate.initial, weight_decay=options.weight_decay)
    snapshots = Snapshots(folder, agents, options)
    deal = batches["train"].dealer
    callbacks = [
        EpochClock(batches["train"].games, agents),
        StopOnNaN(snapshots),
        PassPictures(folder, options.num_reconstructions, "val", "val_reconstruction_samples_{epoch:02d}.png"),
        RunLog(folder / "log.csv"),
        Progress(deal.games * deal.senders),
        EpochLine(),
        snapshots,
        AnnealSigma2(agents),
    ]
    scheduler = rate.scheduler_callback()
    trial = build_trial(
        agents, loss, device, optimizer=optimizer, callbacks=callbacks + ([scheduler] if scheduler else [])
    )
    history = run(trial, batches["train"], batches["valid"], options.epochs)
    result = summarise(history, snapshots.best, batches["valid"].games, deal.candidates)
    write_json(folder / "result.json", result | {"seconds": round(time.perf_counter() - began, 2)})
    logger.info(
        "validation: communication rate %.3f (best %.3f in epoch %d), chance %.3f; test it with\n"
        "python commgame.py test --weights %s",
        result["communication_rate"],
        result["best"]["communication_rate"],
        result["best"]["epoch"],
        result["chance"],
        folder / "model_final.pt",
    )


def _trained_parameters(agents: Agents) -> list[torch.nn.Parameter]:
    trained = [parameter for parameter in agents.parameters() if parameter.requires_grad]
    if not trained:
        raise UsageError("every weight of these agents is frozen, so there is nothing to train.")
    return trained


def summarise(history: list[dict], best: dict, games: int, candidates: int) -> dict:
    """What result.json says of a training: the last epoch's validation, its training, and the best epoch (from 0)."""
    last = history[-1]
    return {
        "communication_rate": last["val_commrate"],
        "interval": rate_interval(round(last["val_commrate"] * games), games),
        "chance": 1 / candidates,
        "games": games,
        "candidates": candidates,
        "loss": last["val_loss"],
        "split": "valid",
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
