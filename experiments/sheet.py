"""Draws the sketches of several runs in one picture, for visual comparison."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from learning_to_draw.datasets.picture_file import take_from
from learning_to_draw.trials.records.gamelog import read_log

SHOWN, TILE, GAP, LINE = 10, 96, 4, 22


def draw_sheet(runs: Mapping[str, Path]) -> Image.Image:
    """A picture with one strip per test: its first ten sketches. runs: title -> folder of the test.

    A strip of the photos is above each strip of sketches, unless the previous test had the same photos.
    """
    strips: list[tuple[str, list[Path]]] = []
    previous: list[Path] = []
    for title, folder in runs.items():
        log = read_log(folder)
        games = log.games[:SHOWN]
        photos = [log.picture(game.photo) for game in games]
        if [path.name for path in photos] != [path.name for path in previous]:
            strips.append(("photos", photos))
            previous = photos
        strips.append((title, [log.picture(game.sketch) for game in games]))
    height = LINE + TILE + GAP
    sheet = Image.new("RGB", (SHOWN * (TILE + GAP) + GAP, len(strips) * height), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for row, (title, paths) in enumerate(strips):
        pen.text((GAP, row * height + LINE // 2), title, fill="black", font=font, anchor="lm")
        for column, path in enumerate(paths):
            tile = take_from(
                path, lambda picture: picture.convert("RGB").resize((TILE, TILE), Image.Resampling.LANCZOS)
            )
            sheet.paste(tile, (GAP + column * (TILE + GAP), row * height + LINE))
    return sheet
