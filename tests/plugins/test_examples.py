"""The examples of docs/extending.md, run as printed."""

import csv
import json
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

import learning_to_draw
from learning_to_draw import commgame
from learning_to_draw.trials.config.run import KINDS


@pytest.fixture(scope="module")
def example(written, page):
    """A folder where the commands of the page were given, one after the other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(written)
        for command in page[1][1]:
            assert commgame.main(shlex.split(command)[2:]) == 0, command
    return written


def test_the_example_is_short(page):
    assert len(page[1][0].splitlines()) < 60


@pytest.mark.slow
def test_the_example_is_checked_trained_tested_and_gone_on_with(example, page):
    run = example / "runs" / "zigzag"
    config = json.loads((run / "config.json").read_text())
    assert config["options"]["plugin"] == str(example / "my_parts.py")
    assert re.fullmatch("[0-9a-f]{64}", config["versions"]["plugin"])
    assert (run / "plugin.py").read_text() == page[1][0]
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
def test_another_process_finds_the_file_by_itself_and_says_if_it_has_changed(example, page, folder, program):
    (folder / "run").symlink_to(example / "runs" / "zigzag")
    (folder / "tested").symlink_to(example / "runs" / "zigzag-test")
    test = ["test", "--weights", "run/model_final.pt", "--dry-run"]
    measure = ["measure", "tested", "--weights", "run/model_final.pt", "--only", "rate"]

    def call(*more, command=test):
        done = subprocess.run([sys.executable, program, *command, *more], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    code, said = call("--corners", "9")  # an option that only the file knows
    assert code == 0, said
    (example / "my_parts.py").write_text(page[1][0] + "# changed")
    try:
        code, said = call()
        assert code == 2
        assert "my_parts.py, which has changed since.\n" in said
        assert "The run's folder has a copy of the original as plugin.py." in said
        for command in (test, measure):
            code, said = call("--plugin", "run/plugin.py", command=command)
            assert code == 0, said
        (example / "my_parts.py").unlink()
        code, said = call()
        assert code == 2
        assert "my_parts.py, which does not exist any more" in said
    finally:
        (example / "my_parts.py").write_text(page[1][0])


def test_components_are_in_the_help_and_in_the_list(written, capsys):
    assert commgame.main(["list", "--plugin", str(written / "my_parts.py")]) == 0
    listed = capsys.readouterr().out
    assert re.search(r"^  classmates +\(my_parts.py\) \w.*$", listed, re.MULTILINE)
    assert re.search(r"^  ZigZagDecoder +\(my_parts.py\).*\n(      .*\n)*      .*--corners$", listed, re.MULTILINE)
    assert all(f"  {name}" in listed for kind in KINDS.values() for name in kind.table)
    with pytest.raises(SystemExit):
        commgame.main(["train", "--plugin", str(written / "my_parts.py"), "--decoder", "ZigZagDecoder", "--help"])
    assert "--corners N" in capsys.readouterr().out


def test_a_summary_of_two_lines_is_listed_whole_and_wrapped(folder, capsys):
    (folder / "part.py").write_text(
        "from learning_to_draw.plugins import callback\n"
        "@callback('ink')\n"
        "class Ink:\n"
        '    """Logs the mean ink of the sketches, from 0 for blank paper\n    to 1 for full.\n\n    Details."""\n'
    )
    assert commgame.main(["list", "--plugin", "part.py"]) == 0
    listed = capsys.readouterr().out
    assert "(part.py) Logs the mean ink of the sketches, from 0 for blank paper to 1 for full.\n" in re.sub(
        r"\n {34}", " ", listed
    )
    assert max(map(len, listed.splitlines())) <= 80


def test_a_printed_configuration_brings_its_file(written, folder, capsys, monkeypatch):
    monkeypatch.chdir(written)
    arguments = ["train", "--plugin", "my_parts.py", "--decoder", "ZigZagDecoder", "--corners", "5"]
    assert commgame.main([*arguments, "--print-config"]) == 0
    (folder / "printed.json").write_text(capsys.readouterr().out)
    monkeypatch.chdir(folder)
    assert commgame.main(["train", "--config", "printed.json", "--dry-run"]) == 0
    assert " --corners 5" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("--batch-size 500", "--batch-size 500: the valid split has 180 pictures.\n       Give at most 180"),
        ("--batch-size 32 --sender-images-per-iter 50", "--sender-images-per-iter 50: a game has 32 candidates"),
        ("--batch-size 32 --num-targets 5", "--num-targets 5: the game classmates ignores this option"),
    ],
)
def test_games_that_the_example_cannot_deal(arguments, told, written, capsys):
    command = ["train", "--plugin", str(written / "my_parts.py"), "--game", "classmates", "--dry-run"]
    assert commgame.main([*command, *arguments.split()]) == 2
    assert told in capsys.readouterr().err


def test_an_example_s_batch_that_nobody_asked_for_shrinks(written, folder, capsys):
    (folder / "large.toml").write_text("[options]\nbatch_size = 500\n")
    command = ["train", "--plugin", str(written / "my_parts.py"), "--game", "classmates", "--dry-run"]
    assert commgame.main([*command, "--preset", str(folder / "large.toml")]) == 0
    assert "valid          180 turns with 180 candidates (classmates)" in capsys.readouterr().out


def test_the_example_of_a_loss_makes_strokes_shorter(folder, page, capsys):
    (folder / "length.py").write_text(page[0][0])
    for command in page[0][1]:
        assert commgame.main(shlex.split(command)[2:]) == 0, command
    with (folder / "runs" / "length" / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[1]["length_loss"]) < float(rows[0]["length_loss"])
    losses = float(rows[1]["length_loss"]) + float(rows[1]["game_loss"])
    assert float(rows[1]["loss"]) == pytest.approx(losses, rel=1e-4)
    assert "val_length_loss" in rows[0]
    capsys.readouterr()
    assert commgame.main(["train", "--plugin", "length.py", "--length-price", "2", "--output", "run"]) == 2
    assert "--length-price belongs to the loss length, which this run does not have" in capsys.readouterr().err
    assert commgame.main(["list", "--plugin", "length.py"]) == 0
    listed = capsys.readouterr().out
    assert re.search(
        r"^  length +\(length.py\).*\n( {34}.*\n)*      --length-loss --length-price$", listed, re.MULTILINE
    )
    assert commgame.main(["test", "--weights", "runs/length/model_final.pt", "--output", "tested"]) == 0


@pytest.mark.slow
def test_the_example_of_an_encoder_and_a_data_set(folder, page):
    digits = load_digits()
    images = np.kron(digits.images, np.ones((1, 4, 4))) * 15.9
    np.savez(folder / "arrays.npz", images=images.astype(np.uint8)[:, None], labels=digits.target.astype(np.int64))
    (folder / "patches.py").write_text(page[2][0])
    for command in page[2][1]:
        assert commgame.main(shlex.split(command)[2:]) == 0, command
    with (folder / "runs" / "patches" / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[1]["perceptual_loss"]) > 0
    assert json.loads((folder / "runs" / "patches-test" / "result.json").read_text())["interval"][0] > 1 / 32


def test_a_component_that_keeps_a_tensor_for_its_next_instance_is_tested_and_resumed(folder, capsys):
    (folder / "keeps.py").write_text(
        "import functools\nimport torch\nfrom torch import nn\nfrom learning_to_draw.plugins import receiver\n"
        "@functools.cache\ndef scale(size):\n    return torch.linspace(1, 2, size)\n"
        "@receiver('Keeps')\nclass Keeps(nn.Module):\n"
        "    def __init__(self, config, *, latent_size):\n        super().__init__()\n"
        "        self.layer = nn.Linear(latent_size, 8)\n        self.register_buffer('scale', scale(8))\n"
        "    def forward(self, latents):\n        return self.layer(latents) * self.scale\n"
    )
    train = "train --plugin keeps.py --receiver Keeps --epochs 1 --batch-size 150 --output run --quiet"
    for words in (train, "test --weights run/model_final.pt --output tested --quiet", "train --resume run --epochs 2"):
        assert commgame.main(words.split()) == 0, capsys.readouterr().err


@pytest.mark.slow
def test_agents_partners_and_a_callback(folder, page):
    (folder / "star.py").write_text(page[3][0])
    for command in page[3][1]:
        assert commgame.main(shlex.split(command)[2:]) == 0, command
    with (folder / "runs" / "star" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert all(0 < float(row["val_ink"]) < 1 for row in rows)
    config = json.loads((folder / "runs" / "star" / "config.json").read_text())
    options = config["options"]
    assert (options["agents"], options["partners"], options["callbacks"]) == ("unequal_eyes", "star", ["ink"])
    agents = learning_to_draw.load(folder / "runs" / "star" / "model_final.pt", agent="1,2").agents
    seen = (type(agents.sender_encoder).__name__, type(agents.receiver_encoder).__name__)
    assert seen == ("SimpleMLPEncoder", "TinyCNNEncoder")


@pytest.mark.slow
def test_the_example_of_early_stopping(folder, page):
    (folder / "patience.py").write_text(page[4][0])
    for command in page[4][1]:
        assert commgame.main(shlex.split(command)[2:]) == 0, command
    with (folder / "runs" / "patience" / "log.csv").open(newline="") as file:
        rates = [float(row["val_commrate"]) for row in csv.DictReader(file)]
    assert len(rates) == json.loads((folder / "runs" / "patience" / "result.json").read_text())["epochs"] < 100
    assert max(rates[-3:]) <= rates[-4] == max(rates)


UNEQUAL = """
from dataclasses import replace
from learning_to_draw.plugins import agents

@agents("strong_pen")
class StrongPen:
    def __init__(self, config, build_pair):
        self.config, self.build_pair = config, build_pair

    def pair(self, number):
        pair = self.build_pair(self.config)
        for weight in pair.decoder.parameters():
            weight.data.fill_(number)
        return pair

@agents("more_lines")
class MoreLines(StrongPen):
    def pair(self, number):
        decoder = self.config.decoder
        lines = replace(decoder, config=replace(decoder.config, nlines=4 + number))
        return self.build_pair(replace(self.config, decoder=lines))
"""


def test_agents_of_a_plugin_know_their_number_also_when_they_are_replaced(folder, capsys):
    (folder / "unequal.py").write_text(UNEQUAL)
    words = "train --plugin unequal.py --population 3 --batch-size 150 --learning-rate 1e-30 --quiet"
    # Pair 0 is replaced after epoch 1, and pair 1 after epoch 2; with this learning rate nothing is learned.
    replaced = f"{words} --agents strong_pen --epochs 3 --replace-every 1 --output run"
    assert commgame.main(replaced.split()) == 0, capsys.readouterr().err
    agents = learning_to_draw.load(folder / "run" / "model_final.pt", agent="1,2").agents
    assert all(bool((weight == 1).all()) for weight in agents.decoder.parameters())
    assert commgame.main(f"{words} --agents more_lines --output no".split()) == 2
    assert "sender 0 draws 4 stroke(s) of 2 control point(s) in 1 step(s)" in capsys.readouterr().err
    assert not (folder / "no").exists()
