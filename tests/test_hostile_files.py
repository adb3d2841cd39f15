"""Files of other people, damaged on purpose: one message, and no code, leak, hang, or gigabytes of memory.

hostile_files.py makes the variants, and can be called for thousands of them.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import hostile_files


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        hostile_files.build_world()
    return folder


def test_a_sample_of_hostile_files(world, tmp_path):
    counted, told = hostile_files.run_cases(world, tmp_path, seed=3, first=0, cases=8)
    assert not told, "\n".join(told)
    assert counted["cases"] == counted["exit code 0"] + counted["exit code 2"] == 8
    assert counted["exit code 2"] >= 2


@pytest.mark.slow
def test_some_hundred_hostile_files(world, tmp_path):
    _, told = hostile_files.run_cases(world, tmp_path, seed=4, first=0, cases=300)
    assert not told, "\n".join(told)


def test_the_check_finds_what_is_not_as_promised(world, tmp_path, monkeypatch):
    """What would be counted as broken: a traceback, code that ran, text and pictures from elsewhere."""
    monkeypatch.chdir(tmp_path)
    hostile_files.shutil.copytree(world / "outside", "outside")
    for promise, act in {
        "traceback": lambda: 1 / 0,
        "code run": lambda: tmp_path.joinpath("code-was-run").touch(),
        "leak": lambda: tmp_path.joinpath("new.html").write_text(hostile_files.SECRET),
        "control character": lambda: print("\x1b[2J"),
    }.items():
        monkeypatch.setattr(hostile_files.commgame, "main", lambda words, act=act: act() and 0)
        assert promise in hostile_files.answered(["report", "run"])[1]
