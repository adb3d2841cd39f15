"""Hostile variants of the files of a run, a log, a checkpoint and a study, and whether each is answered as promised.

    python tests/hostile_files.py --cases 2400 --seed 0

Each case changes one file of a small real run, and calls a command that reads it. Promised is: exit code 0 or 2 (1 only
for a training that fails), no traceback, no hang, no text of a file outside the folder in what the command writes, no
code run, no control character on the terminal, and bounded memory.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from learning_to_draw import commgame

SECRET = "a-secret-of-the-user-7d1f"
SECONDS, BYTES = 60, 2 << 30  # of a case; of memory, in addition to what is taken already
TINY = ["--encoder", "SimpleMLPEncoder", "--latent-size", "8", "--encoder-hidden", "8", "--decoder-hidden", "8"]
TINY += ["--decoder-hidden2", "8", "--nlines", "3", "--batch-size", "100", "--rx-hidden", "8", "--rx-latent-size", "8"]
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
TENSORS = [
    lambda: torch.zeros(1).expand(10**9),
    lambda: torch.zeros(3, 3).to_sparse(),
    lambda: torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.quint8),
    lambda: torch.empty(10**10, device="meta"),
    lambda: torch.zeros(2, dtype=torch.complex64),
    lambda: torch.zeros(0),
    lambda: torch.full((2,), float("nan")),
    lambda: torch.zeros(5, dtype=torch.int64),
    lambda: torch.nn.Parameter(torch.zeros(2)),
    lambda: bytearray(10),
]


class Hang(BaseException):
    """The case takes too long. It is not an OSError, which the program catches."""


class Touch:
    """Pickled, it creates a file when it is read."""

    def __reduce__(self):
        return (open, ("code-was-run", "w"))


def build_world() -> None:
    """Fills the current folder with a run, its test, answers and what commands read beside them."""
    for call in (
        ["train", *TINY, "--epochs", "1", "--output", "run"],
        ["train", "--resume", "run", "--epochs", "2"],
        ["test", "--weights", "run/model_final.pt", "--output", "tested"],
        ["sample-gamelogs", "-inp", "tested", "-n", "6", "-out", "log"],
        ["dump-hashes-classes", "--name", "--output", "classes.csv"],
    ):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            assert commgame.main(call) == 0, call
    shutil.rmtree("tested/gamelogs")
    shutil.move("log", "tested/gamelogs")
    games = json.loads(Path("tested/gamelogs/games.json").read_text())
    seen = {f"{role}_{what}": "x" for role in ("sketch", "correct", "guessed") for what in ("class", "template")}
    clip = [seen | {"true_class": "0"} for _ in games]
    Path("tested/gamelogs/clip-analysis.json").write_text(json.dumps(clip))
    answer = {"game": 3, "choice": 0, "target": 0, "candidates": 4, "right": True, "right_class": True, "seconds": 1.5}
    answer |= {"candidates_of_class": 2, "interrupted": False, "agents_choice": 0, "agents_right": True}
    answers = {"format": "learning-to-draw study answers 1", "study": "0123", "title": "", "participant": "A"}
    answers["answers"] = [answer | {"agents_right_class": True}, answer | {"agents_right_class": False, "game": 4}]
    Path("answers.json").write_text(json.dumps(answers))
    Path("outside").mkdir()
    Path("outside/secret.txt").write_text(SECRET)
    shutil.copytree("tested/gamelogs", "outside/gamelogs")
    Path("outside/config.json").write_text(json.dumps({"command": "train", "device": SECRET, "options": {}}))
    Path("outside/log.csv").write_text(f"epoch,loss,commrate,{SECRET}\n0,1,0.5,0.5\n")
    Path("outside/resumed.json").write_text(json.dumps([{"arguments": [SECRET], "started": ""}]))
    from PIL import Image

    Image.new("RGB", (32, 32), (1, 2, 3)).save("outside/picture.png")


LOG = "tested/gamelogs"
REPORT, TEST = ["report", "{run}"], ["test", "--weights", "run/model_final.pt", "--output", "new", "--dry-run"]
OF_LOG = [
    ["report", "tested"],
    ["sample-gamelogs", "-inp", LOG, "-n", "3", "-out", "new"],
    ["render-game", "-inp", LOG, "-out", "new.html"],
    ["study", LOG, "--output", "new.html", "-n", "3"],
    ["measure", LOG, "--only", "rate", "classes", "confusion", "topographic", "ink", "strokes", "diversity"],
    ["save-svg", LOG, "--output", "new"],
    ["analyse-logs", "-inp", LOG],
    ["render-sketches-seeds", LOG, "-out", "new.png", "-num", "3"],
]
OF_CHECKPOINT = [
    TEST,
    ["test", "--weights", "run/model_final.pt", "--help"],
    ["measure", LOG, "--only", "erasure", "--weights", "run/model_final.pt"],
    ["crossplay", "run/model_final.pt", "run/model_best.pt", "--output", "new", "--dry-run"],
]
RESUME = ["train", "--resume", "run", "--epochs", "3"]
CONFIG = ["train", "--config", "run/config.json", "--output", "new", "--dry-run"]
# (file, the commands that read it)
READERS: list[tuple[str, list[list[str]]]] = [
    ("run/config.json", [["report", "run"], CONFIG]),
    ("run/result.json", [["report", "run"], ["train", "--resume", "run", "--epochs", "2"]]),
    ("run/metrics.jsonl", [["report", "run"]]),
    ("run/log.csv", [["report", "run"]]),
    ("run/train_cmd.txt", [["report", "run"]]),
    ("run/model-info.txt", [["report", "run"]]),
    ("run/resumed.json", [RESUME]),
    ("run/val_samples.png", [["report", "run"]]),
    ("run/val_reconstruction_samples_00.png", [["report", "run"]]),
    ("run/resume.pt", [RESUME]),
    ("run/model_final.pt", OF_CHECKPOINT),
    ("tested/config.json", [["report", "tested"], ["report", "run"]]),
    ("tested/result.json", [["report", "tested"]]),
    (f"{LOG}/games.json", OF_LOG),
    (f"{LOG}/games.jsonl", OF_LOG),
    (f"{LOG}/card.json", OF_LOG),
    (f"{LOG}/strokes.npz", [OF_LOG[1], OF_LOG[4], OF_LOG[5], OF_CHECKPOINT[2]]),
    (f"{LOG}/clip-analysis.json", [["analyse-logs", "-inp", LOG]]),
    ("answers.json", [["study-results", "answers.json"]]),
    ("classes.csv", [["clip-analysis", "-inp", LOG, "--hash-classes", "classes.csv", "--clip-model", "none"]]),
    (f"{LOG}/PICTURE", OF_LOG),
]


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


def case(rng: random.Random, world: Path) -> tuple[Any, str, dict[str, str]]:
    """Runs one case in the current folder, with a copy of the world.

    Returns the exit code, what was done, and the broken promises.
    """
    file, commands = rng.choice(READERS)
    words = rng.choice(commands)
    for name in ("run", "tested", "answers.json", "classes.csv"):
        source = world / name
        shutil.copytree(source, name) if source.is_dir() else shutil.copyfile(source, name)
    if not Path("outside").exists():
        shutil.copytree(world / "outside", "outside")
    if file.endswith("PICTURE"):
        games = json.loads(Path(LOG, "games.json").read_text())
        file = f"{LOG}/{rng.choice([games[0]['sketch'], *games[0]['images']])}"
        kind = rng.choice(["link", "link", "folder"])
        path = Path(file)
        if kind == "link":
            path.unlink()
            path.symlink_to(rng.choice([Path("outside/picture.png").absolute(), "../../../outside/picture.png"]))
        else:
            shutil.move(path.parent, "outside/pictures")
            path.parent.symlink_to(Path("outside/pictures").absolute())
        done = f"picture {kind}"
    else:
        done = hostile(rng, Path(file))
    code, broken = answered(words)
    if done == "link" and Path(file).exists() and code == 0 and "val_" in file:
        broken["leak"] = "a picture from outside is in the report"
    return code, f"{' '.join(words)} | {file}: {done}", broken


def answered(words: list[str]) -> tuple[Any, dict[str, str]]:
    """Calls a command. Returns its exit code, and the promises that were broken, with what was said."""
    out, err = io.StringIO(), io.StringIO()
    broken: dict[str, str] = {}

    def ring(*_) -> None:
        raise Hang

    signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
        warnings.simplefilter("always")
        try:
            code = commgame.main(words)
        except SystemExit as leaving:
            code = leaving.code
        except Hang:
            code, broken["hang"] = None, traceback.format_exc()
        except BaseException:
            code, broken["traceback"] = None, traceback.format_exc()
    signal.alarm(0)
    said = out.getvalue() + err.getvalue()
    if code not in (0, 1, 2, None):
        broken["exit code"] = said
    if code == 1 and words[0] != "train":
        broken["exit code 1"] = said
    if code == 2 and not any(line.startswith("error: ") for line in err.getvalue().splitlines()):
        broken["no message"] = said
    if "Traceback" in said or "Warning" in said:
        broken["traceback or warning"] = said
    if any(letter in said for letter in ("\x1b", "\u202e", "\x07")):
        broken["control character"] = repr(said)
    if Path("code-was-run").exists():
        broken["code run"] = said
    written = [Path("new.html"), Path("run/report.html"), Path("tested/report.html"), Path("run/resumed.json")]
    written += [path for path in Path("new").rglob("*") if path.is_file()] if Path("new").exists() else []
    leaked = SECRET in said or any(
        path.is_file() and not path.is_symlink() and _small(path) and SECRET.encode() in path.read_bytes()
        for path in written
    )
    if leaked:
        broken["leak"] = said
    picture = Path("outside/picture.png").read_bytes()
    if any(path.suffix == ".png" and path.read_bytes() == picture for path in written):
        broken["leak"] = "a picture from outside"
    return code, broken


def _small(path: Path) -> bool:
    return path.stat().st_size < 100 << 20


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run_cases(world: Path, place: Path, seed: int, first: int, cases: int) -> tuple[Counter, list[str]]:
    """Runs cases in `place`, an empty folder. Returns how many broke each promise, and what was said."""
    counted, told = Counter(), []
    before = Path.cwd()
    for number in range(first, first + cases):
        folder = place / str(number)
        folder.mkdir()
        os.chdir(folder)
        start, most = time.monotonic(), peak()
        code, done, broken = case(random.Random(f"{seed} {number}"), world)
        if peak() - most > BYTES:
            broken["memory"] = f"{(peak() - most) >> 20} MiB"
        os.chdir(before)
        shutil.rmtree(folder)
        counted["cases"] += 1
        counted[f"exit code {code}"] += 1
        for promise, text in broken.items():
            counted[promise] += 1
            told.append(f"--- case {number}, {promise}, {time.monotonic() - start:.1f} s: {done}\n{text}")
            print(told[-1], flush=True)
    return counted, told


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("cases", 2400), ("seed", 0), ("first", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        world, place = Path(folder, "world"), Path(folder, "cases")
        world.mkdir()
        place.mkdir()
        before = Path.cwd()
        os.chdir(world)
        build_world()
        os.chdir(before)
        counted, told = run_cases(world, place, options.seed, options.first, options.cases)
    print(dict(counted), f"peak memory {peak() >> 20} MiB")
    return int(bool(told))


if __name__ == "__main__":
    sys.exit(main())
