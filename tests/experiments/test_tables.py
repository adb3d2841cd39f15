"""The tables are those of commands.md, and of the paper."""

import re
from pathlib import Path

import pytest

from learning_to_draw.experiments.reproduce import Line
from learning_to_draw.experiments.tables import TABLES, PaperRow
from learning_to_draw.trials.config.parse import parse

ROOT = Path(__file__).parents[2]
COMMANDS = ROOT / "commands.md"
NUMBERED = {name: table for name, table in TABLES.items() if name.startswith("table")}  # those of commands.md
ROWS = [(name, row) for name, table in TABLES.items() if name != "human" for row in table.rows]
QUICK_ROWS = [(name, row) for name, row in ROWS if row.quick is not None]


def test_the_commands_are_those_of_commands_md_in_its_order():
    """Also the names of their folders. Tests repeat the options that a checkpoint has anyway."""
    written = [line.split()[2:] for line in COMMANDS.read_text().splitlines() if line.startswith("python commgame.py")]
    official = [words for words in written if "out/capacity-64px" in words[-1]]  # as the official code has it
    assert len(official) == 2
    rows = [row for table in NUMBERED.values() for row in table.rows]
    trainings = [words for words in written if words[0] == "train" and words not in official]
    tests = [words for words in written if words[0] == "eval" and words not in official]
    for row, train, test in zip(rows, trainings, tests, strict=True):
        full = parse("train", train[1:]).values()
        assert full == {**row.row(quick=False).values, "output": f"out/{row.name}"}
        played = parse("test", test[1:]).values()
        assert (played["weights"], played["output"]) == (f"out/{row.name}/model_final.pt", f"out/{row.name}-test")
        assert {name for name in full.keys() & played.keys() if full[name] != played[name]} == {"output"}


def test_the_papers_numbers_are_those_of_commands_md():
    """There they stand in tables and sentences, under the heading of the paper's table."""
    sections = re.split(r"^## ", COMMANDS.read_text(), flags=re.MULTILINE)
    for name, table in NUMBERED.items():
        (section,) = [text for text in sections if text.startswith(table.title.split(":")[0])]
        said = [float(number) / 100 for number in re.findall(r"([\d.]+) %", section)]
        assert sorted(said) == pytest.approx(sorted(row.paper for row in table.rows if row.paper is not None)), name


@pytest.mark.parametrize(("table", "row"), QUICK_ROWS)
def test_quick_runs_play_the_same_game_with_the_same_losses(table, row):
    quick, full = row.row(quick=True).values, row.row(quick=False).values
    same = ("object_oriented", "sort_of_perceptual_loss", "CLIP_loss", "sop_weights", "loss", "nlines", "invert")
    if table != "shared":  # whose full runs have the defaults
        assert [quick.get(name) for name in same] == [full.get(name) for name in same]
        assert quick["data_seed"] == full["data_seed"]
    if "Caltech101" not in full["dataset"] and full["object_oriented"] != "none":
        assert quick["num_targets"] == 10


def test_a_folder_of_data_sets_is_given_to_those_that_have_one():
    rows = {row.name: row.row(quick=True, here={"dataset_root": "there"}) for row in TABLES["tradeoff"].rows}
    assert "dataset_root" not in rows["digits-all"].options
    assert str(rows["caltech"].values["dataset_root"]) == "there"


def test_a_row_is_named_once_and_says_why_it_has_no_quick_run():
    for table in TABLES.values():
        names = [row.name for row in table.rows]
        assert len(set(names)) == len(names)
        assert all(row.note for row in table.rows if row.quick is None)


@pytest.mark.parametrize("row", [row for _, row in QUICK_ROWS if row.seen], ids=lambda row: row.name)
def test_every_quick_row_that_was_run_knows_what_to_expect(row):
    assert len(row.seen) >= 3
    low, high = row.band
    assert low <= min(row.seen) <= max(row.seen) <= high


def test_bands_are_four_deviations_or_five_hundredths_within_0_and_1():
    def band(*seen):
        return PaperRow("name", "title", {}, None, {}, seen).band

    assert band(0.5, 0.6) is None  # of two runs nothing can be said
    assert band(0.5, 0.6, 0.7) == pytest.approx((0.2, 1.0))  # deviation 0.1
    assert band(0.8, 0.8, 0.8) == pytest.approx((0.75, 0.85))


@pytest.mark.parametrize("row", [row for _, row in QUICK_ROWS], ids=lambda row: row.name)
def test_rows_that_are_the_same_run_have_the_same_rates(row):
    assert {other.seen for _, other in ROWS if other.quick == row.quick} == {row.seen}


def test_the_page_has_what_was_seen():
    lines = iter(line for line in (ROOT / "docs" / "reproduction.md").read_text().splitlines() if line.startswith("| "))
    for table in [*NUMBERED.values(), TABLES["lines"]]:
        assert next(lines).split(" | ")[0] == f"| {table.title}"
        for row in table.rows:
            if row.seen:
                line = Line(row, row.seen, checked=True)
                paper = "" if row.paper is None else f" {100 * row.paper:.1f} |"
                assert next(lines) == f"| {row.title} |{paper} {line.text} | {line.expected} |"
    assert next(lines).startswith("| Digits, 20 epochs, three seeds |")  # of tradeoff, whose rows expect no rates


@pytest.mark.parametrize("game", ["original", "same", "different"])
def test_the_readme_has_what_was_seen_of_table_1(game):
    pattern = re.compile(rf"^\| (?:object-oriented )?`?{game}`? \| (\d.*) \| \d+ \|$", re.MULTILINE)
    [line] = pattern.findall((ROOT / "README.md").read_text())
    rows = [row for row in TABLES["table1"].rows if row.name.split("-")[0] == game]
    seen = [Line(row, row.seen, checked=True).text for row in rows]
    assert line.split(" | ") == seen
