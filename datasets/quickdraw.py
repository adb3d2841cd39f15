"""Quick, Draw!: drawings that people made in twenty seconds, as strokes, grouped by what they show."""

from __future__ import annotations

import json
import struct
from itertools import islice
from pathlib import Path
from shutil import copyfileobj
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor
from tqdm import tqdm

from learning_to_draw import console
from learning_to_draw.datasets.augment import HANDWRITING_VIEW
from learning_to_draw.datasets.config import QuickDrawConfig
from learning_to_draw.datasets.decoding import each, stack, to_tensor
from learning_to_draw.datasets.download import download_folder
from learning_to_draw.datasets.identity import path_ids
from learning_to_draw.datasets.skeleton import check_available, skeletonise
from learning_to_draw.datasets.splits import Split, check_split_name, stratified_split
from learning_to_draw.errors import UsageError

FOLDER = "quickdraw"
URL = "https://storage.googleapis.com/quickdraw_dataset/full/simplified/"  # one file per group, about 100 MB
# Possible names of a group's file: short, or its path in the public bucket with _ for /.
FILES = ("{}.ndjson", "full_simplified_{}.ndjson", "{}.bin", "full_binary_{}.bin")
MOST = 70_000  # drawings used per group, from the start of its file; they give splits of 50000 / 10000 / 10000
HELD_OUT = 7  # one drawing in seven is for validation, and another one for testing
CANVAS = 256  # pixels; coordinates are integers from 0 to 255
HEADER = struct.Struct("<Q2sbIH")  # key, country, recognised (0 or 1), time, number of strokes
LENGTH = struct.Struct("<H")  # a stroke's number of points; their x and then their y follow, one byte each

Stroke = tuple[bytes, bytes]  # the x (to the right) and the y (down) of its points
Drawing = list[Stroke]


class QuickDraw:
    """Drawings of one or more groups; each group is a class. The drawings of each group are divided at random (seed
    `dataset_seed`): 5/7 for training, 1/7 for validation and 1/7 for testing. `valset_size_per_class`, unless 0, sets
    the average number of validation drawings per group instead. The official code has a single group, as one class;
    several groups also allow object-oriented games.

    Reads `<dataset_root>/quickdraw/<group>.ndjson` (one drawing per line) or `<group>.bin` (binary) of the public
    simplified drawings: at most the first 70,000 of each file, including those that Quick, Draw! did not recognise.

    Drawings are light on black. Strokes have round ends and are `stroke_width` pixels wide on a 256 x 256 canvas, which
    is scaled to `size`. `skeleton` then thins them to one pixel. `augment` slightly rotates, translates, scales and
    shears the training drawings, differently each time. All drawings are held in memory: size * size bytes each, so
    4.6 GB for 70,000 at 256 pixels and 0.3 GB at 64.
    """

    channels = 1

    def __init__(self, config: QuickDrawConfig = QuickDrawConfig()) -> None:
        self.image_size = config.size
        self.stroke_width = config.stroke_width
        self.valset_size_per_class = config.valset_size_per_class
        self.dataset_seed = config.dataset_seed
        self.augment = config.augment
        self.skeleton = config.skeleton
        self.num_workers = config.num_workers
        if config.skeleton:
            check_available()
        self.classes = config.group
        if len(set(self.classes)) < len(self.classes):
            raise UsageError(f"QuickDraw: --group {' '.join(self.classes)} names a group twice.\nName each group once.")
        groups = [read_drawings(_find(config.dataset_root, name)) for name in self.classes]
        self.drawings = [drawing for drawings in groups for drawing in drawings]
        self.labels = np.repeat(np.arange(len(groups)), [len(drawings) for drawings in groups])
        self.numbers = np.concatenate([np.arange(len(drawings)) for drawings in groups])  # in the group's file

    def split(self, name: str) -> Split:
        check_split_name(name)
        chosen = self._positions()[name]
        labels = torch.from_numpy(self.labels[chosen])
        drawings = [self.drawings[position] for position in chosen]
        return Split(
            name=name,
            images=self._pictures(drawings, name),
            labels=labels,
            classes=self.classes,
            items=torch.arange(len(labels)),
            augment=HANDWRITING_VIEW if self.augment and name == "train" else None,
            ids=torch.from_numpy(
                path_ids(f"QuickDraw/{self.classes[self.labels[k]]}/{self.numbers[k]}" for k in chosen)
            ),
        )

    def _positions(self) -> dict[str, np.ndarray]:
        everything = np.arange(len(self.labels))
        tests = len(everything) // HELD_OUT
        valids = self.valset_size_per_class * len(self.classes) or tests
        rest, test = stratified_split(everything, self.labels, tests, self.dataset_seed, "QuickDraw")
        train, valid = stratified_split(rest, self.labels[rest], valids, self.dataset_seed, "QuickDraw")
        return {"train": train, "valid": valid, "test": test}

    def _pictures(self, drawings: list[Drawing], name: str) -> Tensor:
        def draw(drawing: Drawing) -> Tensor:
            picture = render(drawing, self.image_size, self.stroke_width)
            return torch.from_numpy(skeletonise(picture[0].numpy()))[None] if self.skeleton else picture

        return stack(each(draw, drawings, self.num_workers, f"drawing {name}"), len(drawings))


def render(drawing: Drawing, size: int, stroke_width: int) -> Tensor:
    """uint8 [1, size, size]: strokes of 255 on 0, `stroke_width` pixels wide on a 256 x 256 canvas, then scaled."""
    picture = Image.new("L", (CANVAS, CANVAS))
    pen = ImageDraw.Draw(picture)
    before, after = (stroke_width - 1) // 2, stroke_width // 2  # pixels of Pillow's lines before and after a point
    for xs, ys in drawing:
        points = list(zip(xs, ys, strict=True))
        pen.line(points, fill=255, width=stroke_width)
        pen.point(points, fill=255)  # Pillow draws nothing for an ellipse of one pixel
        for x, y in points:  # Pillow's lines have square ends, and gaps at the joints
            pen.ellipse((x - before, y - before, x + after, y + after), fill=255)
    return to_tensor(picture.resize((size, size), Image.Resampling.BILINEAR))


def read_drawings(path: Path) -> list[Drawing]:
    """The first 70,000 drawings of a .ndjson or .bin file. Raises UsageError if it is damaged or empty."""
    drawings = _read_binary(path) if path.suffix == ".bin" else _read_ndjson(path)
    if not drawings:
        raise UsageError(f"QuickDraw: there are no drawings in {path}.\nReplace the file with an intact copy.")
    return drawings


def _read_ndjson(path: Path) -> list[Drawing]:
    drawings = []
    with path.open("rb") as lines:
        filled = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
        for number, line in islice(filled, MOST):
            try:
                drawings.append([_stroke(xs, ys) for xs, ys in json.loads(line)["drawing"]])
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                raise _damaged(path, f"line {number}", f"{type(error).__name__}: {error}") from None
    return drawings


def _stroke(xs: list[int], ys: list[int]) -> Stroke:
    stroke = bytes(list(xs)), bytes(list(ys))  # list() first: bytes(3) would be three zeros
    if len(stroke[0]) != len(stroke[1]):
        raise ValueError(f"a stroke's x and y have different lengths: {len(stroke[0])} and {len(stroke[1])}")
    return stroke


def _read_binary(path: Path) -> list[Drawing]:
    content = path.read_bytes()
    drawings, offset = [], 0
    while offset < len(content) and len(drawings) < MOST:
        try:
            _, _, recognised, _, strokes = HEADER.unpack_from(content, offset)
            if recognised not in (0, 1):
                raise ValueError(f"its `recognised` flag is {recognised}, not 0 or 1")
            drawing, end = [], offset + HEADER.size
            for _ in range(strokes):
                (points,) = LENGTH.unpack_from(content, end)
                xs, ys, end = end + LENGTH.size, end + LENGTH.size + points, end + LENGTH.size + 2 * points
                if end > len(content):
                    raise ValueError("the file ends before the drawing does")
                drawing.append((content[xs:ys], content[ys:end]))
        except (ValueError, struct.error) as error:
            raise _damaged(path, f"the drawing at byte {offset}", str(error)) from None
        drawings.append(drawing)
        offset = end
    return drawings


def _damaged(path: Path, where: str, problem: str) -> UsageError:
    return UsageError(
        f"QuickDraw: {path} is damaged, {where}: {problem[:150]}\n"
        "It must hold simplified drawings: strokes of integer x and y from 0 to 255 (not raw drawings with times).\n"
        "Delete it to download it again, or replace it with an intact copy."
    )


def _find(root: Path, group: str) -> Path:
    """The path of a group's file, which is downloaded if missing."""
    candidates = [root / FOLDER / name.format(group) for name in FILES]
    for path in candidates:
        if path.is_file():
            return path
    file = candidates[0].name
    download_folder(
        root,
        FOLDER,
        lambda temporary: _fetch(URL + quote(file), temporary / FOLDER / file),
        missing=f"QuickDraw: there is no {file} or {candidates[2].name} in {root / FOLDER}.",
        advice=f"Put {URL}{quote(file)} there by hand, or give another --group (see "
        "https://quickdraw.withgoogle.com/data) or the right --dataset-root.",
    )
    return candidates[0]


def _fetch(url: str, path: Path) -> None:
    """Downloads `url` to `path`, whose folder must not exist yet. Checks only the length of the file.

    Raises OSError if the download fails or is cut short.
    """
    path.parent.mkdir()
    try:
        with urlopen(url, timeout=60) as response, path.open("wb") as file:
            length = response.length
            with tqdm.wrapattr(
                response, "read", total=length, desc=path.name, disable=console.hidden(), leave=False
            ) as bar:
                copyfileobj(bar, file)
    except HTTPError as error:
        error.close()  # otherwise the error keeps the connection open
        raise
    if length is not None and path.stat().st_size != length:
        raise ConnectionError(f"the connection was lost after {path.stat().st_size} of {length} bytes")
