"""Bootstrap intervals, paired bootstrap tests and McNemar's exact test for the communication rates of runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

RESAMPLES = 10_000
CHUNK = 1_000  # resamples drawn at a time, to limit memory


def resample_games(groups: Sequence[np.ndarray], rng: np.random.Generator, draws: int = RESAMPLES) -> np.ndarray:
    """float64 [draws, R]: the rates of R runs in games drawn with replacement (Efron 1979).

    groups: arrays [S, G], bool: whether S runs guessed right in the same G games. With arrays of other numbers, means
    are returned instead of rates. In each draw, the runs of a group get the same games; the games of different groups
    are drawn independently. The R columns are the runs of all groups, in order.
    """
    rates = []
    for right in groups:
        # Only the pattern of right guesses across runs matters. Drawing counts of patterns is equivalent, and faster.
        patterns, counts = np.unique(np.asarray(right, np.float64), axis=1, return_counts=True)
        games = counts.sum()
        chunks = [min(CHUNK, draws - start) for start in range(0, draws, CHUNK)]
        drawn = (rng.multinomial(games, counts / games, size=size) for size in chunks)
        rates.append(np.concatenate([numbers @ patterns.T / games for numbers in drawn]))
    return np.concatenate(rates, axis=1)


def mean_of_resampled_seeds(rates: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """float64 [draws]: for each row of `rates`, the mean of S rates drawn from this row with replacement.

    rates: [draws, S], from `resample_games`, for S runs that differ in the seed. Drawing games and seeds independently
    is the pigeonhole bootstrap (Owen 2007). Its variance tends to be slightly too large; with few seeds, it can be too
    small.
    """
    chosen = rng.integers(0, rates.shape[1], size=rates.shape)
    return np.take_along_axis(rates, chosen, axis=1).mean(axis=1)


def interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """(low, high) of the percentile interval of bootstrap draws. values: [draws]."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bootstrap_p(values: np.ndarray, observed: float) -> float:
    """Two-sided p of the null hypothesis that the true value is 0. values: [draws], bootstrap draws around `observed`.

    p is (n + 1) / (draws + 1) if n draws differ from `observed` by at least |observed| (Davison & Hinkley 1997, 4.4).
    """
    further = np.abs(values - observed) >= abs(observed) - 1e-12
    return float((further.sum() + 1) / (len(values) + 1))


def mcnemar(first: np.ndarray, second: np.ndarray) -> tuple[int, int, float]:
    """(games that only the first run won, games that only the second won, two-sided p) by McNemar's exact test (1947).

    first, second: bool [G], whether two runs guessed right in the same games. Under the null hypothesis, each game that
    only one run won is equally likely to be won by either run: a binomial distribution with probability 1/2.
    """
    from scipy.stats import binomtest  # here: its import takes half a second

    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    decided = only_first + only_second
    return only_first, only_second, float(binomtest(only_first, decided).pvalue) if decided else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values corrected for multiple tests (Holm 1979), in the same order."""
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(np.argsort(p_values, kind="stable").tolist()):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = largest
    return corrected
