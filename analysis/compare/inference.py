"""Intervals of the settings' rates, and paired tests between settings whose runs played the same games."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from learning_to_draw.analysis.compare.runs import TestedRun
from learning_to_draw.analysis.compare.settings import Setting
from learning_to_draw.analysis.measures.significance import (
    RESAMPLES,
    bootstrap_p,
    holm,
    interval,
    mcnemar,
    mean_of_resampled_seeds,
    resample_games,
)
from learning_to_draw.errors import UsageError, first_line
from learning_to_draw.games.scores import rate_interval
from learning_to_draw.trials.records.gamelog import read_log


@dataclass(frozen=True)
class Played:
    """The games in a test's log, and which of them were won.

    games: one hash of the photos, candidates and targets of all G games, in order. right: bool [G].
    """

    games: str
    right: np.ndarray


@dataclass(frozen=True)
class PairTest:
    """The difference of two settings' mean rates in the same games, first minus second.

    games_interval: the 95 % interval over games, for these trained agents. seeds_interval: the 95 % interval over seeds
    and games; None if a setting has one run, because one run does not show how much seeds differ. p: two-sided. With
    one run per setting, p is from McNemar's exact test, and `only_first` and `only_second` are the numbers of games
    that only one of the two runs won. Otherwise p is from a bootstrap over games, and these numbers are None.
    corrected_p: p, corrected for the number of pairs (Holm).
    """

    first: str
    second: str
    games: int
    difference: float
    games_interval: tuple[float, float]
    seeds_interval: tuple[float, float] | None
    p: float
    corrected_p: float
    only_first: int | None = None
    only_second: int | None = None

    @property
    def test(self) -> str:
        return "bootstrap over games" if self.only_first is None else "McNemar, exact"


def read_played(runs: Sequence[TestedRun]) -> tuple[dict[Path, Played], list[str]]:
    """Returns (games by test folder, messages).

    Instead of games, a test has a message if its log is missing or damaged, does not match result.json, or has the
    games of a population.
    """
    played, problems = {}, []
    for run in runs:
        try:
            log = read_log(run.test)
            if len(log.meetings) > 1:
                raise UsageError(
                    "it is the test of a population; to compare one pair, move this folder away from the runs, and "
                    "test the pair with --agent"
                )
            right = np.array([game.correct for game in log.games])
            if (len(right), right.sum()) != (run.games, run.right):
                raise UsageError("its game log does not match its result.json; run the test again")
            names = "\n".join("\t".join((game.photo, str(game.target), *game.candidates)) for game in log.games)
            digest = hashlib.sha256(names.encode("utf-8", "surrogateescape")).hexdigest()
            played[run.test] = Played(digest, right)
        except (UsageError, OSError) as error:
            problems.append(f"{run.test}: no paired tests and no sketches: {first_line(error)}")
    return played, problems


def rate_intervals(
    settings: Sequence[Setting], played: Mapping[Path, Played], seed: int = 0
) -> list[tuple[float, float]]:
    """Returns the 95 % interval of each setting's mean rate.

    With several seeds, it is a percentile bootstrap over seeds and games (Owen 2007); runs that played the same games
    get the same resampled games. With one seed, it is Wilson's interval over games.
    """
    intervals = []
    for setting in settings:
        if len(setting.runs) == 1:
            [run] = setting.runs
            intervals.append(rate_interval(run.right, run.games))
            continue
        rng, groups = np.random.default_rng(seed), {}
        for run in setting.runs:
            name = played[run.test].games if run.test in played else str(run.test)
            groups.setdefault(name, []).append(_right(run, played))
        rates = resample_games([np.array(group) for group in groups.values()], rng)
        intervals.append(interval(mean_of_resampled_seeds(rates, rng)))
    return intervals


def _right(run: TestedRun, played: Mapping[Path, Played]) -> np.ndarray:
    """bool [G]: which games the run won.

    Without a game log, only the number of won games is known: that many entries are True, but these may belong to other
    games.
    """
    return played[run.test].right if run.test in played else np.arange(run.games) < run.right


def pair_tests(
    settings: Sequence[Setting], played: Mapping[Path, Played], seed: int = 0
) -> tuple[list[PairTest], list[str]]:
    """Returns (tests of all pairs of settings whose runs played the same games, why the other pairs are not tested)."""
    tests, reasons = [], []
    for first, second in itertools.combinations(settings, 2):
        runs = [*first.runs, *second.runs]
        if not all(run.test in played for run in runs):
            reasons.append(f"{first.label} and {second.label} (a game log is missing or unusable)")
        elif len({played[run.test].games for run in runs}) > 1:
            reasons.append(f"{first.label} and {second.label} (not all runs played the same games)")
        else:
            tests.append(_test(first, second, [played[run.test].right for run in runs], seed))
    corrected = holm([test.p for test in tests])
    return [replace(test, corrected_p=p) for test, p in zip(tests, corrected, strict=True)], reasons


def _test(first: Setting, second: Setting, right: Sequence[np.ndarray], seed: int) -> PairTest:
    """Tests one pair. right: bool [G] of each run, those of the first setting before those of the second."""
    rng, split = np.random.default_rng(seed), len(first.runs)
    rates = resample_games([np.array(right)], rng)
    by_seed = np.mean(right, axis=1)
    difference = float(by_seed[:split].mean() - by_seed[split:].mean())
    over_games = rates[:, :split].mean(axis=1) - rates[:, split:].mean(axis=1)
    over_seeds = None
    if min(len(first.runs), len(second.runs)) > 1:
        seeds = mean_of_resampled_seeds(rates[:, :split], rng) - mean_of_resampled_seeds(rates[:, split:], rng)
        over_seeds = interval(seeds)
    single = len(right) == 2
    only_first, only_second, p = mcnemar(*right) if single else (None, None, bootstrap_p(over_games, difference))
    return PairTest(
        first.label,
        second.label,
        len(right[0]),
        difference,
        interval(over_games),
        over_seeds,
        p,
        p,
        only_first,
        only_second,
    )


def explained(tests: Sequence[PairTest], settings: Sequence[Setting]) -> Iterator[str]:
    """Yields sentences that explain the numbers to the reader of a table."""
    if any(len(setting.runs) > 1 for setting in settings):
        yield (
            "Rate: mean ± standard deviation over seeds (n - 1). Interval: 95 %, bootstrap over seeds and games (Owen "
            f"2007; {RESAMPLES:,} resamples); seeds that played the same games get the same resampled games. With "
            "fewer than about ten seeds, the interval is too narrow."
        )
    if any(len(setting.runs) == 1 for setting in settings):
        yield "With one seed, the interval is over games only (Wilson 1927) and does not cover other seeds."
    if not tests:
        return
    if any(test.only_first is None for test in tests):
        yield (
            "p: a two-sided paired bootstrap over games, which tests whether the mean rates of these trained agents "
            "would differ in other games of the same kind. It does not cover other seeds."
        )
    if any(test.seeds_interval is not None for test in tests):
        yield (
            "A claim about settings needs the interval of the difference over seeds and games. With fewer than about "
            "ten seeds in one of the settings, that interval is too narrow."
        )
    if any(test.seeds_interval is None for test in tests):
        yield (
            "A pair in which a setting has one seed has no interval over seeds and games: both settings need several "
            "seeds."
        )
    if any(test.only_first is not None for test in tests):
        yield "p for two single runs: McNemar's exact test (two-sided) of the games that only one of them won."
    if len(tests) > 1:
        yield f"Holm: p corrected for {len(tests)} pairs (Holm 1979)."
