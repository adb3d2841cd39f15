"""The benchmark of a GPU: its parts fail alone, its budget holds, and its report tells what happened."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from benchmarks import gpu
from benchmarks.gpu import Outcome, Part, main, parts, run_part
from benchmarks.gpu_report import read_tests, report_text

XML = """<testsuites><testsuite>
<testcase classname="tests.test_a" name="test_fine"/>
<testcase classname="tests.test_a" name="test_skipped"><skipped message="no timm"/></testcase>
<testcase classname="tests.test_a" name="test_wrong[x]">
<failure message="AssertionError: 1 is not 2&#10;more">text</failure></testcase>
</testsuite></testsuites>"""
MACHINE = {"device": "GPU", "torch": "2.14", "python": "3.13"}
KERNELS = [{"case": "kernels", "batch": 100, "strokes": 20, "size": 96} | MACHINE | line for line in (
    {"way": "autograd call", "microseconds": 812.5},
    {"way": "both kernels", "microseconds": 45.0},
    {"way": "both kernels, CUDA graph", "error": "RuntimeError: capture failed"},
)]  # fmt: skip
STEP = [{"case": "step, original game", "times_naive": 1.0} | MACHINE | line for line in (
    {"way": "naive", "seconds": 0.1, "games_per_second": 1000.0},
    {"way": "fp32, photo features kept", "seconds": 0.02, "games_per_second": 5000.0},
    {"way": "bf16, photo features kept", "seconds": 0.004, "games_per_second": 25000.0},
    {"way": "bf16, whole loop", "seconds": 0.004, "games_per_second": 24400.0},
)]  # fmt: skip
RASTERISER = [{"case": "20 lines", "path": "DensePolylines", "seconds": 1e-3, "baseline_seconds": 4e-3, "ratio": 4.0,
               "peak_in_images": 2.2} | MACHINE]  # fmt: skip
SCALING = [
    {"axis": "batch (candidates)", "n": n, "seconds": n**2, "peak_extra_bytes": n} | MACHINE for n in (16, 32, 64)
]


def finished(part, lines=(), warnings=""):
    return Outcome(part, 1.0, "", list(lines), "", warnings)


def python(code, limit=60.0):
    return Part("kernels", ["-c", code], limit)


def test_the_report_tells_what_failed_and_which_aims_are_met(tmp_path):
    (tmp_path / "tests.xml").write_text(XML)
    warning = "the fast kernels are not used on cuda:0: CompilationError"
    outcomes = [
        finished("tests"),
        finished("kernels", KERNELS),
        finished("step", STEP),
        finished("rasteriser", RASTERISER, f"{warning}\nother\n{warning}\n"),
        Outcome("scaling", 5.0, "stopped after 5 s", SCALING, "", ""),
    ]
    report = report_text(outcomes, ["last"], tmp_path / "tests.xml", "GPU", False, 99.0)
    assert not report.all_well
    for finding in (
        "- Tests: 1 passed, 1 failed, 1 skipped.",
        "- Failed: `tests.test_a::test_wrong[x]`: AssertionError: 1 is not 2\n",
        "96 px, autograd call: 812.5 µs; aim 60 µs: **not met**.",
        "96 px, both kernels: 45.0 µs; aim 60 µs: met.",
        "CUDA graph: **failed**: RuntimeError: capture failed",
        "the whole loop: 24,400; aim 20,000 on an H100: met; 50.0 times the paper's 488.",
        "photo features kept: fp32 20.0 ms, bf16 4.0 ms.",
        "**not used** for: 20 lines.",
        "These grow faster than the work: time over batch (candidates) (exponent 2.00 instead of 1).",
        "- **scaling** stopped after 5 s.",
        "- Not run yet: last.",
        "| 20 lines | Dense | 0.001 | 0.004 | 4 |",
        "--repeats 3`, the whole loop | 24,400 |",
        "| both kernels, CUDA graph | failed |",
        "| batch (candidates) | 16 to 64 |",
    ):
        assert finding in report.text, finding
    assert report.text.count(warning) == 1


def test_without_results_of_pytest_the_report_says_so(tmp_path):
    assert read_tests(tmp_path / "tests.xml") is None
    (tmp_path / "tests.xml").write_text("<testsuites><testsuite><testcase")  # pytest was stopped
    assert read_tests(tmp_path / "tests.xml") is None
    report = report_text([finished("tests")], [], tmp_path / "no", "GPU", False, 9)
    assert "Tests: pytest wrote no results" in report.text
    assert not report.all_well


def test_a_part_that_fails_keeps_what_it_measured():
    outcome = run_part(python("print('{\"a\": 1}'); print('{\"b'); raise SystemExit('out of memory')"), 100)
    assert (outcome.lines, outcome.problem) == ([{"a": 1}], "failed with exit code 1: out of memory")


def test_a_part_that_hangs_is_stopped_and_keeps_what_it_measured():
    start = time.monotonic()
    outcome = run_part(python("print('{\"a\": 1}', flush=True); import time; time.sleep(60)", limit=1), 100)
    assert time.monotonic() - start < 20
    assert outcome.lines == [{"a": 1}]
    assert outcome.problem == 'was stopped after 1 s; the last line of its output: {"a": 1}'


def test_failing_tests_are_no_failure_of_the_part():
    assert run_part(Part("tests", ["-c", "raise SystemExit(1)"], 60), 100).problem == ""
    assert "exit code 4" in run_part(Part("tests", ["-c", "raise SystemExit(4)"], 60), 100).problem


def test_a_part_that_no_longer_fits_is_left_out(tmp_path, monkeypatch, capsys):
    line = json.dumps(KERNELS[1])
    monkeypatch.setattr(
        gpu, "parts", lambda folder, dry_run: [Part("tests", ["-c", ""], 9), python(f"print('{line}')")]
    )
    assert main(["--dry-run", "--output", str(tmp_path), "--minutes", "0.1"]) == 1
    assert "**kernels** was left out: only " in capsys.readouterr().out
    assert main(["--dry-run", "--output", str(tmp_path)]) == 0
    assert "both kernels: 45.0 µs; aim 60 µs: not judged in a dry run." in (tmp_path / "report.md").read_text()
    assert json.loads((tmp_path / "results.jsonl").read_text()) == {"part": "kernels"} | KERNELS[1]
    assert (tmp_path / "tests.txt").read_text().startswith("== tests: finished")


def test_the_limits_of_the_parts_add_up_to_little_more_than_the_budget(tmp_path):
    assert sum(part.limit for part in parts(tmp_path, False)) <= 1.1 * 8 * 60
    assert [part.name for part in parts(tmp_path, False)] == [part.name for part in parts(tmp_path, True)]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so_and_writes_nothing(tmp_path, capsys):
    assert main(["--output", str(tmp_path / "new")]) == 2
    assert capsys.readouterr().err == (
        "error: torch finds no GPU here. To see that this program runs, add --dry-run.\n"
    )
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_a_dry_run_goes_through_all_parts(tmp_path):
    call = [sys.executable, "-m", "benchmarks.gpu", "--dry-run", "--output", str(tmp_path)]
    run = subprocess.run(call, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout
    assert run.stdout.strip() == (tmp_path / "report.md").read_text().strip()
    measured = {json.loads(line)["part"] for line in (tmp_path / "results.jsonl").read_text().splitlines()}
    assert measured == {part.name for part in parts(tmp_path, True)} - {"tests"}
    assert "need a GPU; they were counted, not run" in run.stdout
