"""Files of plugins that are wrong: each is one clear message, exit code 2, and nothing is registered or written."""

import subprocess
import sys

import pytest

from learning_to_draw import commgame, plugins

EARLIER = "it was written for an earlier version of this program.\n       Adapt it: see docs/extending.md."
WRONG = {
    "taken": (
        "from learning_to_draw.plugins import loss\n@loss('CELoss')\nclass A: pass",
        "taken.py, line 2: @loss('CELoss'): the name is taken.\n       Choose another one.",
    ),
    "twice": (
        "from learning_to_draw.plugins import loss\nfrom learning_to_draw.games.losses.terms import GameLoss\n"
        "for _ in range(2):\n    @loss('MyLoss')\n    class A(GameLoss): pass",
        "@loss('MyLoss'): the name is taken",
    ),
    "empty": ("import torch", "it registers no component"),
    "broken": ("import torch\n1 / 0\n", "broken.py, line 2: ZeroDivisionError: division by zero"),
    "no Python": ("class", "SyntaxError"),
    "official": (
        "from learning_to_draw.plugins import auxiliary_loss\n@auxiliary_loss('CLIP')\nclass A: pass",
        "@auxiliary_loss('CLIP'): the name is taken",
    ),
    "original": (
        "from learning_to_draw.plugins import game\n@game('original')\nclass A: pass",
        "@game('original'): the name is taken",
    ),
    "no name": (
        "from learning_to_draw.plugins import auxiliary_loss\n@auxiliary_loss('my-ink')\nclass A: pass",
        "@auxiliary_loss('my-ink'): the name becomes an option and a column of the log",
    ),
    "a column of the log": (
        "from learning_to_draw.plugins import auxiliary_loss\n@auxiliary_loss('running')\nclass A: pass",
        "@auxiliary_loss('running'): the name is taken",
    ),
    "a column of validation": (
        "from learning_to_draw.plugins import auxiliary_loss\n@auxiliary_loss('val_game')\nclass A: pass",
        "@auxiliary_loss('val_game'): the name becomes an option and a column of the log",
    ),
    "no parentheses": (
        "from learning_to_draw.plugins import loss\n@loss\nclass A: pass",
        "@loss needs the name of the component.\n       Write @loss('A').",
    ),
    "a number as the name": (
        "from learning_to_draw.plugins import loss\n@loss(5)\nclass A: pass",
        "@loss needs the name of the component.\n       Write @loss('MyName').",
    ),
    "a space": (
        "from learning_to_draw.plugins import loss\n@loss('My loss')\nclass A: pass",
        "@loss('My loss'): the name may contain only letters, digits, _, -, + and dots, and must begin with a letter, "
        "a digit or _.",
    ),
    "a function": (
        "from learning_to_draw.plugins import loss\n@loss('L')\ndef a(): pass",
        "@loss('L'): the decorator has to stand before a class.",
    ),
    "an earlier form": (
        "from plugins import loss\n@loss('L')\nclass A: pass",
        EARLIER,
    ),
    "leaves": ("import sys\nsys.exit()", "leaves.py, line 2: SystemExit"),
    "earlier options": (
        "from learning_to_draw.models.options import add_drawing_options",
        EARLIER,
    ),
    "a method": (
        "from learning_to_draw.plugins import loss\n@loss('L')\nclass A:\n"
        "    @staticmethod\n    def add_options(group): group.add_argument('--x')",
        EARLIER,
    ),
    "no kind": (
        "from learning_to_draw.plugins import game\n@game('G')\nclass A:\n"
        "    def __init__(self, config, split, **randomness): pass",
        "@game('G'): its class needs an attribute, kind = 'G', the game's name in logs.",
    ),
}

DECODER = """
from dataclasses import dataclass
from learning_to_draw.components import Config, option, positive_int
from learning_to_draw.models.decoders.base import Decoder
from learning_to_draw.models.decoders.config import DecoderConfig
from learning_to_draw.plugins import decoder
{}
@decoder("Mine", MyConfig)
class Mine(Decoder):
    pass
"""
DATACLASS = "@dataclass(frozen=True, kw_only=True)\nclass MyConfig"

WRONG_CONFIGURATIONS = {
    "undecorated": (
        "class MyConfig(DecoderConfig):\n    turns: int = option(8, 'points')",
        "@decoder('Mine'): its configuration is not a dataclass.\n"
        "       Put @dataclass(frozen=True, kw_only=True) before class MyConfig.",
    ),
    "undecorated and plain": (
        "class MyConfig(DecoderConfig):\n    turns: int = 8",
        "@decoder('Mine'): its configuration is not a dataclass.",
    ),
    "an undecorated base": (
        f"class Turns(DecoderConfig):\n    turns: int = option(8, 'points')\n{DATACLASS}(Turns):\n    pass",
        "@decoder('Mine'): its configuration is not a dataclass.\n"
        "       Put @dataclass(frozen=True, kw_only=True) before class Turns.",
    ),
    "no option": (
        f"{DATACLASS}(DecoderConfig):\n    turns: int = 8",
        "@decoder('Mine'): turns is not an option.\n"
        '       Write turns: int = option(8, "what it is", type=positive_int).',
    ),
    "another kind": (
        f"{DATACLASS}(Config):\n    turns: int = option(8, 'points', type=positive_int)",
        "@decoder('Mine'): its configuration has to be a class derived from DecoderConfig.",
    ),
    "an instance": (
        "MyConfig = DecoderConfig()",
        "@decoder('Mine'): its configuration has to be a class derived from DecoderConfig.",
    ),
    "its default": (
        f"{DATACLASS}(DecoderConfig):\n    turns: int = option(0, 'points', type=positive_int)",
        "@decoder('Mine'): one of its defaults is not valid: turns = 0 is not valid: '0' is not a whole number "
        "from 1 to 2147483647.",
    ),
    "positional": (
        f"{DATACLASS}(DecoderConfig):\n    turns: int = option(8, 'points', type=positive_int, names=('x',))",
        "@decoder('Mine'): the further names of its option turns have to begin with --.",
    ),
    "no help": (f"{DATACLASS}(DecoderConfig):\n    turns: int = option(8)", "no help.py, line 9: TypeError"),
}
WRONG |= {name: (DECODER.format(code), told) for name, (code, told) in WRONG_CONFIGURATIONS.items()}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_is_wrong_is_a_mistake_that_is_told(name, folder, capsys):
    before = {kind: list(table) for kind, (table, _) in plugins.TABLES.items()}
    (folder / f"{name}.py").write_text(WRONG[name][0])
    assert commgame.main(["train", "--plugin", f"{name}.py", "--output", "run"]) == 2
    assert WRONG[name][1] in capsys.readouterr().err
    assert {kind: list(table) for kind, (table, _) in plugins.TABLES.items()} == before
    assert not (folder / "run").exists()


def test_a_mistake_is_told_with_the_innermost_line_of_the_file(folder, capsys):
    (folder / "deep.py").write_text("def half():\n    return 1 / 0\n\n\nhalf()\n")
    assert commgame.main(["train", "--plugin", "deep.py"]) == 2
    assert "--plugin deep.py, line 2: ZeroDivisionError" in capsys.readouterr().err


def test_a_file_that_is_not_there(folder, capsys):
    assert commgame.main(["train", "--plugin", "none.py"]) == 2
    assert "--plugin none.py: there is no such file." in capsys.readouterr().err


def test_a_second_file_does_not_take_the_place_of_the_first(written, capsys):
    file = str(written / "my_parts.py")
    assert commgame.main(["train", "--plugin", file, f"--plugin={file}", "--dry-run"]) == 2
    assert "--plugin is given more than once" in capsys.readouterr().err


LOSS = """
from dataclasses import dataclass
from learning_to_draw.components import Config, option
from learning_to_draw.games.losses.terms import HingeLoss
from learning_to_draw.plugins import auxiliary_loss, loss

@dataclass(frozen=True, kw_only=True)
class MyConfig(Config):
    {}

@loss("Mine", MyConfig)
class Mine(HingeLoss):
    pass
"""


def call(folder, program, *arguments):
    """(exit code, stdout, stderr) of a process of its own: names of options stay taken as long as a file is loaded."""
    run = subprocess.run([sys.executable, program, *arguments], capture_output=True, text=True, cwd=folder)
    return run.returncode, run.stdout, run.stderr


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("epochs: str = option('3', 'passes')", "--epochs"),
        ("decoder: str = option('pen', 'what draws')", "--decoder"),
        ("passes: str = option('3', 'passes', names=('--epochs',))", "--epochs"),
        ("help: str = option('no', 'whether it helps')", "--help"),
    ],
)
def test_an_option_that_there_is_already(field, name, folder, program):
    (folder / "mine.py").write_text(LOSS.format(field))
    code, _, told = call(folder, program, "train", "--plugin", "mine.py", "--loss", "Mine", "--output", "run")
    assert code == 2
    assert f"--plugin: the plugin's option {name} is also an option of another component or of the program" in told


def test_the_option_of_an_auxiliary_loss_that_is_its_switch(folder, capsys):
    code = LOSS.format("ink_loss: str = option('1', 'price')").replace('@loss("Mine"', '@auxiliary_loss("ink"')
    (folder / "mine.py").write_text(code + "    def __init__(self, config, agents, **seeds): pass\n")
    assert commgame.main(["train", "--plugin", "mine.py", "--ink-loss"]) == 2
    assert "--plugin: the plugin's option --ink-loss is also" in capsys.readouterr().err


def test_a_constructor_that_does_not_fit_its_kind(folder, capsys):
    (folder / "mine.py").write_text(
        "from learning_to_draw.plugins import receiver\n@receiver('R')\nclass A:\n    def __init__(self, config): pass"
    )
    assert commgame.main(["train", "--plugin", "mine.py", "--receiver", "R", "--output", "run"]) == 1
    told = capsys.readouterr().err
    assert "TypeError: A.__init__() got an unexpected keyword argument 'latent_size'" in told
    assert "A component of mine.py may break its contract: run" in told
    assert not (folder / "run").exists()
    assert commgame.main(["check", "mine.py"]) == 1
    assert "BROKEN  turns latents into vectors [B, R]: TypeError: A.__init__() got" in capsys.readouterr().err


def test_the_help_shows_a_percent_sign_and_an_option_without_a_help_text(folder, capsys):
    fields = "share: int = option(50, 'how much: 50 % of it, %s or %(default)s', type=int)"
    (folder / "shares.py").write_text(LOSS.format(f"{fields}\n    bareness: int = option(3, '', type=int)"))
    with pytest.raises(SystemExit):
        commgame.main(["train", "--plugin", "shares.py", "--loss", "Mine", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "how much: 50 % of it, %s or %(default)s (default: 50)" in shown
    assert "--bareness BARENESS (default: 3)" in shown


def test_a_configuration_may_have_its_annotations_as_text(folder):
    """dataclasses then looks for the file's module in sys.modules."""
    code = LOSS.format("share: int = option(50, 'how much', type=int)")
    (folder / "postponed.py").write_text("from __future__ import annotations\n" + code)
    assert plugins.load(folder / "postponed.py").components == (("loss", "Mine"),)
