"""`commgame.py check`: tests whether the components of a plugin meet the contract of their kind."""

from __future__ import annotations

import copy
import hashlib
import logging
import shlex
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from learning_to_draw.components import Chosen, Config
from learning_to_draw.console import LOGGERS
from learning_to_draw.datasets.splits import Split
from learning_to_draw.errors import RunError, UsageError, first_line
from learning_to_draw.games.config import GameConfig
from learning_to_draw.games.losses import AUXILIARY_LOSSES
from learning_to_draw.models.agents import Agents
from learning_to_draw.models.config import AgentsConfig
from learning_to_draw.models.decoders.base import Decoder, Strokes
from learning_to_draw.models.decoders.config import DecoderConfig
from learning_to_draw.models.encoders.base import Encoding
from learning_to_draw.plugins import PARTNERS, TABLES, Plugin, line_in, load
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import Pictures, Seeds, build_loss, build_sampler, load_pictures
from learning_to_draw.trials.config.configure import COMMAND_LINE, replaced
from learning_to_draw.trials.config.parse import parse
from learning_to_draw.trials.config.run import KINDS, Auxiliary, TrainConfig
from learning_to_draw.trials.test import test
from learning_to_draw.trials.train import train
from learning_to_draw.trials.trained import configure_test

NEARLY = 0.1  # allowed difference of a pixel's ink: the base class draws curves as ten straight pieces
SIZE, PICTURES = 32, 3  # side in pixels and number of the test pictures; fewer than 3 could hide swapped pictures
CPU = torch.device("cpu")

Step = tuple[str, Callable[[], None]]


class BrokenError(Exception):
    """A component breaks the contract of its kind. The message says how."""


def check(plugin: Path, options: str) -> str:
    """A text that lists each check and its result, for every component that the file `plugin` registers.

    options: further options for `train`, such as a data set's path. Raises UsageError if the file cannot be loaded, and
    RunError if a component breaks the contract of its kind.
    """
    loaded = load(plugin)
    lines, broken = [], 0
    for kind, name in loaded.components:
        lines.append(f"{kind} {name}")
        for step, attempt in _steps(kind, name, _configuration(kind, name, options)):
            problem = _attempt(attempt, loaded)
            lines.append(f"  {'BROKEN' if problem else 'ok':<8}{step}{problem}")
            broken += bool(problem)
            if problem:
                break  # the next steps would fail for the same reason
    if broken:
        raise RunError("\n".join([*lines, f"Broken components: {broken} of {len(loaded.components)}."]))
    return "\n".join(lines)


def _configuration(kind: str, name: str, more: str) -> TrainConfig:
    """The configuration of a training with the component `name` and small games.

    The encoder is a small one, unless the component is an encoder. more: options as words of a command line; they
    override these choices.
    """
    if kind == "auxiliary_loss":
        chosen = {AUXILIARY_LOSSES[name].switch: True}
    elif kind == "agents":
        chosen = {"population": 2, "agents": name}
    elif kind == "partners":
        chosen = {"population": 3, "partners": name}
    elif kind == "callback":
        chosen = {"callbacks": (name,)}
    else:
        table = TABLES[kind][0]
        chosen = {option: name for option, kinds in KINDS.items() if kinds.table is table and not kinds.prefix}
    small = {} if kind == "encoder" else {"encoder": "SmallCNNEncoder"}
    return parse("train", shlex.split(more), {**small, "batch_size": 16, **chosen}, "check")


def _attempt(attempt: Callable[[], None], plugin: Plugin) -> str:
    """Calls `attempt`. Returns a colon and the reason if it fails; "" if it succeeds."""
    try:
        attempt()
    except (BrokenError, UsageError, RunError) as error:
        return f": {error}"
    except Exception as error:  # a plugin's code may raise anything
        where = f" ({plugin.path.name}, line {line})" if (line := line_in(plugin.path, error)) else ""
        return f": {type(error).__name__}: {first_line(error)}{where}"
    return ""


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise BrokenError(message)


def _steps(kind: str, name: str, config: TrainConfig) -> Iterator[Step]:
    match kind:
        case "encoder":
            yield from _encoder_steps(config.agents)
        case "decoder":
            yield from _decoder_steps(config.agents)
        case "receiver":
            yield from _receiver_steps(config.agents)
        case "loss":
            yield from _loss_steps(config.loss)
        case "auxiliary_loss":
            yield from _auxiliary_loss_steps(config.loss, config.auxiliary[name], config.agents)
        case "game":
            yield from _game_steps(config.game, config.dataset)
        case "dataset":
            yield from _dataset_steps(config.dataset)
        case "agents":
            yield (
                "builds agents that draw the same kind of strokes, and that can play with each other",
                lambda: _play_together(config.agents),
            )
        case "partners":
            yield "draws senders and receivers that exist", lambda: _draw_partners(name)
    yield "is trained for one epoch, saved, loaded and tested", lambda: _train_and_test(config)


def _agents(config: AgentsConfig):
    torch.manual_seed(0)
    agents = build_agents(config, Pictures({}, SIZE, 3), pretrained=False)
    return agents, config.encoder.config.latent_size


def _photos(dtype: torch.dtype) -> Tensor:
    return torch.rand(PICTURES, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1)).to(dtype)


def _play_together(config: AgentsConfig) -> None:
    agents, _ = _agents(config)
    for meeting in agents.meetings:
        pair = agents.meeting(meeting)
        photos = _photos(dtype=torch.float32)[:, : pair.sender_encoder.channels]
        scores = pair(photos, torch.arange(PICTURES)[None], PICTURES, targets=torch.arange(PICTURES)).scores
        _shape(f"the scores of {meeting}", scores, (PICTURES, PICTURES))


def _draw_partners(name: str) -> None:
    partners = PARTNERS[name].target(3, 2, torch.Generator().manual_seed(0))
    for _ in range(100):
        sender, receiver = partners.draw()
        _require(
            0 <= sender < 3 and 0 <= receiver < 2, f"draw() returned {sender}, {receiver} for 3 senders, 2 receivers"
        )


def _encoder_steps(config: AgentsConfig) -> Iterator[Step]:
    def gives_latents() -> None:
        agents, size = _agents(config)
        encoder = agents.sender_encoder
        encoding = encoder.encode(_photos(dtype=torch.float32)[:, : encoder.channels], layers=encoder.feature_layers)
        _shape("the latent", encoding.latent, (PICTURES, size))
        layers = set(encoding.feature_maps)
        _require(layers == set(encoder.feature_layers), f"its maps are {layers}, not its feature_layers")
        for layer, maps in encoding.feature_maps.items():
            _require(maps.dim() == 4 and len(maps) == PICTURES, f"{layer} is {list(maps.shape)}, not [B, C, H, W]")

    def as_module() -> None:
        encoder = _agents(config)[0].sender_encoder
        photos = _photos(dtype=torch.float32)[:, : encoder.channels]
        _module(encoder, photos, lambda module, inputs: module.encode(inputs).latent)

    yield "returns a latent [B, latent_size] and the feature maps of its feature_layers", gives_latents
    yield from _module_steps(as_module)


def _decoder_steps(config: AgentsConfig) -> Iterator[Step]:
    def draws() -> None:
        agents, size = _agents(config)
        with torch.no_grad():
            strokes = agents.decoder.strokes_for(_encoding(agents, size))
            sketches = agents.decoder.draw(strokes)
        shape = list(strokes.points.shape)
        _require(
            len(shape) == 4 and shape[0] == PICTURES and shape[2] in (1, 2, 4) and shape[3] == 2,
            f"strokes' points have shape {shape}, but have to have [{PICTURES}, N, P, 2] with P = 1, 2 or 4",
        )
        _shape("the sketch", sketches, (PICTURES, agents.decoder.channels, SIZE, SIZE))
        _require(bool(sketches.min() >= 0), "the sketch has values below 0")
        _require(float(sketches.max()) <= max(1.0, agents.decoder.contrast), "the sketch has values above 1")
        _require(bool((sketches[0] - sketches[1]).abs().max() > 1e-3), "two latents draw the same sketch")

    def is_logged() -> None:
        agents, size = _agents(config)
        with torch.no_grad():
            strokes, sketches = agents.sketch(_encoding(agents, size))
            plain = Decoder(DecoderConfig(contrast=agents.decoder.contrast), latent_size=0, image_size=SIZE)
            logged = agents.apply_invert(plain.draw(Strokes(strokes.points, strokes.sigma2, strokes.intensities)))
        difference = float((logged - sketches).abs().max())
        _require(
            difference <= NEARLY,
            f"the base class draws its Strokes differently, by up to {difference:.2f} of ink. Game logs, SVG files and "
            "measures know only the Strokes: put widths into sigma2 [B, N], strengths and colours into intensities "
            "[B, N, C], and leave the methods ink and draw to the base class",
        )

    def as_module() -> None:
        agents, size = _agents(config)
        encoding = _encoding(agents, size)

        def sketches(module: nn.Module, latents: Tensor) -> Tensor:
            maps = {layer: maps[: len(latents)].to(latents) for layer, maps in encoding.feature_maps.items()}
            return module.draw(module.strokes_for(Encoding(latents, maps)))

        _module(agents.decoder, encoding.latent, sketches)

    yield "turns latents into strokes [B, N, P, 2], and into sketches in 0..1 that differ", draws
    yield "draws what the game log will say: its Strokes, drawn again, give the same sketch", is_logged
    yield from _module_steps(as_module)


@torch.no_grad()
def _encoding(agents: Agents, size: int) -> Encoding:
    """Random latents, and the feature maps of random photos at the layers that the decoder looks at."""
    encoder, photos = agents.sender_encoder, _photos(dtype=torch.float32)
    maps = encoder.encode(photos[:, : encoder.channels], layers=agents.decoder.needed_layers).feature_maps
    return Encoding(torch.randn(PICTURES, size, generator=torch.Generator().manual_seed(1)), maps)


def _receiver_steps(config: AgentsConfig) -> Iterator[Step]:
    def gives_vectors() -> None:
        agents, size = _agents(config)
        vectors = agents.receiver(torch.randn(PICTURES, size))
        _require(
            vectors.dim() == 2 and len(vectors) == PICTURES,
            f"its output has shape {list(vectors.shape)}, but has to have [{PICTURES}, R]",
        )

    def as_module() -> None:
        agents, size = _agents(config)
        _module(agents.receiver, torch.randn(PICTURES, size), lambda module, inputs: module(inputs))

    yield "turns latents into vectors [B, R]", gives_vectors
    yield from _module_steps(as_module)


def _module_steps(as_module: Callable[[], None]) -> Iterator[Step]:
    yield (
        "treats each picture independently, has finite gradients, moves with .to() and is restored by its state dict",
        as_module,
    )


def _module(module: nn.Module, inputs: Tensor, run: Callable[[nn.Module, Tensor], Tensor]) -> None:
    module.eval()
    with torch.no_grad():
        whole, first = run(module, inputs), run(module, inputs[:1])
    _require(bool(torch.isfinite(whole).all()), "its output is not finite")
    _require(
        torch.allclose(whole[:1], first, atol=1e-4),
        "its output for one picture depends on the other pictures in the batch",
    )
    inputs = inputs.clone().requires_grad_()
    run(module, inputs).square().mean().backward()
    gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None] + [inputs.grad]
    _require(all(torch.isfinite(gradient).all() for gradient in gradients), "gradients are not finite")
    _require(bool(inputs.grad.abs().max() > 0), "no gradient passes back through it")
    moved = copy.deepcopy(module).double()
    with torch.no_grad():
        precise = run(moved, inputs.detach().double())
    _require(
        precise.dtype == torch.float64, "one of its tensors does not move with .to(): register that tensor as a buffer"
    )
    for parameter in module.parameters():
        parameter.data.add_(1)
    module.load_state_dict({name: value.float() for name, value in moved.state_dict().items()})
    with torch.no_grad():
        _require(torch.allclose(run(module, inputs), whole, atol=1e-5), "loading its state dict does not restore it")


def _loss_steps(chosen: Chosen[Config]) -> Iterator[Step]:
    def measures() -> None:
        loss = chosen.build()
        scores = torch.randn(5, 4, generator=torch.Generator().manual_seed(1), requires_grad=True)
        targets, order = torch.tensor([0, 3, 1, 2, 2]), torch.tensor([2, 0, 3, 1])
        value = loss(scores, targets)
        _require(value.shape == () and bool(torch.isfinite(value)), f"it returns {value}, not a finite scalar")
        value.backward()
        _require(scores.grad is not None and bool(torch.isfinite(scores.grad).all()), "its gradient is not finite")
        again = loss(scores.detach()[:, order], order.argsort()[targets])
        _require(torch.allclose(value, again, atol=1e-5), "it depends on the order of the candidates")

    yield "returns a finite scalar from scores [B, T] and targets [B], for any order of the candidates", measures


def _auxiliary_loss_steps(game_loss: Chosen[Config], added: Auxiliary, config: AgentsConfig) -> Iterator[Step]:
    def measures() -> None:
        agents, _ = _agents(config)
        loss = build_loss(game_loss, [added], agents, Seeds(0, 0))
        photos = _photos(dtype=torch.float32)[:, : agents.sender_encoder.channels]
        play = agents(photos, torch.arange(PICTURES)[None], PICTURES, feature_layers=loss.needed_layers)
        value = loss(play, torch.arange(PICTURES))[added.name]
        _require(value.shape == () and bool(torch.isfinite(value)), f"it returns {value}, not a finite scalar")
        value.backward()
        parameters = (*agents.parameters(), *loss.parameters())
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        _require(all(torch.isfinite(gradient).all() for gradient in gradients), "gradients are not finite")
        _require(any(bool(gradient.any()) for gradient in gradients), "no gradient passes back through it")

    yield "returns a finite scalar from a Play, with finite gradients", measures


def _game_steps(game: Chosen[GameConfig], dataset: Chosen[Config]) -> Iterator[Step]:
    def deals() -> None:
        pictures = load_pictures(dataset, ("train", "valid"), CPU)
        for split in pictures.splits.values():
            sampler, same_seed = (build_sampler(game, split, torch.Generator().manual_seed(5)) for _ in range(2))
            _require(len(sampler) >= 1, f"it yields no batch from the {split.name} split")
            epochs = [list(dealt) for dealt in (sampler, same_seed, same_seed)]
            _require(
                len(epochs[0]) == len(sampler), f"it yields {len(epochs[0])} batches, but its len() is {len(sampler)}"
            )
            for deal in epochs[0]:
                _check_deal(deal, sampler, split)
            _require(
                _alike(epochs[0], epochs[1]),
                "two samplers with the same seed yield different games: draw random numbers only from `generator`",
            )
            held_out = split.name != "train"
            _require(
                _alike(epochs[1], epochs[2]) == held_out,
                "held-out games have to be the same every time, and training games different in every epoch",
            )

    yield "yields whole games of one size, and the same held-out games every time", deals


def _check_deal(deal, sampler, split: Split) -> None:
    games, senders, candidates = sampler.games, sampler.senders, sampler.candidates
    _require(
        tuple(deal.senders.shape) == (games * senders,),
        f"senders have shape {list(deal.senders.shape)}, but have to have [{games * senders}]",
    )
    _shape("the tensor of candidates", deal.candidates, (games, candidates))
    _require(deal.targets.shape == deal.senders.shape, "the number of targets differs from the number of senders")
    _require(
        int(deal.targets.min()) >= 0 and int(deal.targets.max()) < candidates,
        "a target is not the index of a candidate",
    )
    items = torch.cat([deal.senders, deal.candidates.flatten()])
    _require(int(items.min()) >= 0 and int(items.max()) < len(split), "the index of an item is outside the split")


def _alike(epoch: list, other_epoch: list) -> bool:
    return all(
        torch.equal(a.senders, b.senders)
        and torch.equal(a.candidates, b.candidates)
        and torch.equal(a.targets, b.targets)
        for a, b in zip(epoch, other_epoch, strict=True)
    )


def _dataset_steps(dataset: Chosen[Config]) -> Iterator[Step]:
    def gives_splits() -> None:
        pictures, reloaded = (load_pictures(dataset, ("train", "valid", "test"), CPU) for _ in range(2))
        for name, split in pictures.splits.items():
            dtype = getattr(split.images, "dtype", torch.uint8)  # pictures of different sizes have no dtype attribute
            _require(dtype == torch.uint8, f"pictures of {name} are {dtype}, but have to be torch.uint8, 0 to 255")
            _require(split.labels.dtype == torch.int64, f"labels of {name} are {split.labels.dtype}, not torch.int64")
            views = split.view(torch.arange(min(2, len(split))), torch.Generator())
            size = pictures.image_size
            _shape(f"a picture of {name}", views[:1], (1, pictures.channels, size, size))
            _require(float(views.min()) >= 0 and float(views.max()) <= 1, f"pictures of {name} are not in 0..1")
            _require(len(split) >= 2, f"{name} has {len(split)} pictures, but needs 2 or more")
            labels = split.labels
            _require(
                int(labels.min()) >= 0 and int(labels.max()) < len(split.classes),
                f"labels of {name} are not all in 0..{len(split.classes) - 1}",
            )
            seed = torch.Generator() if name == "train" else torch.Generator().manual_seed(1)
            again = reloaded.splits[name].view(torch.arange(min(2, len(split))), seed)
            _require(
                torch.equal(views, again),
                f"the pictures of {name} change when the data set is built again"
                if name == "train"
                else f"the pictures of {name} are not the same every time: only training pictures may be augmented",
            )
        _check_unseen(pictures.splits)

    yield "returns training, validation and test pictures of one size, with labels, the same every time", gives_splits


def _check_unseen(splits: Mapping[str, Split]) -> None:
    """Requires that no validation or test picture is a training picture, if the pictures have one size."""
    hashes = {
        name: [hashlib.sha256(image.numpy().tobytes()).digest() for image in split.images]
        for name, split in splits.items()
        if isinstance(split.images, Tensor)
    }
    seen = set(hashes.pop("train", ()))
    for name in hashes:
        count = sum(image in seen for image in hashes[name])
        _require(not count, f"{count} of {len(hashes[name])} pictures of {name} are also training pictures")


def _train_and_test(config: TrainConfig) -> None:
    with tempfile.TemporaryDirectory() as folder, _quietly():
        run, command = Path(folder, "run"), ["commgame.py", "check"]
        train(replaced(config, COMMAND_LINE, epochs=1, output=str(run)), command)
        test(configure_test(run / "model_final.pt", output=str(Path(folder, "test"))), command)


@contextmanager
def _quietly() -> Iterator[None]:
    loggers = {logging.getLogger(name): logging.getLogger(name).level for name in LOGGERS}
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in loggers.items():
            logger.setLevel(level)


def _shape(name: str, tensor: Tensor, expected: tuple[int, ...]) -> None:
    _require(
        tuple(tensor.shape) == expected, f"{name} has shape {list(tensor.shape)}, but has to have {list(expected)}"
    )
