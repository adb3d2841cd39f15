"""The lesson before a training: new senders learn to draw like the trained senders of another run."""

from __future__ import annotations

import logging

import numpy as np
import torch
from torch import Tensor

from learning_to_draw.datasets.splits import Split
from learning_to_draw.errors import UsageError
from learning_to_draw.games.drawings import matching, stroke_distances
from learning_to_draw.models.agents import Agents
from learning_to_draw.models.population import Community
from learning_to_draw.trials.build import Pictures
from learning_to_draw.trials.config.run import TrainConfig
from learning_to_draw.trials.loop.schedule import parse_learning_rate
from learning_to_draw.trials.loop.step import adam
from learning_to_draw.trials.trained import build_trained, load_teacher

logger = logging.getLogger("commgame")

BATCH = 32  # drawings per step of the lesson


def teach(agents: Community, config: TrainConfig, split: Split, device: torch.device, seed: int) -> None:
    """Trains every sender to draw --bottleneck photos as its teacher, a trained sender, draws them.

    Sender k learns from the sender of pair k of --teacher; after the last pair, pair 0 follows again. The photos are a
    random choice from the training split, without augmentation; but photos of different sizes are augmented once,
    because only a crop has the size that encoders need. The loss is the mean squared distance of control points
    (see `matched_loss`). Only decoders and the senders' encoders learn; receivers may share these encoders.
    seed: decides the photos and the batches.
    Raises UsageError if the checkpoint cannot be read, or if its senders draw other numbers of strokes or control
    points than `agents`.
    """
    path = config.teacher
    assert path is not None
    generator = torch.Generator().manual_seed(seed)
    pictures = split.items.unique()  # in a balanced split, several items show the same picture
    shown_to_all = pictures[torch.randperm(len(pictures), generator=generator)[: config.bottleneck]]
    if isinstance(split.images, Tensor):
        photos = split.pictures(shown_to_all, device)
    else:
        assert split.augment is not None
        photos = split.augment(split.images, shown_to_all, generator, device)
    size, channels = photos.shape[-1], photos.shape[1]
    trained = load_teacher("teacher", path, config.plugin)
    teachers = build_trained(trained, Pictures({}, size, channels)).to(device).eval().pairs
    rate = parse_learning_rate(config.learning_rate).initial
    learnt = []
    for number, pair in enumerate(agents.pairs[: config.agents.counts[0]]):
        with torch.no_grad():
            shown = drawn_by(teachers[number % len(teachers)], photos)
            first = drawn_by(pair, photos[:1])
        if first.shape[1:] != shown.shape[1:]:
            raise UsageError(
                f"--teacher {path} draws {shown.shape[1]} stroke(s) of {shown.shape[2]} control point(s), but these "
                f"senders draw {first.shape[1]} stroke(s) of {first.shape[2]}.\n"
                "Give the decoder options of the teacher's training."
            )
        weights = [*pair.sender_encoder.parameters(), *pair.decoder.parameters()]
        optimizer = adam([weight for weight in weights if weight.requires_grad], rate)
        pair.train()
        for _ in range(config.lesson_steps):
            chosen = torch.randint(len(photos), (BATCH,), generator=generator)
            optimizer.zero_grad()
            matched_loss(drawn_by(pair, photos[chosen]), shown[chosen]).backward()
            optimizer.step()
        with torch.no_grad():
            learnt.append(float(matched_loss(drawn_by(pair.eval(), photos), shown)) ** 0.5)
        optimizer.zero_grad()
    agents.train()
    logger.info(
        "lesson         %d drawings, %d steps: RMS distance to the teacher's control points %.3f, in canvas units",
        len(photos),
        config.lesson_steps,
        sum(learnt) / len(learnt),
    )


def drawn_by(pair: Agents, photos: Tensor) -> Tensor:
    """[B, K, P, 2]: the control points that the sender draws for photos [B, C, S, S], without channel noise."""
    encoding = pair.sender_encoder.encode(photos, layers=pair.decoder.needed_layers)
    return pair.decoder.strokes_for(encoding).points


def matched_loss(drawn: Tensor, shown: Tensor) -> Tensor:
    """The mean squared distance between the control points of two batches of drawings, both [B, K, P, 2].

    Strokes are matched as in `games.drawings.matched_distances`: their order and direction do not matter.
    """
    aligned = []
    for one, other in zip(drawn.detach().cpu().double().numpy(), shown.cpu(), strict=True):
        costs, backwards = stroke_distances(one[None], other.double().numpy())
        rows, columns = matching(costs[0])
        matched = other[columns[np.argsort(rows)]]
        turned = torch.from_numpy(backwards[0][rows, columns])[:, None, None]
        aligned.append(torch.where(turned, matched.flip(1), matched))
    return (drawn - torch.stack(aligned).to(drawn)).square().sum(dim=-1).mean()
