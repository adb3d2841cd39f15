"""Builds the agents of a run: one pair, or a population, on the CPU and with initial weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import torch

from learning_to_draw import plugins
from learning_to_draw.components import Chosen, flag_of, options_of
from learning_to_draw.errors import UsageError
from learning_to_draw.models.agents import Agents
from learning_to_draw.models.anytime import Halting
from learning_to_draw.models.config import AgentsConfig, parse_channel_noise
from learning_to_draw.models.encoders.base import Encoder
from learning_to_draw.models.encoders.config import EncoderConfig
from learning_to_draw.models.population import Community, Population
from learning_to_draw.trials.build import Pictures
from learning_to_draw.trials.config.run import KINDS


def build_agents(config: AgentsConfig, pictures: Pictures, *, pretrained: bool = True) -> Community:
    """The agents, on the CPU, with initial weights from torch's global generator: one pair, or a `Population`.

    pictures: what the agents will see; only image size and channels matter. pretrained: whether to load the backbone
    weights that the configuration asks for; not needed if a checkpoint is loaded afterwards. Raises UsageError if the
    components do not fit the pictures or each other, if pretrained weights are missing, or if the senders of a plugin
    draw different kinds of sketches.
    """
    senders, receivers = config.counts
    build = pair_builder(config, pictures, pretrained=pretrained)
    pairs: list[Agents] = []
    for k in range(max(senders, receivers)):
        pair = build(k)
        if k >= senders:
            pair = pair.with_sender_of(pairs[k % senders])
        if k >= receivers:
            pair = pairs[k % receivers].with_sender_of(pair)
        pairs.append(pair)
    if len(pairs) == 1:
        return pairs[0]
    if config.agents is not None:
        _check_alike(config.agents, pairs)
    population = Population(pairs, senders, receivers)
    if pretrained:  # otherwise `load_agents` does it, once it has loaded a checkpoint
        population.share_backbones()
    return population


def pair_builder(config: AgentsConfig, pictures: Pictures, *, pretrained: bool = True) -> Callable[[int], Agents]:
    """Returns a function that takes a pair's number, counted from 0, and builds the pair.

    The arguments are those of `build_agents`. Only a plugin's agents (--agents) depend on the number. Raises UsageError
    if no plugin has registered the agents that --agents names.
    """

    def build(config: AgentsConfig) -> Agents:
        return _build_pair(config, pictures, pretrained)

    if config.agents is None:
        return lambda number: build(config)
    if config.agents not in plugins.AGENTS:
        known = ", ".join(plugins.AGENTS) or "none; add --plugin FILE.py"
        raise UsageError(f"--agents {config.agents}: no plugin has agents of this name.\nAgents of plugins: {known}.")
    builder: Any = plugins.AGENTS[config.agents].load()
    return builder(config, build).pair


def _check_alike(name: str, pairs: Sequence[Agents]) -> None:
    """Raises UsageError if senders draw different kinds of sketches: a run's strokes.npz holds one kind only."""
    kinds = [_drawn_by(pair) for pair in pairs]
    for number, kind in enumerate(kinds):
        if kind != kinds[0]:
            raise UsageError(
                f"--agents {name}: sender 0 draws {kinds[0]}, but sender {number} draws {kind}.\n"
                "Build senders that all draw the same number of strokes, of the same kind."
            )


@torch.no_grad()
def _drawn_by(pair: Agents) -> str:
    """Describes in words what the sender draws for a black photo. Changes neither agents nor random generator."""
    encoder, decoder = pair.sender_encoder, pair.decoder
    modes = [(module, module.training) for module in pair.modules()]
    photo = torch.zeros(1, encoder.channels, decoder.image_size, decoder.image_size)
    with torch.random.fork_rng(devices=[]):
        pair.eval()
        strokes = decoder.strokes_for(encoder.encode(photo, layers=decoder.needed_layers))
        channels = pair.render(strokes).shape[1]
    for module, training in modes:
        module.training = training
    _, count, points, _ = strokes.points.shape
    width = "widths of their own" if isinstance(strokes.sigma2, torch.Tensor) else "one width"
    ink = "full ink" if strokes.intensities is None else f"intensities in {strokes.intensities.shape[-1]} channel(s)"
    return (
        f"{count} stroke(s) of {points} control point(s) in {decoder.steps} step(s), with {width} and {ink}, "
        f"on paper of {channels} channel(s)"
    )


def _build_pair(config: AgentsConfig, pictures: Pictures, pretrained: bool) -> Agents:
    def build_encoder() -> Encoder:
        return _build_encoder(config.encoder, "encoder", config.imagenet_norm, pictures, pretrained)

    latent_size = config.encoder.config.latent_size
    sender_encoder = build_encoder()
    if config.receiver_encoder is not None:
        receiver_encoder = _build_encoder(
            config.receiver_encoder, "receiver_encoder", config.imagenet_norm, pictures, pretrained
        )
    else:
        receiver_encoder = build_encoder() if config.separate_encoders else sender_encoder
    decoder = config.decoder.build(latent_size=latent_size, image_size=pictures.image_size, build_encoder=build_encoder)
    receiver = config.receiver.build(latent_size=latent_size)
    noise = None if config.channel_noise is None else parse_channel_noise(config.channel_noise)
    agents = Agents(
        sender_encoder,
        receiver_encoder,
        decoder,
        receiver,
        invert=config.invert,
        channel_noise=noise,
        anytime=config.anytime is not None,
        halting=Halting() if config.anytime == "learned" else None,
    )
    if config.freeze_encoders:
        sender_encoder.requires_grad_(False)
        receiver_encoder.requires_grad_(False)
    return agents


def _build_encoder(
    chosen: Chosen[EncoderConfig], kind: str, imagenet_norm: bool, pictures: Pictures, pretrained: bool
) -> Encoder:
    """Builds the encoder `chosen`. kind: "encoder" or "receiver_encoder"; messages name this option.

    Raises UsageError if the encoder does not fit the pictures, or if --imagenet-norm does not fit the encoder.
    """
    option = flag_of(kind)
    try:
        encoder = chosen.build(image_size=pictures.image_size, channels=pictures.channels, pretrained=pretrained)
    except ValueError as error:
        raise UsageError(
            f"{option} {chosen.name}: {error}.\n"
            "Choose another encoder, or pictures of another size if the data set has an option for it."
        ) from error
    except UsageError as error:
        raise UsageError(_in_flags_of(kind, chosen, str(error))) from error
    if imagenet_norm and encoder.channels != 3:
        raise UsageError(
            f"--imagenet-norm normalises red, green and blue, but {option} {chosen.name} sees one channel.\n"
            "Turn it off with --no-imagenet-norm, or choose an encoder or a data set with three channels."
        )
    encoder.imagenet_norm = imagenet_norm
    return encoder


def _in_flags_of(kind: str, chosen: Chosen[EncoderConfig], message: str) -> str:
    """An encoder's error message, with its options named as in the run: for `kind` "receiver_encoder", --timm-model
    becomes --receiver-timm-model."""
    for name in options_of(chosen.component.config):
        given, in_run = flag_of(name)[2:], flag_of(KINDS[kind].in_run(name))[2:]
        message = re.sub(rf"--(no-)?{given}(?![\w-])", rf"--\1{in_run}", message)
    return message
