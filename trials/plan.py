"""What a run is going to play, in words: shown before it starts and by --dry-run."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from models.agents import Agents
from trials.batches import GameBatches
from trials.options import DEFAULT_SOURCE, Options
from trials.wiring import Pictures

MIB = 2**20


def describe(options: Options, pictures: Pictures, batches: Mapping[str, GameBatches], agents: Agents) -> str:
    """Data, game geometry, chance level, parameters; then every option that is not at its default, and its source."""
    lines = [
        _data_line(options, pictures),
        *(_game_line(name, played) for name, played in batches.items()),
        f"chance level   {1 / next(iter(batches.values())).dealer.candidates:.4f}",
        _parameter_line(agents),
    ]
    changed = [name for name, source in options.sources.items() if source != DEFAULT_SOURCE]
    lines += [f"{name:<26} {options.values[name]}  ({options.sources[name]})" for name in changed]
    return "\n".join(lines)


def memory_estimate(batches: GameBatches, agents: Agents, pictures: Pictures, *, training: bool) -> str:
    """About what a run holds at once: decoded pictures, weights with gradients and Adam's moments, one step's graph.

    The graph is measured: a few pictures are played and what autograd keeps for them is counted, then scaled.
    """
    weights = sum(parameter.numel() * parameter.element_size() for parameter in agents.parameters())
    if training:
        weights += 3 * sum(p.numel() * p.element_size() for p in agents.parameters() if p.requires_grad)
    data = sum(_bytes(split.images) for split in pictures.splits.values())
    graph = _graph_bytes(batches, agents) if training else 0
    total = weights + data + graph
    return (
        f"memory         about {total / MIB:.0f} MiB: pictures {data / MIB:.0f}, weights {weights / MIB:.0f}, "
        f"one step {graph / MIB:.0f}"
    )


def _graph_bytes(batches: GameBatches, agents: Agents) -> float:
    """Bytes that autograd keeps for one training step, from a game of four."""
    few = 4
    size, channels = agents.decoder.image_size, batches.split.view(torch.arange(1)).shape[1]
    photos, kept = torch.rand(few, channels, size, size), {}

    def count(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.dim() > 1 and tensor.shape[0] >= few:  # weights are counted elsewhere
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    owned = {parameter.untyped_storage().data_ptr() for parameter in agents.parameters()}
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        agents(photos, torch.arange(few)[None], few)
    step = sum(size for pointer, size in kept.items() if pointer not in owned)
    return step / few * batches.dealer.games * batches.dealer.senders


def _bytes(images) -> int:
    pixels = getattr(images, "pixels", images)
    return pixels.numel() * pixels.element_size()


def _data_line(options: Options, pictures: Pictures) -> str:
    sizes = ", ".join(
        f"{name} {len(split)}" + (f" (of {len(split.images)} pictures)" if len(split.images) != len(split) else "")
        for name, split in pictures.splits.items()
    )
    classes = len(next(iter(pictures.splits.values())).classes)
    colours = "colour" if pictures.channels == 3 else "grey"
    return f"data set       {options.dataset}: {sizes}; {classes} classes, {pictures.image_size} px, {colours}"


def _game_line(name: str, batches: GameBatches) -> str:
    deal = batches.dealer
    return (
        f"{name:<14} {batches.games} games of {deal.candidates} candidates ({deal.kind}), in {len(batches)} batches of "
        f"{deal.games * deal.senders} senders"
    )


def _parameter_line(agents: Agents) -> str:
    trained = sum(parameter.numel() for parameter in agents.parameters() if parameter.requires_grad)
    frozen = sum(parameter.numel() for parameter in agents.parameters() if not parameter.requires_grad)
    return f"parameters     {trained:,} trained, {frozen:,} frozen"
