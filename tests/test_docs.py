"""The documents say what is so: docs/parity.md names tests that exist, a row each."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PARITY = TESTS.parent / "docs" / "parity.md"
ROWS = [line for line in PARITY.read_text().splitlines() if line.startswith("| ") and not line.startswith("| feature")]


def functions(path):
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


def test_parity_has_many_rows():
    assert len(ROWS) > 80


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:40])
def test_every_feature_names_tests_that_exist(row):
    cells = row.strip().strip("|").split("|")
    assert len(cells) == 4
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", cells[3])
    assert named
    for path, function in named:
        assert function in functions(TESTS / path), f"{path} has no {function}"
