"""What the benchmarks share: measurements of calls whose cost is known."""

import importlib
import inspect
import json
import sys
import time

import pytest
import torch

from benchmarks.measure import measure, measure_in_turn, peak_extra_memory, report, seconds_back_to_back

MEBIBYTE = 1 << 20


def test_seconds_are_the_median_of_the_calls_after_the_first():
    naps = iter([0.3, 0.02, 0.3, 0.02])
    assert 0.02 <= measure(lambda: time.sleep(next(naps)), 3) < 0.3
    assert next(naps, None) is None


def test_calls_are_measured_in_turn():
    made = []
    slow, fast = measure_in_turn([lambda: (made.append("a"), time.sleep(0.02)), lambda: made.append("b")], 3)
    assert made == ["a", "b"] * 4
    assert slow >= 0.02 > fast
    with pytest.raises(ValueError, match="repeats is 0"):
        measure(lambda: None, 0)


@pytest.mark.parametrize("name", ["encoders", "kernels", "population", "rasteriser", "scaling", "step"])
def test_a_benchmark_without_measurements_is_refused(name, monkeypatch, capsys):
    words = ["--repeats", "0"]
    monkeypatch.setattr(sys, "argv", [name, *words])
    main = importlib.import_module(f"benchmarks.{name}").main
    with pytest.raises(SystemExit, match="2"):
        main(*([words] if inspect.signature(main).parameters else []))
    assert (
        f"benchmarks.{name}: error: argument --repeats: '0' is not a whole number from 1 to" in capsys.readouterr().err
    )


def test_seconds_back_to_back_are_the_mean_of_the_calls_after_the_warm_up():
    naps = iter([0.3, 0.3, 0.04, 0.02])
    assert 0.03 <= seconds_back_to_back(lambda: time.sleep(next(naps)), 2, torch.device("cpu")) < 0.3
    assert next(naps, None) is None


def test_peak_memory_is_what_is_held_at_once():
    def hold_three():
        first = torch.ones(MEBIBYTE // 4)  # 1 MiB
        both = torch.cat([first, first])  # 2 MiB more: the peak
        del first, both
        return torch.ones(MEBIBYTE // 2)  # 2 MiB

    assert peak_extra_memory(hold_three) == 3 * MEBIBYTE


def test_peak_memory_counts_neither_what_was_there_nor_what_is_changed_in_place():
    there = torch.ones(MEBIBYTE)
    # Torch makes a tensor of the number 2.
    assert peak_extra_memory(lambda: there.mul_(2)) <= 64
    assert peak_extra_memory(lambda: there * 2) == pytest.approx(4 * MEBIBYTE, abs=64)


def test_peak_memory_counts_what_autograd_keeps_and_the_gradient():
    values = torch.ones(MEBIBYTE // 4, requires_grad=True)

    def exp_and_gradient():
        (grad,) = torch.autograd.grad(values.exp(), values, torch.ones(()).expand_as(values))
        return grad

    # exp keeps its result; the gradient is as large.
    assert peak_extra_memory(exp_and_gradient) == pytest.approx(2 * MEBIBYTE, abs=1024)


def test_a_result_is_one_line_of_json_with_the_machine(capsys):
    report("cpu", case="lines", seconds=0.25)
    result = json.loads(capsys.readouterr().out)
    assert (result["case"], result["seconds"]) == ("lines", 0.25)
    assert result["torch"] == torch.__version__
    assert result["threads"] == torch.get_num_threads()
    assert result["device"]
