"""Applies the options for speed and determinism. Apart from rounding, they do not change what a run learns."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

import torch

from learning_to_draw.errors import UsageError, first_line
from learning_to_draw.games.losses.terms import TotalLoss
from learning_to_draw.models.encoders.base import BackboneEncoder, Encoder
from learning_to_draw.models.population import Community, encoders_of
from learning_to_draw.trials.loop import distributed
from learning_to_draw.trials.loop.batches import GameBatches
from learning_to_draw.trials.loop.feature_cache import compute, needed_bytes
from learning_to_draw.trials.loop.memory import MIB, memory_budget

logger = logging.getLogger("commgame")


def set_precision(precision: str, agents: Community) -> None:
    """Sets the precision: fp32 or tf32 for all networks, or bf16 for the backbones and fp32 for the rest.

    fp32 and bf16 turn off TF32 for convolutions on a GPU, which torch turns on by default. Raises UsageError for bf16
    if an encoder has no backbone.
    """
    tf32 = precision == "tf32"
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = tf32
    for encoder in encoders_of(agents):
        if isinstance(encoder, BackboneEncoder):
            encoder.precision = precision
        elif precision == "bf16":
            raise _no_backbone("--precision bf16", encoder)


def set_determinism(wanted: bool) -> None:
    """Turns torch's deterministic algorithms on or off.

    When on, an operation without a deterministic algorithm raises a RuntimeError that names it.
    """
    if wanted:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it later, at its first use
        torch.backends.cudnn.benchmark = False
    if wanted != torch.are_deterministic_algorithms_enabled():
        torch.use_deterministic_algorithms(wanted)  # imports torch's compiler, which takes a second


def backbones_to_compile(agents: Community) -> list[BackboneEncoder]:
    """All encoders. Raises UsageError if one has no backbone."""
    backbones = []
    for encoder in encoders_of(agents):
        if not isinstance(encoder, BackboneEncoder):
            raise _no_backbone("--compile", encoder)
        backbones.append(encoder)
    return backbones


def compile_backbones(agents: Community, image_size: int) -> None:
    """Compiles the backbones; takes a minute or more. Raises UsageError if it fails or an encoder has no backbone."""
    for encoder in backbones_to_compile(agents):
        encoder.compile_backbone()
        device = encoder.mean.device
        try:
            encoder.encode(torch.zeros(2, 3, image_size, image_size, device=device))
        except Exception as error:  # no compiler, or one that fails: the exceptions vary
            raise UsageError(
                f"--compile: torch cannot compile the backbone here ({type(error).__name__}: "
                f"{first_line(error)}).\nLeave out --compile."
            ) from error


def keep_features(
    mode: str, agents: Community, loss: TotalLoss, batches: Mapping[str, GameBatches], device: torch.device
) -> None:
    """Caches a frozen backbone's features of those photos in `batches` that are not augmented.

    mode: "on", "off", or "auto", which caches if that is possible and the features fit into half of the free memory.
    The feature maps that a loss or the decoder needs are cached too; otherwise the backbone would have to run again.
    Cached features differ from those of a step by rounding, so a resumed run has to do what it did before. Raises
    UsageError if mode is "on" and caching is not possible.
    """
    if not features_can_be_kept(mode, agents, batches):
        return
    pair = agents.pairs[0]
    encoder, layers = pair.sender_encoder, loss.needed_layers | set(pair.decoder.needed_layers)
    chosen = {name: games for name, games in batches.items() if games.pictures_stay}
    sizes = {n: needed_bytes(encoder, games.split, layers, device) for n, games in chosen.items()}
    budget = memory_budget(device)
    if distributed.largest(int(sum(sizes.values()) > budget)):  # all processes do the same
        logger.log(
            logging.INFO if mode == "auto" else logging.WARNING,
            "photo features of the frozen backbone are %s: they take %d MiB, and the budget is %d MiB",
            "not cached" if mode == "auto" else "cached",
            sum(sizes.values()) // MIB,
            budget // MIB,
        )
        if mode == "auto":
            return
    for games in chosen.values():
        games.features = compute(encoder, games.split, layers, device)
    kept = ", ".join(f"{name} {size // MIB} MiB" for name, size in sizes.items())
    logger.info("cached photo features of the frozen backbone: %s (budget %d MiB)", kept, budget // MIB)


def features_can_be_kept(mode: str, agents: Community, batches: Mapping[str, GameBatches]) -> bool:
    """Whether `keep_features` can cache the features. Raises UsageError if mode is "on" and it cannot."""
    reason = "" if mode == "off" else _why_not(agents, batches)
    if reason and mode == "on":
        raise UsageError(f"--cache-features on: {reason}.\nLeave out this option.")
    return mode != "off" and not reason


def _why_not(agents: Community, batches: Mapping[str, GameBatches]) -> str:
    """The reason why features cannot be cached for these games; empty if they can."""
    encoder, *others = encoders_of(agents)
    if not isinstance(encoder, BackboneEncoder):
        return "this encoder has no backbone"
    if not encoder.frozen:
        return "the backbone is not frozen"
    if not all(map(encoder.same_features, others)):
        return "the backbones of the agents are not the same"
    augmented = [name for name, games in batches.items() if not games.pictures_stay]
    if len(augmented) == len(batches):
        return f"the {' and '.join(augmented)} pictures are augmented: each epoch has new views of them"
    return ""


def _no_backbone(option: str, encoder: Encoder) -> UsageError:
    return UsageError(
        f"{option} is for encoders with a backbone, but {type(encoder).__name__} has none.\n"
        "Leave it out, or choose another encoder."
    )
