"""The documents say what is so: docs/parity.md names tests that exist, and the commands of docs/ are understood."""

import ast
import itertools
import re
import shlex
from pathlib import Path

import pytest
import torch

from learning_to_draw import commgame
from learning_to_draw.commands import TOOLS
from learning_to_draw.games.losses.terms import CELoss, HingeLoss
from learning_to_draw.games.scores import correct_guesses
from learning_to_draw.trials.config.parse import parse

TESTS = Path(__file__).parent
PARITY = TESTS.parent / "docs" / "parity.md"
RELIABILITY = PARITY.with_name("reliability.md")
ROWS = [line for line in PARITY.read_text().splitlines() if line.startswith("| ") and not line.startswith("| feature")]
PROMISES = [
    line for line in RELIABILITY.read_text().splitlines() if re.match(r"\| (?!what happens|what somebody)", line)
]


def functions(path):
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


def test_parity_has_many_rows():
    assert len(ROWS) > 80


@pytest.mark.parametrize("row", [*ROWS, *PROMISES], ids=lambda row: row.split("|")[1].strip()[:40])
def test_every_feature_and_promise_names_tests_that_exist(row):
    cells = row.strip().strip("|").split("|")
    assert len(cells) == (4 if row in ROWS else 3)
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", cells[-1])
    assert named
    for path, function in named:
        assert function in functions(TESTS / path), f"{path} has no {function}"


# Also under torchrun and srun, after another command, over several lines, and within a sentence.
COMMAND = re.compile(r"^(?:srun |.* && )?(?:python|torchrun [-\w= ]+) commgame\.py (.+)", re.MULTILINE)
IN_A_SENTENCE = re.compile(r"`python commgame\.py ([^`]+)`")
COMMANDS = [
    (page.name, " ".join(command.split()))
    for page in [TESTS.parent / "README.md", *sorted(PARITY.parent.glob("*.md"))]
    if page.name != "extending.md"  # its commands are run: plugins/test_examples.py
    for pattern in (COMMAND, IN_A_SENTENCE)
    for command in pattern.findall(page.read_text().replace("\\\n", " "))
]


def test_the_documents_have_commands():
    assert len(COMMANDS) >= 25
    assert ("README.md", "train --output runs/first") in COMMANDS


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=lambda text: text[:60])
def test_every_command_of_the_documents_is_understood(page, line):
    name, *arguments = shlex.split(line)
    if {"--help", "--help-all"} & {*arguments}:
        with pytest.raises(SystemExit) as left:
            commgame.main([name, *arguments])
        assert left.value.code == 0
    elif name in TOOLS:
        TOOLS[name]._parser(name, arguments).parse_args(arguments)
    else:
        if name == "crossplay":
            arguments = list(itertools.dropwhile(lambda word: not word.startswith("-"), arguments))
        parse(name, arguments)


def test_the_game_worked_by_hand():
    page = PARITY.with_name("games.md").read_text()
    scores = torch.tensor([[float(number) for number in re.search(r"scores \(([-\d., ]+)\)", page)[1].split(",")]])
    for target, right, said in ((1, True, "0.5 / 5 = 0.1"), (3, False, "1.5 / 5 = 0.3")):
        meant = torch.tensor([target])
        assert correct_guesses(scores, meant).item() == right
        assert said in page
        assert HingeLoss()(scores, meant).item() == pytest.approx(float(said.split("= ")[1]))
    assert "cross-entropy 0.673" in page
    assert CELoss()(scores, torch.tensor([1])).item() == pytest.approx(0.673, abs=5e-4)


ROOT = TESTS.parent
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")]
LINKS = [
    (page, link) for page in PAGES for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()) if "://" not in link
]


@pytest.mark.parametrize(("page", "link"), LINKS, ids=lambda value: str(value).removeprefix(f"{ROOT}/"))
def test_links_lead_somewhere(page, link):
    assert (page.parent / link).is_file()


def test_sections_that_are_linked_are_there():
    for page in PAGES:
        for file, section in re.findall(r"\]\(([\w./]*)#([^)]+)\)", page.read_text()):
            headings = re.findall(r"^#+ (.+)$", (page.parent / file if file else page).read_text(), re.MULTILINE)
            assert section in [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]


def test_every_picture_is_shown_somewhere():
    shown = {(page.parent / link).resolve() for page, link in LINKS}
    assert {path.resolve() for path in ROOT.glob("docs/images/*")} <= shown
