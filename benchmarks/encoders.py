"""One training step with different encoders at one picture size: seconds and memory, compared with SqueezeNet.

    python -m benchmarks.encoders                       # two CPU cores: about two minutes and 2 GB
    python -m benchmarks.encoders --size 32 --batch 4   # seconds, to check that it runs

Prints one line of JSON per encoder. All backbones are frozen, with random weights, whose values do not affect the time.
The step encodes the photos and the sketches of one game, computes the game's and the perceptual loss, and passes
gradients through the backbone to the strokes; no features are cached. Needs the package timm.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.measure import measure_in_turn, peak_extra_memory, report
from learning_to_draw.components import positive_int
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import Pictures, build_loss, seeds_of
from learning_to_draw.trials.config.configure import configure
from learning_to_draw.trials.loop.step import adam

VIT_LAYERS = ["blocks.2", "blocks.5", "blocks.8", "blocks.11"]
ENCODERS = {
    "SqueezeNet 1.1": {"encoder": "SqueezeNetBackbone"},
    "ResNet-18": {"encoder": "TimmBackbone", "timm_model": "resnet18"},
    "EfficientNet-Lite0": {"encoder": "TimmBackbone", "timm_model": "tf_efficientnet_lite0"},
    "ViT-S/16": {"encoder": "TimmBackbone", "timm_model": "vit_small_patch16_224.dino", "timm_layers": VIT_LAYERS},
}


def step_with(options: dict, batch: int, size: int) -> Callable[[], Tensor]:
    """Returns a function that takes one training step and returns the loss.

    The step's game has `batch` photos; each is drawn by the sender, and each is a candidate.
    """
    torch.manual_seed(0)
    config = configure(
        "train", **options, freeze_backbone=True, nlines=20, sigma2=1e-3, sort_of_perceptual_loss=True, latent_size=128
    )
    agents = build_agents(config.agents, Pictures({}, size, 3))
    loss = build_loss(config.loss, config.auxiliary.values(), agents, seeds_of(config))
    optimiser = adam([weight for weight in agents.parameters() if weight.requires_grad], 3e-4)
    photos, targets = torch.rand(batch, 3, size, size), torch.arange(batch)

    def step() -> Tensor:
        play = agents(photos, targets[None], batch, feature_layers=loss.needed_layers)
        total = torch.stack(list(loss(play, targets).values())).sum()
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        return total.detach()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.encoders", description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=positive_int, default=224, help="side of a picture in pixels")
    parser.add_argument("--batch", type=positive_int, default=8, help="pictures per game")
    parser.add_argument(
        "--repeats", type=positive_int, default=5, help="measurements of each step; the median is reported"
    )
    arguments = parser.parse_args()
    steps = {name: step_with(options, arguments.batch, arguments.size) for name, options in ENCODERS.items()}
    seconds = measure_in_turn(list(steps.values()), arguments.repeats)
    memory = [peak_extra_memory(step) for step in steps.values()]
    for name, time, peak in zip(steps, seconds, memory, strict=True):
        report(
            encoder=name,
            size=arguments.size,
            batch=arguments.batch,
            seconds=round(time, 3),
            times_squeezenet=round(time / seconds[0], 2),
            peak_extra_bytes=peak,
            memory_times_squeezenet=round(peak / memory[0], 2),
        )


if __name__ == "__main__":
    main()
