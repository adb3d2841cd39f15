"""A trained pair of agents in Python: `load` it, let it `draw`, let it `guess`, let it `play`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from learning_to_draw.components import Chosen, Config, options_of
from learning_to_draw.datasets.decoded_cache import NOT_IN_PIXELS
from learning_to_draw.datasets.given_pictures import as_seen
from learning_to_draw.datasets.splits import Split
from learning_to_draw.errors import UsageError, listed
from learning_to_draw.models.encoders.base import Encoder, Encoding
from learning_to_draw.trials.build import Pictures, choose_device, set_up
from learning_to_draw.trials.config.all_options import NO_EFFECT_ON_AGENTS, by_name
from learning_to_draw.trials.config.configure import PYTHON, complete, given_options, replaced
from learning_to_draw.trials.config.run import TestConfig
from learning_to_draw.trials.drawing import Drawing
from learning_to_draw.trials.loop.precision import set_precision
from learning_to_draw.trials.records.checkpoints import Checkpoint
from learning_to_draw.trials.records.folder import plain
from learning_to_draw.trials.records.result import Outcome, outcome_of
from learning_to_draw.trials.test import play_games
from learning_to_draw.trials.trained import Trained, build_trained_pair, checkpoint_of, load_trained, of_agents
from learning_to_draw.trials.unseen import check_unseen

CHUNK = 64  # pictures that are encoded or drawn at a time, to limit memory
KINDS = {1: "grey", 3: "in colour"}
# Options of a test that have no effect on loaded agents.
OF_A_TEST = ("output", "quiet", "dry_run", *NO_EFFECT_ON_AGENTS)
# Options that `play` takes, in addition to those of the data set, the game and its loss.
OF_GAMES = ("object_oriented", "loss", "data_seed", "data_device", "cache_dir", "no_cache", "allow_trained")


def load(
    weights: Path | str,
    device: str | torch.device | None = None,
    plugin: Path | str | None = None,
    trust_weights: bool = False,
    agent: int | str | None = None,
    **options: Any,
) -> Pair:
    """The trained sender and receiver of a checkpoint.

    weights: a checkpoint; the folder of a training, whose `model_final.pt` is loaded; a folder that `commgame.py pack`
    wrote; or a repository of Hugging Face, "hf:user/name" or "hf:user/name@revision".
    device: "cpu", "cuda", ...; None: the first GPU if available, otherwise the CPU.
    plugin: a file with your own components that the agents need; None: the training's plugin, if any, which is refused
    unless you have run it on this machine before (docs/extending.md).
    trust_weights: also read a file that can run any code; only for files from a trusted source.
    agent: which pair of a population to load: K means sender K with receiver K, "K,J" means sender K with receiver J,
    and None means 0.
    options: options of `commgame.py test`, such as latent_size=64 for --latent-size 64. They override the training's
    options, which the checkpoint contains. A checkpoint of the official code contains no options: give all that
    describe the agents, such as dataset, encoder, separate_encoders, latent_size and nlines.
    Raises UsageError if the checkpoint cannot be read, or does not fit the options.
    """
    path = checkpoint_of(Path(weights))
    if unused := [name for name in options if name in OF_A_TEST]:
        raise UsageError(f"{unused[0]} has no effect on loaded agents.\nLeave it out.")
    given: dict[str, Any] = options | {"weights": str(path), "trust_weights": trust_weights}
    named = (("device", device), ("plugin", plugin), ("agent", agent))
    given |= {name: str(value) for name, value in named if value is not None}
    return Pair(load_trained("test", path, given, PYTHON))


class Pair:
    """A trained sender and receiver, in evaluation mode.

    agents: the networks, a `torch.nn.Module`. device: the device of the networks. config: a test's configuration, with
    all options. weights: path of the checkpoint. image_size, channels: those of the pictures that the agents see.

    Loading turns TF32 on or off for all of torch, as the option `precision` says: off unless precision="tf32" is given.
    """

    def __init__(self, trained: Trained):
        config = trained.config
        assert isinstance(config, TestConfig)
        if config.agent is None and max(config.agents.counts) > 1:
            config = replaced(config, PYTHON, agent="0")
            trained = replace(trained, config=config)
        self._checkpoint = trained.checkpoint
        self.config = config
        self.weights = trained.checkpoint.path
        self.device = choose_device(config.device)
        pictures = pictures_trained_with(config.dataset, trained.checkpoint)
        self.image_size, self.channels = pictures.image_size, pictures.channels
        self.agents = build_trained_pair(trained, pictures).to(self.device).eval()
        set_precision(config.speed.precision, self.agents)

    def __repr__(self) -> str:
        size = self.image_size
        return f"<Pair {self.weights}: it sees {size} x {size} pixels, {KINDS[self.channels]}>"

    def see(self, images: Any, *, negative: bool = False) -> np.ndarray:
        """float32 [B, C, S, S] in 0..1: the images as the agents see them, scaled and cropped as in training.

        `draw` and `guess` prepare images in the same way. negative: swap light and dark, for photos of dark writing if
        the agents were trained on light writing (Digits, MNIST, Omniglot, QuickDraw).

        images: one image, a batch, or a list of images of any sizes. An image is a path (str or Path), a PIL image, or
        an array or tensor, uint8 in 0..255 or float in 0..1, of the shape [H, W], [H, W, C] or [C, H, W] with C = 1 or
        3. A batch is [B, H, W, C] or [B, C, H, W]. [3, H, W] is one image in colour, never three grey ones. Raises
        UsageError for anything else, and for shapes that can be read in two ways.
        """
        return self._seen(images, negative).numpy()

    @torch.no_grad()
    def draw(self, images: Any) -> Drawing:
        """The sender's sketches of B images, one per image. images: as for `see`."""
        photos, agents = self._seen(images), self.agents
        layers = agents.decoder.needed_layers
        parts = [agents.sketch(seen) for seen in self._encodings(agents.sender_encoder, photos, layers=layers)]
        strokes = [strokes for strokes, _ in parts]
        widths = [part.sigma2 for part in strokes if isinstance(part.sigma2, Tensor)]
        inks = [part.intensities for part in strokes if part.intensities is not None]
        return Drawing(
            _numpy([part.points for part in strokes]),
            _numpy(widths) if widths else strokes[0].sigma2,
            _numpy(inks) if inks else None,
            _numpy([sketches for _, sketches in parts]),
            photos.numpy(),
            agents.invert,
            agents.decoder.contrast,
        )

    @torch.no_grad()
    def guess(self, sketches: Any, candidates: Any, *, negative: bool = False) -> np.ndarray:
        """float32 [B, T]: the receiver's score of every candidate for every sketch.

        The receiver guesses the candidate with the highest score. Scores are unnormalised: only their differences
        within a row have a meaning.

        sketches: the sender's (`drawing.sketches`), or any images that `see` takes. They must be light on dark, as the
        agents draw, or dark on light if `pair.agents.invert` is set.
        candidates: T images that all sketches share, or T images per sketch: a list of B lists, a list of B batches, or
        one array [B, T, C, H, W] or [B, T, H, W, C].
        negative: swap light and dark in the sketches, as for a person's dark drawing on white paper.
        """
        seen = self._seen(sketches, negative, beyond=max(0.0, self.agents.decoder.contrast - 1))
        games = [self._seen(game) for game in _own(candidates, len(seen))]
        encoder = self.agents.receiver_encoder
        sketch_latents = torch.cat([part.latent for part in self._encodings(encoder, seen, is_sketch=True)])
        offered = torch.cat([part.latent for part in self._encodings(encoder, torch.cat(games))])
        return self.agents.guess(sketch_latents, offered.unflatten(0, (len(games), -1))).cpu().numpy()

    def play(self, data: Split | None = None, **options: Any) -> Outcome:
        """Plays every test game once, like `commgame.py test` with the same options, but writes no output folder.

        data: a `Split` to take the test pictures from, without augmentation; None: the test split of the agents' data
        set.
        options: data_seed, and options of the data set, the game and its loss, such as game="different", num_targets=5.
        All other options are as in `config`.
        Raises UsageError for options that are not valid, for pictures of another size and, unless allow_trained=True,
        for pictures that the agents were trained on.
        """
        config = self._config_of_games(data, options)
        self._check_size(config, data)
        given = None if data is None else {"test": replace(data, name="test", augment=None)}
        setup = set_up(config, ("test",), given)
        check_unseen(config, setup.pictures.splits["test"], [self._checkpoint])
        entry, _ = play_games(config, self.agents, setup.batches["test"], setup.device)
        return outcome_of(entry)

    def _check_size(self, config: TestConfig, data: Split | None) -> None:
        """Raises UsageError if the pictures do not have the size and channels that the agents see."""
        if data is None:
            pictures = pictures_trained_with(config.dataset, self._checkpoint)
            shape = [pictures.channels, pictures.image_size, pictures.image_size]
            advice = "Give another data set, or another image_size if the data set has this option"
        elif isinstance(data.images, Tensor):
            shape, advice = list(data.images.shape[1:]), "Give a split with pictures of this shape"
        else:
            raise UsageError(
                "the pictures of this split have different sizes.\nGive a split with pictures of one size."
            )
        if shape != (expected := [self.channels, self.image_size, self.image_size]):
            raise UsageError(
                f"these pictures have the shape {shape}, but the agents see {expected}: channels, height, width.\n"
                f"{advice}."
            )

    def _config_of_games(self, data: Split | None, options: dict[str, Any]) -> TestConfig:
        """The configuration of a test with `options`. Raises UsageError for options that do not concern the games."""
        saved, options = of_agents(self._checkpoint.options), by_name(options)
        given = given_options(self.config) | options
        config = complete("test", given, PYTHON, saved, self.weights.name)
        assert isinstance(config, TestConfig)
        of_data = {"dataset", *options_of(type(config.dataset.config))} if data is None else set()
        known = {*OF_GAMES, *of_data, *options_of(type(config.game.config)), *options_of(type(config.loss.config))}
        if others := [name for name in options if name not in known]:
            raise UsageError(
                f"play does not take {listed(others)}: it takes data_seed, allow_trained, options of the game and its "
                "loss and, without a split, options of the data set.\n"
                "Give options of the agents to learning_to_draw.load."
            )
        if config.agents != self.config.agents:
            raise UsageError(
                "this data set would change the agents, because it sets other defaults for their options.\n"
                "Load the agents with this data set: learning_to_draw.load(..., dataset=...)."
            )
        return config

    def _seen(self, images: Any, negative: bool = False, *, beyond: float = 0.0) -> Tensor:
        pixels = as_seen(images, self.image_size, self.channels, beyond=beyond)
        return 1 - pixels if negative else pixels

    def _encodings(
        self, encoder: Encoder, pictures: Tensor, *, layers: Collection[str] = (), is_sketch: bool = False
    ) -> Iterator[Encoding]:
        """Yields the encodings of CHUNK pictures at a time."""
        for part in pictures.split(CHUNK):
            yield encoder.encode(part.to(self.device), layers=layers, is_sketch=is_sketch)


def pictures_trained_with(dataset: Chosen[Config], checkpoint: Checkpoint) -> Pictures:
    """`Pictures` without splits: only the size and the channels of the data set's pictures.

    If the data set and its options are those of the training, the checkpoint contains both. For other options, and for
    checkpoints of the first versions of this program, `pictures_of` finds them.
    """
    saved = of_agents(checkpoint.options)
    options = plain({"dataset": dataset.name, **dataset.config.values()})
    as_trained = all(saved.get(name, value) == value for name, value in options.items() if name not in NOT_IN_PIXELS)
    if as_trained and checkpoint.image_size and checkpoint.channels:
        return Pictures({}, checkpoint.image_size, checkpoint.channels)
    return pictures_of(dataset)


def pictures_of(dataset: Chosen[Config]) -> Pictures:
    """`Pictures` without splits: only the size and the channels of the data set's pictures.

    Reads no files of a built-in data set if its options and its class define the size and the channels. Otherwise, and
    for a plugin's data set, whose class might define other values than its instances have, builds the data set.
    """
    options, cls = dataset.config.values(), dataset.component.load()
    size = options.get("image_size", options.get("size", getattr(cls, "image_size", None)))
    channels = getattr(cls, "channels", None)
    defined = isinstance(size, int) and isinstance(channels, int)
    if not defined or isinstance(dataset.component.target, type):
        built = dataset.build()
        size, channels = built.image_size, built.channels
    return Pictures({}, size, channels)


def _numpy(parts: list[Tensor]) -> np.ndarray:
    return torch.cat(parts).float().cpu().numpy()


def _own(candidates: Any, sketches: int) -> list[Any]:
    """A list with the candidates of every game: one game that all sketches share, or one game per sketch.

    Raises UsageError for lists per game that differ in length, or whose number is not `sketches`.
    """
    games = list(candidates) if getattr(candidates, "ndim", 0) == 5 else candidates
    own = isinstance(games, list | tuple) and any(
        isinstance(game, list | tuple) or getattr(game, "ndim", 0) == 4 for game in games
    )
    if not own:
        return [candidates]
    counts = {len(game) if isinstance(game, list | tuple) or getattr(game, "ndim", 0) == 4 else 1 for game in games}
    if len(games) != sketches or len(counts) != 1:
        raise UsageError(
            f"the lists of candidates do not fit the sketches (sketches: {sketches}; lists: {len(games)}; candidates "
            f"per list: {listed([str(count) for count in sorted(counts)])}).\n"
            "Give one list for each sketch, all of the same length, or one list that all sketches share."
        )
    return list(games)
