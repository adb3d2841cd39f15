"""Joins pictures side by side in one small file for the documentation.

python -m docs.figures.side_by_side PICTURE [PICTURE ...] --output docs/images/NAME.png
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from learning_to_draw.datasets.picture_file import take_from

COLOURS = 256  # a palette makes the file a third as large, with hardly any visible difference
GAP = 10


def side_by_side(pictures: Sequence[Image.Image]) -> Image.Image:
    """Returns the pictures (RGB) in a row, aligned at the top, with white between them."""
    width = sum(picture.width for picture in pictures) + GAP * (len(pictures) - 1)
    sheet, left = Image.new("RGB", (width, max(picture.height for picture in pictures)), "white"), 0
    for picture in pictures:
        sheet.paste(picture, (left, 0))
        left += picture.width + GAP
    return sheet.quantize(COLOURS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+", type=Path, metavar="PICTURE")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    pictures = [take_from(file, lambda picture: picture.convert("RGB")) for file in arguments.pictures]
    side_by_side(pictures).save(arguments.output, optimize=True)
