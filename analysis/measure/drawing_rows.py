"""Rows of the `measure` table about drawings and their strokes. Each function may raise NotMeasured."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from learning_to_draw.analysis.measure.material import AGREEMENT, LEAST, NO_STROKES, LogData, draw_sample
from learning_to_draw.analysis.measure.table import Measured, NotMeasured, Row, not_measured, p_note, share
from learning_to_draw.analysis.measures.consistency import consistency, distinct_share
from learning_to_draw.analysis.measures.distances import (
    chamfer_across,
    chamfer_distances,
    feature_distances,
    matching_distances,
    rms_across,
    rms_distances,
    sample_points,
)
from learning_to_draw.analysis.measures.erasure import erasure, mean_drops
from learning_to_draw.analysis.measures.ink import dots, ink_shares, visible_strokes
from learning_to_draw.analysis.measures.jackknife import FEWEST, jackknife_interval
from learning_to_draw.analysis.measures.rates import mean_chance
from learning_to_draw.analysis.measures.roles import unbiased_roles
from learning_to_draw.analysis.measures.significance import bootstrap_p, holm, interval, mcnemar, resample_games
from learning_to_draw.analysis.measures.topographic import PERMUTATIONS, mantel_p, topographic_similarity
from learning_to_draw.games.drawings import NOT_DRAWN

MOST_STROKES = 2000  # per sketch; more take too long: measures compare all pairs, or draw each stroke alone


def topographic(material: LogData) -> Measured:
    count, features = len(material.sample), material.settings.features
    if count < LEAST:
        raise NotMeasured(f"needs at least {LEAST} different photos, and the log has {count}")
    shown = material.photo_features(material.sampled_photos)
    photos = rms_distances(shown) if features == "pixels" else feature_distances(shown)
    rows, tests = [], {}
    for name, drawings in _drawing_distances(material):
        label = f"topographic similarity: photos ({features}), drawings ({name})"
        if isinstance(drawings, str):
            rows.append(not_measured(label, drawings))
        elif np.isnan(similarity := topographic_similarity(photos, drawings)):
            rows.append(not_measured(label, "all photos, or all drawings, are equally far from each other"))
        else:
            p = mantel_p(photos, drawings, np.random.default_rng(material.settings.seed))
            tests[label] = {"p": p, "permutations": PERMUTATIONS, "photos": count}
            note = f"{count} photos; {p_note('one-sided p', p)} (Mantel's test)"
            rows.append(Row(label, similarity, chance=0.0, note=note))
    return Measured(tuple(rows), {"tests": tests})


def _drawing_distances(material: LogData) -> Iterator[tuple[str, np.ndarray | str]]:
    """Yields (name, distances) for every kind of distance between the N sampled drawings.

    The distances are float64 [N (N - 1) / 2], as from scipy's pdist; or text that says why they are not available.
    """
    yield "pixels", rms_distances(material.sampled_sketches)
    if material.settings.features == "encoder":
        yield "encoder", feature_distances(material.agents().sketch_features(material.sampled_sketches))
    why_not = _not_comparable([material])
    yield "matched strokes", why_not or matching_distances(material.sampled_strokes.points)
    yield "Chamfer", why_not or chamfer_distances(sample_points(material.sampled_strokes.points))


def stroke_erasure(material: LogData) -> Measured:
    _check_count(material)
    whole, erased = material.erased_guesses
    games = material.games_of(material.sample)
    targets, count = np.array([game.target for game in games]), len(games)
    result = erasure(whole, erased, targets)
    chance = mean_chance([len(game.candidates) for game in games])
    agreeing = sum(game.guess == guess for game, guess in zip(games, whole.tolist(), strict=True))
    doubt = "" if agreeing >= AGREEMENT * count else "; BELOW 0.99: OTHER WEIGHTS PROBABLY PLAYED THIS LOG"
    p_values = holm([mcnemar(whole == targets, guesses == targets)[2] for guesses in erased])
    rows = [
        share("guesses as logged, played again", agreeing, count, of_what="games" + doubt),
        share("rate with all strokes", (whole == targets).sum(), count, chance=chance, of_what="games"),
    ]
    for stroke, (guesses, p) in enumerate(zip(erased, p_values, strict=True)):
        change = f"games; change {0.0 - result.drops[stroke]:+.4f}, {p_note('p (Holm)', p)}"
        rows.append(
            share(f"rate without stroke {stroke}", (guesses == targets).sum(), count, chance=chance, of_what=change)
        )
    details = {"changed_guesses": result.changed.tolist(), "lost": result.drops.tolist(), "p_holm": p_values}
    return Measured(tuple(rows), details, (*rows[:2], *_extremes(rows[2:], result.drops)))


def erasure_pairs(materials: Sequence[LogData]) -> Measured:
    """Compares runs that played the same games: the mean drop of the rate when one drawn stroke is erased."""
    if len(materials) < 2:
        raise NotMeasured("give two logs or more, of runs that played the same games")
    played = [[(g.photo, g.candidates, g.target) for g in m.games_of(m.sample)] for m in materials]
    if any(games != played[0] for games in played):
        raise NotMeasured("the logs are not of the same games")
    targets = np.array([target for *_, target in played[0]])
    for material in materials:
        _check_count(material)
    lost = [mean_drops(*material.erased_guesses, targets, material.sampled_strokes.drawn.T) for material in materials]
    drops = resample_games([np.array(lost)], np.random.default_rng(materials[0].settings.seed))
    rows, p_values = [], []
    for first, second in itertools.combinations(range(len(materials)), 2):
        draws, difference = drops[:, first] - drops[:, second], float((lost[first] - lost[second]).mean())
        p_values.append(bootstrap_p(draws, difference))
        label = f"drop of the rate without a stroke: {materials[first].log.title} - {materials[second].log.title}"
        rows.append(Row(label, difference, interval(draws), 0.0))
    corrected = holm(p_values)
    note = f"mean over drawn strokes; {len(targets)} games; paired bootstrap over games, "
    rows = [replace(row, note=f"{note}{p_note('p (Holm)', p)}") for row, p in zip(rows, corrected, strict=True)]
    return Measured(tuple(rows), {"p": p_values, "p_holm": corrected})


def _extremes(rows: Sequence[Row], drops: np.ndarray) -> Iterator[Row]:
    """Yields the rows of the strokes that matter most and least. With one or two strokes, yields all rows."""
    if len(rows) <= 2:
        yield from rows
        return
    for stroke, how in ((drops.argmax(), "most"), (drops.argmin(), "least")):
        row = rows[int(stroke)]
        yield replace(row, label=f"{row.label}, which matters {how}")


def _check_count(material: LogData) -> None:
    """Raises NotMeasured if sketches have too many strokes to draw each stroke alone."""
    count = material.sampled_strokes.points.shape[1]
    if count > MOST_STROKES:
        raise NotMeasured(f"{count} strokes per sketch are too many: the limit is {MOST_STROKES}")


def roles(material: LogData) -> Measured:
    """Measures stroke roles: how far a stroke moves between drawings, compared with the distances between strokes.

    Strokes in fewer than two drawings are left out. Intervals: jackknife over drawings (Efron 1981).
    """
    drawn = material.sampled_strokes.drawn
    drawings = drawn.sum(axis=0)
    kept = np.flatnonzero(drawings >= 2)
    points = np.where(drawn[:, :, None, None], material.sampled_strokes.points, np.nan)[drawn[:, kept].any(axis=1)]
    points = points[:, kept]
    count, strokes = points.shape[:2]
    if count < 2 or strokes < 2:
        raise NotMeasured(f"needs at least 2 photos and 2 strokes, and the log has {count} and {strokes}")
    found, errors = unbiased_roles(points)
    within, between = float(found.within.mean()), found.between
    few = f"; no intervals for fewer than {FEWEST} drawings" if count < FEWEST else ""
    note = f"of centres, {strokes} strokes in {count} drawings; mean of row and column, canvas from -1 to 1{few}"
    if left_out := len(drawings) - strokes:
        note += f"; {left_out} strokes left out, in fewer than 2 drawings"
    rows = [
        Row(label, value, jackknife_interval(value, error, count, 0.0, np.inf), note=note)
        for label, value, error in (
            ("variance of a stroke over photos", within, errors[0]),
            ("variance between strokes", between, errors[1]),
        )
    ]
    label = "share of the variance over photos"
    if within + between > 0:
        part = within / (within + between)
        shares = jackknife_interval(part, errors[2], count, 0.0, 1.0)
        rows.append(Row(label, part, shares, note="0: every stroke has a fixed place"))
    else:
        rows.append(not_measured(label, "all strokes have the same place"))
    details = {"strokes": kept, "drawings_by_stroke": drawings[kept]}  # details are of the kept strokes only
    details |= {"variance_by_stroke": found.within, "mean_centres": found.centres}
    return Measured(tuple(rows), {name: values.tolist() for name, values in details.items()})


def use_of_ink(material: LogData) -> Measured:
    shares = ink_shares(material.sketches, white_paper=material.white_paper)
    paper = f"{'white' if material.white_paper else 'black'} paper"
    guessed = "" if "invert" in material.log.card else ", guessed from the sketches' corners"
    note = f"{len(shares)} sketches on {paper}{guessed}; 1 means full ink everywhere"
    deviation = float(shares.std())
    return Measured((Row("mean ink of a sketch", float(shares.mean()), note=note),), {"standard_deviation": deviation})


def idle_strokes(material: LogData) -> Measured:
    _check_count(material)
    strokes, size = material.sampled_strokes, material.sampled_sketches.shape[-1]
    points, card = strokes.points, material.log.card
    seen = visible_strokes(
        points, strokes.sigma2, strokes.intensities, contrast=card.get("contrast", 1.0), image_size=size
    )
    rows = [
        share("dead strokes", (~seen).sum(), seen.size, of_what="strokes, with less than 1/255 of ink in every pixel"),
        Row("strokes drawn per sketch", float(seen.sum(axis=1).mean()), note=f"of {seen.shape[1]}; mean"),
    ]
    if points.shape[2] == 1:
        rows.append(not_measured("dots", "all strokes are points"))
    elif not strokes.drawn.any():
        rows.append(not_measured("dots", "no stroke is drawn"))
    else:
        short = dots(points, 2 / (size - 1))[strokes.drawn]
        rows.append(share("dots", short.sum(), short.size, of_what="strokes, shorter than a pixel"))
    rows = [replace(row, interval=None) for row in rows]  # no interval: strokes of one sketch are not independent
    return Measured(tuple(rows), {"dead_by_stroke": (~seen).mean(axis=0).tolist()})


def diversity(material: LogData) -> Measured:
    games = material.games_of(material.drawn_once.values())
    if len(games) < 2:
        raise NotMeasured("needs at least 2 different photos")
    distances = rms_distances(material.sampled_sketches) / 255
    distance_note = f"{len(material.sample)} photos; root mean square of pixels, 0 to 1"
    return Measured(
        (
            Row("mean distance of sketches", float(distances.mean()), note=distance_note),
            Row(
                "share of distinct sketches",
                distinct_share([g.sketch for g in games]),
                note=f"{len(games)} photos",
            ),
        )
    )


def run_consistency(materials: Sequence[LogData]) -> Measured:
    """Measures how much drawings of the same photo differ between runs, relative to drawings of different photos.

    materials: one per log. Time is proportional to R² N², for R runs and N photos (at most `settings.sample`).
    """
    if len(materials) < 2:
        raise NotMeasured("give two logs or more, of runs with the same test pictures")
    first, *others = (material.drawn_once for material in materials)
    common = [photo for photo in first if all(photo in other for other in others)]
    if len(common) < LEAST:
        raise NotMeasured(f"the logs have {len(common)} photos in common, and at least {LEAST} are needed")
    settings = materials[0].settings
    photos = draw_sample(common, settings.sample, settings.seed).tolist()
    games = [[material.drawn_once[photo] for photo in photos] for material in materials]
    rows, tests = [], {}
    for name, drawings, across in (
        ("pixels", _inks(materials, games), rms_across),
        ("Chamfer", _stroke_points(materials, games), chamfer_across),
    ):
        label = f"difference of runs ({name})"
        if isinstance(drawings, str):
            rows.append(not_measured(label, drawings))
            continue
        ratio, p = consistency(drawings, across, np.random.default_rng(settings.seed))
        if np.isnan(ratio):
            rows.append(not_measured(label, "the drawings of all photos are equal"))
            continue
        tests[label] = {"p": p, "permutations": PERMUTATIONS, "photos": len(photos)}
        note = f"{len(photos)} photos in {len(materials)} runs; 0: all runs draw alike, 1: no agreement; "
        rows.append(Row(label, ratio, chance=1.0, note=f"{note}{p_note('one-sided p', p)} (photos permuted)"))
    return Measured(tuple(rows), {"tests": tests})


def _inks(materials: Sequence[LogData], games: Sequence[Sequence[int]]) -> list[np.ndarray] | str:
    """Returns, for each log, the sketches of its `games` as ink, uint8 [N, C, H, W], 0 for blank paper; or, as text,
    why they cannot be compared."""
    all_inks = []
    for material, numbers in zip(materials, games, strict=True):
        sketches = material.pictures([game.sketch for game in material.games_of(numbers)])
        all_inks.append(255 - sketches if material.white_paper else sketches)
    same_size = len({inks.shape[2:] for inks in all_inks}) == 1
    return all_inks if same_size else "the logs' sketches differ in size"


def _stroke_points(materials: Sequence[LogData], games: Sequence[Sequence[int]]) -> list[np.ndarray] | str:
    """Returns, for each log, points [N, M, 2] on the strokes of its `games`; or, as text, why they are unavailable."""
    if why_not := _not_comparable(materials):
        return f"not available for all logs: {why_not}"
    return [sample_points(m.strokes.points[numbers]) for m, numbers in zip(materials, games, strict=True)]


def _not_comparable(materials: Sequence[LogData]) -> str:
    """Returns why the strokes of these logs cannot be compared; empty if they can."""
    if not all(material.has_strokes for material in materials):
        return NO_STROKES
    if not all(material.strokes.drawn.all() for material in materials):
        return NOT_DRAWN
    most = max(material.strokes.points.shape[1] for material in materials)
    return f"{most} strokes per sketch are too many: the limit is {MOST_STROKES}" if most > MOST_STROKES else ""
