"""What holds for all commands: the help, what is printed and where, and nothing that is not needed."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from learning_to_draw import command_line, commgame
from learning_to_draw.commands import TOOLS

ROOT = Path(commgame.__file__).parent


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["paint"], 2), (["--help"], 0), (["-h"], 0)])
def test_calls_without_a_command(arguments, code, call):
    assert call(*arguments)[0] == code


def test_the_help_lists_every_command_by_group(call):
    _, page, _ = call("--help")
    groups = [block.splitlines() for block in page.split("\n\n")[1:-1]]
    assert [[line.split()[0] for line in lines[1:]] for lines in groups] == [
        ["train", "test", "crossplay", "play", "pack", "sweep", "reproduce", "learnability", "generations"],
        ["report", "compare", "draw", "save-svg", "export", "measure", "study", "study-results"],
        ["list", "check"],
        [
            "sample-gamelogs",
            "render-game",
            "render-sketches-seeds",
            "dump-hashes-classes",
            "clip-analysis",
            "analyse-logs",
        ],
    ]


@pytest.mark.parametrize("name", command_line.COMMANDS)
def test_help_fits_a_terminal_of_80_columns(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for word in ("--help", "--help-all") if name in command_line.PLAY else ("--help",):
        with pytest.raises(SystemExit):
            commgame.main([name, word])
        assert max(capsys.readouterr().out.splitlines(), key=len)[80:] == ""


@pytest.fixture
def no_torch(tmp_path):
    """no_torch(*arguments) -> a finished process of Python in which torch cannot be imported."""
    (tmp_path / "torch.py").write_text("raise RuntimeError('torch was imported')")
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}

    def run(*arguments):
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)

    return run


def test_help_and_mistakes_load_no_torch(no_torch):
    helps = [([name, "--help"], 0) for name in command_line.COMMANDS]
    for arguments, code in ((["--help"], 0), *helps, (["train", "--x"], 2), (["clip-analysis", "--x"], 2)):
        done = no_torch(ROOT / "commgame.py", *arguments)
        assert done.returncode == code, done.stderr


@pytest.mark.parametrize(
    ("word", "hint"),
    [("trian", "Did you mean train?"), ("evl", "Did you mean eval?"), ("render_gam", "Did you mean render-game?")],
)
def test_a_misspelt_command(word, hint, call):
    code, out, err = call(word)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: there is no command {word!r}.\n       {hint} See ")


def test_the_version_is_that_of_the_citation_and_loads_no_torch(call):
    code, out, _ = call("--version")
    assert code == 0
    versions = dict(line.split() for line in out.splitlines())
    assert versions["torch"] == torch.__version__.split("+")[0]
    assert f"\nversion: {versions['learning-to-draw']}\n" in (ROOT / "CITATION.cff").read_text()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("train --game same", "train: Digits, same game; loading PyTorch ...\n"),
        ("train --qui", ""),
        ("train --resume run", "train: --resume run; loading PyTorch ...\n"),
        ("train --resume run --print-conf", ""),
        ("test --weights a.pt", "test: a.pt; loading PyTorch ...\n"),
        ("crossplay a.pt b.pt", "crossplay: 2 checkpoints; loading PyTorch ...\n"),
        ("draw cat.jpg --weights a.pt", ""),  # its messages go to stderr, and only to a terminal
        ("report run", ""),
    ],
)
def test_a_command_says_what_it_begins_before_torch_is_loaded(command, said, no_torch):
    done = no_torch(ROOT / "commgame.py", *command.split())
    assert done.stdout + done.stderr.split("Traceback")[0] == said
    assert "torch was imported" in done.stderr


def test_a_tool_says_whether_it_loads_torch(no_torch):
    for tool in TOOLS.values():
        module = tool.target.partition(":")[0]
        done = no_torch("-c", f"import learning_to_draw.{module}")
        assert ("torch was imported" in done.stderr) == (done.returncode != 0) == tool.loads_torch, module


def test_a_dry_run_loads_nothing_that_is_slow_and_not_needed(tmp_path):
    code = (
        "import sys; from learning_to_draw import commgame; assert commgame.main(['train', '--dry-run']) == 0;"
        "print([name for name in ('torchvision', 'sklearn', 'scipy', 'numba', 'torch._dynamo') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_dry_run_writes_nothing(tmp_path, call, trained, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for arguments in (["train"], ["test", "--weights", trained / "model_final.pt"]):
        code, out, err = call(*arguments, "--dry-run")
        assert code == 0, err
        for part in (
            "chance level   0.0312",
            "11 batches of 32\n",
            "trained",
            "memory",
            "A dry run ends here.",
        ):
            assert part in out
    assert list(tmp_path.iterdir()) == []


def test_quiet_runs_print_nothing(tmp_path, call, train):
    assert "A dry run ends here." in train(tmp_path / "run", "--quiet", "--dry-run")  # all that it is for
    assert train(tmp_path / "run", "--quiet") == ""
    weights = tmp_path / "run" / "model_final.pt"
    for command in (["test", "--weights", weights], ["crossplay", weights, weights]):
        assert call(*command, "--quiet", "--output", tmp_path / command[0]) == (0, "", "")
    assert "communication rate" in call("test", "--weights", weights, "--output", tmp_path / "loud")[1]
    code, out, errors = call("train", "--quiet", "--output", tmp_path / "run")
    assert (code, out) == (2, "")
    assert "already holds config.json, " in errors


@pytest.mark.parametrize("name", ["sample \u2713", "sample \udcff"])
def test_a_name_that_cannot_be_shown_is_shown_escaped(name, tested, tmp_path, monkeypatch):
    shown = {stream: io.TextIOWrapper(io.BytesIO(), encoding="ascii") for stream in ("stdout", "stderr")}
    for stream, wrapper in shown.items():
        monkeypatch.setattr(sys, stream, wrapper)
    arguments = ["sample-gamelogs", "-inp", str(tested), "-n", "1", "-out", str(tmp_path / name)]
    codes = [commgame.main(arguments), commgame.main(arguments)]  # the second time the folder is there
    said = {}
    for stream, wrapper in shown.items():
        wrapper.flush()
        said[stream] = wrapper.buffer.getvalue().decode("ascii")
    assert codes == [0, 2]
    escaped = name.encode("ascii", "backslashreplace").decode("ascii")
    assert f"written to {tmp_path / escaped}" in said["stdout"]
    assert f"{tmp_path / escaped} already exists" in said["stderr"]
