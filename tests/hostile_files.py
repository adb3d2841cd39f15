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
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from hostile_changes import hostile

from learning_to_draw import commgame

SECRET = "a-secret-of-the-user-7d1f"
SECONDS, BYTES = 60, 2 << 30  # of a case; of memory, in addition to what is taken already
TINY = ["--encoder", "SimpleMLPEncoder", "--latent-size", "8", "--encoder-hidden", "8", "--decoder-hidden", "8"]
TINY += ["--decoder-hidden2", "8", "--nlines", "3", "--batch-size", "100", "--rx-hidden", "8", "--rx-latent-size", "8"]


class Hang(BaseException):
    """The case takes too long. It is not an OSError, which the program catches."""


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
    ["export", LOG, "--format", "ndjson", "--output", "new"],
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
    ("run/val_strokes_00.npz", [["report", "run"]]),
    ("run/resume.pt", [RESUME]),
    ("run/model_final.pt", OF_CHECKPOINT),
    ("tested/config.json", [["report", "tested"], ["report", "run"]]),
    ("tested/result.json", [["report", "tested"]]),
    (f"{LOG}/games.json", OF_LOG),
    (f"{LOG}/games.jsonl", OF_LOG),
    (f"{LOG}/card.json", OF_LOG),
    (f"{LOG}/strokes.npz", [*OF_LOG[:2], OF_LOG[4], OF_LOG[5], OF_CHECKPOINT[2]]),
    (f"{LOG}/clip-analysis.json", [["analyse-logs", "-inp", LOG]]),
    ("answers.json", [["study-results", "answers.json"]]),
    ("classes.csv", [["clip-analysis", "-inp", LOG, "--hash-classes", "classes.csv", "--clip-model", "none"]]),
    (f"{LOG}/PICTURE", OF_LOG),
]


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
