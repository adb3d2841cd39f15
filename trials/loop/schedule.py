"""Parses learning rate specifications, INITIAL or INITIAL*SCHEDULE, as in the official code.

    0.1                     constant
    0.1*0.2@every10         multiplied by 0.2 after every 10 epochs
    0.1*0.2@[10,30,80]      multiplied by 0.2 after 10, 30 and 80 epochs
    0.1*0.2@plateau         multiplied by 0.2 when val_loss has not improved by 0.01 % for more than 10 epochs
    0.1*inv0.0001,0.75      0.1 * (1 + 0.0001 i)^-0.75 at epoch i
    0.1*cosine              0.1 * (1 + cos(pi i / epochs)) / 2 at epoch i; the official code does not have it

Epochs i count from 0. A `B` (or `b`) at the end means batches instead of epochs. It is not allowed for cosine, nor for
plateau, because val_loss exists once per epoch.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from functools import partial
from typing import Any

from learning_to_draw.components import LARGEST, SMALLEST
from learning_to_draw.errors import UsageError

FORMS = "0.001, 0.001*0.2@every10, 0.001*0.2@[10,30,80], 0.001*0.2@plateau, 0.001*inv0.0001,0.75 or 0.001*cosine"


@dataclass(frozen=True)
class LearningRate:
    """A parsed specification of a learning rate and its schedule.

    kind: "constant", "every", "milestones", "plateau", "inv" or "cosine". factor: what "every", "milestones" and
    "plateau" multiply the rate by. numbers: (N,) for "every", which acts after every N epochs; the epochs after which
    "milestones" acts; (gamma, power) for "inv"; empty otherwise. per_batch: whether the schedule counts batches instead
    of epochs.
    """

    initial: float
    kind: str = "constant"
    factor: float = 1.0
    numbers: tuple[float, ...] = ()
    per_batch: bool = False

    def scheduler_callback(self, epochs: int) -> Any | None:
        """The torchbearer callback that changes the optimiser's learning rate; None if the rate is constant.

        epochs: the epochs of the whole training; "cosine" falls nearly to 0 over them.
        """
        from torch.optim import lr_scheduler
        from torchbearer.callbacks import TorchScheduler

        if self.kind == "constant":
            return None
        if self.kind == "plateau":
            # torchbearer's own ReduceLROnPlateau passes an argument that torch no longer takes.
            return TorchScheduler(partial(lr_scheduler.ReduceLROnPlateau, factor=self.factor), monitor="val_loss")
        match self.kind:
            case "every":
                build = partial(lr_scheduler.StepLR, step_size=self.numbers[0], gamma=self.factor)
            case "milestones":
                build = partial(lr_scheduler.MultiStepLR, milestones=list(self.numbers), gamma=self.factor)
            case "inv":
                build = partial(lr_scheduler.LambdaLR, lr_lambda=partial(_inverse, *self.numbers))
            case _:
                # Not CosineAnnealingLR: it multiplies the previous rate, and a run could not go on from 0.
                build = partial(lr_scheduler.LambdaLR, lr_lambda=partial(_half_cosine, epochs))
        return TorchScheduler(build, step_on_batch=self.per_batch)


def parse_learning_rate(text: str) -> LearningRate:
    """The learning rate that `text` specifies. Raises UsageError if `text` is not a valid specification."""
    initial, star, schedule = text.replace(" ", "").partition("*")
    try:
        rate = float(initial)
        if not SMALLEST <= rate <= LARGEST:
            raise ValueError("the rate must be from 1e-30 to 1e30")
        return _parse_schedule(rate, schedule) if star else LearningRate(rate)
    except ValueError as error:
        raise UsageError(f"--learning-rate {text}: {error}.\nWrite it like {FORMS}.") from None


def _parse_schedule(initial: float, schedule: str) -> LearningRate:
    per_batch = schedule[-1:] in ("B", "b")
    body = schedule[:-1] if per_batch else schedule
    factor_text, _, kind = body.rpartition("@")
    if match := re.fullmatch(r"inv([^,]+),([^,]+)", kind):
        gamma, power = float(match[1]), float(match[2])
        if not (0 <= gamma <= LARGEST and abs(power) <= LARGEST):
            raise ValueError(f"inv needs a gamma from 0 to 1e30 and a power from -1e30 to 1e30, not {body}")
        return LearningRate(
            initial, "inv", 1.0, (gamma, power), per_batch
        )  # a factor is ignored, as in the official code
    if body == "cosine":
        if per_batch:
            raise ValueError("cosine changes once per epoch: leave out the B")
        return LearningRate(initial, "cosine")
    known = kind == "plateau" or re.fullmatch(r"every\d+", kind) or re.fullmatch(r"\[.*\]", kind)
    if not known:
        raise ValueError(f"{schedule!r} is not a schedule")
    if not factor_text:
        raise ValueError(f"{kind} needs the factor to multiply by, as in 0.2@{kind}")
    factor = float(factor_text)
    if not 0 < factor < math.inf:
        raise ValueError(f"the factor must be above 0 and finite, not {factor_text}")
    if kind == "plateau":
        if per_batch:
            raise ValueError("plateau depends on val_loss, which exists once per epoch: leave out the B")
        if factor >= 1:
            raise ValueError(f"the factor {factor_text} of a plateau must be below 1")
        return LearningRate(initial, "plateau", factor)
    if kind.startswith("every"):
        step = int(kind[len("every") :])
        if step < 1:
            raise ValueError('the number after "every" must be 1 or more')
        return LearningRate(initial, "every", factor, (step,), per_batch)
    return LearningRate(initial, "milestones", factor, _milestones(kind), per_batch)


def _milestones(text: str) -> tuple[int, ...]:
    try:
        numbers = json.loads(text)
    except json.JSONDecodeError:
        numbers = None
    if not numbers or not all(type(number) is int and number > 0 for number in numbers):
        raise ValueError(f"{text} is not a list of whole numbers above 0, as in [10,30,80]")
    return tuple(numbers)


def _inverse(gamma: float, power: float, step: int) -> float:
    return (1 + gamma * step) ** -power


def _half_cosine(epochs: int, epoch: int) -> float:
    return (1 + math.cos(math.pi * min(epoch / epochs, 1))) / 2
