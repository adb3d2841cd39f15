"""Checks for options that conflict or would have no effect, made before anything is computed."""

from __future__ import annotations

from learning_to_draw.components import keyword_arguments
from learning_to_draw.errors import UsageError
from learning_to_draw.games import AUXILIARY_LOSSES
from learning_to_draw.trials.config.resolve import COMMAND_LINE, Options
from learning_to_draw.trials.config.run import switch_of
from learning_to_draw.trials.loop import distributed
from learning_to_draw.trials.loop.tensorboard import check_tensorboard


def check_game_options(options: Options) -> None:
    """Raises UsageError for games that are not possible."""
    given = options.num_targets and options.sources["num_targets"] == COMMAND_LINE
    if options.object_oriented == "none" and given:
        raise UsageError(
            f"--num-targets {options.num_targets} is for object-oriented games; the original game has "
            f"--batch-size ({options.batch_size}) candidates.\n"
            "Leave it out, or add --object-oriented same, different or mixed."
        )
    takes = keyword_arguments(options.part("object_oriented").load())  # a plugin's game may not take it
    if options.object_oriented != "none" and given and "num_targets" not in takes:
        raise UsageError(
            f"--num-targets {options.num_targets}: the game {options.object_oriented} does not use it.\nLeave it out."
        )
    if options.object_oriented == "none" and options.batch_size < 2:
        raise UsageError("--batch-size 1: a game needs 2 candidates or more.\nGive a larger batch.")
    if options.num_targets == 1:
        raise UsageError("--num-targets 1: a game needs 2 candidates or more.\nGive more, or leave it out.")


def check_train_options(options: Options) -> None:
    """Raises UsageError for options that would have no effect; a test accepts them, as in the official code."""
    anneals = options.values.get("sigma2_step", -1) > 0  # a plugin's decoder may not have it
    if anneals and (options.sigma2 <= options.final_sigma2 or options.sigma2_factor >= 1):
        raise UsageError(
            f"--sigma2-step {options.sigma2_step} asks for annealing, but sigma2 {options.sigma2} times "
            f"{options.sigma2_factor} never gets down to --final-sigma2 {options.final_sigma2}.\n"
            "Give a --final-sigma2 below --sigma2 and a --sigma2-factor below 1, or leave out --sigma2-step."
        )
    if options.gather_candidates and (distributed.world_size() == 1 or options.object_oriented != "none"):
        raise UsageError(
            "--gather-candidates makes one game of those that several processes (torchrun) play at once. It needs the "
            "original game: an object-oriented game would contain classes more than once.\nLeave it out."
        )
    if options.tensorboard:
        check_tensorboard()
    _check_loss_options(options)


def _check_loss_options(options: Options) -> None:
    given = {name for name, source in options.sources.items() if source == COMMAND_LINE}
    feature_losses = options.sort_of_perceptual_loss or options.like_a_dog_loss
    # (option, whether what it needs is there, what the option does, the option to add)
    needs = [
        ("sop_weights", feature_losses, "weighs the perceptual loss", "--sort-of-perceptual-loss or --like-a-dog-loss"),
        ("sop_coef", feature_losses, "weighs the perceptual loss", "--sort-of-perceptual-loss or --like-a-dog-loss"),
        (
            "learn_sop_weights",
            options.sort_of_perceptual_loss or not options.learn_sop_weights,
            "belongs to the perceptual loss",
            "--sort-of-perceptual-loss",
        ),
        ("like_a_dog_image", options.like_a_dog_loss, "is for the dog loss", "--like-a-dog-loss"),
        ("CLIP_coef", options.CLIP_loss, "weighs the CLIP loss", "--CLIP-loss"),
        *(
            (action.dest, options.values[f"{name}_loss"], f"belongs to the loss {name}", switch_of(name))
            for name, part in AUXILIARY_LOSSES.items()
            for action in part.option_actions()
        ),
    ]
    for name, fulfilled, does, needed in needs:
        if name in given and not fulfilled:
            raise UsageError(
                f"--{name.replace('_', '-')} {does}, which this run does not have.\nAdd {needed}, or leave it out."
            )
    if options.learn_sop_weights and options.sop_weights is not None:
        raise UsageError(
            "--learn-sop-weights learns the weights that --sop-weights would fix.\nGive one of them, not both."
        )
    if options.like_a_dog_loss and not options.like_a_dog_image:
        raise UsageError(
            "--like-a-dog-loss compares sketches with an image, and none is given.\n"
            "Add --like-a-dog-image FILE, or several files."
        )
