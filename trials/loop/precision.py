"""Options that make a run faster, or repeatable, and leave what it learns as it is, or nearly so."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

import torch

from learning_to_draw.errors import UsageError, first_line
from learning_to_draw.games.losses.terms import TotalLoss
from learning_to_draw.models.agents import Agents
from learning_to_draw.models.encoders.base import BackboneEncoder, Encoder
from learning_to_draw.trials.config.resolve import Options
from learning_to_draw.trials.loop.batches import GameBatches
from learning_to_draw.trials.loop.feature_cache import compute, needed_bytes
from learning_to_draw.trials.loop.memory import MIB, memory_budget

logger = logging.getLogger("commgame")


def set_precision(options: Options, agents: Agents) -> None:
    """Sets how exactly the backbones compute. Raises UsageError for bfloat16 without a backbone.

    fp32 is exact on a GPU, too, where torch would by itself let convolutions round to TF32.
    """
    tf32 = options.precision == "tf32"
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = tf32
    for encoder in _encoders(agents):
        if isinstance(encoder, BackboneEncoder):
            encoder.precision = options.precision
        elif options.precision == "bf16":
            raise _no_backbone("--precision bf16", options)


def set_determinism(wanted: bool) -> None:
    """Lets torch compute only in ways that give the same bits every time, or in any.

    A computation that has no such way then raises a RuntimeError that names it.
    """
    if wanted:
        os.environ.setdefault(
            "CUBLAS_WORKSPACE_CONFIG", ":4096:8"
        )  # read at cuBLAS's first use, which is still to come
        torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(wanted)


def compile_backbones(options: Options, agents: Agents, image_size: int) -> None:
    """Compiles the backbones where --compile asks for it. Raises UsageError where that is not possible.

    The first steps of a run then take a minute or more.
    """
    if not options.compile:
        return
    for encoder in _encoders(agents):
        if not isinstance(encoder, BackboneEncoder):
            raise _no_backbone("--compile", options)
        encoder.compile_backbone()
        device = encoder.mean.device
        try:
            encoder.look(torch.zeros(2, 3, image_size, image_size, device=device))
        except Exception as error:  # no compiler, or one that cannot do it: each fails in its own way
            raise UsageError(
                f"--compile: torch cannot compile the backbone here ({type(error).__name__}: "
                f"{first_line(error)[:150]}).\nLeave it out."
            ) from error


def keep_features(
    options: Options, agents: Agents, loss: TotalLoss, batches: Mapping[str, GameBatches], device: torch.device
) -> None:
    """Lets the games look up what a frozen backbone makes of their photos, where --cache-features asks for it.

    auto: where the photos stay as they are and everything fits into half of the free memory. Feature maps that a loss
    needs are kept, too; where these do not fit, there is nothing to gain. Raises UsageError where "on" cannot be.
    """
    if options.cache_features == "off":
        return
    reason = _why_not(agents, batches)
    if not reason:
        encoder = agents.sender_encoder
        chosen = {name: played for name, played in batches.items() if played.pictures_stay}
        sizes = {n: needed_bytes(encoder, played.split, loss.perceives, device) for n, played in chosen.items()}
        budget = memory_budget(device)
        if sum(sizes.values()) > budget and options.cache_features == "auto":
            reason = f"they would take {sum(sizes.values()) // MIB} MiB, and {budget // MIB} MiB can be had"
    if reason:
        if options.cache_features == "on":
            raise UsageError(f"--cache-features on: {reason}.\nLeave it out.")
        return
    for played in chosen.values():
        played.features = compute(encoder, played.split, loss.perceives, device)
    kept = ", ".join(f"{name} {size // MIB} MiB" for name, size in sizes.items())
    logger.info("photo features of the frozen backbone are kept: %s (budget %d MiB)", kept, budget // MIB)


def _why_not(agents: Agents, batches: Mapping[str, GameBatches]) -> str:
    """What stands against looking features up in these games; "" where nothing does."""
    encoder, other = agents.sender_encoder, agents.receiver_encoder
    if not isinstance(encoder, BackboneEncoder):
        return "this encoder has no backbone"
    if not encoder.frozen:
        return "the backbone is trained: it is not frozen"
    if not agents.shared and not _same_weights(encoder.backbone, other.backbone):
        return "the backbones of sender and receiver are not the same"
    moving = [name for name, played in batches.items() if not played.pictures_stay]
    if len(moving) == len(batches):
        return f"the {' and '.join(moving)} pictures are augmented, a new view each time"
    return ""


def _same_weights(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    values, others = one.state_dict(), other.state_dict()
    return all(torch.equal(value, others[name]) for name, value in values.items())


def _encoders(agents: Agents) -> set[Encoder]:
    return {agents.sender_encoder, agents.receiver_encoder}


def _no_backbone(what: str, options: Options) -> UsageError:
    return UsageError(
        f"{what} is for encoders with a backbone, and {options.encoder} has none.\n"
        "Leave it out, or choose another encoder."
    )
