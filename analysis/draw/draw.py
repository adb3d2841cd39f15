"""`commgame.py draw`: a trained sender draws any pictures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from learning_to_draw.errors import UsageError
from learning_to_draw.models.decoders.base import Strokes
from learning_to_draw.trials.config.run import TestConfig
from learning_to_draw.trials.drawing import Drawing
from learning_to_draw.trials.pair import KINDS, Pair
from learning_to_draw.trials.records.atomic import write_atomically
from learning_to_draw.trials.records.output import check_new
from learning_to_draw.trials.records.pictures import save_picture, to_picture
from learning_to_draw.trials.trained import load_other

GREY = (128, 128, 128)  # between pictures: neither paper nor ink
LARGEST = 8192  # longest side of an enlarged picture, in pixels
# Milliseconds in an animation: for all strokes; at most and at least for one stroke; for the finished sketch.
DRAWING_MS, SLOWEST_MS, FASTEST_MS, HOLD_MS = 6000, 300, 40, 2000


def draw(
    photos: Sequence[Path],
    config: TestConfig,
    output: Path,
    scale: int,
    animate: bool,
    negative: bool,
) -> str:
    """Draws every photo and writes NAME.png (photo and sketch), NAME.svg and, with `animate`, NAME.gif to `output`.

    Returns a message for the user.

    config: the configuration of a test; its `weights` name the checkpoint, and its game options have no effect. scale:
    each pixel becomes scale x scale pixels in the PNG and the GIF. negative: swap light and dark before the sender sees
    the photos. Raises UsageError, before anything is written, if a photo, the checkpoint or the output folder cannot be
    used.
    """
    files = [_files(photo, output, animate) for photo in photos]
    _check_photos(photos)
    _check_output(output, files)
    pair = Pair(load_other(config, Path(config.weights)))
    _check_scale(scale, pair.image_size)
    inputs = [pair.see(photo, negative=negative) for photo in photos]
    if config.dry_run:
        return "\n".join(["Dry run: nothing was written. The files would be", *map(str, chain.from_iterable(files))])

    _make(output)
    lines = [f"The sender sees {pair.image_size} x {pair.image_size} pixels, {KINDS[pair.channels]}."]
    for photo, pixels, paths in zip(photos, inputs, files, strict=True):
        count = _draw_one(pair, pixels, paths, scale)
        lines.append(f"{photo}: {count} stroke{'s' * (count != 1)}, in {', '.join(map(str, paths))}")
    return "\n".join(lines)


def _draw_one(pair: Pair, photo: np.ndarray, paths: Sequence[Path], scale: int) -> int:
    """Draws one photo and writes a PNG, an SVG and, if there are three `paths`, a GIF.

    photo: as `Pair.see` returns it. Returns the number of strokes that are drawn.
    """
    png, vector, *gif = paths
    drawing = pair.draw(photo)
    pictures = [to_picture(torch.from_numpy(picture[0])) for picture in (drawing.photos, drawing.sketches)]
    save_picture(png, side_by_side(pictures, scale), new=True)
    drawing.save(vector)
    for path in gif:
        save_animation(path, growing(pair, drawing), scale)
    return int(drawing.drawn.sum())


@torch.no_grad()
def growing(pair: Pair, drawing: Drawing) -> list[Image.Image]:
    """Returns pictures of how the sketch grows: the blank paper, then one picture after each stroke that is drawn.

    drawing: of one photo.
    """
    decoder = pair.agents.decoder
    strokes = Strokes.from_arrays(drawing.points, drawing.sigma2, drawing.intensities, pair.device)
    pictures = [strokes.points.new_zeros(1, decoder.channels, decoder.image_size, decoder.image_size)]
    for stroke in drawing.drawn[0].nonzero()[0]:
        pictures.append(decoder.draw(strokes[:, : stroke + 1]))
    return [to_picture(pair.agents.apply_invert(ink)[0]) for ink in pictures]


def side_by_side(pictures: Sequence[Image.Image], scale: int) -> Image.Image:
    """Returns one picture: `pictures` of equal size in a row on grey, each pixel enlarged to `scale` x `scale`."""
    gap, large = 2 * scale, [enlarged(picture, scale).convert("RGB") for picture in pictures]
    width, height = large[0].size
    sheet = Image.new("RGB", (gap + len(large) * (width + gap), height + 2 * gap), GREY)
    for column, picture in enumerate(large):
        sheet.paste(picture, (gap + column * (width + gap), gap))
    return sheet


def save_animation(path: Path, pictures: Sequence[Image.Image], scale: int) -> None:
    """Saves a GIF that loops forever. The last picture stays for 2 seconds; with up to 150 pictures, it appears within
    6 seconds."""
    step = min(SLOWEST_MS, max(FASTEST_MS, DRAWING_MS // len(pictures)))
    first, *others = [enlarged(picture, scale) for picture in pictures]
    times = [*[step] * len(others), HOLD_MS]
    write_atomically(
        path,
        lambda temporary: first.save(temporary, save_all=True, append_images=others, duration=times, loop=0),
        new=True,
    )


def enlarged(picture: Image.Image, scale: int) -> Image.Image:
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)


def _files(photo: Path, output: Path, animate: bool) -> list[Path]:
    """Returns the files to write for a photo."""
    return [output / f"{photo.stem}.{kind}" for kind in ("png", "svg", *(["gif"] if animate else []))]


def _check_photos(photos: Sequence[Path]) -> None:
    """Raises UsageError if a photo does not exist, or if two photos would be drawn to the same files."""
    first: dict[str, Path] = {}
    for photo in photos:
        if not photo.exists():
            raise UsageError(f"{photo} cannot be drawn: there is no such file.\nGive pictures, such as cat.jpg.")
        name = photo.stem.casefold()  # some file systems take A and a for the same name
        if first.get(name) == photo:
            raise UsageError(f"{photo} is given twice.\nGive it once.")
        if name in first:
            raise UsageError(
                f"{first[name]} and {photo} would both be drawn to {photo.stem}.png.\n"
                "Draw them separately, with different --output folders, or rename one."
            )
        first[name] = photo


def _check_output(output: Path, files: Sequence[Sequence[Path]]) -> None:
    """Raises UsageError if one of `files` exists, or if `output` exists but is not a folder."""
    if output.is_dir():
        for path in (path for written in files for path in written):
            check_new(path)
    elif output.exists() or output.is_symlink():
        raise UsageError(f"--output {output} is not a folder.\nGive another name.")


def _check_scale(scale: int, image_size: int) -> None:
    if scale * image_size > LARGEST:
        raise UsageError(
            f"--scale {scale} is too large: the sides of the pictures would have {scale * image_size} pixels.\n"
            f"Give at most {max(1, LARGEST // image_size)}; the SVG is sharp at any size."
        )


def _make(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--output {output} cannot be created: {error.strerror}.\nGive another folder.") from error
