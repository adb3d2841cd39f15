"""`commgame.py test`: plays the test split with trained agents."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torchbearer.callbacks import Callback

from learning_to_draw.errors import UsageError
from learning_to_draw.models.agents import Meeting, check_meeting
from learning_to_draw.models.population import Community, Population
from learning_to_draw.trials.build import Setup, build_loss, seeds_of, set_up
from learning_to_draw.trials.config.configure import as_command, given_options
from learning_to_draw.trials.config.run import CrossplayConfig, TestConfig, meeting_of
from learning_to_draw.trials.loop import distributed
from learning_to_draw.trials.loop.batches import GameBatches
from learning_to_draw.trials.loop.callbacks import StopOnNaN
from learning_to_draw.trials.loop.gamelog import GameLogWriter
from learning_to_draw.trials.loop.meetings import Meetings, partners_line, population_entries
from learning_to_draw.trials.loop.memory import memory_estimate
from learning_to_draw.trials.loop.pictures import PassPictures
from learning_to_draw.trials.loop.precision import (
    backbones_to_compile,
    compile_backbones,
    set_determinism,
    set_precision,
)
from learning_to_draw.trials.loop.progress import Progress, set_verbosity
from learning_to_draw.trials.loop.steps import StepRates, step_entries, steps_line
from learning_to_draw.trials.loop.trial import build_trial, evaluate
from learning_to_draw.trials.plan import describe
from learning_to_draw.trials.records.atomic import write_json, write_text
from learning_to_draw.trials.records.folder import choose_folder, open_folder, plain, versions
from learning_to_draw.trials.records.result import Result, few_games_note, options_entry, result_entry, result_of
from learning_to_draw.trials.trained import Trained, build_trained, check_common_game, load_other, load_trained, pair
from learning_to_draw.trials.unseen import check_unseen

logger = logging.getLogger("commgame")


@distributed.process_group()
def test(config: TestConfig, command: Sequence[str] | None = None) -> Result | None:
    """Plays every test game once, and writes the rate, pictures and game log to the run's folder.

    Returns None after a dry run, and on ranks > 0. command: the command line to record; None: it is made from the
    options of `config`. The loss is the game's, plus the reconstruction loss if chosen; a test leaves out all other
    auxiliary losses, as in the official code. Raises UsageError, before writing anything, if an input is wrong or
    missing, and RunError if a loss or a score is not finite.
    """
    if not isinstance(config, TestConfig):
        raise UsageError("this is not the configuration of a test.\nMake one with configure_test(WEIGHTS, ...).")
    weights = Path(config.weights)
    trained = load_trained("test", weights, given_options(config))
    # An absolute path stays valid when the result is read from another working directory.
    config = replace(config, weights=str(weights.absolute()))
    set_verbosity(config.quiet and not config.dry_run)
    receiver = _other_receiver(config, trained)
    folder = distributed.broadcast_object(lambda: choose_folder(config))
    setup = set_up(config, ("test",))
    config = setup.config
    checkpoints = [run.checkpoint for run in (trained, receiver) if run is not None]
    check_unseen(config, setup.pictures.splits["test"], checkpoints)
    agents = build_trained(trained, setup.pictures)
    if receiver is not None:
        other = build_trained(receiver, setup.pictures)
        if config.agent is None and len(agents.pairs) + len(other.pairs) > 2:
            raise UsageError(
                "--swap-agents plays one sender with one receiver, but a checkpoint has several.\n"
                "Choose them with --agent, such as --agent 0,1 for sender 0 of --weights and receiver 1 of "
                "--weights-pair2."
            )
        sender_number, receiver_number = meeting_of(config.agent or "0")
        check_meeting(Meeting(sender_number, 0), agents.senders, agents.receivers)
        check_meeting(Meeting(0, receiver_number), other.senders, other.receivers)
        agents = pair(trained, agents.pairs[sender_number], receiver, other.pairs[receiver_number])
    elif config.agent is not None:
        agents = agents.meeting(Meeting(*meeting_of(config.agent)))
    logger.info("%s", describe(config, setup.pictures, setup.batches, agents))
    set_precision(config.speed.precision, agents)
    if config.speed.compile:
        backbones_to_compile(agents)
    if config.dry_run:
        logger.info("%s", memory_estimate(agents, setup.pictures.nbytes))
        logger.info("A dry run ends here. The run would write to %s.", folder)
        return None

    agents.to(setup.device)
    set_determinism(config.speed.deterministic)
    if config.speed.compile:
        compile_backbones(agents, setup.pictures.image_size)
    words = as_command(config) if command is None else command
    with ExitStack() as claims:
        folder = distributed.broadcast_object(
            lambda: claims.enter_context(open_folder(folder, config, words, str(setup.device)))
        )
        result = _write(config, trained, receiver, agents, setup, folder)
    if result is None:
        return None
    logger.info(
        "communication rate %.4f  (95%% interval %.4f to %.4f, chance %.4f)\n%s"
        "%d turns with %d candidates\nwritten to %s",
        result["communication_rate"],
        *result["interval"],
        result["chance"],
        partners_line(result) + steps_line(result),
        result["games"],
        result["candidates"],
        folder,
    )
    if note := few_games_note(result, config, "test_fraction"):
        logger.info("%s", note)
    return result_of(folder, result)


def _write(
    config: TestConfig, trained: Trained, receiver: Trained | None, agents: Community, setup: Setup, folder: Path
) -> dict[str, Any] | None:
    """Plays the games and writes all files of the test. Returns the content of result.json, or None on ranks > 0."""
    batches, began = setup.batches["test"], time.perf_counter()
    card = card_of(config, trained, receiver, agents, batches)
    log = GameLogWriter(folder, batches.split, config.data_seed, card, names_agents=isinstance(agents, Population))
    entry = _play(config, agents, setup, folder, log)
    if distributed.rank() > 0:
        return None
    write_text(folder / "model-info.txt", repr(agents))
    seconds = time.perf_counter() - began
    result = entry | {
        "seconds": round(seconds, 2),
        "games_per_second": round(batches.games / seconds, 1),
        "weights": config.weights,
        "epoch": trained.checkpoint.epoch,
    }
    result |= options_entry(config, trained.checkpoint.options)
    if receiver is not None:
        result["receiver_weights"] = str(receiver.checkpoint.path)
    write_json(folder / "result.json", result)
    return result


def _other_receiver(config: TestConfig, trained: Trained) -> Trained | None:
    """The checkpoint of --weights-pair2, whose receiver plays; None without --swap-agents.

    Raises UsageError if only one of the two options is given, or if the two pairs of agents do not play the same game.
    """
    if config.swap_agents != (config.weights_pair2 is not None):
        raise UsageError(
            "--swap-agents and --weights-pair2 go together: the sender of --weights plays with the receiver of "
            "--weights-pair2.\nGive both, or leave out both."
        )
    if config.weights_pair2 is None:
        return None
    receiver = load_other(config, Path(config.weights_pair2))
    check_common_game([trained, receiver])
    return receiver


def card_of(
    config: TestConfig, trained: Trained, receiver: Trained | None, agents: Community, batches: GameBatches
) -> dict[str, Any]:
    """The entries of the game log's card.json about games, agents, options and versions, but not about results."""
    sampler, decoder = batches.sampler, agents.pairs[0].decoder
    return {
        "game": sampler.kind,
        "dataset": config.dataset.name,
        "split": batches.split.name,
        "classes": list(batches.split.classes),
        "candidates": sampler.candidates,
        "chance": 1 / sampler.candidates,
        "data_seed": config.data_seed,
        "image_size": decoder.image_size,
        "channels": decoder.channels,
        "invert": agents.pairs[0].invert,
        "contrast": decoder.contrast,
        "decoder": config.agents.decoder.name,
        "weights": str(trained.checkpoint.path),
        "receiver_weights": str((receiver or trained).checkpoint.path),
        "options": plain(config.values()),
        "versions": versions(config.plugin),
    }


def _play(config: TestConfig, agents: Community, setup: Setup, folder: Path, game_log: GameLogWriter) -> dict[str, Any]:
    """Plays the games, and writes the log and the pictures. Returns the entries of result.json about the games."""
    batches = setup.batches["test"]
    pictures = PassPictures(folder, config.num_reconstructions, "test", "test_sketch_samples.png")
    progress = Progress(batches.sampler.games * batches.sampler.senders)
    shown: list[Meetings | StepRates] = [Meetings(folder, agents, "test")] if isinstance(agents, Population) else []
    if agents.pairs[0].anytime:
        shown.append(StepRates(folder, agents, "test"))
    try:
        entry, measured = play_games(config, agents, batches, setup.device, [pictures, game_log, progress, *shown])
    finally:
        game_log.discard_unfinished()
    if distributed.rank() == 0:
        seen = {name: value for callback in shown for name, value in callback.row().items()}
        entry |= population_entries(seen, batches.meetings) | step_entries(seen)
    names = ("test_loss", "test_commrate", "test_commrate_std")
    names += tuple(name for name in measured if name not in names)  # the loss's terms, if there are several
    if distributed.rank() == 0:
        row = ",".join("" if measured[name] is None else str(measured[name]) for name in names)
        write_text(folder / "log.csv", f"epoch,{','.join(names)}\n0,{row}\n")
    return entry


def play_games(
    config: TestConfig | CrossplayConfig,
    agents: Community,
    batches: GameBatches,
    device: torch.device,
    callbacks: Sequence[Callback] = (),
) -> tuple[dict[str, Any], dict[str, float]]:
    """Plays every game once, without training. Returns entries of result.json, and all metrics by name.

    The loss is the game's, plus the auxiliary losses that a test measures. callbacks: only rank 0 calls them. Raises
    RunError if a loss or a score is not finite.
    """
    callbacks = [StopOnNaN(), *callbacks] if distributed.rank() == 0 else []
    loss = build_loss(config.loss, config.auxiliary.values(), agents, seeds_of(config), testing=True)
    measured = evaluate(build_trial(agents, loss, device, callbacks=callbacks), batches)
    entry = result_entry(
        batches.split.name,
        batches.games_of_one,
        batches.sampler.candidates,
        rate=measured["test_commrate"],
        loss=measured["test_loss"],
    )
    return entry, measured
