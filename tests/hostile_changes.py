"""Random changes that somebody hostile could make to a file of a run, a log, a checkpoint or a study.

Used by hostile_files.py.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

VALUES = [
    None,
    True,
    -1,
    0,
    1,
    10**9,
    10**30,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "x",
    "\x1b[31mred",
    "\ud800",
    "\udcff",
]
VALUES += [
    "../" * 8 + "etc/passwd",
    "/dev/zero",
    "x" * 100_000,
    "a\0b",
    [],
    [1],
    [[]],
    ["x", 3],
    {},
    {"x": None},
    {"options": 3},
]


def quantized():
    """A quantised tensor. torch warns that a later version will not make them any more; old files may have them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.quint8)


TENSORS = [
    lambda: torch.zeros(1).expand(10**9),
    lambda: torch.zeros(3, 3).to_sparse(),
    quantized,
    lambda: torch.empty(10**10, device="meta"),
    lambda: torch.zeros(2, dtype=torch.complex64),
    lambda: torch.zeros(0),
    lambda: torch.full((2,), float("nan")),
    lambda: torch.zeros(5, dtype=torch.int64),
    lambda: torch.nn.Parameter(torch.zeros(2)),
    lambda: bytearray(10),
]


class Touch:
    """Pickled, it creates a file when it is read."""

    def __reduce__(self):
        return (open, ("code-was-run", "w"))


def change(rng: random.Random, value: Any, values: Callable[[], Any]) -> Any:
    """A copy of a content with one value, anywhere, replaced, removed, added or repeated."""
    places = []

    def walk(one: Any, depth: int) -> None:
        if isinstance(one, dict | list) and depth < 6:
            keys = list(one) if isinstance(one, dict) else list(range(len(one)))[:200]
            for key in rng.sample(keys, min(len(keys), 30)):
                places.append((one, key))
                walk(one[key], depth + 1)

    walk(value, 0)
    if not places or rng.random() < 0.02:
        return values()
    top = [place for place in places if place[0] is value]
    holder, key = rng.choice(top if rng.random() < 0.4 else places)
    kind = rng.random()
    if kind < 0.75:
        holder[key] = values()
    elif kind < 0.9:
        del holder[key]
    elif isinstance(holder, dict):
        holder[rng.choice(["x", "items", "\x1b]0;x\x07", ""])] = values()
    else:
        holder.append(values())
    return value


def deep(rng: random.Random) -> Any:
    content: Any = 0
    for _ in range(rng.choice([50, 400])):
        content = [content] if rng.random() < 0.5 else {"a": content}
    return content


def hostile(rng: random.Random, path: Path) -> str:
    """Replaces a file by a hostile variant, and returns what was done."""
    content = path.read_bytes()
    kind = rng.random()
    if kind < 0.06:
        path.unlink()
        os.mkfifo(path)
        return "FIFO"
    if kind < 0.12:
        path.unlink()
        inside = {"games.json", "games.jsonl", "card.json", "strokes.npz"}
        target = {".png": "outside/picture.png", ".csv": "outside/log.csv"}.get(path.suffix, "outside/secret.txt")
        target = f"outside/gamelogs/{path.name}" if path.name in inside else target
        target = f"outside/{path.name}" if Path("outside", path.name).exists() else target
        path.symlink_to(
            rng.choice([Path(target).absolute(), os.path.relpath(target, path.parent), "/dev/zero", path.name])
        )
        return "link"
    if kind < 0.16:
        cut = rng.randrange(len(content) + 1)
        path.write_bytes(content[:cut])
        return "cut"
    if kind < 0.24:
        data = bytearray(content)
        for _ in range(rng.choice([1, 3, 30])):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(bytes(data))
        return "flipped"
    if kind < 0.28:
        path.write_bytes(
            rng.choice([b"", b"\0" * 1000, b"[" * 200_000, b"\xff\xfe{}", b'{"a":' * 5000, b"PK\x03\x04" * 99])
        )
        return "other bytes"
    if kind < 0.31:
        with path.open("r+b") as file:
            file.truncate(rng.choice([40 << 20, 3 << 30]))  # sparse
        return "huge"
    if path.suffix == ".pt":
        return _hostile_checkpoint(rng, path)
    if path.suffix == ".npz":
        return _hostile_arrays(rng, path)
    if path.suffix in (".json", ".jsonl"):
        return _hostile_json(rng, path)
    text = content.decode("utf-8", "replace")
    spot = rng.randrange(len(text) + 1)
    piece = rng.choice(
        ["\x1b[31m", "\0", "9" * 5000, '"', "\n", ",,,,", "x" * 200_000, "nan", "-1e999", "\ufeff", "\u202e"]
    )
    path.write_text(text[:spot] + piece + text[spot:], errors="surrogatepass")
    return f"text {piece[:5]!r}"


def _hostile_json(rng: random.Random, path: Path) -> str:
    lines = path.suffix == ".jsonl"
    text = path.read_text()
    parts = text.splitlines() if lines else [text]
    number = rng.randrange(len(parts))
    content = json.loads(parts[number])
    kind = rng.random()
    if kind < 0.8:
        parts[number] = json.dumps(change(rng, content, lambda: rng.choice([*VALUES, deep(rng)])))
    elif kind < 0.85:
        parts[number] = "\ufeff" + parts[number]
    elif kind < 0.9:
        parts[number] = parts[number].replace(":", ': 3, "a": 4, "a":', 1)
    else:
        parts[number] = parts[number].replace("0", rng.choice(["9" * 5000, "NaN", "-Infinity", "1e999", "\\ud800"]), 1)
    path.write_text("\n".join(parts))
    return f"JSON {kind:.2f}"


def _hostile_checkpoint(rng: random.Random, path: Path) -> str:
    content = torch.load(path, weights_only=True)
    kind = rng.random()
    if kind < 0.75:

        def values() -> Any:
            return rng.choice(TENSORS)() if rng.random() < 0.35 else rng.choice(VALUES)

        which = rng.choice(
            ["options", "model", "history", "optimizer", "random", "scheduler", "best", "metrics", "", ""]
        )
        if isinstance(content.get(which), dict | list):
            content[which] = change(rng, content[which], values)
        else:
            content = change(rng, content, values)
        if rng.random() < 0.3 and isinstance(content, dict) and isinstance(content.get("options"), dict):
            name = rng.choice([name for name, value in content["options"].items() if type(value) is int] or ["nlines"])
            content["options"][name] = rng.choice([10**7, 10**9, 2**31 - 1])
        torch.save(content, path, _use_new_zipfile_serialization=rng.random() > 0.05)
    elif kind < 0.8:
        laughs: list = [0]
        for _ in range(40):
            laughs = [laughs, laughs]
        torch.save(content | {rng.choice(["history", "options", "rows", "x"]): laughs}, path)
    elif kind < 0.85:
        torch.save(content | {rng.choice(["options", "epoch", "x"]): Touch()}, path)
    elif kind < 0.93:  # compressed
        bomb = rng.random() < 0.5
        with zipfile.ZipFile(path) as archive, zipfile.ZipFile("bomb.pt", "w", zipfile.ZIP_DEFLATED) as bombed:
            for info in archive.infolist():
                data = archive.read(info)
                bombed.writestr(info.filename, bytes(300 << 20) if bomb and info.filename.endswith("data/0") else data)
        shutil.move("bomb.pt", path)
    else:  # storages of a billion numbers
        billion = b"J" + (10**9).to_bytes(4, "little")
        path.write_bytes(re.sub(rb"K.(?=t(q.|r....)Q)", lambda _: billion, path.read_bytes(), flags=re.S))
    return f"checkpoint {kind:.2f}"


def _hostile_arrays(rng: random.Random, path: Path) -> str:
    with np.load(path) as arrays:
        content = dict(arrays)
    name = rng.choice([*content, "intensities"])
    old = content.get(name, content["points"])
    content[name] = rng.choice(
        [
            lambda: old.astype(">f8"),
            lambda: old.astype(np.int64),
            lambda: old.astype(np.complex64),
            lambda: old.astype("S4"),
            lambda: np.full_like(old, np.nan),
            lambda: old * 1e30,
            lambda: np.zeros((6, 10**6, 2, 2), np.float32),
            lambda: np.zeros(0),
            lambda: np.zeros(300 << 17),
            lambda: old[..., None],
            lambda: np.zeros((len(old) if old.ndim else 6, 3, 3, 2), np.float32),
            lambda: np.array(-1.0),
            lambda: np.array(float("inf")),
        ]
    )()
    np.savez_compressed(path, **content)
    if rng.random() < 0.2:  # a header that promises more
        with zipfile.ZipFile(path) as archive:
            parts = {info.filename: archive.read(info) for info in archive.infolist()}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for part, data in parts.items():
                archive.writestr(
                    part,
                    data.replace(b"(6, 3, 2, 2), }", b"(10**9, 2, 2)}", 1).replace(b"(6, 3,", b"(9999999999, 3,", 1),
                )
    return f"arrays {name}"
