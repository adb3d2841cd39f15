"""The installed command: everything is packed, and other packages of the same names are left in peace."""

import os
import re
import subprocess
import sys
from pathlib import Path

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


def test_a_package_of_somebody_else_with_the_same_name_is_in_nobodys_way(tmp_path):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "__init__.py").write_text("raise RuntimeError('another package')")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, ROOT / "launch.py", "train", "--help"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert "--dataset" in run.stdout


def test_messages_call_the_program_as_it_was_called(tmp_path):
    installed = tmp_path / "commgame"
    installed.write_text(f"import sys\nsys.path[0] = {str(ROOT)!r}\nimport launch\nsys.exit(launch.main())\n")
    for file, named in ((installed, "See commgame train"), (ROOT / "commgame.py", "See python commgame.py train")):
        run = subprocess.run([sys.executable, file, "train", "--nlins", "3"], capture_output=True, text=True)
        assert run.returncode == 2
        assert named in run.stderr
