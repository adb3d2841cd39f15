"""Components that are edited within one Python session, in a plugin file or in a cell of a notebook."""

import hashlib
import json

import pytest

from learning_to_draw.components import load
from learning_to_draw.errors import UsageError
from learning_to_draw.games.losses import LOSSES
from learning_to_draw.plugins import loss
from learning_to_draw.trials.config.configure import configure
from learning_to_draw.trials.config.parse import parse
from learning_to_draw.trials.train import resume, train

FILE = """from learning_to_draw.components import Config
from learning_to_draw.plugins import loss

@loss("Mine")
class Mine:
    weight = {}

    def __init__(self, config: Config = Config()):
        pass
"""


def test_an_edited_file_is_run_again_in_python_and_not_within_a_command(folder):
    file = folder / "mine.py"
    file.write_text(FILE.format(1))
    before = configure("train", plugin="mine.py", loss="Mine")
    assert before.loss.build().weight == 1
    file.write_text(FILE.format(2))
    assert parse("train", ["--plugin", "mine.py", "--loss", "Mine"]).loss.build().weight == 1
    assert configure("train", plugin="mine.py", loss="Mine").loss.build().weight == 2
    assert before.loss.build().weight == 1
    file.write_text(FILE.format("nothing"))
    with pytest.raises(UsageError, match=r"mine\.py, line 6: NameError"):
        configure("train", plugin="mine.py", loss="Mine")
    assert "Mine" not in LOSSES
    file.write_text(FILE.format(3))
    assert configure("train", plugin="mine.py", loss="Mine").loss.build().weight == 3


def class_of_a_cell(name, module="__main__"):
    return type(name, (), {"__module__": module, "__qualname__": name})


def test_a_class_of_a_cell_that_is_run_again_replaces_the_old_one(folder):
    first, second = class_of_a_cell("Mine"), class_of_a_cell("Mine")
    loss("Mine")(first)
    loss("Mine")(second)
    assert LOSSES["Mine"].load() is second
    for other in (class_of_a_cell("Other"), class_of_a_cell("Mine", "my_module")):
        with pytest.raises(UsageError, match="the name is taken"):
            loss("Mine")(other)
    with pytest.raises(UsageError, match="the name is taken"):
        loss("HingeLoss")(class_of_a_cell("HingeLoss"))
    assert load("games.losses.terms:HingeLoss") is LOSSES["HingeLoss"].load()


def test_a_run_that_resumes_with_a_changed_file_says_so_and_keeps_both(folder, caplog):
    file, run = folder / "mine.py", folder / "run"
    first = FILE.format(1).replace("class Mine:", "class Mine(HingeLoss):").replace(" = Config()", "")
    first = first.replace("        pass", "        super().__init__()")
    file.write_text(f"from learning_to_draw.games.losses.terms import HingeLoss\n{first}")
    options = {"batch_size": 150, "nlines": 2, "encoder": "SmallCNNEncoder", "plugin": "mine.py", "loss": "Mine"}
    train(configure("train", **options, epochs=1, output="run"))
    earlier = (run / "plugin.py").read_text()
    file.write_text(f"{earlier}# edited\n")
    resume("run", plugin="mine.py", epochs=2)
    assert "mine.py has changed since the run was saved: the rest of the training uses the new version" in caplog.text
    assert (run / "plugin.py").read_text() == file.read_text()
    [kept] = run.glob("plugin-*.py")
    assert kept.read_text() == earlier
    assert kept.name == f"plugin-{hashlib.sha256(earlier.encode()).hexdigest()[:8]}.py"
    config = json.loads((run / "config.json").read_text())
    assert config["versions"]["plugin"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (config["options"]["epochs"], config["sources"]["epochs"]) == (2, "Python")
    assert configure("train", config="run/config.json").epochs == 2
