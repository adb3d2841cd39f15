"""Describes in words what a run is going to play. The text is shown before the run starts, and by --dry-run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from learning_to_draw.components import Config
from learning_to_draw.datasets.config import PictureFilesConfig
from learning_to_draw.datasets.decoded_cache import cache_folder, cached_bytes
from learning_to_draw.models.population import Community, Population
from learning_to_draw.trials.build import Pictures
from learning_to_draw.trials.config.all_options import format_option, of_training
from learning_to_draw.trials.config.configure import default_values, given_options
from learning_to_draw.trials.config.run import RunConfig, TrainConfig
from learning_to_draw.trials.loop import distributed
from learning_to_draw.trials.loop.batches import GameBatches
from learning_to_draw.trials.loop.memory import MIB

WIDTH = 80  # columns
COUNTS = ("nlines", "npoints", "segments", "steps")  # options of decoders that count strokes
SHOWN_ABOVE = ("dataset", "object_oriented", "encoder", "receiver_encoder", "decoder", *COUNTS)


def describe(config: RunConfig, pictures: Pictures, batches: Mapping[str, GameBatches], agents: Community) -> str:
    """A text about the data, the games, the chance level and the agents.

    It ends with the options that were given or differ from their defaults; a default that the data set sets replaces
    the declared one. The lines of options are wrapped at 80 columns.
    """
    lines = [
        _data_line(config.dataset.name, pictures),
        _place_line(pictures),
        *_cache_lines(config.dataset.config),
        *(_game_line(name, games) for name, games in batches.items()),
        *_processes_line(batches),
        *_lonely_line(batches),
        f"chance level   {1 / next(iter(batches.values())).sampler.candidates:.4f}",
        *_agents_lines(config, agents),
        *_option_lines(config),
    ]
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
    sampler, pairs = batches.sampler, len(batches.meetings)
    return (
        f"{name:<14} {batches.games_of_one} turns with {sampler.candidates} candidates ({sampler.kind}), "
        f"{len(batches) // pairs} batches of {sampler.games * sampler.senders}{f', by {pairs} pairs' * (pairs > 1)}"
    )


def _processes_line(batches: Mapping[str, GameBatches]) -> list[str]:
    count = distributed.world_size()
    if count == 1:
        return []
    each = ", each with its own batches; a step is one batch per process" if "train" in batches else " share the turns"
    return [f"processes      {count}{each}"]


def _lonely_line(batches: Mapping[str, GameBatches]) -> list[str]:
    """One line that counts the classes with a single picture; [] if every class has more.

    Considers only splits with "different" or "mixed" games, which need two pictures of a class: one for the sender and
    one for the receiver.
    """
    dealers = {name: games.sampler for name, games in batches.items() if games.sampler.kind in ("different", "mixed")}
    counts = ", ".join(f"{len(sampler.lonely)} of {name}" for name, sampler in dealers.items() if sampler.lonely)
    line = (
        f"one picture    classes with one picture only: {counts}; in these, the receiver sees the sender's own picture"
    )
    return [line] if counts else []


def _agents_lines(config: RunConfig, agents: Community) -> list[str]:
    trained = sum(parameter.numel() for parameter in agents.parameters() if parameter.requires_grad)
    frozen = sum(parameter.numel() for parameter in agents.parameters() if not parameter.requires_grad)
    decoder = config.agents.decoder
    counts = [f"{name} {value}" for name, value in decoder.config.values().items() if name in COUNTS]
    return [
        *_population_line(agents),
        f"encoder        {config.agents.encoder.name}{_of_receiver(config)}",
        f"decoder        {', '.join([decoder.name, *counts])}",
        f"parameters     {trained:,} trained, {frozen:,} frozen",
    ]


def _population_line(agents: Community) -> list[str]:
    if not isinstance(agents, Population):
        return []
    return [f"population     {agents.senders} sender(s), {agents.receivers} receiver(s)"]


def _of_receiver(config: RunConfig) -> str:
    """The end of the line "encoder" if the receiver's encoder has its own configuration; otherwise ""."""
    chosen = config.agents.receiver_encoder
    return "" if chosen is None else f" (sender), {chosen.name} (receiver)"


def _option_lines(config: RunConfig) -> list[str]:
    """Wrapped lines with the options that were given or differ from their defaults, grouped by their values' source."""
    values, given, of_dataset = config.values(), given_options(config), config.dataset.component
    defaults = default_values(config.command, values) | of_dataset.defaults_for(config.agents.decoder.name)
    ignored = set() if isinstance(config, TrainConfig) else of_training(values)
    by_source: dict[str, list[str]] = {}
    for name, value in values.items():
        if name in given or (value != defaults[name] and name not in ignored and name not in SHOWN_ABOVE):
            by_source.setdefault(config.sources[name], []).append(format_option(name, value))
    return [line for source, options in by_source.items() for line in _wrapped(source, options)]


def _wrapped(heading: str, options: Sequence[str]) -> list[str]:
    """A heading and options in lines of at most 80 columns. An option is never split, even if it is longer."""
    lines = [f"{heading:<14}"]
    for option in options:
        if len(lines[-1]) + 1 + len(option) > WIDTH and lines[-1].strip() not in ("", heading):
            lines.append(" " * 14)
        lines[-1] += f" {option}"
    return lines
