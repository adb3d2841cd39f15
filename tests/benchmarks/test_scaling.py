"""The benchmark of scaling: exponents of known power laws, steps that train, and the files that it writes."""

import json
import math
from dataclasses import replace

import pytest
import torch

from benchmarks import scaling
from benchmarks.scaling import AXES, Axis, Growth, Setting, exponent, main, step_of, verdict

BATCH, PIXELS, AGENTS = (
    next(axis for axis in AXES if axis.name == name) for name in ("batch (candidates)", "pixels", "agents")
)


@pytest.mark.parametrize("power", [0, 0.5, 1, 2])
def test_the_exponent_of_a_power_law(power):
    amounts = [10, 20, 50, 100, 1000]
    assert exponent(amounts, [3e-4 * amount**power for amount in amounts]) == pytest.approx(power, abs=1e-9)


def test_the_exponent_is_that_of_the_larger_half():
    amounts = [1, 2, 4, 8, 16]
    assert exponent(amounts, [100, 1, *(amount**1.5 for amount in amounts[2:])]) == pytest.approx(1.5)
    assert exponent([4, 16], [1, 2]) == pytest.approx(0.5)


def test_pixels_count_as_the_square_of_the_size():
    sizes = [32, 64, 128]
    growth = Growth(PIXELS, sizes, [n**2 for n in sizes], sizes)
    assert growth.exponents == pytest.approx({"time": 1, "memory": 0.5})
    assert growth.too_fast == []


def test_what_grows_faster_than_its_work_is_named():
    amounts = [10, 100, 1000]
    fine = Growth(BATCH, amounts, [n**1.05 for n in amounts], amounts)
    slow = Growth(BATCH, amounts, [n**1.3 for n in amounts], [n**2 for n in amounts])
    constant = Growth(AGENTS, amounts, [n**0.2 for n in amounts], [5, 5, 5])
    assert verdict([fine]) == "Nothing grows faster than the work."
    assert verdict([fine, slow, constant]) == (
        "These grow faster than the work: time over batch (candidates) (exponent 1.30 instead of 1); memory over "
        "batch (candidates) (exponent 2.00 instead of 1); time over agents (exponent 0.20 instead of 0)."
    )


@pytest.mark.parametrize("changed", [{}, {"candidates": 9}, {"agents": 3}, {"lines": 5, "size": 24, "pictures": 50}])
def test_a_step_trains_the_agents(changed):
    step = step_of(replace(Setting(senders=4, candidates=4, pictures=20), **changed), torch.device("cpu"))
    losses = [step().item() for _ in range(6)]
    assert all(map(math.isfinite, losses))
    assert len(set(losses)) > 1


@pytest.mark.parametrize("axis", AXES, ids=lambda axis: axis.name)
def test_every_axis_changes_one_thing_and_its_work_can_be_compared(axis):
    first, second = (vars(axis.setting(size)) for size in axis.sizes[:2])
    changed = {name for name in first if first[name] != second[name]}
    assert len(changed) == (2 if axis is BATCH else 1)
    assert list(axis.sizes) == sorted(set(axis.sizes))
    assert max(axis.setting(size).candidates for size in axis.sizes) <= Setting().pictures


def test_it_prints_and_writes_lines_a_table_and_a_plot(tmp_path, monkeypatch, capsys):
    axis = Axis("batch", (2, 3), lambda n: Setting(senders=n, candidates=n, lines=3, pictures=6), "photos: n")
    monkeypatch.setattr(scaling, "AXES", (axis,))
    main(["--small", "--output", str(tmp_path / "new")])
    lines = [json.loads(line) for line in (tmp_path / "new" / "scaling.jsonl").read_text().splitlines()]
    assert [line.get("n") for line in lines] == [2, 3, None]
    assert all(line["seconds"] > 0 and line["peak_extra_bytes"] > 0 for line in lines[:2])
    assert lines[2]["memory_exponent"] <= 1.1
    assert (tmp_path / "new" / "scaling.md").read_text().startswith("| axis | n | work |")
    pytest.importorskip("matplotlib")
    assert (tmp_path / "new" / "scaling.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--device", "cuda"])
    assert left.value.code == 2
    assert "--device cuda: torch finds no GPU here" in capsys.readouterr().err
