"""The package learning_to_draw, installed or in a checkout: everything is in it, and it leaves others in peace."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import learning_to_draw
from learning_to_draw.reading import read_toml

ROOT = Path(__file__).parents[1]


def test_every_package_and_resource_is_listed_for_installation():
    text = (ROOT / "pyproject.toml").read_text()
    listed = set(re.findall(r'^    "learning_to_draw\.?([\w.]*)",$', text, re.MULTILINE))
    code = [
        path for path in ROOT.rglob("*.py") if path.relative_to(ROOT).parts[0] not in ("tests", "benchmarks", "docs")
    ]
    ours = [path.parent.relative_to(ROOT) for path in code if not any(part.startswith(".") for part in path.parts)]
    assert listed == {".".join(folder.parts) for folder in ours}
    resources = {path for kind in ("html", "css", "js") for path in (ROOT / "analysis").rglob(f"*.{kind}")}
    assert resources
    for path in resources:
        package = ".".join(("learning_to_draw", *path.parent.relative_to(ROOT).parts))
        assert re.search(rf'^"{re.escape(package)}" = \[.*"\*{path.suffix}".*\]$', text, re.MULTILINE), path


def test_the_extra_dev_is_what_the_tests_need_and_has_all_other_extras():
    project = read_toml(ROOT / "pyproject.toml", dict)["project"]
    lines = [line.split("  #")[0] for line in (ROOT / "requirements-dev.txt").read_text().splitlines()]
    extras = project["optional-dependencies"]
    assert extras["dev"] == [line for line in lines if not line.startswith(("-r", "#"))]
    assert {package for packages in extras.values() for package in packages} == set(extras["dev"])


# From the top to the bottom: a module imports from its own line and from those below.
FLOORS = (
    ("commgame", "command_line", "commands"),
    ("experiments",),
    ("analysis",),
    ("trials",),
    ("trials.loop",),
    ("trials.records",),
    ("trials.config",),
    ("plugins",),
    ("games",),
    ("datasets",),
    ("models",),
    ("rasteriser",),
    (
        "allowed_plugins",
        "components",
        "console",
        "packages",
        "reading",
        "errors",
        "streams",
        "text_tables",
        "user_folders",
        "__version__",
    ),
)


def floor(module):
    rooms = [(len(room), number) for number, floor in enumerate(FLOORS) for room in floor if within(module, room)]
    return max(rooms)[1]


def within(module, room):
    return module == room or module.startswith(room + ".")


def imported_by(path):
    """The modules below learning_to_draw that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and within(node.module, "learning_to_draw"):
            for alias in node.names:
                yield f"{node.module}.{alias.name}".removeprefix("learning_to_draw.")


def test_imports_run_downwards():
    upwards = []
    for package in ("analysis", "datasets", "experiments", "games", "models", "rasteriser", "trials"):
        for path in (ROOT / package).rglob("*.py"):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            upwards += [(module, other) for other in imported_by(path) if floor(other) < floor(module)]
    assert upwards == []


@pytest.fixture
def elsewhere(tmp_path):
    """A folder with another package named `datasets`."""
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "__init__.py").write_text("name = 'another package'")
    return tmp_path


IMPORTS = """
import datasets, learning_to_draw.datasets, learning_to_draw.games, learning_to_draw.models, learning_to_draw.analysis
from learning_to_draw.rasteriser import draw_lines
from learning_to_draw.models.decoders.single_pass import SinglePassSimpleLineDecoder
from learning_to_draw.trials.train import train
print(datasets.name, learning_to_draw.__version__, learning_to_draw.datasets.__file__)
"""


NOTEBOOK = """
import datasets
from learning_to_draw.rasteriser import draw_lines
from learning_to_draw.trials.config.configure import configure
from learning_to_draw.trials.test import test
from learning_to_draw.trials.train import train
from learning_to_draw.trials.trained import configure_test
trained = train(configure("train", dataset="Digits", epochs=2, output="run"))
tested = test(configure_test(trained.weights, output="tested"))
print(datasets.name, tested.games, round(tested.communication_rate, 4), draw_lines.__module__)
"""


def said_by(script, folder, path):
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_a_checkout_is_imported_beside_other_packages_of_the_same_names(elsewhere):
    where = ROOT / "datasets" / "__init__.py"
    assert said_by(IMPORTS, elsewhere, ROOT) == f"another package {learning_to_draw.__version__} {where}"


def check_notebook(folder, path):
    """The ten lines train and test like the command line, beside another package named datasets."""
    said = said_by(NOTEBOOK, folder, path)
    result = json.loads((folder / "tested" / "result.json").read_text())
    assert said == f"another package 352 {result['communication_rate']:.4f} learning_to_draw.rasteriser.draw"
    assert result["interval"][0] > 3 / 32
    config = json.loads((folder / "run" / "config.json").read_text())
    assert (config["sources"]["epochs"], config["sources"]["nlines"]) == ("Python", "data set Digits")
    assert config["arguments"][-7:] == ["train", "--dataset", "Digits", "--epochs", "2", "--output", "run"]


def check_six_lines(folder, path):
    """The first example of docs/api.md runs with the training of `check_notebook` and ten pictures."""
    (folder / "runs").mkdir()
    (folder / "run").rename(folder / "runs" / "digits")
    for number, name in enumerate(("photo", *(f"other{number}" for number in range(9)))):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    lines = re.search(r"^```python\n(.*?)^```$", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE | re.DOTALL)[1]
    said = said_by(f"{lines}print(type(strokes).__module__, strokes.shape, scores.shape)", folder, path)
    assert said == "numpy (8, 2, 2) (10,)"


def test_ten_lines_train_and_test_from_a_notebook_and_six_draw_and_guess(elsewhere):
    check_notebook(elsewhere, ROOT)
    check_six_lines(elsewhere, ROOT)


LAZY = """
import sys, learning_to_draw
assert "torch" not in sys.modules and "load" in dir(learning_to_draw)
assert not hasattr(learning_to_draw, "lode")
from learning_to_draw import load
print("torch" in sys.modules, load.__module__, learning_to_draw.load is load)
"""


def test_load_is_imported_when_it_is_used(elsewhere):
    assert said_by(LAZY, elsewhere, ROOT) == "True learning_to_draw.trials.pair True"


def check_tour(folder, **environment):
    """Runs the notebook of examples/ in a folder: four plots and a drawing are shown, and nothing goes wrong."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook = nbformat.read(ROOT / "examples" / "tour.ipynb", 4)
    client = nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}})
    client.execute(env={name: text for name, text in os.environ.items() if name != "PYTHONPATH"} | environment)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert not [output["text"] for output in outputs if output.get("name") == "stderr"]
    shown = [kind for output in outputs for kind in output.get("data", ())]
    assert (shown.count("image/png"), shown.count("text/html")) == (4, 1)
    assert (folder / "runs" / "tour" / "model_final.pt").exists()


@pytest.fixture
def checkout(tmp_path):
    """A copy of this checkout."""
    left_out = shutil.ignore_patterns(".git", "runs", "data", "build", "*.egg-info", "__pycache__")
    return shutil.copytree(ROOT, tmp_path / "checkout", ignore=left_out)


@pytest.mark.slow
def test_the_notebook_runs_in_a_checkout_that_is_not_installed(checkout):
    check_tour(checkout / "examples")


@pytest.mark.slow
def test_an_installed_copy_is_imported_from_any_folder_and_brings_the_command(elsewhere, checkout, tmp_path):
    target = tmp_path / "installed"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", target, checkout]
    subprocess.run(install, check=True, capture_output=True)
    where = target / "learning_to_draw" / "datasets" / "__init__.py"
    assert said_by(IMPORTS, elsewhere, target) == f"another package {learning_to_draw.__version__} {where}"
    check_notebook(elsewhere, target)
    assert said_by(LAZY, elsewhere, target) == "True learning_to_draw.trials.pair True"
    check_six_lines(elsewhere, target)
    (tmp_path / "notebooks").mkdir()
    check_tour(tmp_path / "notebooks", PYTHONPATH=str(target))
    done = subprocess.run(
        [target / "bin" / "commgame", "train", "--dry-run"],
        cwd=elsewhere,
        env=os.environ | {"PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "chance level   0.0312" in done.stdout


def test_messages_call_the_program_as_it_was_called(tmp_path):
    installed = tmp_path / "commgame"
    installed.write_text("import sys\nfrom learning_to_draw.commgame import main\nsys.exit(main())\n")
    for file, named in ((installed, "See commgame train"), (ROOT / "commgame.py", "See python commgame.py train")):
        run = subprocess.run(
            [sys.executable, file, "train", "--nlins", "3"],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert run.returncode == 2
        assert named in run.stderr
