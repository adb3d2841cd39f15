"""Describes in words what a run is going to play. The text is shown before the run starts, and by --dry-run."""

from __future__ import annotations

from collections.abc import Mapping

from learning_to_draw.components import Config
from learning_to_draw.datasets.config import PictureFilesConfig
from learning_to_draw.datasets.decoded_cache import cache_folder, cached_bytes
from learning_to_draw.models.agents import Agents
from learning_to_draw.trials.build import Pictures
from learning_to_draw.trials.config.configure import as_text, default_values, given_options
from learning_to_draw.trials.config.run import RunConfig
from learning_to_draw.trials.loop import distributed
from learning_to_draw.trials.loop.batches import GameBatches
from learning_to_draw.trials.loop.memory import MIB


def describe(config: RunConfig, pictures: Pictures, batches: Mapping[str, GameBatches], agents: Agents) -> str:
    """A text that describes data, games, chance level and parameters, one line each.

    After these come the options that were given or differ from their defaults.
    """
    lines = [
        _data_line(config.dataset.name, pictures),
        _place_line(pictures),
        *_cache_lines(config.dataset.config),
        *(_game_line(name, games) for name, games in batches.items()),
        *_processes_line(batches),
        *_lonely_line(batches),
        f"chance level   {1 / next(iter(batches.values())).sampler.candidates:.4f}",
        _parameter_line(agents),
    ]
    values, given, defaults = config.values(), given_options(config), default_values(config)
    changed = [name for name in values if name in given or values[name] != defaults[name]]
    lines += [f"{name:<26} {as_text(values[name])}  ({config.sources[name]})" for name in changed]
    return "\n".join(lines)


def _data_line(dataset: str, pictures: Pictures) -> str:
    sizes = ", ".join(
        f"{name} {len(split)}" + (f" (of {len(split.images)} pictures)" if len(split.images) != len(split) else "")
        for name, split in pictures.splits.items()
    )
    classes = len(next(iter(pictures.splits.values())).classes)
    colours = "colour" if pictures.channels == 3 else "grey"
    return f"data set       {dataset}: {sizes}; {classes} classes, {pictures.image_size} px, {colours}"


def _place_line(pictures: Pictures) -> str:
    place = next(iter(pictures.splits.values())).images.device
    where = "in the CPU's memory" if place.type == "cpu" else f"on {place}"
    line = f"decoded        {pictures.nbytes / MIB:.1f} MiB of pictures {where}"
    return line if pictures.budget is None else f"{line}; the GPU's budget for them: {pictures.budget / MIB:.0f} MiB"


def _cache_lines(dataset: Config) -> list[str]:
    """Lines that say where decoded pictures are saved, and how much is saved there.

    Empty for data sets that do not consist of picture files.
    """
    if not isinstance(dataset, PictureFilesConfig):
        return []
    folder, earlier = cache_folder(dataset), dataset.dataset_root / ".decoded"
    reason = "--no-cache" if dataset.no_cache else "the user has no home folder"
    where = f"none ({reason})" if folder is None else f"{cached_bytes(folder) / MIB:.1f} MiB of files in {folder}"
    lines = [f"cache          {where}"]
    if earlier.is_dir():
        lines.append(f"old cache      {earlier} is not used any more and can be deleted")
    return lines


def _game_line(name: str, batches: GameBatches) -> str:
    sampler = batches.sampler
    return (
        f"{name:<14} {batches.games} games of {sampler.candidates} candidates ({sampler.kind}), "
        f"in {len(batches)} batches of {sampler.games * sampler.senders} senders"
    )


def _processes_line(batches: Mapping[str, GameBatches]) -> list[str]:
    count = distributed.world_size()
    if count == 1:
        return []
    each = ", each with its own batches; a step is one batch per process" if "train" in batches else " share the games"
    return [f"processes      {count}{each}"]


def _lonely_line(batches: Mapping[str, GameBatches]) -> list[str]:
    """A line that counts the classes with one picture only; [] if there are none.

    Counts only splits whose games should show the receiver a different picture of the sender's class.
    """
    dealers = {name: games.sampler for name, games in batches.items() if games.sampler.kind in ("different", "mixed")}
    counts = ", ".join(f"{len(sampler.lonely)} of {name}" for name, sampler in dealers.items() if sampler.lonely)
    line = f"one picture    classes with one picture only: {counts}; here the receiver sees the sender's own picture"
    return [line] if counts else []


def _parameter_line(agents: Agents) -> str:
    trained = sum(parameter.numel() for parameter in agents.parameters() if parameter.requires_grad)
    frozen = sum(parameter.numel() for parameter in agents.parameters() if not parameter.requires_grad)
    return f"parameters     {trained:,} trained, {frozen:,} frozen"
