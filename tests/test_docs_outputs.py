"""docs/outputs.md names everything that a run leaves behind, and nothing else."""

import csv
import json
import re
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pytest
import torch

from learning_to_draw import commgame, plugins
from learning_to_draw.trials.records.run_files import NAMES

PAGE = (Path(__file__).parents[1] / "docs" / "outputs.md").read_text()
PLUGIN = """
import torch
from learning_to_draw.games.losses.terms import GameLoss
from learning_to_draw.plugins import loss

@loss("Squares")
class Squares(GameLoss):
    def __call__(self, scores, targets):
        return (scores - torch.nn.functional.one_hot(targets, scores.shape[1])).square().mean()
"""


def quoted(text):
    return re.findall(r"`([^`]+)`", text)


def rows(heading, table=0):
    """The rows of a table of the page: the names in the first cell, and the text of each of the others."""
    section = re.search(rf"^## {heading}$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]
    lines = re.findall(r"((?:^\|.*\n)+)", section, re.MULTILINE)[table].splitlines()[2:]
    return [(quoted(first), *others) for first, *others in (line.strip("|").split("|") for line in lines)]


def names(heading, table=0):
    return [name for first, *_ in rows(heading, table) for name in first]


def said_of(name, heading, table=0):
    """What stands in backticks in the second cell of the row of one name."""
    [text] = [text for first, text, *_ in rows(heading, table) if name in first]
    return quoted(text)


def check(found, named):
    """Each thing found goes by a name, of which NN, _K and _J are numbers and * any text, and each name by a thing."""
    patterns = {re.sub("_[KJ]", "_[0-9]", name.replace("NN", "[0-9][0-9]")): name for name in named}
    assert len(patterns) == len(named)
    assert not [name for name in found if not any(fnmatchcase(name, pattern) for pattern in patterns)]
    assert not [name for pattern, name in patterns.items() if not any(fnmatchcase(thing, pattern) for thing in found)]


def files(folder):
    return {
        "gamelogs/" if path.is_relative_to(folder / "gamelogs") else str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file()
    }


def read(path):
    return json.loads(path.read_text())


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("command", NAMES)
def test_the_names_that_runs_write_are_those_of_the_page(command):
    top = {name.split("/")[0] for name in NAMES[command]}
    assert top == {name.split("/")[0] for name in names(command)}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with a training that was gone on with, its test, a test of a sender with another's receiver and a
    crossplay, with everything that leaves something behind."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "my_parts.py").write_text(PLUGIN)
    weights = [str(folder / "train" / f"model_{name}.pt") for name in ("final", "best")]
    agents = "--encoder SqueezeNetBackbone --nlines 2 --batch-size 90 --loss Squares"
    losses = "--sort-of-perceptual-loss --learn-sop-weights --reconstruct-loss"
    for command in (
        f"train {agents} {losses} --plugin {folder}/my_parts.py --tensorboard --snapshot-interval 1 --epochs 1",
        f"train --epochs 2 --plugin {folder}/my_parts.py",
        f"test --weights {weights[0]}",
        f"test --weights {weights[0]} --weights-pair2 {weights[1]} --swap-agents --no-reconstruct-loss",
        f"crossplay {' '.join(weights)}",
    ):
        name = "swapped" if "--swap-agents" in command else command.split()[0]
        if "--epochs 2" in command:  # resumed with an edited plugin
            (folder / "my_parts.py").write_text(f"{PLUGIN}# edited\n")
            forget_plugins()
        place = f" {'--resume' if '--epochs 2' in command else '--output'} {folder}/{name}"
        assert commgame.main([*command.split(), "--quiet", *place.split()]) == 0
    yield folder
    forget_plugins()


def forget_plugins():
    plugins._unregister(list(plugins._registered))
    plugins._loaded.clear()


@pytest.fixture(scope="module")
def community(tmp_path_factory):
    """A folder with a training of a population whose receivers guess after every step, and its test."""
    folder = tmp_path_factory.mktemp("community")
    agents = "--population 2 --decoder RNNBezierDecoder --steps 2 --anytime --batch-size 90 --epochs 1"
    for command in (f"train {agents}", f"test --weights {folder}/train/model_final.pt"):
        assert commgame.main([*command.split(), "--quiet", "--output", str(folder / command.split()[0])]) == 0
    return folder


def test_files_of_a_training(runs, community):
    found = files(runs / "train") | files(community / "train")
    check(found | {"wandb/id.txt"}, names("train"))  # which trials/test_wandb.py has


@pytest.mark.parametrize("run", ["test", "swapped"])
def test_files_of_a_test(runs, community, run):
    check(files(runs / run) | files(community / "test"), names("test"))


def test_files_of_a_crossplay(runs):
    check(files(runs / "crossplay"), names("crossplay"))


@pytest.mark.parametrize("run", ["train", "test", "crossplay"])
def test_config(runs, run):
    check(read(runs / run / "config.json"), names("config.json"))


def test_what_is_noted_of_a_resumption(runs):
    [noted] = read(runs / "train" / "resumed.json")
    check(noted, said_of("resumed.json", "train")[1:])


def test_columns_of_a_training_s_log(runs, community):
    columns = set(rows_of(runs / "train" / "log.csv")[0])
    further = set(rows_of(community / "train" / "log.csv")[0])
    check(columns - {"reconstruct_loss", "val_reconstruct_loss"} | further, names("log.csv"))
    assert columns >= {"reconstruct_loss", "val_reconstruct_loss"}
    assert "reconstruct_loss" in said_of("perceptual_loss", "log.csv")
    times = {key for line in (runs / "train" / "metrics.jsonl").read_text().splitlines() for key in json.loads(line)}
    assert times - columns == {"games_per_second", "seconds"}


def test_columns_of_a_test_s_log(runs):
    said = quoted(re.search(r"^A test's log has the columns (.*)$", PAGE, re.MULTILINE)[1])
    [row] = rows_of(runs / "swapped" / "log.csv")
    assert list(row) == said
    [row] = rows_of(runs / "test" / "log.csv")
    assert set(row) - set(said) == {"test_game_loss", "test_reconstruct_loss"}


@pytest.mark.parametrize(
    ("command", "run"), [("train", "train"), ("test", "test"), ("test", "swapped"), ("crossplay", "crossplay")]
)
def test_results(runs, command, run):
    in_it = [
        name for first, _, where in rows("result.json") if where.strip() == "all" or command in where for name in first
    ]
    if run == "test":
        in_it.remove("receiver_weights")
    result = read(runs / run / "result.json")
    check(result, in_it)
    if run == "train":
        check(result["best"], said_of("best", "result.json")[1:])
        check(result["train"], said_of("train", "result.json"))


@pytest.mark.parametrize("command", ["train", "test"])
def test_results_of_a_population(community, command):
    further = {"populations", "with `--anytime`", "crossplay, and populations"}
    in_it = [
        name
        for first, _, where in rows("result.json")
        if where.strip() in ("all", *further) or command in where
        for name in first
        if name != "receiver_weights"
    ]
    check(read(community / command / "result.json"), in_it)


def test_checkpoints(runs):
    content = torch.load(runs / "train" / "model_final.pt", weights_only=True)
    check(content, names("Checkpoints"))
    parts = {key.split(".")[0] + "." for key in content["model"]}
    assert parts == set(said_of("model", "Checkpoints"))
    assert content["format"] in PAGE


def test_game_logs(runs, community):
    log = runs / "test" / "gamelogs"
    entry = read(log / "games.json")[0]
    check(entry, names("gamelogs", 0))
    assert list(rows_of(log / "games.csv")[0]) == list(entry)
    line = json.loads((log / "games.jsonl").read_text().splitlines()[0])
    further = json.loads((community / "test" / "gamelogs" / "games.jsonl").read_text().splitlines()[0])
    check(line | further, names("gamelogs", 1))
    check(line["strokes"], said_of("strokes", "gamelogs", 1))
    with np.load(log / "strokes.npz") as arrays:
        check([*arrays, "intensities"], names("gamelogs", 2))  # of lines in one colour there are none
    check(read(log / "card.json"), names("gamelogs", 3))
