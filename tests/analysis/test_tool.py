"""The table of tools: every option is an argument of its function, and help and mistakes are understood."""

import inspect
from pathlib import Path

import pytest

from learning_to_draw.commands import TOOLS
from learning_to_draw.components import load
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.config.parse import Parser
from learning_to_draw.trials.tool import Tool


@pytest.mark.parametrize("name", TOOLS)
def test_every_option_is_an_argument_of_the_function(name):
    tool = TOOLS[name]
    parser = Parser(add_help=False)
    tool.add_options(parser)
    given = {action.dest for action in parser._actions}
    if name == "dump-hashes-classes":  # it forgets three, and takes those of the data set
        given = given - {"data_seed", "batch_size", "imagenet_norm"} | {"dataset"}
    if name in ("draw", "play"):  # the options of the agents come with their checkpoint
        given = given - {"weights"} | {"config"}
    arguments = inspect.signature(load(tool.target)).parameters
    assert given == {name for name, argument in arguments.items() if argument.kind is not argument.KEYWORD_ONLY}


@pytest.mark.parametrize("name", TOOLS)
def test_a_help_page_explains_every_option(name, capsys):
    with pytest.raises(SystemExit) as left:
        TOOLS[name].run(name, ["--help"])
    assert left.value.code == 0
    page = " ".join(capsys.readouterr().out.split())
    assert f"python commgame.py {name}" in page
    assert "None" not in page
    assert "SUPPRESS" not in page
    if name != "pack":  # it has no option with a default
        assert "(default: " in page or "left out: " in page


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("sample-gamelogs", ["-n", "3"], "required: -inp/--input"),
        ("sample-gamelogs", ["-inp", "x", "-n", "0"], "whole number from 1 to"),
        ("render-game", ["-inp", "x", "-out", "y", "--game", "one"], "invalid int value"),
        ("render-game", ["-inp", "x", "-out", "y", "--gmae", "1"], "unrecognized arguments: --gmae"),
        ("dump-hashes-classes", ["--dataset", "Paintings"], "invalid choice: 'Paintings'"),
        ("dump-hashes-classes", ["--dataset", "STL10", "--val-fraction", "0.2"], "unrecognized"),
        ("clip-analysis", ["-inp", "x"], "required: -hcm/--hash-classes"),
        ("clip-analysis", ["-inp", "x", "-hcm", "y", "--templates", "photo"], "not NAME=TEXT"),
        ("clip-analysis", ["-inp", "x", "-hcm", "y", "--templates", "photo=a cat"], "one {} in it"),
        ("clip-analysis", ["-inp", "x", "-hcm", "y", "--classes", "a", "--classes-file", "b"], "not allowed with"),
        ("clip-analysis", ["-inp", "x", "-hcm", "y", "--clip-model", "ViT"], "invalid choice: 'ViT'"),
    ],
)
def test_a_wrong_call_is_explained(name, arguments, told):
    with pytest.raises(UsageError, match=told) as error:
        TOOLS[name].run(name, arguments)
    assert f"python commgame.py {name} --help" in str(error.value)


def test_options_of_the_data_set_go_to_the_function_together(monkeypatch):
    got = {}
    monkeypatch.setattr(
        "learning_to_draw.analysis.official.dump_hashes_classes.dump_hashes_classes",
        lambda **given: got.update(given) or "",
    )
    arguments = ["--name", "--dataset", "STL10", "--image-size", "64", "--dataset-root", "x"]
    TOOLS["dump-hashes-classes"].run("dump-hashes-classes", arguments)
    dataset = got.pop("dataset")
    assert got == {"output": None, "name": True}
    config = dataset.config
    assert (dataset.name, config.image_size, config.dataset_root) == ("STL10", 64, Path("x"))
    assert config.valset_size_per_class == 10


def test_official_options_that_change_nothing_are_taken_all_the_same(tmp_path, capsys):
    def dump(*arguments):
        return TOOLS["dump-hashes-classes"].run("dump-hashes-classes", ["--image-size", "8", *arguments])

    assert dump("--data-seed", "7", "--batch-size", "100", "--imagenet-norm") == dump()
    with pytest.raises(UsageError, match="whole number"):
        dump("--data-seed", "x")
    with pytest.raises(SystemExit):
        dump("--help")
    page = " ".join(capsys.readouterr().out.split())
    assert "--data-seed N no effect --batch-size N no effect --imagenet-norm no effect" in page


def test_a_default_with_a_percent_sign_does_not_break_the_help(capsys):
    tool = Tool("", "", "", lambda group: group.add_argument("--share", default="50%", help="of all"))
    with pytest.raises(SystemExit):
        tool.run("share", ["--help"])
    assert "of all (default: 50%)" in capsys.readouterr().out
