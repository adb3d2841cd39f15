"""The learning rate's grammar, and the rates it gives against the formulas in the reference."""

import math

import pytest
import torch
import torchbearer
from torchbearer import Trial

from learning_to_draw.errors import UsageError
from learning_to_draw.trials.loop.schedule import LearningRate, parse_learning_rate


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("0.1", LearningRate(0.1)),
        ("1e-4", LearningRate(1e-4)),
        ("0.1*0.2@every10", LearningRate(0.1, "every", 0.2, (10,))),
        ("0.1*0.2@every10B", LearningRate(0.1, "every", 0.2, (10,), per_batch=True)),
        ("0.1*0.2@[10,30,80]", LearningRate(0.1, "milestones", 0.2, (10, 30, 80))),
        ("0.1*0.2@[10, 30]b", LearningRate(0.1, "milestones", 0.2, (10, 30), per_batch=True)),
        ("0.1*0.2@plateau", LearningRate(0.1, "plateau", 0.2)),
        ("0.1*inv0.0001,0.75B", LearningRate(0.1, "inv", 1.0, (0.0001, 0.75), per_batch=True)),
        ("0.1*cosine", LearningRate(0.1, "cosine")),
        ("0.1*0.5@inv0.0001,0.75", LearningRate(0.1, "inv", 1.0, (0.0001, 0.75))),  # its factor is ignored
    ],
)
def test_grammar(text, parsed):
    assert parse_learning_rate(text) == parsed


@pytest.mark.parametrize(
    "text",
    ["", "fast", "-0.1", "0", "inf", "nan", "0.1*", "0.1*every10", "0.1*plateau", "0.1*[3]", "0.1*0.2@sometimes"]
    + ["0.1*0.2@every0", "0.1*0.2@[]", "0.1*0.2@[0]", "0.1*0.2@[a]", "0.1*x@every3", "0.1*inv1", "0.1*0.2@plateauB"]
    + ["0.1*0@every3", "0.1*1.5@plateau", "0.1*0.2@[1.5]", "0.1*0.2@every"]
    + ["0.1*inv-1,0.75", "0.1*invnan,1", "1e38", "0.1*cosineB", "0.1*0.5@cosine"],
)
def test_anything_else_is_said(text):
    with pytest.raises(UsageError, match=r"--learning-rate .*\nWrite it like 0\.001, "):
        parse_learning_rate(text)


class Losses(torchbearer.callbacks.Callback):
    """Feeds the validation losses that a test wants, and notes the learning rate of every batch."""

    def __init__(self, val_losses):
        super().__init__()
        self.val_losses, self.rates = val_losses, []

    def on_step_training(self, state):
        self.rates.append(state[torchbearer.OPTIMIZER].param_groups[0]["lr"])

    def on_end_validation(self, state):
        state[torchbearer.METRICS]["val_loss"] = self.val_losses[state[torchbearer.EPOCH]]


def rates_of(text, epochs, batches, val_losses=None):
    """The learning rate of every batch, trained through torchbearer."""
    rate = parse_learning_rate(text)
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate.initial)
    notes = Losses(val_losses or [1.0] * epochs)
    scheduler = rate.scheduler_callback(epochs)

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = model

        def forward(self, _, state=None):
            return self.layer(torch.ones(1, 1)).sum()

    def criterion(state):
        return state[torchbearer.Y_PRED]

    trial = Trial(Model(), optimizer, criterion, [], [notes] + ([scheduler] if scheduler else []), verbose=0)
    trial.for_steps(train_steps=batches, val_steps=1).run(epochs)
    return notes.rates


def test_constant():
    assert rates_of("0.1", 2, 2) == [0.1] * 4


def test_every_by_epoch_and_by_batch():
    assert rates_of("0.1*0.2@every2", 5, 2) == pytest.approx([0.1] * 4 + [0.02] * 4 + [0.004] * 2)
    assert rates_of("0.1*0.2@every3B", 2, 4) == pytest.approx([0.1] * 3 + [0.02] * 3 + [0.004] * 2)


def test_milestones():
    assert rates_of("0.1*0.5@[1,3]", 4, 1) == pytest.approx([0.1, 0.05, 0.05, 0.025])
    assert rates_of("0.1*0.5@[1,3]B", 1, 5) == pytest.approx([0.1, 0.05, 0.05, 0.025, 0.025])


def test_inverse_decay_is_its_formula():
    assert rates_of("0.1*inv0.5,0.75", 3, 2) == pytest.approx(
        [0.1 * (1 + 0.5 * i) ** -0.75 for i in (0, 0, 1, 1, 2, 2)]
    )
    assert rates_of("0.1*inv0.5,0.75B", 1, 4) == pytest.approx([0.1 * (1 + 0.5 * i) ** -0.75 for i in range(4)])


def test_plateau_waits_for_ten_epochs_without_a_better_val_loss():
    better = [1.0 / (epoch + 1) for epoch in range(15)]
    assert rates_of("0.1*0.2@plateau", 15, 1, better) == [0.1] * 15
    rates = rates_of("0.1*0.2@plateau", 14, 1, [1.0] * 14)
    assert rates == pytest.approx([0.1] * 12 + [0.02] * 2)


def test_cosine_ends_near_0_and_a_longer_run_has_a_longer_schedule():
    expected = [0.05 * (1 + math.cos(math.pi * epoch / 4)) for epoch in (0, 0, 1, 1, 2, 2, 3, 3)]
    assert rates_of("0.1*cosine", 4, 2) == pytest.approx(expected)
    assert rates_of("0.1*cosine", 1, 2) == [0.1, 0.1]
