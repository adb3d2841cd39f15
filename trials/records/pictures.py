"""Draws the pictures that a run writes: grids as in the official code, and games with photo, sketch and guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from learning_to_draw.models.encoders.base import expand_channels
from learning_to_draw.trials.records.atomic import write_atomically
from learning_to_draw.trials.records.grids import grid

RIGHT, WRONG = (34, 139, 34), (200, 30, 30)
SHOWN_GAMES = 16
TILE = 96  # pixels; smaller pictures are enlarged to about this
FRAME = 4
LABEL_WIDTH = 64
BAR = 10  # height of the bar that shows a belief
STEP_MS, HOLD_MS = 600, 2000  # durations in an animation: of a step, and of the last one


@dataclass(frozen=True)
class PlayedGames:
    """The first N turns of an epoch or a test, on the CPU. Pictures are float [N, 1 or 3, H, W] in 0..1.

    guesses: the candidates that the receiver chose. targets: the correct candidates. right: whether each guess is
    correct, bool [N]. pool: N candidates or more, game after game, in the order in which the receiver sees them;
    candidate i need not belong to turn i.
    """

    photos: Tensor
    sketches: Tensor
    guesses: Tensor
    targets: Tensor
    pool: Tensor
    right: Tensor

    def __len__(self) -> int:
        return len(self.photos)

    @classmethod
    def joined(cls, parts: list[PlayedGames]) -> PlayedGames:
        names = ("photos", "sketches", "guesses", "targets", "pool", "right")
        return cls(*(torch.cat([getattr(part, name) for part in parts]) for name in names))


def save_grid(path: Path, pictures: Tensor) -> None:
    """Saves pictures, float [N, 1 or 3, H, W] in 0..1, as a grid, 8 per row, with 2 black pixels between them."""
    save_picture(path, to_picture(grid(expand_channels(pictures, 3))))


def save_picture(path: Path, picture: Image.Image, *, new: bool = False) -> None:
    # For sketches, this level gives smaller files than the default, in a third of the time.
    write_atomically(path, lambda temporary: picture.save(temporary, compress_level=1), new=new)


def to_bytes(pictures: Tensor) -> Tensor:
    """Pictures as uint8 on the CPU, rounded from floats in 0..1, so that 8-bit photos are restored exactly."""
    return pictures.detach().mul(255).round().clamp(0, 255).to(torch.uint8).cpu()


def to_picture(picture: Tensor) -> Image.Image:
    """An 8-bit picture, grey or RGB, from float [1 or 3, H, W] in 0..1."""
    pixels = to_bytes(picture).permute(1, 2, 0).numpy()
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


@dataclass(frozen=True)
class StepOfGames:
    """N games after one drawing step. photos, sketches: float [N, 1 or 3, H, W] in 0..1.

    belief: the N probabilities, in 0..1, that the receiver gives to its guesses. right: whether each guess is correct.
    """

    photos: Tensor
    sketches: Tensor
    belief: Sequence[float]
    right: Sequence[bool]


def save_steps(path: Path, steps: Sequence[StepOfGames]) -> None:
    """Saves the games as path.png, with one row per step, and as path.gif, with one picture per step.

    The bar below a sketch is the receiver's belief in its guess: green if the guess is correct, otherwise red.
    """
    pictures = [_draw_step(step) for step in steps]
    width, height = pictures[0].size
    sheet = Image.new("RGB", (width, height * len(pictures)), "white")
    for row, picture in enumerate(pictures):
        sheet.paste(picture, (0, row * height))
    save_picture(path.with_suffix(".png"), sheet)
    first, *others = pictures
    write_atomically(
        path.with_suffix(".gif"),
        lambda temporary: first.save(
            temporary, save_all=True, append_images=others, duration=[STEP_MS] * len(others) + [HOLD_MS], loop=0
        ),
    )


def _draw_step(step: StepOfGames) -> Image.Image:
    size = step.photos.shape[-1]
    side = size * max(1, round(TILE / size))
    place = side + 2 * FRAME
    picture = Image.new("RGB", (len(step.photos) * place, 2 * place + BAR + FRAME), "white")
    pen = ImageDraw.Draw(picture)
    for column, (belief, right) in enumerate(zip(step.belief, step.right, strict=True)):
        left = column * place + FRAME
        for row, pictures in enumerate((step.photos, step.sketches)):
            tile = to_picture(pictures[column]).convert("RGB").resize((side, side), Image.Resampling.NEAREST)
            picture.paste(tile, (left, row * place + FRAME))
        top = 2 * place
        pen.rectangle((left, top, left + side - 1, top + BAR - 1), outline="grey")
        pen.rectangle((left, top, left + round(belief * (side - 1)), top + BAR - 1), fill=RIGHT if right else WRONG)
    return picture


def draw_senders(photos: Tensor, *sketches: Tensor) -> Image.Image:
    """A picture with a row of N photos, and one row per sender with its sketches of these photos.

    photos, sketches: float [N, 1 or 3, H, W] in 0..1.
    """
    labels = ["photo", *(f"sender {number}" for number in range(len(sketches)))]
    return _sheet(list(zip(labels, (photos, *sketches), strict=True)), len(photos))


def draw_games(games: PlayedGames) -> Image.Image:
    """A picture with rows for the photos, sketches and guesses of the first 16 turns.

    Right guesses have a green frame, wrong ones a red frame. If targets differ from the senders' photos, as in
    `different` and `mixed` games, there is also a row for targets.
    """
    shown = min(SHOWN_GAMES, len(games))
    rows = [("photo", games.photos), ("sketch", games.sketches)]
    if not torch.equal(games.photos[:shown], games.targets[:shown]):
        rows.append(("target", games.targets))
    rows.append(("guess", games.guesses))
    return _sheet(rows, shown, frames={"guess": [RIGHT if right else WRONG for right in games.right]})


def _sheet(
    rows: Sequence[tuple[str, Tensor]], shown: int, frames: Mapping[str, Sequence[tuple[int, int, int]]] = {}
) -> Image.Image:
    """A picture with labelled rows of the first `shown` pictures. frames: the frames' colours, by the row's label."""
    size = rows[0][1].shape[-1]
    side = size * max(1, round(TILE / size))
    step = side + 2 * FRAME + 4
    sheet = Image.new("RGB", (LABEL_WIDTH + shown * step, len(rows) * step), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for row, (label, pictures) in enumerate(rows):
        pen.text((8, row * step + step // 2), label, fill="black", font=font, anchor="lm")
        for column in range(shown):
            left, top = LABEL_WIDTH + column * step, row * step + 2
            if label in frames:
                box = (left, top, left + side + 2 * FRAME - 1, top + side + 2 * FRAME - 1)
                pen.rectangle(box, fill=frames[label][column])
            tile = to_picture(pictures[column]).convert("RGB").resize((side, side), Image.Resampling.NEAREST)
            sheet.paste(tile, (left + FRAME, top + FRAME))
    return sheet
