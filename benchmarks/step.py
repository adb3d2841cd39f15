"""One training step at the paper's setting, compared with the same step in the official code's order of passes.

    python -m benchmarks.step                 # two CPU cores: about ten minutes and 8 GB
    python -m benchmarks.step --small         # seconds, to see that it runs

Prints one line of JSON per way of doing the step. The baseline ("naive") passes every photo through the encoder twice,
and, with the perceptual loss, every sketch twice (once for the score, once for the loss). It keeps the rasters of all
strokes at once, and compares feature maps normalised to unit vectors, as in the paper's formula. All ways compute the
same step for the same pictures, with VGG16's architecture. Its weights are frozen and random; their values do not
affect the time. Only ways whose names begin with "tf32" use TF32 (only on a GPU), and only ways whose names begin with
"bf16" use bfloat16.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
import torchbearer
from torch import Tensor, nn

from benchmarks.measure import measure_in_turn, peak_extra_memory, report
from benchmarks.official import official_lines
from learning_to_draw.components import positive_int
from learning_to_draw.datasets.splits import Split
from learning_to_draw.games.config import GameConfig
from learning_to_draw.games.losses.config import PerceptualConfig
from learning_to_draw.games.losses.perceptual import PerceptualLoss
from learning_to_draw.games.losses.terms import HingeLoss, TotalLoss
from learning_to_draw.games.sampling import OriginalGame
from learning_to_draw.models.agents import Agents
from learning_to_draw.models.decoders.config import LineConfig
from learning_to_draw.models.decoders.single_pass import SinglePassSimpleLineDecoder
from learning_to_draw.models.encoders.config import VGG16ExtendedConfig
from learning_to_draw.models.encoders.vgg16 import VGG16_LAYER_AT, VGG16BackboneExtended
from learning_to_draw.models.receivers import SimpleReceiverMLP
from learning_to_draw.trials.loop.batches import GameBatches
from learning_to_draw.trials.loop.callbacks import StopOnNaN
from learning_to_draw.trials.loop.feature_cache import compute
from learning_to_draw.trials.loop.precision import set_precision
from learning_to_draw.trials.loop.step import GameModule, adam, train_step
from learning_to_draw.trials.loop.trial import build_trial, run

LATENT = 64
Step = Callable[[], Tensor]  # takes one step, or one epoch (`whole_loop`), and returns its loss


def build(size: int, lines: int, sigma2: float) -> Agents:
    """Returns the paper's agents: VGG16 to relu5_3, frozen and shared; black lines on white."""
    torch.manual_seed(0)
    config = VGG16ExtendedConfig(latent_size=LATENT, feature_layer="relu5_3", freeze_backbone=True)
    encoder = VGG16BackboneExtended(config, image_size=size, pretrained=False)
    encoder.imagenet_norm = True
    decoder = SinglePassSimpleLineDecoder(LineConfig(nlines=lines, sigma2=sigma2), latent_size=LATENT, image_size=size)
    return Agents(encoder, encoder, decoder, SimpleReceiverMLP(latent_size=LATENT), invert=True)


def deal(batch: int, size: int, pictures: int, device: torch.device) -> GameBatches:
    """Returns batches of the original game with random pictures."""
    images = torch.randint(0, 256, (pictures, 3, size, size), dtype=torch.uint8)
    split = Split("train", images, torch.zeros(pictures, dtype=torch.int64), ("one",), torch.arange(pictures)).to(
        device
    )
    generator = torch.Generator().manual_seed(0)
    game = OriginalGame(GameConfig(batch_size=batch), split, generator=generator, shuffle=True)
    return GameBatches(split, game, device=device, seed=0)


def naive_step(agents: Agents, batches: GameBatches, perceptual: bool) -> Step:
    """Returns a step with the official code's passes in the official order. Layers have the default memory layout."""
    encoder = agents.sender_encoder
    layers = nn.Sequential(*encoder.backbone).to(memory_format=torch.contiguous_format)
    optimizer = optimizer_of(agents)
    at = set(VGG16_LAYER_AT.values())
    loss = HingeLoss()
    turns = turning(batches)

    def look(pictures: Tensor) -> tuple[Tensor, list[Tensor]]:
        values, maps = encoder.preprocess(pictures), []
        for index, layer in enumerate(layers):
            values = layer(values)
            if index in at:
                maps.append(values)
        return encoder.enc(values), maps

    def step() -> Tensor:
        batch = next(turns)
        photos = batch.photos
        latent, photo_maps = look(photos)
        strokes = agents.decoder(latent)
        sketches = 1 - official_lines(strokes.points, photos.shape[-1], strokes.sigma2).expand(-1, 3, -1, -1)
        pool = agents.receiver(look(photos)[0])[batch.candidates[0]]
        value = loss(agents.receiver(look(sketches)[0]) @ pool.T, batch.targets)
        if perceptual:
            for pair in zip(photo_maps, look(sketches)[1], strict=True):
                units = (maps / (maps.norm(dim=1, keepdim=True) + 1e-10) for maps in pair)
                value = value + (next(units) - next(units)).pow(2).sum(1).mean()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return value.detach()

    return step


def our_step(agents: Agents, batches: GameBatches, perceptual: bool) -> Step:
    """Returns a training step as this program does it."""
    module = GameModule(agents, TotalLoss(HingeLoss(), auxiliary(agents, perceptual)))
    optimizer, turns = optimizer_of(agents), turning(batches)

    def step() -> Tensor:
        _, loss = train_step(module, optimizer, next(turns))
        optimizer.step()
        return loss.detach()

    return step


def whole_loop(agents: Agents, batches: GameBatches, perceptual: bool) -> Step:
    """Returns a function that trains for one epoch, as the program does, and returns the epoch's loss.

    An epoch samples games, gathers pictures, takes steps, computes metrics and checks for NaN, but writes no files.
    """
    loss = TotalLoss(HingeLoss(), auxiliary(agents, perceptual))
    device = agents.sender_encoder.mean.device
    trial = build_trial(agents, loss, device, optimizer=optimizer_of(agents), callbacks=[StopOnNaN()])

    def epoch() -> Tensor:
        return torch.tensor(run(trial, batches, None, len(trial.state[torchbearer.HISTORY]) + 1)[-1]["loss"])

    return epoch


def auxiliary(agents: Agents, perceptual: bool) -> dict[str, nn.Module]:
    return {"perceptual": PerceptualLoss(PerceptualConfig(), agents)} if perceptual else {}


def optimizer_of(agents: Agents) -> torch.optim.Adam:
    return adam([parameter for parameter in agents.parameters() if parameter.requires_grad], 1e-4)


def turning(batches: GameBatches):
    """Yields the batches of one epoch after another, forever."""
    while True:
        yield from batches


def ways(arguments: argparse.Namespace, perceptual: bool) -> dict[str, Step]:
    """Returns name -> step for every way of doing the step, "naive" first."""
    device = torch.device(arguments.device)
    tf32 = ["tf32, photo features kept"] if device.type == "cuda" else []
    steps = {}
    for name in ("naive", "fp32", "fp32, photo features kept", *tf32, "bf16, photo features kept", "bf16, whole loop"):
        agents = build(arguments.size, arguments.lines, arguments.sigma2).to(device)
        batches = deal(arguments.batch, arguments.size, arguments.pictures, device)
        precision = name[:4] if name[:4] in ("bf16", "tf32") else "fp32"
        set_precision(precision, agents)
        if "kept" in name or "loop" in name:
            layers = agents.sender_encoder.feature_layers if perceptual else ()
            batches.features = compute(agents.sender_encoder, batches.split, layers, device)
        make = {"naive": naive_step, "bf16, whole loop": whole_loop}.get(name, our_step)
        steps[name] = in_precision(precision, agents, make(agents, batches, perceptual))
    return steps


def in_precision(precision: str, agents: Agents, step: Step) -> Step:
    """Returns a step that first sets torch's precision. The ways take turns, and TF32 is a global setting."""

    def call() -> Tensor:
        set_precision(precision, agents)
        return step()

    return call


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.step", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=positive_int, default=100, help="pictures per game")
    parser.add_argument("--size", type=positive_int, default=96, help="side of a picture in pixels")
    parser.add_argument("--lines", type=positive_int, default=20, help="lines of a sketch")
    parser.add_argument("--sigma2", type=float, default=5e-4)
    parser.add_argument(
        "--pictures", type=positive_int, default=200, help="pictures in the data set, at least one batch"
    )
    parser.add_argument(
        "--repeats", type=positive_int, default=3, help="measurements of each way; the median is reported"
    )
    parser.add_argument("--perceptual", choices=("with", "without", "both"), default="both")
    parser.add_argument("--memory", action="store_true", help="also measure peak memory, which is slow")
    parser.add_argument("--small", action="store_true", help="a tiny case: games of 4 pictures of 32 px, one repeat")
    arguments = parser.parse_args()
    if arguments.small:
        arguments.batch, arguments.size, arguments.lines, arguments.pictures, arguments.repeats = 4, 32, 3, 8, 1
    return arguments


def main() -> None:
    arguments = parse()
    for perceptual in {"with": (True,), "without": (False,), "both": (False, True)}[arguments.perceptual]:
        steps = ways(arguments, perceptual)
        seconds = dict(zip(steps, measure_in_turn(list(steps.values()), arguments.repeats), strict=True))
        for name, step in steps.items():
            if "loop" in name:  # an epoch has several steps
                seconds[name] /= arguments.pictures // arguments.batch
            report(
                arguments.device,
                case="step, original game" + (", perceptual loss" if perceptual else ""),
                way=name,
                batch=arguments.batch,
                size=arguments.size,
                lines=arguments.lines,
                seconds=round(seconds[name], 4),
                games_per_second=round(arguments.batch / seconds[name], 1),
                times_naive=round(seconds["naive"] / seconds[name], 2),
                **({"peak_extra_bytes": peak_extra_memory(step)} if arguments.memory else {}),
            )


if __name__ == "__main__":
    main()
