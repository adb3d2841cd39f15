"""A training step does not wait for a GPU: it runs on meta tensors, which have shapes but no values.

On meta tensors, `.item()`, `.cpu()`, a Python branch on a tensor, and operations whose result's shape depends on values
raise an error. Copies of CPU tensors would also wait, and do not raise: `Copies` and `Made` count them.
"""

import contextlib

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from learning_to_draw.games.losses.terms import GameLoss
from learning_to_draw.games.sampling import GameIndices
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import Pictures, build_loss, seeds_of
from learning_to_draw.trials.config.configure import configure
from learning_to_draw.trials.loop.batches import Batch
from learning_to_draw.trials.loop.step import ForwardError, GameModule, train_step

BATCH = 6
SQUEEZENET = {"size": 64, "channels": 3, "encoder": "SqueezeNetBackbone"}
VGG16 = {"size": 64, "channels": 3, "encoder": "VGG16BackboneExtended"}
RECURRENT = {"decoder": "RecurrentSimpleLineDecoder"}
# Copies per step: these options draw random numbers on the CPU, so that a seed means the same on every device.
ANGLES_SHIFTS_AND_DROPS, VIEWS = 3, 1


class Copies(TorchDispatchMode):
    """Counts the copies of CPU tensors to the meta device while it is active."""

    count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        given = {t.device.type for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor) and t.ndim}
        made = {t.device.type for t in tree_leaves(result) if isinstance(t, torch.Tensor)}
        self.count += "cpu" in given and "meta" in made
        return result


class Made(TorchFunctionMode):
    """Counts the tensors that are made of Python's numbers on the meta device: a GPU would get a copy of them."""

    count = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        makers = (torch.tensor, torch.as_tensor, torch.Tensor.new_tensor)
        self.count += function in makers and result.device.type == "meta"
        return result


@pytest.fixture
def meta(monkeypatch):
    """Lets a step run on meta tensors: torch lacks autocast and one backward kernel for them."""
    autocast = torch.autocast
    monkeypatch.setattr(
        torch, "autocast", lambda kind, *a, **k: contextlib.nullcontext() if kind == "meta" else autocast(kind, *a, **k)
    )
    library = torch.library.Library("aten", "IMPL", "Meta")
    library.impl("multi_margin_loss_backward", lambda grad, scores, *_, **__: torch.empty_like(scores))
    yield
    library._destroy()


def to_meta(*modules):
    """Moves the modules' parameters and buffers to the meta device. Module.to would lose which of them are shared."""
    moved = {}
    for module in (part for whole in modules for part in whole.modules()):
        for values in (module._parameters, module._buffers):
            for name, value in values.items():
                if value is not None:
                    empty = torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta")
                    if isinstance(value, nn.Parameter):
                        empty = nn.Parameter(empty, value.requires_grad)
                    values[name] = moved.setdefault(value, empty)


def copies_in_a_step(*, size=32, channels=1, game_loss=None, **options) -> int:
    """The number of copies from the CPU in a step of a training with these options, after a first step."""
    config = configure("train", batch_size=BATCH, **options)
    agents = build_agents(config.agents, Pictures({}, size, channels), pretrained=False)
    total = build_loss(config.loss, config.auxiliary.values(), agents, seeds_of(config))
    total.game = game_loss or total.game
    to_meta(agents, total)
    rows = torch.arange(BATCH, device="meta")
    games = GameIndices(torch.arange(BATCH), torch.arange(BATCH)[None], torch.arange(BATCH))
    photos = torch.empty(BATCH, channels, size, size, device="meta")
    batch = Batch(photos, rows[None], rows, games, seen=rows)
    module = GameModule(agents, total).train()
    optimizer = torch.optim.SGD([weight for weight in module.parameters() if weight.requires_grad], 0.1)
    train_step(module, optimizer, batch)  # the first step may fill caches
    with Copies() as copies, Made() as made:
        _, value = train_step(module, optimizer, batch)
    assert value.shape == ()
    assert any(weight.grad is not None for weight in module.parameters())
    return copies.count + made.count


@pytest.mark.parametrize(
    ("options", "copies"),
    [
        ({}, 0),
        ({"separate_encoders": True}, 0),
        ({"stroke_gates": True, "stroke_widths": "chosen"}, 0),
        ({"encoder": "BetterCNNEncoder"}, 0),
        ({"encoder": "Conv2DEncoder", "loss": "CELoss"}, 0),
        ({**SQUEEZENET, "sort_of_perceptual_loss": True, "imagenet_norm": True, "freeze_backbone": True}, 0),
        ({**SQUEEZENET, "separate_encoders": True, "freeze_backbone": True, "sort_of_perceptual_loss": True}, 0),
        ({**VGG16, "sort_of_perceptual_loss": True, "learn_sop_weights": True}, 0),
        ({"edge_loss": True, "reconstruct_loss": True, "ink_price": 0.1}, 0),
        ({"decoder": "SinglePassCRSDecoder"}, 0),
        ({"decoder": "SinglePassSimpleBezierDecoder", "smooth": True}, 0),
        (RECURRENT, 0),
        ({**RECURRENT, "anytime": True, "feedback": True}, 0),
        ({**SQUEEZENET, "CLIP_loss": True}, VIEWS),
        ({"channel_noise": "turn=15,shift=0.1,drop=0.1"}, ANGLES_SHIFTS_AND_DROPS),
    ],
)
def test_a_step_does_not_wait_for_the_gpu(options, copies, meta):
    assert copies_in_a_step(**options) == copies


class Waits(GameLoss):
    def __init__(self, wait):
        self.wait = wait

    def __call__(self, scores, targets):
        self.wait(scores)
        return scores.square().mean()


@pytest.mark.parametrize(
    "wait",
    [
        lambda scores: scores.sum().item(),
        lambda scores: scores.cpu(),
        lambda scores: 1 if scores.sum() > 0 else 2,
        lambda scores: scores[scores > 0],
        lambda scores: scores.detach().unique(),
        lambda scores: scores.tolist(),
    ],
    ids=["item", "cpu", "if", "mask", "unique", "tolist"],
)
def test_a_step_that_waits_is_found(wait, meta):
    with pytest.raises(ForwardError):
        copies_in_a_step(game_loss=Waits(wait))


@pytest.mark.parametrize(
    "copy",
    [
        lambda scores: torch.ones(2).to(scores),
        lambda scores: scores.new_tensor([1.0, 2.0]),
        lambda scores: torch.tensor([1.0, 2.0], device=scores.device),
    ],
)
def test_a_copy_from_the_cpu_is_found(copy, meta):
    assert copies_in_a_step(game_loss=Waits(copy)) == 1
