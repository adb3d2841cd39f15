"""`commgame.py test`: plays the test split with trained agents."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from games.losses import TotalLoss
from trials.callbacks import StopOnNaN
from trials.checkpoints import Checkpoint, load_agents
from trials.gamelog import GameLog
from trials.options import Options
from trials.pictures import PassPictures
from trials.plan import describe, memory_estimate
from trials.progress import Progress
from trials.result import outcome
from trials.run_folder import choose_folder, open_folder, write_json, write_text
from trials.trial import build_trial, evaluate
from trials.wiring import build_agents, build_batches, build_game_loss, choose_device, load_pictures

logger = logging.getLogger("commgame")


def test(options: Options, checkpoint: Checkpoint, arguments: Sequence[str]) -> None:
    """Plays every test game once; writes the rate, pictures and game logs to the run's folder.

    Only the game's own loss is computed, as in the official code. Raises UsageError before anything is written.
    """
    folder = choose_folder(options)
    device = choose_device(options)
    pictures = load_pictures(options, ("test",))
    batches = build_batches(options, pictures, device)
    agents = build_agents(options, pictures, pretrained=False)
    load_agents(agents, checkpoint)
    logger.info("%s", describe(options, pictures, batches, agents))
    if options.dry_run:
        logger.info("%s", memory_estimate(agents, pictures))
        logger.info("A dry run: nothing was written. The run would write to %s.", folder)
        return

    folder = open_folder(folder, options, arguments, str(device))
    write_text(folder / "model-info.txt", repr(agents))
    agents.to(device)
    began = time.perf_counter()
    measured = _play(options, agents, batches["test"], device, folder)
    seconds = time.perf_counter() - began
    result = outcome(batches["test"], measured["test_commrate"], measured["test_loss"]) | {
        "seconds": round(seconds, 2),
        "games_per_second": round(batches["test"].games / seconds, 1),
        "weights": str(checkpoint.path),
        "epoch": checkpoint.epoch,
    }
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


def _play(options, agents, batches, device, folder) -> dict[str, float]:
    game_log = GameLog(folder)
    callbacks = [
        StopOnNaN(),
        PassPictures(folder, options.num_reconstructions, "test", "test_sketch_samples.png"),
        game_log,
        Progress(batches.dealer.games * batches.dealer.senders),
    ]
    trial = build_trial(agents, TotalLoss(build_game_loss(options)), device, callbacks=callbacks)
    try:
        measured = evaluate(trial, batches)
    finally:
        game_log.discard_unfinished()
    names = ("test_loss", "test_commrate", "test_commrate_std")
    row = ",".join(str(measured[name]) for name in names)
    write_text(folder / "log.csv", f"epoch,{','.join(names)}\n0,{row}\n")
    return measured
