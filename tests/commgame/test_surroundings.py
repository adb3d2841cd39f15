"""The process's surroundings: closed and full streams, missing packages, and Ctrl-C at any moment of the start."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from learning_to_draw import commgame
from learning_to_draw.console import PACKAGES

ROOT = Path(commgame.__file__).parent
PROGRAM = f"{sys.executable} {ROOT / 'commgame.py'}"
TRAIN = "train --epochs 1 --batch-size 150 --device cpu --output"


def shell(line, folder):
    """A finished shell with a command line of the program, and its standard output and error."""
    return subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The files of a training whose output is read, and its log."""
    folder = tmp_path_factory.mktemp("undisturbed")
    done = shell(f"{PROGRAM} {TRAIN} run", folder)
    assert done.returncode == 0, done.stderr
    return {path.name for path in (folder / "run").iterdir()}, (folder / "run" / "log.csv").read_bytes()


@pytest.mark.parametrize(
    "streams",
    [
        "2>&- >&- <&-",
        pytest.param(">/dev/full", marks=pytest.mark.slow),
        pytest.param("| head -1; exit ${PIPESTATUS[0]}", marks=pytest.mark.slow),
    ],
)
def test_a_training_does_not_depend_on_its_output(streams, undisturbed, tmp_path):
    names, log = undisturbed
    done = shell(f"{PROGRAM} {TRAIN} run {streams}", tmp_path)
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.count("\n") == streams.startswith("|")
    assert {path.name for path in (tmp_path / "run").iterdir()} == names
    assert (tmp_path / "run" / "log.csv").read_bytes() == log


BARS = """
import sys, tqdm
from learning_to_draw import console
def draw_bar():
    for _ in tqdm.tqdm(range(10_000), mininterval=0, disable=False):
        pass
    print("done", file=sys.stderr)
sys.exit(console.exit_code(draw_bar))
"""


@pytest.mark.parametrize("stream", ["2>&-", "2>/dev/full", "2> >(head -c 1 > /dev/null)"])
def test_a_bar_that_cannot_be_shown_stops_nothing(stream, tmp_path):
    (tmp_path / "bars.py").write_text(BARS)
    done = shell(f"PYTHONPATH={ROOT} {sys.executable} bars.py {stream}", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("words", ["--help", "train --help", "list", "--version", "train --print-config"])
@pytest.mark.parametrize("stream", [">/dev/full", ">&-", "| true; exit ${PIPESTATUS[0]}"])
def test_a_result_that_cannot_be_printed_is_a_failure(words, stream, tmp_path):
    done = shell(f"{PROGRAM} {words} {stream}", tmp_path)
    if stream.startswith("|"):  # `true` may still be there when something short is written
        assert (done.returncode, done.stderr) in ((0, ""), (1, ""))
        return
    assert done.returncode == 1
    reason = "No space left on device" if "full" in stream else "Bad file descriptor"
    assert done.stderr.startswith("failed: ")
    assert f"{reason}: 'standard output'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_has_left_is_no_message():
    process = subprocess.Popen(
        [*PROGRAM.split(), "dump-hashes-classes"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=60) == 1
    process.stderr.close()


@pytest.mark.parametrize("stream", ["2>&-", "2>/dev/full"])
def test_a_mistake_that_cannot_be_told_has_its_exit_code(stream, tmp_path):
    assert shell(f"{PROGRAM} train --nlinez 3 {stream}", tmp_path).returncode == 2


def test_every_required_package_is_known_by_its_module():
    required = re.findall(r"^([\w-]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert sorted(PACKAGES.values()) == sorted(required)


# The program in a Python that lacks one package. Some are imported only by a command that needs them.
WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == sys.argv[1]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from learning_to_draw import commgame
sys.exit(commgame.main(sys.argv[2:]))
"""


@pytest.mark.parametrize("module", ["numpy", "torch", "torchbearer", "tqdm", "PIL", "packaging", "sklearn"])
def test_a_required_package_that_is_missing_is_named_with_how_to_install_it(module, tmp_path):
    words = ["train", "--quiet", "--output", tmp_path / "run"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, module, *words],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    *_, first, second = done.stderr.splitlines()  # torch itself warns of a missing numpy
    assert first == f"error: the package {PACKAGES[module]} is not installed in this Python ({sys.executable})."
    assert second.strip() == f"Install it: python -m pip install {PACKAGES[module]}"
    assert not (tmp_path / "run").exists()


def test_a_package_that_commgame_itself_would_import_is_named_as_well(tmp_path):
    """Here it is one of the modules that every command loads."""
    (tmp_path / "argparse.py").write_text("import platformdirs_of_nobody, platformdirs")
    (tmp_path / "platformdirs.py").write_text("raise ImportError('of another Python', name='platformdirs')")
    (tmp_path / "platformdirs_of_nobody.py").write_text("")
    done = subprocess.run(
        [*PROGRAM.split(), "--help"], env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith(
        "error: the package platformdirs cannot be imported (of another Python) by this Python"
    )
    assert "--force-reinstall platformdirs" in done.stderr


# Says when the program begins. An interrupt of this script itself, before the first line of `main`, is not the
# program's.
BEGIN = """
import sys
from learning_to_draw import commgame
try:
    print("begins", flush=True)
    code = commgame.main()
except KeyboardInterrupt as error:
    inside = error.__traceback__.tb_next
    code = 130 if inside is None or inside.tb_lineno == commgame.main.__code__.co_firstlineno else 99
sys.exit(code)
"""
# As BEGIN, but Ctrl-C comes when Python ends, while it calls the functions that packages have registered for its end.
AT_THE_END = """
import atexit, os, signal, sys
from learning_to_draw import commgame
atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))
sys.exit(commgame.main())
"""


def started(program, *arguments):
    """A process of this Python that runs a program's text. Its Ctrl-C raises KeyboardInterrupt, as in a terminal."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def interrupted(delay):
    """(exit code, output, standard error) of a dry run that gets SIGINT `delay` seconds after its beginning."""
    process = started(BEGIN, "train", "--dry-run", "--quiet")
    assert process.stdout.readline() == "begins\n"
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    output, err = process.communicate(timeout=60)
    return process.returncode, output, err


@pytest.mark.parametrize("moments", [[0, 0.003, 0.01, 0.02, 0.05], pytest.param(range(60), marks=pytest.mark.slow)])
def test_an_interrupt_at_any_moment_of_the_start_is_130_without_a_traceback(moments):
    for moment in moments:
        code, output, err = interrupted(moment / 40 if isinstance(moments, range) else moment)
        assert "Traceback" not in err
        finished = (0, -signal.SIGINT) if output else ()  # on a fast machine, the last moments come after the result
        assert code in (130, *finished), (moment, err)
        assert "interrupted" in err or err == ""


def test_an_interrupt_when_python_ends_kills_the_process_without_a_traceback():
    process = started(AT_THE_END, "list")
    output, err = process.communicate(timeout=60)
    assert output.startswith("--dataset")
    assert (process.returncode, err) == (-signal.SIGINT, "")


def test_a_reader_that_is_slow_gets_everything_from_a_stream_that_does_not_block():
    """Some programs give their children such streams: a write to them is cut short when the reader is slow."""
    program = "import os; os.set_blocking(1, False)\n" + (
        "from learning_to_draw.streams import show, tolerant\nwith tolerant():\n    show('x' * 1_000_000)\n"
    )
    words = [sys.executable, "-c", program]
    with subprocess.Popen(words, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE) as process:
        time.sleep(0.5)
        assert len(process.stdout.read()) == 1_000_001
    assert process.returncode == 0
