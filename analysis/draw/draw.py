"""`commgame.py draw`: a trained sender draws any pictures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from learning_to_draw.trials.records.svg import svg
from learning_to_draw.components import Chosen, Config
from learning_to_draw.datasets.decoding import read_picture, resize_and_crop, to_tensor
from learning_to_draw.datasets.splits import to_unit_range
from learning_to_draw.errors import UsageError
from learning_to_draw.models.agents import Agents
from learning_to_draw.models.decoders.base import Strokes
from learning_to_draw.trials.build import Pictures, choose_device
from learning_to_draw.trials.config.run import TestConfig
from learning_to_draw.trials.loop.precision import set_precision
from learning_to_draw.trials.records.atomic import write_atomically, write_text
from learning_to_draw.trials.records.output import check_new
from learning_to_draw.trials.records.pictures import save_picture, to_picture
from learning_to_draw.trials.trained import build_trained, load_other

KINDS = {1: "grey", 3: "in colour"}
GREY = (128, 128, 128)  # between pictures: neither paper nor ink
LARGEST = 8192  # longest side of an enlarged picture, in pixels
# Durations in an animation: all strokes; the longest and the shortest for one stroke; the finished sketch.
DRAWING_MS, SLOWEST_MS, FASTEST_MS, HOLD_MS = 6000, 300, 40, 2000


def draw(
    photos: Sequence[Path],
    config: TestConfig,
    output: Path,
    scale: int,
    animate: bool,
    negative: bool,
) -> str:
    """Draws every photo and writes NAME.png (photo and sketch), NAME.svg and, with `animate`, NAME.gif.

    Returns a message for the user.

    config: the configuration of a test with these agents; its game options have no effect.
    Raises UsageError, before anything is written, if a photo, the checkpoint or the output folder cannot be used.
    """
    files = [_files(photo, output, animate) for photo in photos]
    _check_photos(photos)
    _check_output(output, files)
    trained = load_other(config, Path(config.weights))
    expected = pictures_trained_with(config.dataset)
    _check_scale(scale, expected.image_size)
    device = choose_device(config.device)
    agents = build_trained(trained, expected).to(device).eval()
    set_precision(config.speed.precision, agents)
    inputs = [see(photo, expected, negative) for photo in photos]
    if config.dry_run:
        return "\n".join(["Dry run: nothing was written. The files would be", *map(str, chain.from_iterable(files))])

    _make(output)
    lines = [f"The sender sees {expected.image_size} x {expected.image_size} pixels, {KINDS[expected.channels]}."]
    for photo, pixels, paths in zip(photos, inputs, files, strict=True):
        count = _draw_one(agents, to_unit_range(pixels[None], device), paths, scale)
        lines.append(f"{photo}: {count} strokes, in {', '.join(map(str, paths))}")
    return "\n".join(lines)


def _draw_one(agents: Agents, photos: Tensor, paths: Sequence[Path], scale: int) -> int:
    """Draws a single photo, float [1, 1 or 3, S, S] in 0..1, to a PNG, an SVG and, if `paths` has a third, a GIF.

    Returns the number of strokes.
    """
    png, vector, *gif = paths
    strokes, sketches = sketch_of(agents, photos)
    save_picture(png, side_by_side([to_picture(photos[0]), to_picture(sketches[0])], scale), new=True)
    write_text(vector, as_svg(agents, strokes), new=True)
    for path in gif:
        save_animation(path, growing(agents, strokes), scale)
    return strokes.points.shape[1]


def pictures_trained_with(dataset: Chosen[Config]) -> Pictures:
    """Returns the size and channels of the data set's pictures, from its options and class; its files are not read."""
    options, cls = dataset.config.values(), dataset.component.load()
    size = options.get("image_size", options.get("size"))
    return Pictures({}, cls.image_size if size is None else size, cls.channels)


def see(photo: Path, expected: Pictures, negative: bool) -> Tensor:
    """Returns the photo as the sender sees it: upright, resized and centre-cropped, uint8 [C, S, S].

    negative: swap light and dark. Raises UsageError if the file is not a picture.
    """
    pixels = to_tensor(resize_and_crop(expected.image_size)(read_picture(photo, expected.channels, upright=True)))
    return 255 - pixels if negative else pixels


@torch.no_grad()
def sketch_of(agents: Agents, photos: Tensor) -> tuple[Strokes, Tensor]:
    """Returns the strokes and sketches, float [B, 1 or 3, S, S], of photos [B, 1 or 3, S, S] in 0..1."""
    return agents.sketch(agents.sender_encoder.encode(photos).latent)


@torch.no_grad()
def growing(agents: Agents, strokes: Strokes) -> list[Image.Image]:
    """Returns pictures of the sketch of `strokes` (B = 1): the blank paper, then one after each stroke."""
    decoder = agents.decoder
    paper = strokes.points.new_zeros(1, decoder.channels, decoder.image_size, decoder.image_size)
    inks = [paper, *(decoder.draw(_first(strokes, count)) for count in range(1, strokes.points.shape[1] + 1))]
    return [to_picture(agents.apply_invert(ink)[0]) for ink in inks]


def as_svg(agents: Agents, strokes: Strokes) -> str:
    """Returns the sketch of `strokes` (B = 1) as SVG text."""
    inks = None if strokes.intensities is None else strokes.intensities[0]
    decoder = agents.decoder
    return svg(strokes.points[0], strokes.sigma2, decoder.image_size, inks, agents.invert, decoder.contrast)


def side_by_side(pictures: Sequence[Image.Image], scale: int) -> Image.Image:
    """Returns one picture: `pictures` of equal size in a row on grey, each pixel enlarged to `scale` x `scale`."""
    gap, large = 2 * scale, [enlarged(picture, scale).convert("RGB") for picture in pictures]
    width, height = large[0].size
    sheet = Image.new("RGB", (gap + len(large) * (width + gap), height + 2 * gap), GREY)
    for column, picture in enumerate(large):
        sheet.paste(picture, (gap + column * (width + gap), gap))
    return sheet


def save_animation(path: Path, pictures: Sequence[Image.Image], scale: int) -> None:
    """Saves a GIF that loops forever. Up to 150 pictures take at most six seconds; the last one then stays for two."""
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


def _first(strokes: Strokes, count: int) -> Strokes:
    inks = None if strokes.intensities is None else strokes.intensities[:, :count]
    return Strokes(strokes.points[:, :count], strokes.sigma2, inks)


def _files(photo: Path, output: Path, animate: bool) -> list[Path]:
    """Returns the files to write for a photo."""
    return [output / f"{photo.stem}.{kind}" for kind in ("png", "svg", *(["gif"] if animate else []))]


def _check_photos(photos: Sequence[Path]) -> None:
    """Raises UsageError if a photo does not exist, or if two photos would be drawn to the same files."""
    first: dict[str, Path] = {}
    for photo in photos:
        if not photo.exists():
            raise UsageError(f"{photo} cannot be drawn: there is no such file.\nGive pictures, such as cat.jpg.")
        earlier = first.setdefault(photo.stem.casefold(), photo)  # on some file systems A.png is a.png
        if earlier is not photo and earlier == photo:
            raise UsageError(f"{photo} is given twice.\nGive it once.")
        if earlier is not photo:
            raise UsageError(
                f"{earlier} and {photo} would both be drawn to {photo.stem}.png.\n"
                "Draw them separately, with different --output folders, or rename one."
            )


def _check_output(output: Path, files: Sequence[Sequence[Path]]) -> None:
    """Raises UsageError if one of `files` exists already, or `output` is not a folder."""
    if output.is_dir():
        for path in (path for written in files for path in written):
            check_new(path)
    elif output.exists() or output.is_symlink():
        raise UsageError(f"--output {output} is not a folder.\nGive another name.")


def _check_scale(scale: int, image_size: int) -> None:
    if scale * image_size > LARGEST:
        raise UsageError(
            f"--scale {scale} would enlarge pictures of {image_size} pixels to {scale * image_size} pixels.\n"
            f"Give at most {max(1, LARGEST // image_size)}; the SVG is sharp at any size."
        )


def _make(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--output {output} cannot be created: {error.strerror}.\nGive another folder.") from error
