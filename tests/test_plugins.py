"""Plugins: the examples of docs/extending.md, run as printed, and files that are wrong."""

import csv
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from learning_to_draw import commgame, plugins
from learning_to_draw.trials.config.tables import PART_TABLES

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text()
EXAMPLE, INK, PATCHES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMANDS, INK_COMMANDS, PATCHES_COMMANDS = (
    block.splitlines() for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
)


@pytest.fixture(scope="module", autouse=True)
def _forget_afterwards():
    """Other tests go through all parts there are."""
    yield
    plugins._forget(0)
    plugins._loaded.clear()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder with the example's file."""
    folder = tmp_path_factory.mktemp("example")
    (folder / "my_parts.py").write_text(EXAMPLE)
    return folder


@pytest.fixture(scope="module")
def example(written):
    """A folder where the commands of the page were given, one after the other."""
    folder = written
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for command in COMMANDS:
            assert commgame.main(shlex.split(command)[2:]) == 0, command
    return folder


def test_the_example_is_short():
    assert len(EXAMPLE.splitlines()) < 60


@pytest.mark.slow
def test_the_example_is_checked_trained_tested_and_gone_on_with(example):
    run = example / "runs" / "zigzag"
    config = json.loads((run / "config.json").read_text())
    assert config["options"]["plugin"] == str(example / "my_parts.py")
    assert re.fullmatch("[0-9a-f]{64}", config["versions"]["plugin"])
    assert (run / "plugin.py").read_text() == EXAMPLE
    assert json.loads((run / "result.json").read_text())["epochs"] == 5
    tested = json.loads((run.with_name("zigzag-test") / "result.json").read_text())
    assert tested["interval"][0] > 2 / 16  # of sixteen digits that are all alike
    card = json.loads((run.with_name("zigzag-test") / "gamelogs" / "card.json").read_text())
    assert (card["game"], card["decoder"]) == ("classmates", "ZigZagDecoder")
    games = run.with_name("zigzag-test") / "gamelogs" / "games.jsonl"
    lines = [json.loads(line) for line in games.read_text().splitlines()]
    assert all(len(line["strokes"]["points"]) == 8 for line in lines)
    pools = [set(line["candidate_classes"]) for line in lines]
    assert sum(len(pool) == 1 for pool in pools) > len(pools) / 2  # the others hold the end of one class and the next


@pytest.mark.slow
def test_another_process_finds_the_file_by_itself_and_says_if_it_has_changed(example, folder):
    (folder / "run").symlink_to(example / "runs" / "zigzag")
    (folder / "tested").symlink_to(example / "runs" / "zigzag-test")
    test = ["test", "--weights", "run/model_final.pt", "--dry-run"]
    measure = ["measure", "tested", "--weights", "run/model_final.pt", "--only", "rate"]

    def call(*more, command=test):
        done = subprocess.run([sys.executable, ROOT / "commgame.py", *command, *more], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    code, said = call("--turns", "9")  # an option that only the file knows
    assert code == 0, said
    (example / "my_parts.py").write_text(EXAMPLE + "# changed")
    try:
        code, said = call()
        assert code == 2
        assert "my_parts.py, which has changed since; the run's folder has the original as plugin.py." in said
        for command in (test, measure):
            code, said = call("--plugin", "run/plugin.py", command=command)
            assert code == 0, said
        (example / "my_parts.py").unlink()
        code, said = call()
        assert code == 2
        assert "my_parts.py, which does not exist any more" in said
    finally:
        (example / "my_parts.py").write_text(EXAMPLE)


def test_parts_are_in_the_help_and_in_the_list(written, capsys):
    assert commgame.main(["list", "--plugin", str(written / "my_parts.py")]) == 0
    listed = capsys.readouterr().out
    assert re.search(r"^  classmates +\(my_parts.py\)$", listed, re.MULTILINE)
    assert re.search(r"^  ZigZagDecoder +\(my_parts.py\).* --turns$", listed, re.MULTILINE)
    assert all(f"  {name}" in listed for table in PART_TABLES.values() for name in table)
    with pytest.raises(SystemExit):
        commgame.main(["train", "--plugin", str(written / "my_parts.py"), "--decoder", "ZigZagDecoder", "--help"])
    assert "--turns N" in capsys.readouterr().out


def test_the_example_of_a_loss_draws_with_less_ink(folder, capsys):
    (folder / "ink.py").write_text(INK)
    for command in INK_COMMANDS:
        assert commgame.main(shlex.split(command)[2:]) == 0, command
    with (folder / "runs" / "ink" / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[1]["ink_loss"]) < float(rows[0]["ink_loss"])
    assert float(rows[1]["loss"]) == pytest.approx(float(rows[1]["ink_loss"]) + float(rows[1]["game_loss"]), rel=1e-4)
    assert "val_ink_loss" in rows[0]
    capsys.readouterr()
    assert commgame.main(["train", "--plugin", "ink.py", "--ink-price", "2", "--output", "run"]) == 2
    assert "--ink-price belongs to the loss ink, which this run does not have" in capsys.readouterr().err
    assert commgame.main(["list", "--plugin", "ink.py"]) == 0
    assert re.search(r"^  ink +\(ink.py\) --ink-price$", capsys.readouterr().out, re.MULTILINE)
    assert commgame.main(["test", "--weights", "runs/ink/model_final.pt", "--output", "tested"]) == 0


@pytest.mark.slow
def test_the_example_of_an_encoder_and_a_data_set(folder):
    digits = load_digits()
    images = np.kron(digits.images, np.ones((1, 4, 4))) * 15.9
    np.savez(folder / "arrays.npz", images=images.astype(np.uint8)[:, None], labels=digits.target.astype(np.int64))
    (folder / "patches.py").write_text(PATCHES)
    for command in PATCHES_COMMANDS:
        assert commgame.main(shlex.split(command)[2:]) == 0, command
    with (folder / "runs" / "patches" / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[1]["perceptual_loss"]) > 0
    assert json.loads((folder / "runs" / "patches-test" / "result.json").read_text())["interval"][0] > 1 / 32


WRONG = {
    "taken": (
        "from learning_to_draw.plugins import loss\n@loss('CELoss')\nclass A: pass",
        "the loss CELoss already exists",
    ),
    "twice": (
        "from learning_to_draw.plugins import loss\nfor _ in range(2):\n    @loss('MyLoss')\n    class A: pass",
        "the loss MyLoss already exists",
    ),
    "empty": ("import torch", "registers nothing"),
    "broken": ("import torch\n1 / 0\n", "broken.py, line 2: ZeroDivisionError: division by zero"),
    "no Python": ("class", "SyntaxError"),
    "official": (
        "from learning_to_draw.plugins import auxiliary_loss\n@auxiliary_loss('CLIP')\nclass A: pass",
        "the auxiliary loss CLIP already exists",
    ),
    "original": (
        "from learning_to_draw.plugins import game\n@game('original')\nclass A: pass",
        "the game original already exists",
    ),
    "no name": (
        "from learning_to_draw.plugins import auxiliary_loss\n@auxiliary_loss('my-ink')\nclass A: pass",
        "'my-ink' is not valid as the name of an option and a column",
    ),
    "a column of the log": (
        "from learning_to_draw.plugins import auxiliary_loss\n@auxiliary_loss('running')\nclass A: pass",
        "the auxiliary loss running already exists",
    ),
    "a column of validation": (
        "from learning_to_draw.plugins import auxiliary_loss\n@auxiliary_loss('val_game')\nclass A: pass",
        "'val_game' is not valid as the name of an option and a column",
    ),
    "no parentheses": (
        "from learning_to_draw.plugins import loss\n@loss\nclass A: pass",
        "@loss has A, which is not a valid name",
    ),
    "a space": (
        "from learning_to_draw.plugins import loss\n@loss('My loss')\nclass A: pass",
        "has 'My loss', which is not a valid name",
    ),
    "a function": ("from learning_to_draw.plugins import loss\n@loss('L')\ndef a(): pass", "the loss L is not a class"),
    "an earlier form": (
        "from plugins import loss\n@loss('L')\nclass A: pass",
        "an earlier form.py imports plugins, which is learning_to_draw.plugins",
    ),
    "leaves": ("import sys\nsys.exit()", "leaves.py, line 2: SystemExit"),
    "positional": (
        "from learning_to_draw.plugins import loss\n@loss('L')\nclass A:\n"
        "    add_options = lambda group: group.add_argument('x')",
        "the loss L has an option x, which does not begin with --",
    ),
    "per cent": (
        "from learning_to_draw.plugins import loss\n@loss('L')\nclass A:\n"
        "    add_options = lambda group: group.add_argument('--x', help='50 % of it')",
        "the loss L has an option --x, whose help cannot be shown",
    ),
    "options": (
        "from learning_to_draw.plugins import loss\n@loss('L')\nclass A:\n"
        "    add_options = lambda group: group.add('--x')",
        "options.py, line 4: AttributeError",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_is_wrong_is_a_mistake_that_is_told(name, folder, capsys):
    before = {kind: list(table) for kind, table in plugins.TABLES.items()}
    (folder / f"{name}.py").write_text(WRONG[name][0])
    assert commgame.main(["train", "--plugin", f"{name}.py", "--output", "run"]) == 2
    assert WRONG[name][1] in capsys.readouterr().err
    assert {kind: list(table) for kind, table in plugins.TABLES.items()} == before
    assert not (folder / "run").exists()


def test_a_mistake_is_told_with_the_innermost_line_of_the_file(folder, capsys):
    (folder / "deep.py").write_text("def half():\n    return 1 / 0\n\n\nhalf()\n")
    assert commgame.main(["train", "--plugin", "deep.py"]) == 2
    assert "--plugin deep.py, line 2: ZeroDivisionError" in capsys.readouterr().err


def test_an_option_that_there_is_already(folder, capsys):
    (folder / "twice.py").write_text(
        "from learning_to_draw.plugins import loss\n@loss('Mine')\nclass A:\n"
        "    @staticmethod\n    def add_options(group):\n        group.add_argument('--epochs')\n"
    )
    assert commgame.main(["train", "--plugin", "twice.py", "--loss", "Mine", "--output", "run"]) == 2
    assert "has an option --epochs, which already exists" in capsys.readouterr().err


def test_an_option_needs_no_help(folder, capsys):
    (folder / "bare.py").write_text(
        "from learning_to_draw.plugins import loss\nfrom learning_to_draw.games.losses.terms import HingeLoss\n"
        "@loss('Bare')\nclass A(HingeLoss):\n"
        "    def __init__(self, bareness): super().__init__()\n"
        "    add_options = staticmethod(lambda group: group.add_argument('--bareness', type=int, default=3))\n"
    )
    with pytest.raises(SystemExit):
        commgame.main(["train", "--plugin", "bare.py", "--loss", "Bare", "--help"])
    assert "(default: 3)" in capsys.readouterr().out


def test_a_second_file_does_not_take_the_place_of_the_first(written, capsys):
    file = str(written / "my_parts.py")
    assert commgame.main(["train", "--plugin", file, f"--plugin={file}", "--dry-run"]) == 2
    assert "--plugin is given twice" in capsys.readouterr().err


def test_a_printed_configuration_brings_its_file(written, folder, capsys, monkeypatch):
    monkeypatch.chdir(written)
    arguments = ["train", "--plugin", "my_parts.py", "--decoder", "ZigZagDecoder", "--turns", "5"]
    assert commgame.main([*arguments, "--print-config"]) == 0
    (folder / "printed.json").write_text(capsys.readouterr().out)
    monkeypatch.chdir(folder)
    assert commgame.main(["train", "--config", "printed.json", "--dry-run"]) == 0
    assert re.search(r"^turns +5 ", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("--batch-size 500", "no game of 500 candidates can be dealt from the 180 pictures of the valid split"),
        ("--batch-size 32 --sender-images-per-iter 50", "--sender-images-per-iter 50: a game has 32 pictures"),
        ("--batch-size 32 --num-targets 5", "--num-targets 5: the game classmates does not use it"),
    ],
)
def test_games_that_the_example_cannot_deal(arguments, told, written, capsys):
    command = ["train", "--plugin", str(written / "my_parts.py"), "--game", "classmates", "--dry-run"]
    assert commgame.main([*command, *arguments.split()]) == 2
    assert told in capsys.readouterr().err


def test_what_a_part_stumbles_over_is_told_with_its_line(folder, capsys):
    """In a process of its own, as other files are loaded in this one."""
    (folder / "stumbles.py").write_text(BROKEN)
    line = 1 + BROKEN.splitlines().index("        return latent.no_such_thing()")
    command = ["train", "--plugin", "stumbles.py", "--decoder", "Crash", "--dry-run"]
    for flags in ([], ["-X", "dev"]):
        done = subprocess.run(
            [sys.executable, *flags, ROOT / "commgame.py", *command], capture_output=True, text=True, cwd=folder
        )
        assert done.returncode == 1
        assert ("Traceback" in done.stderr) == bool(flags)
        told = f"failed: AttributeError: 'Tensor' object has no attribute 'no_such_thing' (stumbles.py, line {line})\n"
        assert done.stderr.startswith(told) != bool(flags)


def test_a_file_that_is_not_there(folder, capsys):
    assert commgame.main(["train", "--plugin", "none.py"]) == 2
    assert "--plugin none.py cannot be read" in capsys.readouterr().err


BROKEN = """
import torch
from torch import nn
from learning_to_draw.datasets.splits import Split
from learning_to_draw.games.sampling import OriginalGame
from learning_to_draw.models.decoders.base import Decoder, Strokes
from learning_to_draw.models.encoders.small import SmallCNNEncoder
from learning_to_draw.models.options import add_drawing_options, add_latent_options
from learning_to_draw.plugins import auxiliary_loss, dataset, decoder, encoder, game, loss, receiver

@decoder("Same")
class Same(Decoder):
    add_options = staticmethod(add_drawing_options)
    def forward(self, latent):
        return Strokes(torch.zeros(len(latent), 3, 2, 2), self.sigma2)

@decoder("Crash")
class Crash(Decoder):
    add_options = staticmethod(add_drawing_options)
    def forward(self, latent):
        return latent.no_such_thing()

@receiver("Mixes")
class Mixes(nn.Module):
    def __init__(self, *, latent_size):
        super().__init__()
        self.layer = nn.Linear(latent_size, 8)
    def forward(self, latent):
        return self.layer(latent - latent.mean(0))

@receiver("Loose")
class Loose(nn.Module):
    def __init__(self, *, latent_size):
        super().__init__()
        self.weights = torch.randn(latent_size, 8)
    def forward(self, latent):
        return latent.float() @ self.weights

@receiver("Deaf")
class Deaf(nn.Linear):
    def __init__(self, *, latent_size):
        super().__init__(latent_size, 8)
    def forward(self, latent):
        return super().forward(latent * 0)

@auxiliary_loss("idle")
class Idle(nn.Module):
    def forward(self, play):
        return play.sketches.detach().mean()

@auxiliary_loss("many")
class Many(nn.Module):
    def forward(self, play):
        return play.sketches.mean((1, 2, 3))

@loss("First")
class First:
    def __call__(self, scores, targets):
        return scores[:, 0].mean()

@game("moving")
class Moving(OriginalGame):
    def __init__(self, *, items, candidates, generator, shuffle, senders, split):
        super().__init__(items, candidates=candidates, generator=generator, shuffle=True, senders=senders, split=split)

@encoder("Narrow")
class Narrow(SmallCNNEncoder):
    add_options = staticmethod(add_latent_options)
    def forward(self, pictures, **how):
        found = super().forward(pictures, **how)
        return type(found)(found.latent[:, :-1])

@encoder("Sizeless")
class Sizeless(SmallCNNEncoder):
    pass

@dataset("Float")
class Float:
    channels, image_size = 1, 32
    def split(self, name):
        images = torch.rand(200, 1, 32, 32, generator=torch.Generator().manual_seed(len(name)))
        return Split(name, images, torch.arange(200) % 2, ("a", "b"), torch.arange(200))

@dataset("Nothing")
class Nothing:
    channels, image_size = 1, 32
    def split(self, name):
        raise RuntimeError("no pictures")
"""


def test_check_says_what_is_broken_and_where(folder, capsys):
    (folder / "wrong_parts.py").write_text(BROKEN)
    assert commgame.main(["check", "wrong_parts.py"]) == 1
    told = {lines.split()[1]: lines for lines in re.split(r"^ {8}(?=\w)", capsys.readouterr().err[8:], flags=re.M)}
    line = 1 + BROKEN.splitlines().index("        return latent.no_such_thing()")
    for part, wrong in {
        "Same": "two latents draw the same sketch",
        "Crash": f"AttributeError: 'Tensor' object has no attribute 'no_such_thing' (wrong_parts.py, line {line})",
        "Mixes": "its output for one picture depends on the other pictures",
        "Loose": "one of its tensors does not move with .to()",
        "Deaf": "no gradient passes back through it",
        "First": "it depends on the order of the candidates",
        "idle": "does not require grad",
        "many": "not a finite scalar",
        "moving": "held-out games have to be the same every time",
        "Narrow": "the latent is [3, 127], and has to be [3, 128]",
        "Sizeless": "there is no --latent-size",
        "Float": "pictures of train are torch.float32, and have to be torch.uint8, 0 to 255",
        "Nothing": "RuntimeError: no pictures",
    }.items():
        assert re.search(rf"BROKEN .*{re.escape(wrong)}", told[part]), told[part]
