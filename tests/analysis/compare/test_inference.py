"""Intervals and paired tests of settings, on games won and lost by hand."""

import statistics

import numpy as np
import pytest
from scipy import stats

from learning_to_draw.analysis.compare.inference import explained, pair_tests, rate_intervals, read_played
from learning_to_draw.analysis.compare.settings import read_settings
from learning_to_draw.games.scores import rate_interval


def read(*paths):
    settings = read_settings(paths)
    played, problems = read_played([run for setting in settings for run in setting.runs])
    return settings, played, problems


def games(letters):
    return [letter == "x" for letter in letters]


def test_single_runs_are_tested_with_mcnemar(make_run, tmp_path):
    make_run(tmp_path / "a", games("xxxxxxxx....xx"), nlines=2)
    make_run(tmp_path / "b", games("x.......x..xxx"), nlines=3)
    settings, played, problems = read(tmp_path)
    [test], reasons = pair_tests(settings, played)
    assert (problems, reasons) == ([], [])
    assert (test.only_first, test.only_second, test.games, test.seeds_interval) == (7, 2, 14, None)
    assert test.p == pytest.approx(stats.binomtest(7, 9).pvalue)
    assert test.difference == pytest.approx(5 / 14)
    assert test.games_interval[0] < 5 / 14 < test.games_interval[1]
    assert rate_intervals(settings, played) == [rate_interval(10, 14), rate_interval(5, 14)]


def test_several_seeds_are_tested_with_a_bootstrap_over_games(make_run, tmp_path):
    rng = np.random.default_rng(0)
    won = {(lines, seed): rng.random(60) < chance for lines, chance in ((2, 0.5), (8, 0.7)) for seed in (0, 1, 2)}
    for (lines, seed), right in won.items():
        make_run(tmp_path / f"{lines}-{seed}", right.tolist(), seed=seed, nlines=lines)
    settings, played, _ = read(tmp_path)
    assert [s.mean for s in settings] == pytest.approx(
        [np.mean([won[lines, seed].mean() for seed in range(3)]) for lines in (2, 8)]
    )
    assert settings[0].deviation == pytest.approx(np.std([won[2, seed].mean() for seed in range(3)], ddof=1))
    [test], _ = pair_tests(settings, played)
    by_game = np.mean([won[2, s] for s in range(3)], axis=0) - np.mean([won[8, s] for s in range(3)], axis=0)
    assert test.difference == pytest.approx(by_game.mean())
    error = by_game.std() / 60**0.5
    assert test.p == pytest.approx(2 * stats.norm.sf(abs(by_game.mean()) / error), abs=0.01)
    assert test.games_interval == pytest.approx(
        (by_game.mean() - 1.96 * error, by_game.mean() + 1.96 * error), abs=0.02
    )
    assert test.seeds_interval[0] < test.games_interval[0]  # wider: seeds vary, too
    assert test.test == "bootstrap over games"
    said = " ".join(explained([test], settings))
    assert "ten seeds in one of the settings, that interval is too narrow" in said
    assert "has no interval over seeds" not in said


def test_one_seed_of_one_setting_has_no_interval_over_seeds(make_run, tmp_path):
    """Ten seeds against one: how much the seeds of the second setting differ is not known."""
    rng = np.random.default_rng(0)
    for lines, seeds in ((2, 10), (8, 1)):
        for seed in range(seeds):
            make_run(tmp_path / f"{lines}-{seed}", (rng.random(60) < 0.8).tolist(), seed=seed, nlines=lines)
    settings, played, _ = read(tmp_path)
    [test], _ = pair_tests(settings, played)
    assert (test.seeds_interval, test.test) == (None, "bootstrap over games")
    assert test.games_interval[0] < test.difference < test.games_interval[1]
    said = " ".join(explained([test], settings))
    assert "has no interval over seeds and games" in said
    assert "A claim about settings" not in said


def test_the_interval_of_a_setting_has_the_variance_over_seeds_and_games(make_run, tmp_path):
    """The closed form: the variance of a mean over S drawn seeds, of rates over the same G drawn games."""
    rng = np.random.default_rng(3)
    right = rng.random((4, 200)) < [[0.6], [0.7], [0.8], [0.9]]
    for seed, row in enumerate(right):
        make_run(tmp_path / f"{seed}", row.tolist(), seed=seed)
    settings, played, _ = read(tmp_path)
    [(low, high)] = rate_intervals(settings, played)
    rates = right.mean(axis=1)
    games = np.cov(right, bias=True) / 200  # of the seeds' rates in drawn games
    same, other = np.trace(games) / 4, games.mean()  # a seed with itself; with a drawn seed, which may be the same
    variance = (rates.var() + same - other) / 4 + other
    assert (high - low) / (2 * 1.96) == pytest.approx(variance**0.5, rel=0.05)
    assert (high + low) / 2 == pytest.approx(rates.mean(), abs=0.005)


def test_only_the_same_games_are_paired(make_run, tmp_path, change):
    make_run(tmp_path / "a", nlines=2)
    make_run(tmp_path / "b", games("xxxxxxxx....xx"), nlines=3)  # four more games
    make_run(tmp_path / "c", nlines=4)
    make_run(tmp_path / "d", nlines=5)
    (tmp_path / "c-test" / "gamelogs" / "games.json").unlink()
    change(tmp_path / "d-test" / "result.json", communication_rate=0.1)
    settings, played, problems = read(tmp_path)
    tests, reasons = pair_tests(settings, played)
    assert tests == []
    assert "nlines 2 and nlines 3 (not all runs played the same games)" in reasons
    assert "nlines 2 and nlines 4 (a game log is missing or unusable)" in reasons
    assert len(reasons) == 6
    assert ["c-test" in problem and "games.json" in problem for problem in problems] == [True, False]
    assert "does not match its result.json" in problems[1]
    assert rate_intervals(settings, played)[2] == rate_interval(7, 10)  # from its result


def test_p_values_are_corrected_for_the_number_of_pairs(make_run, tmp_path):
    for lines, right in ((1, "x..........."), (2, "xxxxxxx....."), (3, "xxxxxxxxxxxx")):
        make_run(tmp_path / f"{lines}", games(right), nlines=lines)
    tests, _ = pair_tests(*read(tmp_path)[:2])
    p = [stats.binomtest(count, count).pvalue for count in (6, 11, 5)]
    assert [test.p for test in tests] == pytest.approx(p)
    assert [test.corrected_p for test in tests] == pytest.approx([2 * p[0], 3 * p[1], max(p[2], 2 * p[0])])


def test_seeds_without_logs_still_have_an_interval(make_run, tmp_path):
    rows = [games("xxxxxxxx....xx"), games("xxxx........xx"), games("xxxxxx......xx")]
    for seed, right in enumerate(rows):
        run = make_run(tmp_path / f"{seed}", right, seed=seed)
        (run.with_name(f"{seed}-test") / "gamelogs" / "games.json").unlink()
    settings, played, problems = read(tmp_path)
    [(low, high)] = rate_intervals(settings, played)
    assert len(problems) == 3
    # The games of a seed are drawn once: they count (2 - 1/3) times, as the seed may be drawn more than once.
    variance = (np.var([np.mean(row) for row in rows]) + (2 - 1 / 3) * np.mean([np.var(row) for row in rows]) / 14) / 3
    assert (high - low) / (2 * 1.96) == pytest.approx(variance**0.5, rel=0.05)
    assert statistics.mean((low, high)) == pytest.approx(np.mean(rows), abs=0.02)
