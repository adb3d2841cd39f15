"""Builds what train, test, crossplay and play need: the device, pictures, games and losses of a `RunConfig`."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic

import torch

from learning_to_draw import plugins
from learning_to_draw.components import Chosen, Config, flag_of
from learning_to_draw.datasets.splits import Split
from learning_to_draw.errors import UsageError, first_line
from learning_to_draw.games.config import GameConfig
from learning_to_draw.games.losses.terms import TotalLoss
from learning_to_draw.games.partners import Partners, meeting_weights
from learning_to_draw.games.sampling import BatchTooLarge, GameSampler
from learning_to_draw.models.agents import Meeting
from learning_to_draw.models.encoders.base import IMAGENET_MEAN, BackboneEncoder
from learning_to_draw.models.population import Community, all_meetings, encoders_of
from learning_to_draw.trials.checks import check_candidates, check_game_options
from learning_to_draw.trials.config.configure import Run, is_asked_for, replaced
from learning_to_draw.trials.config.run import (
    Auxiliary,
    CrossplayConfig,
    RunConfig,
    TestConfig,
    TrainConfig,
)
from learning_to_draw.trials.loop import distributed
from learning_to_draw.trials.loop.batches import GameBatches, SenderView
from learning_to_draw.trials.loop.memory import SHARE, place_of_pictures

logger = logging.getLogger("commgame")

DARK = 32  # pictures are nearly black if all their values are below this
CHUNK = 2**24  # values searched at a time; the search ends at the first bright value

# Offsets added to a seed, so that each kind of random draw has its own stream.
TRAIN_DEAL, TRAIN_VIEW, VALID_VIEW, TEST_VIEW, TRAIN_SKETCH_VIEW, VALID_SKETCH_VIEW = 1, 2, 3, 4, 5, 6
PARTNERS, REPLACED, LESSON = 7, 8, 9


@dataclass(frozen=True)
class Pictures:
    """The splits a command needs, by name, with their common image size and number of channels."""

    splits: Mapping[str, Split]
    image_size: int
    channels: int
    budget: int | None = None  # bytes that pictures may take on the GPU by default; None unless the run is on a GPU

    @property
    def nbytes(self) -> int:
        """Size of all splits together: one byte for each channel of each pixel."""
        return sum(split.images.nbytes for split in self.splits.values())


@dataclass(frozen=True)
class Seeds:
    """The seeds of a run.

    data: decides which pictures each game has and, in held-out games, the random views. training: decides the initial
    weights and, in training, the random views and the partners in a population.
    """

    data: int
    training: int

    @property
    def views(self) -> int:
        """The seed for random numbers within a training step, such as augmentations. It differs between processes."""
        rank = distributed.rank()
        if rank == 0:
            return self.training
        # A random number, not seed + rank: CPU generators use only 32 bits of a seed, and the sum could equal the seed
        # of another stream.
        return int(torch.randint(2**32, (rank,), generator=torch.Generator().manual_seed(self.training))[-1])


def seeds_of(config: RunConfig) -> Seeds:
    """The seeds of a run. The training seed is --seed; without it, --data-seed."""
    seed = config.seed if isinstance(config, TrainConfig) else None
    return Seeds(config.data_seed, config.data_seed if seed is None else seed)


@dataclass(frozen=True)
class Setup(Generic[Run]):
    """The device of a run, its pictures, and the batches of games of every split.

    config: the run's configuration, with a batch size that all splits can fill.
    """

    config: Run
    device: torch.device
    pictures: Pictures
    batches: dict[str, GameBatches]


def set_up(config: Run, splits: Sequence[str], given: Mapping[str, Split] | None = None) -> Setup[Run]:
    """The device, the decoded pictures of the named splits, and their games.

    given: splits by name to use instead of the data set's, with pictures of one size.
    Raises UsageError if the device is not available, or if the pictures do not fit the configuration.
    """
    check_game_options(config)
    device = choose_device(config.device)
    if given is None:
        pictures = load_pictures(config.dataset, splits, device, config.data_device)
    else:
        images = next(iter(given.values())).images
        assert isinstance(images, torch.Tensor), "pictures of different sizes"
        channels, _, size = images.shape[1:]
        pictures = Pictures(given, size, channels)
    _warn_if_dark(config.dataset.name, pictures)
    config, batches = fit_batches(config, pictures, device)
    check_candidates(config, next(iter(batches.values())).sampler)
    _introduce(config, batches)
    return Setup(config, device, pictures, batches)


def _introduce(config: RunConfig, batches: Mapping[str, GameBatches]) -> None:
    """Sets who plays the batches of a population: in training, the partners that --partners chooses; in held-out
    games, everyone with everyone.

    Changes nothing for one pair, in crossplay, and in a test with --agent.
    """
    senders, receivers = config.agents.counts
    if max(senders, receivers) == 1 or isinstance(config, CrossplayConfig):
        return
    if isinstance(config, TestConfig) and config.agent is not None:
        return
    for games in batches.values():
        games.meetings = all_meetings(senders, receivers)
    if isinstance(config, TrainConfig):
        generator = torch.Generator().manual_seed(seeds_of(config).training + PARTNERS)
        batches["train"].meetings, batches["train"].partners_generator = (Meeting(),), generator
        if (of_plugin := plugins.PARTNERS.get(config.partners)) is not None:
            batches["train"].partners = of_plugin.target(senders, receivers, generator)
        else:
            batches["train"].partners = Partners(meeting_weights(config.partners, senders, receivers), generator)


def fit_batches(config: Run, pictures: Pictures, device: torch.device) -> tuple[Run, dict[str, GameBatches]]:
    """The configuration and the batches of every split. The configuration has a batch size that all splits can fill.

    If the batch size is a default or comes from a preset, it shrinks to the largest size that all splits can fill.
    Raises UsageError if it comes from elsewhere and is too large, or if a split is too small for any size.
    """
    fitting, problem = config, None
    while True:
        try:
            batches = build_batches(
                fitting.game, pictures, device, seeds_of(config), imagenet_norm=config.agents.imagenet_norm
            )
            break
        except BatchTooLarge as error:
            problem = error
            if config.plays_original and error.most < 2:
                raise UsageError(
                    f"the {error.split} split has {error.pictures} picture(s){error.reason}, but a game needs 2 "
                    "candidates or more.\nUse more pictures."
                ) from error
            fitting = replaced(fitting, f"shrunk to the {error.split} split", batch_size=error.most)
    if problem is None:
        return config, batches
    size = config.game.config.batch_size
    if is_asked_for(config, "batch_size"):
        # The size shrank until all splits could fill it, so the last problem has the largest size that is allowed.
        raise BatchTooLarge(size, problem.split, problem.pictures, problem.most, problem.reason)
    logger.info(
        "batch size     %d instead of %d: the %s split has %d pictures%s",
        problem.most,
        size,
        problem.split,
        problem.pictures,
        problem.reason,
    )
    return fitting, batches


def choose_device(asked: str | None) -> torch.device:
    """The device named `asked`; None: the first GPU if there is one, otherwise the CPU.

    With several processes on GPUs, each gets its own GPU. Raises UsageError if the device is not available.
    """
    name = ("cuda:0" if torch.cuda.is_available() else "cpu") if asked is None else asked
    if distributed.world_size() > 1:
        name = _one_of_several(name)
    try:
        device = torch.device(name)
        if device.type not in ("cpu", "cuda", "mps", "xpu"):
            raise ValueError("this program does not support this kind of device")
        torch.empty(1, device=device)
        if device.type == "cuda" and distributed.world_size() > 1:
            torch.cuda.set_device(device)  # NCCL communicates on the current device
    except Exception as error:  # each kind of device raises its own errors
        raise UsageError(
            f"--device {name} cannot be used: {first_line(error)}\n"
            f"This machine has the CPU and {torch.cuda.device_count()} CUDA GPU(s).\n"
            "Choose one of these. Several processes need one GPU each, or --device cpu."
        ) from error
    return device


def _one_of_several(name: str) -> str:
    """The name of this process's device if there are several processes: its own GPU for cuda or cuda:0, cpu for cpu.

    name: the device asked for. Raises UsageError for any other name, such as cuda:1 or mps.
    """
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (number and name != "cuda:0"):
        raise UsageError(
            f"--device {name}: with several processes, each uses its own GPU, or all use the CPU.\n"
            "Give --device cuda or --device cpu, or leave out --device."
        )
    return f"cuda:{distributed.local_rank()}" if kind == "cuda" else name


def load_pictures(
    dataset: Chosen[Config], names: Sequence[str], device: torch.device, data_device: str = "auto"
) -> Pictures:
    """Decodes the splits `names` of a data set for a run on `device`, and keeps them where --data-device says.

    data_device: the value of --data-device. Raises UsageError if the pictures cannot be read. For data_device "cuda",
    also raises it if `device` is not a CUDA GPU, or if the pictures do not fit into its memory.
    """
    if data_device == "cuda" and device.type != "cuda":
        raise UsageError(
            f"--data-device cuda: this run is on {device}, not on a CUDA GPU.\n"
            "Leave out --data-device, or choose a GPU with --device cuda."
        )
    with distributed.local_rank_zero_first():
        built = dataset.build()
        pictures = Pictures({name: built.split(name) for name in names}, built.image_size, built.channels)
    if device.type != "cuda":
        return pictures
    free, _ = torch.cuda.mem_get_info(device)
    place = place_of_pictures(data_device, pictures.nbytes, device, free)
    return replace(
        pictures,
        splits={name: split.to(place) for name, split in pictures.splits.items()},
        budget=int(free * SHARE),
    )


def _warn_if_dark(dataset: str, pictures: Pictures) -> None:
    """Logs a warning if all pictures are nearly black, for example those of a 12-bit camera in 16-bit files."""
    brightest = 0
    for split in pictures.splits.values():
        images = split.images
        pixels = images if isinstance(images, torch.Tensor) else images.pixels
        for part in pixels.flatten().split(CHUNK):
            brightest = max(brightest, int(part.max()))
            if brightest >= DARK:
                return
    logger.warning(
        "%s: all pictures are nearly black: the brightest value is %d of 255. If these are 16-bit files that use fewer "
        "bits, rescale them, because 16-bit values are divided by 256.",
        dataset,
        brightest,
    )


def build_batches(
    game: Chosen[GameConfig],
    pictures: Pictures,
    device: torch.device,
    seeds: Seeds,
    *,
    imagenet_norm: bool = False,
) -> dict[str, GameBatches]:
    """The batches of every split, by the split's name. All games have the same number of candidates.

    imagenet_norm: whether the encoders normalise with ImageNet's mean. If so, --random-transform-sender pads the
    senders' photos with that mean, otherwise with 0. Raises UsageError if a split is too small for these games.
    """
    views = {"train": seeds.views + TRAIN_VIEW, "valid": seeds.data + VALID_VIEW, "test": seeds.data + TEST_VIEW}
    # The seeds of validation and test are both drawn, always in this order. A test that loads only the test split
    # therefore plays the same games as one that loads all splits.
    fixed = torch.Generator().manual_seed(seeds.data)
    orders = {"train": seeds.data + TRAIN_DEAL}
    orders |= {name: int(torch.randint(2**62, (), generator=fixed)) for name in ("valid", "test")}
    paper = torch.tensor(IMAGENET_MEAN[: pictures.channels]) if imagenet_norm else torch.zeros(pictures.channels)
    batches = {}
    for name, split in pictures.splits.items():
        train = name == "train"
        sampler = build_sampler(game, split, torch.Generator().manual_seed(orders[name]))
        _check_sampler(game.config.batch_size, sampler, split)
        if train and len(sampler) < distributed.world_size():
            raise _too_few_batches(game.config.batch_size, sampler, split)
        if train:
            game = of_size(game, sampler.candidates)  # every split plays games of the training size
        batches[name] = GameBatches(
            split,
            sampler,
            device=device,
            seed=views[name],
            sender_view=SenderView(paper) if game.config.random_transform_sender else None,
            # `DividedGames` divides the held-out games among the processes.
            share=(distributed.rank(), distributed.world_size()) if train else (0, 1),
        )
    return batches


def of_size(game: Chosen[GameConfig], candidates: int) -> Chosen[GameConfig]:
    """`game` with this number of candidates; for the original game, `game` itself: its batch size sets the number."""
    if game.name == "none":
        return game
    return replace(game, config=dataclasses.replace(game.config, num_targets=candidates))


def build_sampler(game: Chosen[GameConfig], split: Split, generator: torch.Generator) -> GameSampler:
    """The sampler of a split's games: new games every epoch for "train", otherwise the same games every time."""
    return game.build(split, generator=generator, shuffle=split.name == "train")


def _check_sampler(batch_size: int, sampler: GameSampler, split: Split) -> None:
    """Raises UsageError if the split has too few pictures for a batch, or if a game has more senders than candidates.

    The built-in games check this themselves; a plugin's game might not.
    """
    if len(sampler) < 1 and len(split) < batch_size:
        raise BatchTooLarge(batch_size, split.name, len(split), len(split))
    if len(sampler) < 1:
        raise UsageError(
            f"--batch-size {batch_size}: a batch is {sampler.games} game(s) of {sampler.candidates} candidates, but "
            f"the {split.name} split has only {len(split)} pictures.\n"
            "Use more pictures, or fewer candidates or games per batch."
        )
    if sampler.senders > sampler.candidates:
        raise UsageError(
            f"--sender-images-per-iter {sampler.senders}: a game has {sampler.candidates} candidates.\n"
            f"Give at most {sampler.candidates}."
        )


def _too_few_batches(batch_size: int, sampler: GameSampler, split: Split) -> UsageError:
    """The error for an epoch with fewer batches than processes: each process needs at least one batch."""
    processes = distributed.world_size()
    most, least = len(split) // processes, 2 if sampler.kind == "original" else sampler.candidates
    if least <= most < batch_size:
        return BatchTooLarge(batch_size, split.name, len(split), most, f" for {processes} processes")
    return UsageError(
        f"--batch-size {batch_size}: an epoch has {len(sampler)} batch(es), and each of the {processes} processes "
        "needs one.\nStart fewer processes, or use more pictures."
    )


def build_loss(
    loss: Chosen[Config], auxiliary: Iterable[Auxiliary], agents: Community, seeds: Seeds, *, testing: bool = False
) -> TotalLoss:
    """The game's loss and the auxiliary losses that are on. Torch's global generator initialises their parameters.

    testing: whether to leave out the losses that a test does not measure, as in the official code. Raises UsageError
    if a training would learn nothing, if the encoder lacks the feature layers that a loss compares, or if a loss that
    encodes pictures itself is added in a population whose encoders do not share one backbone.
    """
    pair = agents.pairs[0]
    views = {"seed": seeds.views + TRAIN_SKETCH_VIEW, "held_out_seed": seeds.data + VALID_SKETCH_VIEW}
    terms = {
        added.name: added.build(pair, **views)
        for added in auxiliary
        if added.on and (added.component.in_tests or not testing)
    }
    for added in auxiliary:
        if hasattr(terms.get(added.name), "encoder") and not _see_alike(agents):
            raise UsageError(
                f"{flag_of(added.component.switch)} encodes pictures with the sender's encoder, but the encoders of "
                "this population have different weights.\n"
                "Add --freeze-backbone with pretrained weights, or train one pair."
            )
    if loss.name == "NoLoss" and not testing and all(getattr(term, "always_zero", False) for term in terms.values()):
        raise UsageError(
            "--loss NoLoss alone teaches nothing: the game's loss is then always 0.\n"
            "Add another loss with a weight above 0, such as --sort-of-perceptual-loss, or choose HingeLoss or CELoss."
        )
    return TotalLoss(loss.build(), terms)


def _see_alike(agents: Community) -> bool:
    """Whether a loss can use one encoder for all pairs: there is one pair, or all encoders share one backbone."""
    if len(agents.pairs) == 1:
        return True
    backbones = {encoder.backbone if isinstance(encoder, BackboneEncoder) else None for encoder in encoders_of(agents)}
    return len(backbones) == 1 and None not in backbones
