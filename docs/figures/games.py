"""docs/images/games.png: what each agent sees in each game, drawn from the game logs of four tests of Digits.

    python -m docs.figures.games ORIGINAL SAME DIFFERENT MIXED --output docs/images/games.png

The tests are those of docs/games.md. Each row shows the first turn that was guessed right, if possible of a class that
no row above shows. In `different` and `mixed`, the target of that turn is not the sender's picture.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from learning_to_draw.datasets.picture_file import take_from
from learning_to_draw.trials.records.gamelog import GameLog, Turn, read_log

WIDTH, MARGIN = 900, 14
LARGE, SMALL, GAP = 104, 64, 9  # sides of the sender's and the receiver's pictures; gap between the latter
ARROW = 44
HEADING, ROW = 34, 152
SHOWN = 8  # candidates per row
TEXT, FAINT, EDGE = (70, 75, 80), (130, 136, 142), (205, 208, 212)
TARGET, GUESS = (37, 99, 201), (26, 127, 55)
SENDER, SKETCH = MARGIN, MARGIN + LARGE + ARROW
POOL = SKETCH + LARGE + ARROW

# Each game: its name, whether the target of the turn shown is not the sender's picture, and a caption.
ROWS = (
    ("original", False, "single pictures; the target is the very picture that the sender sees"),
    ("same", False, "a picture of each class; the target is the very picture that the sender sees"),
    ("different", True, "a picture of each class; the target is another picture of the sender's class"),
    ("mixed", True, "half of the senders as in same, half as in different, as this one"),
)


def choose(log: GameLog, another: bool, shown: set[str | None]) -> Turn:
    """Returns the first correct turn that fits, preferably of a class that is not in `shown`.

    another: whether its target is another picture than the sender's. Raises SystemExit if no turn fits.
    """
    fitting = [game for game in log.games if game.correct and (game.photo != game.target_picture) == another]
    if not fitting:
        raise SystemExit(f"error: {log.folder} has no game that was guessed right and fits its row.")
    return next((game for game in fitting if game.photo_class not in shown), fitting[0])


def in_pool(game: Turn) -> list[int]:
    """Returns the first candidates, in the receiver's order. The target replaces the last one if it is not included."""
    positions = list(range(min(SHOWN, len(game.candidates))))
    return positions if game.target in positions else [*positions[:-1], game.target]


def draw(logs: Sequence[GameLog]) -> Image.Image:
    """Returns the figure: one row for each of `ROWS`, on white."""
    sheet = Image.new("RGB", (WIDTH, HEADING + len(ROWS) * ROW), "white")
    pen = ImageDraw.Draw(sheet)
    for left, width, text in (
        (SENDER, LARGE, "sender sees"),
        (SKETCH, LARGE, "sender draws"),
        (POOL, SHOWN * (SMALL + GAP) - GAP, "receiver chooses from"),
    ):
        pen.text((left + width / 2, HEADING / 2), text, fill=TEXT, font=font(16), anchor="mm")
    shown: set[str | None] = set()
    for row, (log, (name, another, said)) in enumerate(zip(logs, ROWS, strict=True)):
        game = choose(log, another, shown)
        shown.add(game.photo_class)
        draw_row(sheet, HEADING + row * ROW, log, game, name, said)
    return sheet


def draw_row(sheet: Image.Image, top: int, log: GameLog, game: Turn, name: str, said: str) -> None:
    """Draws the name of a game and, below it, one turn. top: the row of pixels where they begin."""
    pen = ImageDraw.Draw(sheet)
    pen.line((MARGIN, top, WIDTH - MARGIN, top), fill=EDGE)
    pen.text((MARGIN, top + 16), name, fill=TEXT, font=font(16), anchor="lm")
    pen.text((MARGIN + font(16).getlength(name) + 10, top + 17), said, fill=FAINT, font=font(14), anchor="lm")
    positions = in_pool(game)
    count = f"{len(positions)} of {len(game.candidates)} candidates"
    pen.text((WIDTH - MARGIN, top + 17), count, fill=FAINT, font=font(14), anchor="rm")
    top += 32
    paste(sheet, log, game.photo, (SENDER, top), LARGE)
    paste(sheet, log, game.sketch, (SKETCH, top), LARGE)
    for start in (SENDER + LARGE, SKETCH + LARGE):
        arrow(pen, start + 9, start + ARROW - 9, top + LARGE // 2)
    for place, position in enumerate(positions):
        left, upper = POOL + place * (SMALL + GAP), top + 12
        paste(sheet, log, game.candidates[position], (left, upper), SMALL)
        middle, below = left + SMALL / 2, upper + SMALL
        if position == game.target:
            pen.rectangle((left - 4, upper - 4, left + SMALL + 3, below + 3), outline=TARGET, width=4)
            pen.text((middle, upper - 12), "target", fill=TARGET, font=font(13), anchor="mm")
        if position == game.guess:
            pen.polygon([(middle - 6, below + 16), (middle + 6, below + 16), (middle, below + 7)], fill=GUESS)
            pen.text((middle, below + 24), "guess", fill=GUESS, font=font(13), anchor="mm")


def paste(sheet: Image.Image, log: GameLog, name: str, corner: tuple[int, int], side: int) -> None:
    """Pastes a picture of the log, scaled to a square of `side` pixels, with a thin border."""
    size = (side, side)
    picture = take_from(log.picture(name), lambda file: file.convert("RGB").resize(size, Image.Resampling.LANCZOS))
    sheet.paste(picture, corner)
    left, top = corner
    ImageDraw.Draw(sheet).rectangle((left, top, left + side - 1, top + side - 1), outline=EDGE)


def arrow(pen: ImageDraw.ImageDraw, start: int, end: int, y: int) -> None:
    pen.line((start, y, end - 8, y), fill=FAINT, width=2)
    pen.polygon([(end, y), (end - 9, y - 5), (end - 9, y + 5)], fill=FAINT)


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw docs/images/games.png from the game logs of four tests.")
    for name, _, _ in ROWS:
        parser.add_argument(name, type=Path, metavar=name.upper(), help=f"folder of a test of the {name} game")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the picture to write")
    given = parser.parse_args()
    draw([read_log(getattr(given, name)) for name, _, _ in ROWS]).save(given.output, optimize=True)


if __name__ == "__main__":
    main()
