"""Checks for options that conflict or would have no effect. They run before training or testing starts.

Importing this module does not import torch.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from learning_to_draw import plugins
from learning_to_draw.components import flag_of
from learning_to_draw.errors import UsageError
from learning_to_draw.games.losses.config import DogConfig, PerceptualConfig, StrokePriceConfig
from learning_to_draw.trials.config.configure import given_options
from learning_to_draw.trials.config.run import KINDS, RunConfig, TrainConfig

if TYPE_CHECKING:
    from learning_to_draw.games.sampling import GameSampler

logger = logging.getLogger("commgame")


def check_game_options(config: RunConfig) -> None:
    """Raises UsageError if games have fewer than 2 candidates, or if --num-targets is given with the original game."""
    game = config.game.config
    if config.plays_original and given_options(config).get("num_targets"):
        raise UsageError(
            f"--num-targets {game.num_targets} sets the number of candidates in object-oriented games; in the original "
            f"game, --batch-size ({game.batch_size}) sets it.\n"
            "Leave out --num-targets, or add --object-oriented same, different or mixed."
        )
    if config.plays_original and game.batch_size < 2:
        raise UsageError("--batch-size 1: a game needs 2 candidates or more.\nGive a larger batch.")
    if game.num_targets == 1:
        raise UsageError("--num-targets 1: a game needs 2 candidates or more.\nGive a larger number, or leave it out.")


def check_candidates(config: RunConfig, sampler: GameSampler) -> None:
    """Raises UsageError if a plugin's game ignores --num-targets."""
    wanted = given_options(config).get("num_targets")
    if not config.plays_original and wanted and wanted != sampler.candidates:
        raise UsageError(f"--num-targets {wanted}: the game {config.game.name} ignores this option.\nLeave it out.")


def warn_of_random_backbones(config: TrainConfig) -> None:
    """Logs a warning if the backbone of an encoder is frozen with its random initial weights."""
    for name in ("encoder", "receiver_encoder"):
        values = config.chosen[name].config.values() if name in config.chosen else {}
        sources = values.keys() & {"imagenet_weights", "sin_weights", "timm_pretrained", "timm_weights"}
        given = config.senders_from if name == "encoder" else config.receivers_from
        if values.get("freeze_backbone") and sources and not any(values[source] for source in sources) and not given:
            freeze = flag_of(KINDS[name].in_run("freeze_backbone"))
            logger.warning("%s: the frozen backbone has random weights, because no pretrained ones are chosen", freeze)


def check_train_options(config: TrainConfig) -> None:
    """Raises UsageError for options that conflict, are incomplete or would have no effect (`check_conflicts`).

    Also raises it if an option needs a package that is missing, or needs several processes but there is only one.
    """
    from learning_to_draw.trials.loop import distributed
    from learning_to_draw.trials.loop.tensorboard import summary_writer
    from learning_to_draw.trials.loop.wandb import import_wandb

    check_conflicts(config)
    if config.gather_candidates and distributed.world_size() == 1:
        raise UsageError(
            "--gather-candidates needs several processes.\nStart them with torchrun, or leave out this option."
        )
    if config.tensorboard:
        summary_writer()  # raises UsageError if it cannot be imported
    if "wandb" in given_options(config):  # if the option comes from the resumed run, a warning is enough
        import_wandb()


def check_conflicts(config: TrainConfig) -> None:
    """Raises UsageError for options of a training that conflict, are incomplete or would have no effect.

    A test accepts them, like the official code.
    """
    drawing = config.agents.decoder.config
    if drawing.sigma2_step > 0 and (drawing.sigma2 <= drawing.final_sigma2 or drawing.sigma2_factor >= 1):
        raise UsageError(
            f"--sigma2-step {drawing.sigma2_step} has no effect: sigma2 would not fall from {drawing.sigma2} to "
            f"--final-sigma2 {drawing.final_sigma2} with --sigma2-factor {drawing.sigma2_factor}.\n"
            "Give a --final-sigma2 below --sigma2 and a --sigma2-factor below 1, or leave out --sigma2-step."
        )
    if config.gather_candidates and not config.plays_original:
        raise UsageError(
            f"--gather-candidates is for the original game, but this run has --object-oriented {config.game.name}.\n"
            "Leave out --gather-candidates."
        )
    _check_callbacks(config)
    _check_population(config)
    _check_unused_losses(config)
    for loss in (loss for loss in config.auxiliary.values() if loss.on):
        match loss.config:
            case PerceptualConfig(learn_sop_weights=True, sop_weights=tuple()):
                raise UsageError(
                    "--learn-sop-weights learns the weights that --sop-weights sets.\n"
                    "Give one of the two options, not both."
                )
            case DogConfig(like_a_dog_image=None):
                raise UsageError(
                    "--like-a-dog-loss compares sketches with an image, but none is given.\n"
                    "Add --like-a-dog-image FILE, or several files."
                )
            case StrokePriceConfig() if not drawing.leaves_out_strokes:
                raise UsageError(
                    f"--stroke-price {loss.config.stroke_price} has no effect: {config.agents.decoder.name} draws all "
                    "strokes in every sketch.\n"
                    "Add --stroke-gates if this decoder has it, choose LocalLineDecoder or a decoder whose "
                    "name contains Connect, or omit --stroke-price."
                )


def _check_callbacks(config: TrainConfig) -> None:
    """Raises UsageError for callbacks that no plugin has registered."""
    for name in config.callbacks or ():
        if name not in plugins.CALLBACKS:
            known = ", ".join(plugins.CALLBACKS) or "none; add --plugin FILE.py"
            raise UsageError(
                f"--callbacks {name}: no plugin has a callback of this name.\nCallbacks of plugins: {known}."
            )


def _check_population(config: TrainConfig) -> None:
    """Raises UsageError if options about populations, or about agents of earlier runs, conflict or have no effect."""
    given, agents = given_options(config), config.agents
    if agents.population is not None and (agents.senders, agents.receivers) != (1, 1):
        raise UsageError(
            f"--population {agents.population} sets the numbers of senders and of receivers.\n"
            "Give either --population, or --senders and --receivers."
        )
    if config.replace_every and agents.counts[0] != agents.counts[1]:
        raise UsageError(
            f"--replace-every {config.replace_every} replaces pairs, but there are {agents.counts[0]} sender(s) and "
            f"{agents.counts[1]} receiver(s).\nGive as many senders as receivers, or omit --replace-every."
        )
    if config.teacher is not None and config.freeze_senders:
        raise UsageError(
            "--teacher gives new senders a lesson, but --freeze-senders keeps them as they are.\nLeave out one of them."
        )
    both = (config.senders_from, config.receivers_from)
    if None not in both and both[0] != both[1] and not agents.separate_encoders and agents.receiver_encoder is None:
        raise UsageError(
            "--senders-from and --receivers-from name two checkpoints, but sender and receiver share one encoder.\n"
            "Add --separate-encoders."
        )
    if config.freeze_senders and config.freeze_receivers:
        raise UsageError("--freeze-senders and --freeze-receivers: nothing would be trained.\nLeave out one of them.")
    if config.from_agent and config.senders_from is None and config.receivers_from is None:
        raise UsageError(
            f"--from-agent {config.from_agent} has no effect without trained agents.\n"
            "Add --senders-from FILE or --receivers-from FILE, or leave out this option."
        )
    for name in ("bottleneck", "lesson_steps") if config.teacher is None else ():
        if name in given:
            raise UsageError(
                f"{flag_of(name)} has no effect without --teacher.\nAdd --teacher FILE, or leave out {flag_of(name)}."
            )
    if max(agents.counts) > 1:
        return
    for name in ("partners", "replace_every"):
        if given.get(name):
            raise UsageError(
                f"{flag_of(name)} {given[name]} has no effect: there is one pair.\n"
                f"Add --population N, or omit {flag_of(name)}."
            )


def _check_unused_losses(config: TrainConfig) -> None:
    """Raises UsageError if an option of an auxiliary loss is given, but the loss is off."""
    for name, value in given_options(config).items():
        losses = [loss for loss in config.auxiliary.values() if name in loss.config.values()]
        is_price = any(name == loss.component.switch for loss in losses)  # a price of 0 turns the loss off
        if losses and value is not False and not is_price and not any(loss.on for loss in losses):
            titles = " and ".join(loss.component.title for loss in losses)
            switches = " or ".join(flag_of(loss.component.switch) for loss in losses)
            raise UsageError(
                f"{flag_of(name)} belongs to {titles}, which this run does not have.\n"
                f"Add {switches}, or leave out {flag_of(name)}."
            )
