"""Agreement of two raters beyond chance (Cohen 1960), and intervals over participants (bootstrap, Efron 1979)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

RESAMPLES, SEED = 2000, 0


def cohen_kappa(counts: np.ndarray) -> np.ndarray:
    """float64 [...]: Cohen's kappa of each table of counts.

    counts: [..., K, K]; entry (i, j) is how often one rater said i while the other said j. The kappa is NaN if both
    raters gave one and the same answer every time: chance alone then explains all agreement.
    """
    shares = counts / counts.sum(axis=(-2, -1), keepdims=True)
    agreed = np.trace(shares, axis1=-2, axis2=-1)
    by_chance = (shares.sum(axis=-1) * shares.sum(axis=-2)).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(by_chance < 1, (agreed - by_chance) / (1 - by_chance), np.nan)


def resamples(participants: int) -> np.ndarray:
    """int64 [RESAMPLES, participants]: indices of participants, drawn with replacement; the same in every call."""
    return np.random.default_rng(SEED).integers(participants, size=(RESAMPLES, participants))


def interval_of(values: np.ndarray) -> tuple[float, float] | None:
    """The 95 % percentile interval of values [RESAMPLES]. NaN values are left out. Returns None if all are NaN."""
    known = values[~np.isnan(values)]
    return (float(np.quantile(known, 0.025)), float(np.quantile(known, 0.975))) if len(known) else None


def agreement(people: Sequence[Sequence[bool]], agents: Sequence[Sequence[bool]]) -> dict:
    """Returns {kappa, interval}: Cohen's kappa of being right or wrong, between people and agents in the same games.

    people[i][j]: whether answer j of participant i is right.
    agents[i][j]: whether the agents are right in the same game.

    In the result, "kappa" is computed from all answers; None if it is not defined. "interval" is the kappa's 95 %
    interval over participants (bootstrap); None for fewer than two participants, or if no resample has a kappa.
    """
    tables = np.zeros((len(people), 2, 2))
    for table, own, theirs in zip(tables, people, agents, strict=True):
        np.add.at(table, (np.array(own, dtype=int), np.array(theirs, dtype=int)), 1)
    kappa = float(cohen_kappa(tables.sum(axis=0)))
    drawn = tables[resamples(len(tables))].sum(axis=1)
    return {
        "kappa": None if np.isnan(kappa) else kappa,
        "interval": interval_of(cohen_kappa(drawn)) if len(tables) > 1 else None,
    }
