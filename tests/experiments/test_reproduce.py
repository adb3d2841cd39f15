"""A table of two small rows: trained, tested, set beside the paper's numbers, and not done twice."""

import csv
import json
import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from learning_to_draw import commgame
from learning_to_draw.errors import UsageError
from learning_to_draw.experiments import reproduce, tables
from learning_to_draw.experiments.jobs import Job, Run
from learning_to_draw.experiments.tables import PaperRow, Table
from learning_to_draw.trials.config.parse import parse
from learning_to_draw.trials.records import own_files
from learning_to_draw.trials.records.claim import claimed

ROOT = Path(__file__).parents[2]

TINY = {"batch_size": 150, "epochs": 1}
SAME = {"object_oriented": "same"}
SEEN = (0.0, 0.1, 0.2)


def table(*rows):
    return {"table1": Table("Table 1: two rows", rows)}


@pytest.fixture
def small(monkeypatch):
    """Instead of the paper's tables one of Digits, whose first row is expected to be between 0 and 0.5."""

    def use(*rows):
        monkeypatch.setattr(reproduce, "TABLES", table(*rows))

    monkeypatch.setattr(tables, "QUICK", TINY)
    use(
        PaperRow("original", "original", {}, 0.69, {}, SEEN),
        PaperRow("same", "same", {}, 0.963, SAME),
        PaperRow("none", "no quick one", {}, 0.5, None, note="it is too large"),
    )
    return use


def call(capsys, *arguments):
    code = commgame.main(["reproduce", "table1", *map(str, arguments)])
    return code, *capsys.readouterr()


def _without_minutes(table):
    """The table's rows as lists of cells, without the cell before the last, which holds the minutes."""
    return [line.split("|")[:-3] + line.split("|")[-2:] for line in table.splitlines()]


@pytest.mark.slow
def test_what_is_missing_is_done_and_set_beside_the_paper(small, tmp_path, capsys):
    output = tmp_path / "out"
    commands = call(capsys, "--quick", "--dry-run", "--output", output)[1].splitlines()
    assert [line.split()[2] for line in commands] == ["train", "test"] * 2
    assert not output.exists()
    code, out, err = call(capsys, "--quick", "--seeds", 3, "--output", output)
    assert code == 0, err
    first, second = (output / name / "seed-3" for name in ("original", "same"))
    assert json.loads((first / "config.json").read_text())["options"]["seed"] == 3
    rates = [json.loads((run.with_name("seed-3-test") / "result.json").read_text()) for run in (first, second)]
    texts = [f"{100 * rate['communication_rate']:.1f}" for rate in rates]
    assert f"| original | 69.0 | {texts[0]} | 0 to 50 | 3 | 150 | 0.7 |" in out
    assert f"| same | 96.3 | {texts[1]} |  | 3 | 10 | 10.0 |" in out
    assert "Left out: no quick one (it is too large)." in out
    assert (output / "table.md").read_text() == out
    rows = list(csv.DictReader((output / "table.csv").read_text().splitlines()))
    assert [row["seed"] for row in rows] == ["3", "3"]
    assert [float(row["communication_rate"]) for row in rows] == [rate["communication_rate"] for rate in rates]
    with Image.open(output / "sketches.png") as sheet:
        assert sheet.height == 4 * 122  # sketches of two games, each below its photos

    assert call(capsys, "--quick", "--seeds", 3, "--dry-run", "--output", output)[1] == "Nothing is left to do.\n"
    (second.with_name("seed-3-test") / "result.json").unlink()  # as if interrupted while it was tested
    trained = (second / "model_final.pt").stat().st_mtime_ns
    again = call(capsys, "--quick", "--seeds", 3, "--output", output)[1]
    assert _without_minutes(again) == _without_minutes(out)  # the test of the second run took its own time
    out = again
    assert (second / "model_final.pt").stat().st_mtime_ns == trained

    assert call(capsys, "--quick", "--rows", "same", "--seeds", 3, "--output", output)[1] == out  # all that is there

    small(PaperRow("original", "original", {}, 0.69, {}, (0.9, 0.9, 0.9)))
    code, out, err = call(capsys, "--quick", "--seeds", 3, "--output", output)
    assert code == 1
    rate = 100 * rates[0]["communication_rate"]
    assert (
        err
        == f"failed: rates outside the expected range:\n        original, seed 3: {rate:.2f}, expected 85.00 to 95.00\n"
    )
    assert (output / "table.md").read_text() == out

    (second.with_name("seed-3-test") / "result.json").write_text("{")
    small(PaperRow("same", "same", {}, 0.963, SAME))
    code, out, err = call(capsys, "--quick", "--seeds", 3, "--output", output)
    assert (code, out) == (2, "")
    assert "result.json cannot be read" in err


@pytest.mark.slow
def test_runs_of_other_options_are_not_taken_for_the_table_s(small, tmp_path, capsys):
    """Also where the other is in what is left at its default, and where only the test is another's."""
    small(PaperRow("original", "original", {}, 0.69, {"nlines": 3}))
    assert call(capsys, "--quick", "--output", tmp_path)[0] == 0
    for options, told in (
        ({"nlines": 4}, "seed-0 holds a run with --nlines 3, but the row original has --nlines 4"),
        ({}, "seed-0 holds a run with --nlines 3, but the row original has --nlines 8"),
        ({"nlines": 3, **SAME}, "holds a run with --object-oriented none, but the row original"),
    ):
        small(PaperRow("original", "original", {}, 0.69, options))
        for arguments in (["--quick"], ["--quick", "--dry-run"]):
            code, _, err = call(capsys, *arguments, "--output", tmp_path)
            assert code == 2
            assert told in err
    small(PaperRow("original", "original", tables.STL10, 0.69, None))
    code, _, err = call(capsys, "--output", tmp_path)
    assert (code, "but the row original has" in err) == (2, True)
    small(PaperRow("original", "original", {}, 0.69, {"nlines": 4}))
    (tmp_path / "original" / "seed-0").rename(tmp_path / "taken away")
    code, _, err = call(capsys, "--quick", "--output", tmp_path)
    assert code == 2
    assert "seed-0-test holds a run with --nlines 3" in err


def test_seeds_add_to_what_is_there(small, tmp_path, capsys):
    small(PaperRow("original", "original", {}, 0.69, {}))
    for seeds in ((1,), (0,)):
        code, out, err = call(capsys, "--quick", "--seeds", *seeds, "--output", tmp_path)
        assert code == 0, err
    assert "mean ± standard deviation over the seeds" in out
    assert re.search(r"\| original \| 69.0 \| [\d.]+ ± [\d.]+ \|  \| 0 1 \| 150 ", out)
    rows = list(csv.DictReader((tmp_path / "table.csv").read_text().splitlines()))
    assert [(row["seed"], row["candidates"]) for row in rows] == [("0", "150"), ("1", "150")]


def test_the_mean_and_deviation_of_several_seeds(tmp_path):
    row = PaperRow("a", "a", {}, None, {}, (0.5, 0.6, 0.7))

    def line(*rates, checked):
        jobs = [Job(row.row(quick=True), seed, tmp_path) for seed in range(len(rates))]
        runs = [Run(job, {"test": rate}, 10, 1.0, "cpu") for job, rate in zip(jobs, rates, strict=True)]
        return reproduce.Line(row, rates, checked, tuple(runs))

    assert line(0.4, 0.5, 0.6, checked=True).text == "50.0 ± 10.0"
    assert line(0.4, 0.5, 0.6, checked=True).outside == []
    assert line(0.6, 0.1, checked=True).outside == ["a, seed 1: 10.00, expected 20.00 to 100.00"]
    assert line(0.6, 0.1, checked=False).outside == []  # as in full runs


def test_a_run_that_fails_is_named(small, tmp_path, capfd):
    small(PaperRow("broken", "a broken row", {}, None, {**SAME, "num_targets": 50}))
    code, _, err = call(capfd, "--quick", "--output", tmp_path)
    assert code == 1
    assert "a broken row, seed 0: train failed with exit code 2; the error message is above" in err
    assert "error: --num-targets 50" in err


def test_rows_are_chosen_by_name(capsys, tmp_path):
    commands = call(capsys, "--dry-run", "--rows", "same", "original", "--seeds", 1, 2)[1].splitlines()
    assert [line.split("--output ")[1].split()[0] for line in commands if " train " in line] == [
        f"reproduced/table1/{row}/seed-{seed}" for seed in (1, 2) for row in ("original", "same")
    ]
    code, _, err = call(capsys, "--rows", "orignal", "--output", tmp_path / "out")
    assert code == 2
    assert "--rows orignal: there is no such row" in err
    assert not (tmp_path / "out").exists()
    code, _, err = call(capsys, "--quick", "--rows", "orignal", "--output", tmp_path / "out")
    assert (code, "there is no such row" in err) == (2, True)


def test_what_cannot_be_done_is_said(small, capsys, tmp_path):
    code, _, err = call(capsys, "--quick", "--rows", "none")
    assert (code, "--rows none has no quick run: it is too large." in err) == (2, True)
    (tmp_path / "file").write_text("")
    for arguments in ((), ("--dry-run",)):
        code, _, err = call(capsys, "--output", tmp_path / "file", *arguments)
        assert (code, "is a file, not a folder" in err) == (2, True)


def test_full_runs_are_those_of_commands_md(capsys):
    (train, test) = call(capsys, "--dry-run", "--rows", "original")[1].splitlines()
    written = (ROOT / "commands.md").read_text().split("```sh\n")[1].splitlines()[0]
    assert written.startswith("python commgame.py train")
    full, ours = (parse("train", shlex.split(line)[3:]).values() for line in (written, train))
    assert {name for name in full if full[name] != ours[name]} == {"output", "seed", "resume"}
    assert test.split()[2] == "test"


def test_a_test_that_was_interrupted_is_begun_again_unless_its_folder_holds_something_else(small, tmp_path, capsys):
    small(PaperRow("original", "original", {}, 0.69, {}))
    assert call(capsys, "--quick", "--output", tmp_path)[0] == 0
    tested = tmp_path / "original" / "seed-0-test"
    (tested / "result.json").unlink()
    (tested / "notes.txt").write_text("mine")
    for arguments in ((), ("--dry-run",)):
        code, _, err = call(capsys, "--quick", "--output", tmp_path, *arguments)
        assert (code, "holds an unfinished test, and files that a test does not write: notes.txt" in err) == (2, True)
    (tested / "notes.txt").unlink()
    with claimed(tested / "config.json"):
        code, _, err = call(capsys, "--quick", "--output", tmp_path)
    assert (code, "another process is using" in err) == (2, True)
    assert not (tested / "result.json").exists()
    assert call(capsys, "--quick", "--output", tmp_path)[0] == 0
    assert (tested / "result.json").exists()

    (tmp_path / "table.md").write_text((tmp_path / "table.md").read_text() + "my note\n")
    (tmp_path / "table.csv").unlink()
    code, _, err = call(capsys, "--quick", "--output", tmp_path)
    assert (code, "or that were changed later: table.md." in err) == (2, True)
    assert (tmp_path / "table.md").read_text().endswith("my note\n")


@pytest.mark.parametrize("name", ["table.md", "table.csv", "sketches.png", "tradeoff.pdf", "written.json"])
def test_the_user_s_own_files_are_not_replaced(name, small, tmp_path, capsys):
    (tmp_path / name).write_text("[1]")
    code, _, err = call(capsys, "--quick", "--output", tmp_path)
    assert (code, name in err) == (2, True)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["[1]"]


def test_files_that_were_half_replaced_when_the_process_was_killed_are_replaced(tmp_path):
    first = dict.fromkeys(own_files.NAMES, b"first")
    own_files.replace_own_files(tmp_path, first)
    own_files.replace_own_files(tmp_path, dict.fromkeys(own_files.NAMES, b"second"))
    (tmp_path / "table.csv").write_bytes(b"first")  # it had not been replaced yet
    own_files.replace_own_files(tmp_path, dict.fromkeys(own_files.NAMES, b"third"))
    assert {path.read_bytes() for path in tmp_path.iterdir() if path.name in own_files.NAMES} == {b"third"}
    (tmp_path / "table.csv").write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"holds files that .* later: table\.csv\."):
        own_files.check_own_files(tmp_path)


def test_of_two_calls_at_once_the_second_is_refused(small, tmp_path, capsys):
    with own_files.claimed_folder(tmp_path):
        code, _, err = call(capsys, "--quick", "--output", tmp_path)
    assert (code, f"another process is using {tmp_path}" in err) == (2, True)
