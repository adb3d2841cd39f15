"""Builds pictures, batches, agents and losses from resolved options, for train, test and --dry-run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from learning_to_draw.datasets.decoding import read_picture, resize_and_crop, to_tensor
from learning_to_draw.datasets.splits import Split, to_unit_range
from learning_to_draw.errors import UsageError, first_line
from learning_to_draw.games import AUXILIARY_LOSSES
from learning_to_draw.games.losses.perceptual import CLIPLoss, LearntWeights, LikeADogLoss, PerceptualLoss
from learning_to_draw.games.losses.terms import ReconstructLoss, TotalLoss
from learning_to_draw.games.sampling import GameSampler
from learning_to_draw.models.agents import Agents
from learning_to_draw.models.encoders.base import IMAGENET_MEAN, Encoder
from learning_to_draw.trials.checks import check_game_options
from learning_to_draw.trials.config.resolve import Options
from learning_to_draw.trials.loop import distributed
from learning_to_draw.trials.loop.batches import GameBatches, SenderView
from learning_to_draw.trials.loop.memory import SHARE, place_of_pictures

# Added to --data-seed (in training also to --seed), which gives each kind of random draw its own stream.
TRAIN_DEAL, TRAIN_VIEW, VALID_VIEW, TEST_VIEW, TRAIN_SKETCH_VIEW, VALID_SKETCH_VIEW = 1, 2, 3, 4, 5, 6


@dataclass(frozen=True)
class Pictures:
    """The splits a command needs, by name, with their common image size and number of channels."""

    splits: Mapping[str, Split]
    image_size: int
    channels: int
    budget: int | None = None  # bytes that they may take on the run's GPU; None without a CUDA GPU

    @property
    def nbytes(self) -> int:
        """Size of all splits together: one byte for each channel of each pixel."""
        return sum(split.images.nbytes for split in self.splits.values())


def choose_device(asked: str | None) -> torch.device:
    """The device asked for, or else the first GPU, or else the CPU. Raises UsageError if it is not available."""
    name = ("cuda:0" if torch.cuda.is_available() else "cpu") if asked is None else asked
    if distributed.world_size() > 1:
        name = _one_of_several(name)
    try:
        device = torch.device(name)
        if device.type not in ("cpu", "cuda", "mps", "xpu"):
            raise ValueError("training does not support it")
        torch.empty(1, device=device)
        if device.type == "cuda" and distributed.world_size() > 1:
            torch.cuda.set_device(device)  # NCCL communicates on the current device
    except Exception as error:  # each kind of device raises its own errors
        raise UsageError(
            f"--device {name} cannot be used: {first_line(error)[:150]}\n"
            f"This machine has the CPU and {torch.cuda.device_count()} CUDA GPU(s)."
        ) from error
    return device


def _one_of_several(name: str) -> str:
    """The device of this process when there are several: each process has its own GPU."""
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (number and name != "cuda:0"):
        raise UsageError(
            f"--device {name}: with several processes, each uses its own GPU, or all use the CPU.\n"
            "Give cuda or cpu, or leave it out."
        )
    return f"cuda:{distributed.local_rank()}" if kind == "cuda" else name


def load_pictures(options: Options, names: tuple[str, ...], device: torch.device) -> Pictures:
    """Decodes the named splits of the chosen data set, for a run on `device`, and moves them to --data-device.

    Raises UsageError if the pictures cannot be read or do not fit.
    """
    if options.data_device == "cuda" and device.type != "cuda":
        raise UsageError(
            f"--data-device cuda: there is no CUDA GPU in a run on {device}.\n"
            "Leave it out, or give --device cuda on a machine that has one."
        )
    with distributed.local_rank_zero_first():
        dataset = options.part("dataset").build(options.values)
        pictures = Pictures({name: dataset.split(name) for name in names}, dataset.image_size, dataset.channels)
    if device.type != "cuda":
        return pictures
    free, _ = torch.cuda.mem_get_info(device)
    place = place_of_pictures(options.data_device, pictures.nbytes, device, free)
    return replace(
        pictures,
        splits={name: split.to(place) for name, split in pictures.splits.items()},
        budget=int(free * SHARE),
    )


def build_batches(options: Options, pictures: Pictures, device: torch.device) -> dict[str, GameBatches]:
    """The batches of every split, with games of one size. Raises UsageError if a split is too small for these games."""
    check_game_options(options)
    seed = options.data_seed
    views = {"train": view_seed(options) + TRAIN_VIEW, "valid": seed + VALID_VIEW, "test": seed + TEST_VIEW}
    # The held-out orders come from one stream, validation first: a test without training then plays the same games.
    fixed = torch.Generator().manual_seed(seed)
    seeds = {name: int(torch.randint(2**62, (), generator=fixed)) for name in ("valid", "test")}
    num_targets, batches = options.num_targets or None, {}
    for name, split in pictures.splits.items():
        train = name == "train"
        generator = torch.Generator().manual_seed(seed + TRAIN_DEAL if train else seeds[name])
        sampler = build_sampler(options, split, generator, num_targets)
        _check_sampler(options, sampler, split)
        if train and len(sampler) < distributed.world_size():
            raise UsageError(
                f"--batch-size {options.batch_size}: an epoch has {len(sampler)} batch(es), and each of the "
                f"{distributed.world_size()} processes needs one.\nGive a smaller batch, or start fewer processes."
            )
        if train and options.object_oriented != "none":
            num_targets = sampler.candidates  # every split plays games of the training size
        batches[name] = GameBatches(
            split,
            sampler,
            device=device,
            seed=views[name],
            sender_view=_sender_view(options, pictures),
            share=(distributed.rank(), distributed.world_size())
            if train
            else (0, 1),  # held-out games: see `DividedGames`
        )
    return batches


def _check_sampler(options: Options, sampler: GameSampler, split: Split) -> None:
    """Raises UsageError for too few pictures. The built-in games check this themselves; a plugin's game may not."""
    if len(sampler) < 1:
        raise UsageError(
            f"--batch-size {options.batch_size}: no game of {sampler.candidates} candidates can be dealt from the "
            f"{len(split)} pictures of the {split.name} split.\nGive a smaller one, or use more pictures."
        )
    if sampler.senders > sampler.candidates:
        raise UsageError(
            f"--sender-images-per-iter {sampler.senders}: a game has {sampler.candidates} pictures.\n"
            f"Give at most {sampler.candidates}."
        )


def training_seed(options: Options) -> int:
    """--seed, or --data-seed if --seed is left out or the command is a test, which does not have it."""
    seed = options.values.get("seed")
    return options.data_seed if seed is None else seed


def view_seed(options: Options) -> int:
    """The seed for random draws within a training step. It differs between processes."""
    seed, rank = training_seed(options), distributed.rank()
    if rank == 0:
        return seed
    # Drawn instead of added: CPU generators use only 32 bits of a seed, and a sum could equal another stream's seed.
    return int(torch.randint(2**32, (rank,), generator=torch.Generator().manual_seed(seed))[-1])


def build_sampler(options: Options, split: Split, generator: torch.Generator, num_targets: int | None) -> GameSampler:
    """The game that deals the split's items: reshuffled every epoch in training, otherwise the same every time."""
    train = split.name == "train"
    return options.part("object_oriented").build(
        options.values,
        kind=options.object_oriented,
        items=len(split),
        labels=split.item_labels,
        classes=split.classes,
        pictures=split.items,
        candidates=options.batch_size,  # of the original game
        num_targets=num_targets,
        # The number of games per batch does not affect the games: a small held-out split plays fewer at a time.
        batch_size=options.batch_size if train else min(options.batch_size, len(split)),
        senders=options.sender_images_per_iter,
        generator=generator,
        shuffle=train,
        split=split.name,
    )


def build_agents(options: Options, pictures: Pictures, *, pretrained: bool = True) -> Agents:
    """The agents, on the CPU, with initial weights from torch's global generator.

    pretrained: whether to load the backbone weights that the options ask for; not needed before loading a checkpoint.
    Raises UsageError if the components do not fit the pictures or weights are missing.
    """
    sender_encoder = _build_encoder(options, pictures, pretrained)
    receiver_encoder = sender_encoder
    if options.separate_encoders:
        receiver_encoder = _build_encoder(options, pictures, pretrained)
    decoder = options.part("decoder").build(
        options.values,
        latent_size=options.latent_size,
        image_size=pictures.image_size,
        build_encoder=lambda: _build_encoder(options, pictures, pretrained),
    )
    receiver = options.part("receiver").build(options.values, latent_size=options.latent_size)
    agents = Agents(
        sender_encoder,
        receiver_encoder,
        decoder,
        receiver,
        invert=options.invert,
    )
    if options.freeze_encoders:
        sender_encoder.requires_grad_(False)
        receiver_encoder.requires_grad_(False)
    return agents


def build_loss(options: Options, agents: Agents) -> TotalLoss:
    """The game's loss and the chosen auxiliary losses, with initial weights from torch's global generator.

    Raises UsageError if nothing would be learned, or if the encoder lacks the feature layers that a loss compares.
    """
    encoder, auxiliary = agents.sender_encoder, {}
    if options.sort_of_perceptual_loss:
        layers = encoder.feature_layers
        weights = LearntWeights(len(layers)) if options.learn_sop_weights else options.sop_weights
        auxiliary["perceptual"] = PerceptualLoss(layers, weights, options.sop_coef)
    if options.like_a_dog_loss:
        images = _read_images(options.like_a_dog_image, encoder.channels, agents.decoder.image_size)
        auxiliary["dog"] = LikeADogLoss(encoder, images, options.sop_weights, options.sop_coef)
    if options.CLIP_loss:
        auxiliary["CLIP"] = CLIPLoss(
            encoder,
            options.CLIP_coef,
            paper=1.0 if options.invert else 0.0,
            seed=view_seed(options) + TRAIN_SKETCH_VIEW,
            held_out_seed=options.data_seed + VALID_SKETCH_VIEW,
        )
    if options.reconstruct_loss:
        auxiliary["reconstruct"] = ReconstructLoss()
    for name, part in AUXILIARY_LOSSES.items():
        if options.values[f"{name}_loss"]:
            auxiliary[name] = part.build(options.values, encoder=encoder)
    if options.loss == "NoLoss" and not _teaching(options, auxiliary):
        raise UsageError(
            "--loss NoLoss alone teaches nothing: the game's loss is then always 0.\n"
            "Add another loss with a weight above 0, such as --sort-of-perceptual-loss, or choose HingeLoss or CELoss."
        )
    return TotalLoss(build_game_loss(options), auxiliary)


def build_test_loss(options: Options) -> TotalLoss:
    """The loss that a test measures: the game's, and the reconstruction loss if chosen, as in the official code."""
    return TotalLoss(build_game_loss(options), {"reconstruct": ReconstructLoss()} if options.reconstruct_loss else None)


def _teaching(options: Options, auxiliary: Mapping[str, Any]) -> set[str]:
    """The names of the auxiliary losses that are not multiplied by 0."""
    zeroed = set()
    if options.sop_coef == 0 or (options.sop_weights is not None and not any(options.sop_weights)):
        zeroed |= {"perceptual", "dog"}
    if options.CLIP_coef == 0:
        zeroed.add("CLIP")
    return auxiliary.keys() - zeroed


def _read_images(files: list[str], channels: int, size: int) -> torch.Tensor:
    """float [K, channels, size, size] in 0..1: the picture files, shorter side scaled to `size`, centre-cropped."""
    scale = resize_and_crop(size)
    try:
        pictures = [to_tensor(scale(read_picture(file, channels, upright=True))) for file in files]
    except UsageError as error:
        raise UsageError(f"--like-a-dog-image: {error}") from error
    return to_unit_range(torch.stack(pictures))


def build_game_loss(options: Options) -> Any:
    return options.part("loss").build(options.values)


def _build_encoder(options: Options, pictures: Pictures, pretrained: bool) -> Encoder:
    context = {"image_size": pictures.image_size, "channels": pictures.channels, "pretrained": pretrained}
    try:
        encoder = options.part("encoder").build(options.values, **context)
    except ValueError as error:
        raise UsageError(f"--encoder {options.encoder}: {error}.\nChoose another, or a larger --image-size.") from error
    if options.imagenet_norm and encoder.channels != 3:
        raise UsageError(
            "--imagenet-norm normalises red, green and blue, but this encoder sees one channel.\n"
            "Leave it out, or choose an encoder or a data set with three channels."
        )
    encoder.imagenet_norm = options.imagenet_norm
    return encoder


def _sender_view(options: Options, pictures: Pictures) -> SenderView | None:
    if not options.random_transform_sender:
        return None
    if options.imagenet_norm:
        return SenderView(torch.tensor(IMAGENET_MEAN[: pictures.channels]))
    return SenderView(torch.zeros(pictures.channels))
