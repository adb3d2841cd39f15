"""Some calls of fuzz_command_line.py, in a process of their own, whose time and memory it limits."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).with_name("fuzz_command_line.py")


@pytest.mark.slow
def test_whatever_is_called_is_answered_as_promised():
    done = subprocess.run(
        [sys.executable, str(FUZZ), "--calls", "150", "--seed", "3"], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"exit codes: \{'0': \d\d.*, '2': \d\d+\}; 0 of 150 calls break a promise", done.stdout)
