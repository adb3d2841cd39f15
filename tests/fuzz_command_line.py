"""Random calls of every command, good and wrong, some about damaged files, and whether each is answered as promised.

    python tests/fuzz_command_line.py --calls 2000 --seed 0        # some ten minutes
    python tests/fuzz_command_line.py --first 17 --calls 1         # call 17 of them alone, with what it printed

Options come from the program's own parsers, so that new ones are drawn, too. Promised is: exit code 0, 1 or 2; no
traceback and no warning; with 2 a message that begins with "error: ", and no file made or changed, but for decoded
pictures in --cache-dir; with 1 one that begins with "failed: "; and files that are there never change, except those of
a training that resumes.
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
import shlex
import shutil
import signal
import socket
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))  # `python -m tests...` may find another package named `tests`

from learning_to_draw import command_line, commgame
from learning_to_draw.commands import TOOLS
from learning_to_draw.components import flag_of
from learning_to_draw.trials.config.all_options import flat, option_groups, owners
from learning_to_draw.trials.config.parse import Parser, add_option
from learning_to_draw.trials.config.run import KINDS
from learning_to_draw.trials.tool import AgentsTool

SECONDS, BYTES = 120, 6 << 30  # what a call may take; of memory, beside what is taken already
QUICK_PARTS = {kind: described.default for kind, described in KINDS.items()} | {"encoder": "SmallCNNEncoder"}
TINY = ["--epochs", "1", "--batch-size", "150"]

NUMBERS = ["0", "1", "2", "3", "7", "16", "0.5", "1e-3", "true"]  # good where an option's type takes them
LOGS, PICTURES = ["tested", "tested/gamelogs", "log"], ["photo.png", "pictures/cat/0.png"]
GOOD = {  # for other options, by their destination
    **{"weights": ["run/model_final.pt", "run/model_best.pt"], "weights_pair2": ["run/model_best.pt"]},
    **{"output": ["new", "new.html", "new.png", "new folder/new", "-new", "notes.txt", "photo.png"]},
    **{"json": ["new.json", "notes.txt"]},
    **{"log": LOGS, "logs": LOGS, "games": LOGS, "run": [*LOGS, "run"], "target_output": ["targets.png"]},
    **{"photos": PICTURES, "like_a_dog_image": PICTURES, "dataset_root": ["pictures", "broken", "."]},
    **{"classes_file": ["classes.txt"], "answers": ["answers.json"], "hash_classes": ["classes.csv"]},
    **{"config": ["run/config.json", "printed.json"], "resume": ["resumable", "auto", "run"], "device": ["cpu"]},
    "learning_rate": [
        "0.01",
        "0.1*0.2@every10",
        "0.1*0.2@[1,3]B",
        "0.1*0.2@plateau",
        "0.1*inv0.0001,0.75B",
        "0.1*cosine",
    ],
    **{"classes": ["cat", "0"], "templates": ["photo=a photo of a {}."]},
}
WILD_NUMBERS = ["-1", "-0", "nan", "inf", "-inf", "1e400", "1e-45", "1e30", "2147483647", "2147483648", "4294967296"]
WILD_NUMBERS += ["9" * 30, "1,5", "0x10", "1_0", "٣", "½", "1e", "True", "1 2", "0.999999", "100000"]
WILD_TEXTS = ["", " ", "-", "--", "many", "[1,2]", "{}", "%s", "%", "a\nb", "ü✓🎨", "\udcff", "x" * 300, "=", "@", "=x"]
WILD_TEXTS += ["0.1*0.2@every0", "0.1*0@[3,1]", "nan*1@plateau", "0.1*inv,", "cuda:77", "meta", "Digits", "--dry-run"]
WILD_PATHS = ["missing", "missing/deeper", "folder", "folder/", "empty", "notes.txt", "cut.pt", "other.pt", "loop/x"]
WILD_PATHS += ["dangling", "no\udcff", "ü✓", "run", "run/config.json", "cut run", "broken", "run/model_final.pt/x", "."]
WILD = WILD_NUMBERS + WILD_TEXTS + WILD_PATHS
WORDS_IN_FILES = [b"null", b"-1", b"1e999", b"NaN", b'"a"', b"[]", b"{}", b"true", b"", b"\xff", b"0", b"9" * 20]


def build_world(world: Path) -> None:
    """Fills an empty folder, which is the current one, with what the calls are about."""
    rng = np.random.default_rng(0)
    for name in ("pictures/cat", "pictures/dog", "pictures/owl", "broken/cat", "broken/dog", "broken/owl", "folder"):
        Path(name).mkdir(parents=True)
        for number in range(4 if "/" in name else 0):
            Image.fromarray(rng.integers(0, 256, (20, 24, 3), np.uint8)).save(f"{name}/{number}.png")
    Path("broken/dog/2.png").write_bytes(Path("broken/dog/2.png").read_bytes()[:90])
    Image.fromarray(rng.integers(0, 256, (40, 30, 3), np.uint8)).save("photo.png")
    for call in (
        ["train", *TINY, "--output", "run"],
        ["test", "--weights", "run/model_final.pt", "--output", "tested", "--sender-images-per-iter", "15"],
        ["sample-gamelogs", "-inp", "tested", "-n", "9", "-out", "log"],
        ["dump-hashes-classes", "--name", "--output", "classes.csv"],
    ):
        with contextlib.redirect_stdout(io.StringIO()):
            assert commgame.main(call) == 0, call
    shutil.copytree("run", "resumable")
    Path("cut run").mkdir()
    for name in ("resume.pt", "resume_previous.pt", "model_final.pt", "config.json", "log.csv"):
        Path("cut run", name).write_bytes(Path("run", name).read_bytes()[:500])
    Path("cut.pt").write_bytes(Path("run/model_final.pt").read_bytes()[:5000])
    torch.save([1, {"model": torch.zeros(2)}], "other.pt")
    options = json.loads(Path("run/config.json").read_text())["options"] | {"nlines": 5}
    one = {"game": 3, "choice": 0, "target": 0, "candidates": 4, "right": True, "right_class": None, "seconds": 1.0}
    one |= {"candidates_of_class": None, "interrupted": False, "agents_choice": 0, "agents_right": True}
    answers = {
        "format": "learning-to-draw study answers 1",
        "study": "0123456789abcdef",
        "title": "",
        "participant": "A",
    }
    answers["answers"] = [one | {"agents_right_class": None}]
    texts = {"printed.json": json.dumps({"command": "train", "options": options}), "answers.json": json.dumps(answers)}
    for name, text in (texts | {"empty": "", "notes.txt": "hello\n", "classes.txt": "cat\ndog\n"}).items():
        Path(name).write_text(text)
    Path("loop").symlink_to("loop")
    Path("dangling").symlink_to("nowhere")


def draw_call(rng: random.Random) -> list[str]:
    """The words of one call."""
    if rng.random() < 0.02:
        return rng.choice([[], ["--help"], ["-h"], [""], ["paint"], ["--seed", "3"], ["\udcff"], ["trian", "--help"]])
    tools = [name for name in TOOLS if name != "play"]  # which runs until somebody ends it
    command = rng.choice([*command_line.PLAY, "train", "test", "eval"] if rng.random() < 0.55 else tools)
    chosen = {kind: rng.choice([QUICK_PARTS[kind]] * 3 + [rng.choice(list(KINDS[kind].table))]) for kind in QUICK_PARTS}
    chosen = {kind: name for kind, name in chosen.items() if name is not None}
    if rng.random() < 0.3:
        chosen["dataset"] = "ImageFolder"
    wild = rng.choice([0, 0, 0.1, 0.4])  # how often a word is not what it should be
    words = []
    if command == "train" or (command in command_line.PLAY and rng.random() < 0.3):  # trained agents have theirs
        words = [word for kind, name in chosen.items() if name != QUICK_PARTS[kind] for word in (flag_of(kind), name)]
    elif command in TOOLS and TOOLS[command].takes_dataset:
        words = ["--dataset", chosen["dataset"]]
    actions = _actions(command, chosen)
    needed = [action for action in actions if action.required or not action.option_strings or action.dest == "output"]
    for action in [action for action in needed if rng.random() > wild] + rng.choices(actions, k=rng.randrange(5)):
        words = (
            [*words, *_option(rng, action, wild)] if action.option_strings else [*_values(rng, action, wild), *words]
        )
    if rng.random() < wild / 2:  # an option of any part or command, with anything
        words += [rng.choice(list(owners())), rng.choice(WILD)]
    if rng.random() < wild / 4:
        words.insert(rng.randrange(len(words) + 1), rng.choice(WILD))
    if command == "crossplay":
        words = rng.choices(GOOD["weights"] if rng.random() > wild else WILD, k=rng.choice([0, 1, 2, 2, 3])) + words
    if command == "train" and rng.random() < 0.08:
        words += rng.choice([[*TINY, "--output", "new"], ["--resume", "resumable", "--epochs", "2"]])
    elif command not in TOOLS and (command == "train" or rng.random() < 0.8):
        words += ["--dry-run"]
    if rng.random() < 0.03:
        words.insert(rng.randrange(len(words) + 1), rng.choice(["-h", "--help", "--hel"]))
    command = command.replace("-", "_") if rng.random() < 0.2 else command
    return [command[: -1 if rng.random() < wild / 10 else None], *words]


def _actions(command: str, chosen: dict[str, str]) -> list[argparse.Action]:
    """The options that a command has with some parts."""
    tool = TOOLS.get(command)
    own = tool._parser(command, ["--dataset", chosen["dataset"]])._actions if tool else []
    plays = None if tool and not isinstance(tool, AgentsTool) else command if command in command_line.PLAY else "test"
    parser = Parser(add_help=False)
    for name, option in (flat(option_groups(plays, chosen)) if plays else {}).items():
        add_option(parser, name, option)
    return [action for action in [*own, *parser._actions] if action.dest != "help"]


def _option(rng: random.Random, action: argparse.Action, wild: float) -> list[str]:
    name, values = rng.choice(action.option_strings), _values(rng, action, wild)
    if rng.random() < wild / 4:
        name = rng.choice([name[: rng.randrange(1, len(name) + 1)], name + "s", name.upper(), name.replace("-", "_")])
    if len(values) == 1 and (rng.random() < 0.2 or values[0].startswith("-")):
        return [f"{name}={values[0]}"]
    return [name, *values] * rng.choice([1] * 9 + [2])


def _values(rng: random.Random, action: argparse.Action, wild: float) -> list[str]:
    """As many values as the option takes, or another number of them."""
    count = {None: 1, 0: 0, "?": 1}.get(action.nargs, rng.choice([1, 1, 2, 5]))
    if rng.random() < wild / 3:
        count = rng.choice([0, 1, 2])
    wilder = WILD_PATHS if action.dest in GOOD and rng.random() < 0.5 else WILD
    return [rng.choice(wilder if rng.random() < wild else _good_values(action)) for _ in range(count)]


def _good_values(action: argparse.Action) -> list[str]:
    if action.choices is not None:
        return [str(choice) for choice in action.choices]
    numbers = [text for text in NUMBERS if action.type not in (None, str, Path) and _taken(action.type, text)]
    return numbers or GOOD.get(action.dest, ["cat", "folder", "run"])


def _taken(kind: Callable[[str], object], text: str) -> bool:
    with contextlib.suppress(ValueError, argparse.ArgumentTypeError):
        kind(text)
        return True
    return False


def damage(rng: random.Random, world: Path) -> str:
    """Cuts a file short, or changes a word or some bytes of it; says what was done."""
    files = [path for name in ("run", "log", "resumable", ".") for path in sorted((world / name).glob("*.*"))]
    path = rng.choice([*files, *rng.choices(sorted((world / "log").rglob("*.png")), k=3)])
    content = path.read_bytes()
    at = rng.randrange(len(content)) if rng.random() < 0.7 else min(len(content), rng.randrange(300))
    words = (
        list(re.finditer(rb'"[^"]*"|[\w.-]+', content)) if path.suffix in (".json", ".jsonl", ".csv", ".txt") else []
    )
    if rng.random() < 0.3:
        changed = content[:at]
    elif words:
        word = rng.choice(words)
        at, changed = word.start(), content[: word.start()] + rng.choice(WORDS_IN_FILES) + content[word.end() :]
    else:
        changed = content[:at] + rng.randbytes(4) + content[at + 4 :]
    path.write_bytes(changed)
    near = slice(max(0, at - 30), at + 30)
    return f"{path.relative_to(world)} damaged at byte {at}: {content[near]} -> {changed[near]}"


class TookTooLong(BaseException):
    """No error that the program could catch."""


@contextlib.contextmanager
def surroundings(call: list[str]) -> Iterator[None]:
    """The command's words where the program finds them, no network, some time and memory."""

    def too_long(*_):
        raise TookTooLong(f"{SECONDS} s")

    offline = mock.Mock(side_effect=OSError("no network here"))
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    with (
        mock.patch.object(sys, "argv", ["commgame.py", *call]),
        mock.patch.object(socket.socket, "connect", offline),
        mock.patch.object(socket, "getaddrinfo", offline),
    ):
        resource.setrlimit(resource.RLIMIT_AS, (taken + BYTES, resource.RLIM_INFINITY))
        signal.signal(signal.SIGALRM, too_long)
        signal.alarm(SECONDS)
        yield
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def make_call(call: list[str], world: Path) -> tuple[int | str | None, str, list[str]]:
    """Exit code (None where an exception escaped), what was shown, and what of it was not promised."""
    before, code, escaped = listing(world), None, []
    shown = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in ("stdout", "stderr")]
    with (
        surroundings(call),
        contextlib.redirect_stdout(shown[0]),
        contextlib.redirect_stderr(shown[1]),
        warnings.catch_warnings(record=True) as warned,
    ):
        warnings.simplefilter("always")
        try:
            code = commgame.main(call)
        except SystemExit as left:
            code = left.code if any(word.startswith(("-h", "--h")) for word in call) else f"SystemExit {left.code}"
        except BaseException:
            escaped = [traceback.format_exc()]
    output, errors = (stream.buffer.getvalue().decode() for stream in shown if stream.flush() is None)
    after = listing(world)
    made = [str(path) for path in after if path not in before and after[path] and path.suffix != ".npz"]
    going_on = "resumable" if code != 2 else None
    changed = [str(path) for path in before if after.get(path) != before[path] and path.parts[0] != going_on]
    broken = {
        f"exit code {code}": not escaped and code not in (0, 1, 2),
        "a traceback is shown": "Traceback" in output + errors,
        "no message that begins with error": code == 2 and not errors.startswith("error: "),
        "no message that begins with failed": code == 1 and not re.search("^failed: ", errors, re.MULTILINE),
        f"made with exit code 2: {made[:5]}": code == 2 and made,
        f"changed or removed: {changed[:5]}": changed,
        f"warned: {[f'{one.category.__name__}: {one.message}' for one in warned[:3]]}": warned,
    }
    return code, output + errors, escaped + [what for what, is_so in broken.items() if is_so]


def listing(world: Path) -> dict[Path, tuple]:
    """Size and time of change of every file; that they are there, of folders."""
    found = {path.relative_to(world): path.lstat() for path in sorted(world.rglob("*"))}
    folders = {path for path in found if (world / path).is_dir()}
    return {path: () if path in folders else (state.st_size, state.st_mtime_ns) for path, state in found.items()}


def fuzz(folder: Path, seed: int, numbers: range) -> Iterator[tuple[int, str, tuple]]:
    """Builds a world in an empty folder and makes the calls with these numbers in it: number, call, `make_call`'s."""
    world, kept = folder / "world", folder / "kept"
    world.mkdir()
    os.chdir(world)
    build_world(world)
    shutil.copytree(world, kept, symlinks=True)
    as_built = listing(world)
    for number in numbers:
        rng = random.Random(f"{seed} {number}")
        call = draw_call(rng)
        damaged = damage(rng, world) if rng.random() < 0.3 else "no file damaged"
        yield number, f"{shlex.join(call)!a} ({damaged})", make_call(call, world)
        put_back(world, kept, as_built)


def put_back(world: Path, kept: Path, as_built: dict[Path, tuple]) -> None:
    """Makes the world as it was built; `kept` is a copy of that."""
    now = listing(world)
    for path in sorted(now, reverse=True):
        if now[path] != as_built.get(path):
            (world / path).rmdir() if now[path] == () else (world / path).unlink()
    for path in as_built:
        if now.get(path) != as_built[path]:
            (world / path).mkdir() if as_built[path] == () else shutil.copy2(kept / path, world / path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("--calls", 2000), ("--seed", 0), ("--first", 0)):
        parser.add_argument(name, type=int, default=default)
    options = parser.parse_args()
    codes, violations = Counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        # No weights that happen to be here, and no trying again for a minute where there is no network.
        os.environ |= {"TORCH_HOME": f"{folder}/home", "HF_HOME": f"{folder}/home", "HF_HUB_OFFLINE": "1"}
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        numbers = range(options.first, options.first + options.calls)
        for number, call, (code, shown, wrong) in fuzz(Path(folder), options.seed, numbers):
            codes[str(code)] += 1
            violations += bool(wrong)
            if wrong or options.calls == 1:
                print(f"\n{number}: {call}: {code}", ascii(shown[-2000:]), *wrong, sep="\n", flush=True)
        os.chdir("/")
    print(f"\nexit codes: {dict(sorted(codes.items()))}; {violations} of {options.calls} calls break a promise")
    return int(violations > 0)


if __name__ == "__main__":
    sys.exit(main())
