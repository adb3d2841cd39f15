"""`commgame.py test`: plays the test split with trained agents."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from learning_to_draw.errors import UsageError
from learning_to_draw.models.agents import Agents
from learning_to_draw.trials.build import build_batches, build_test_loss, choose_device, load_pictures
from learning_to_draw.trials.config.resolve import COMMAND_LINE, Options
from learning_to_draw.trials.loop import distributed
from learning_to_draw.trials.loop.batches import GameBatches
from learning_to_draw.trials.loop.callbacks import StopOnNaN
from learning_to_draw.trials.loop.gamelog import GameLogWriter
from learning_to_draw.trials.loop.memory import memory_estimate
from learning_to_draw.trials.loop.pictures import PassPictures
from learning_to_draw.trials.loop.precision import compile_backbones, set_determinism, set_precision
from learning_to_draw.trials.loop.progress import Progress, set_verbosity
from learning_to_draw.trials.loop.trial import build_trial, evaluate
from learning_to_draw.trials.plan import describe
from learning_to_draw.trials.records.atomic import write_json, write_text
from learning_to_draw.trials.records.folder import choose_folder, open_folder, plain, versions
from learning_to_draw.trials.records.result import result_entry
from learning_to_draw.trials.trained import Trained, build_trained, check_common_game, load_trained, pair

logger = logging.getLogger("commgame")


@distributed.process_group()
def test(weights: Path, arguments: Sequence[str], command: Sequence[str]) -> None:
    """Plays every test game once; writes the rate, pictures and game logs to the run's folder.

    arguments: the options. command: the full command line, for the record. The loss is the game's, plus the
    reconstruction loss if chosen, as in the official code. Raises UsageError before writing anything.
    """
    trained = load_trained("test", arguments, weights)
    # An absolute path, which still leads to the checkpoint when the result is read from elsewhere.
    options = trained.options.replace(COMMAND_LINE, weights=str(weights.absolute()))
    set_verbosity(options)
    receiver = _other_receiver(trained, arguments)
    folder = distributed.broadcast_object(lambda: choose_folder(options))
    device = choose_device(options.device)
    pictures = load_pictures(options, ("test",), device)
    batches = build_batches(options, pictures, device)
    agents = build_trained(trained, pictures)
    if receiver is not None:
        agents = pair(trained, agents, receiver, build_trained(receiver, pictures))
    logger.info("%s", describe(options, pictures, batches, agents))
    if options.dry_run:
        logger.info("%s", memory_estimate(agents, pictures.nbytes))
        logger.info("A dry run ends here. The run would write to %s.", folder)
        return

    agents.to(device)
    set_determinism(options.deterministic)
    set_precision(options, agents)
    compile_backbones(options, agents, pictures.image_size)
    folder = distributed.broadcast_object(lambda: open_folder(folder, options, command, str(device)))
    began = time.perf_counter()
    log = GameLogWriter(
        folder, pictures.splits["test"], options.data_seed, _card(trained, receiver, agents, batches["test"])
    )
    measured = _play(options, agents, batches["test"], device, folder, log)
    if distributed.rank() > 0:
        return
    write_text(folder / "model-info.txt", repr(agents))
    seconds = time.perf_counter() - began
    result = result_entry(
        batches["test"].split.name,
        batches["test"].games,
        batches["test"].sampler.candidates,
        rate=measured["test_commrate"],
        loss=measured["test_loss"],
    ) | {
        "seconds": round(seconds, 2),
        "games_per_second": round(batches["test"].games / seconds, 1),
        "weights": options.weights,
        "epoch": trained.checkpoint.epoch,
    }
    if receiver is not None:
        result["receiver_weights"] = str(receiver.checkpoint.path)
    write_json(folder / "result.json", result)
    logger.info(
        "communication rate %.4f  (95%% interval %.4f to %.4f, chance %.4f), %d games of %d candidates\nwritten to %s",
        result["communication_rate"],
        *result["interval"],
        result["chance"],
        result["games"],
        result["candidates"],
        folder,
    )


def _other_receiver(trained: Trained, arguments: Sequence[str]) -> Trained | None:
    """The agents whose receiver plays, with --swap-agents; None if the sender plays with its own partner."""
    options = trained.options
    if options.swap_agents != (options.weights_pair2 is not None):
        raise UsageError(
            "--swap-agents and --weights-pair2 go together: the sender of --weights plays with the receiver of "
            "--weights-pair2.\nGive both, or leave out both."
        )
    if not options.swap_agents:
        return None
    receiver = load_trained("test", arguments, Path(options.weights_pair2))
    check_common_game([trained, receiver])
    return receiver


def _card(trained: Trained, receiver: Trained | None, agents: Agents, batches: GameBatches) -> dict[str, Any]:
    """The content of the game log's card.json: the games, the agents, the options and the versions."""
    options, sampler = trained.options, batches.sampler
    return {
        "game": sampler.kind,
        "dataset": options.dataset,
        "split": batches.split.name,
        "classes": list(batches.split.classes),
        "candidates": sampler.candidates,
        "chance": 1 / sampler.candidates,
        "data_seed": options.data_seed,
        "image_size": agents.decoder.image_size,
        "channels": agents.decoder.channels,
        "invert": agents.invert,
        "contrast": agents.decoder.contrast,
        "decoder": options.decoder,
        "weights": str(trained.checkpoint.path),
        "receiver_weights": str((receiver or trained).checkpoint.path),
        "options": plain(options.values),
        "versions": versions(options.plugin),
    }


def _play(
    options: Options,
    agents: Agents,
    batches: GameBatches,
    device: torch.device,
    folder: Path,
    game_log: GameLogWriter,
) -> dict[str, float]:
    callbacks = [
        StopOnNaN(),
        PassPictures(folder, options.num_reconstructions, "test", "test_sketch_samples.png"),
        game_log,
        Progress(batches.sampler.games * batches.sampler.senders),
    ]
    if distributed.rank() > 0:
        callbacks = []
    trial = build_trial(agents, build_test_loss(options), device, callbacks=callbacks)
    try:
        measured = evaluate(trial, batches)
    finally:
        game_log.discard_unfinished()
    names = ("test_loss", "test_commrate", "test_commrate_std")
    names += tuple(name for name in measured if name not in names)  # the loss's terms, if there are several
    if distributed.rank() == 0:
        row = ",".join(str(measured[name]) for name in names)
        write_text(folder / "log.csv", f"epoch,{','.join(names)}\n0,{row}\n")
    return measured
