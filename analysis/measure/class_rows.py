"""Rows of the `measure` table about games won and about classes. Each function may raise NotMeasured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from learning_to_draw.analysis.measure.material import LogData
from learning_to_draw.analysis.measure.table import Measured, NotMeasured, Row, share
from learning_to_draw.analysis.measures.prototypes import nearest_prototypes
from learning_to_draw.analysis.measures.rates import class_counts, confusion, mean_chance
from learning_to_draw.analysis.official.options import TEMPLATES

LISTED = 5  # confusions shown in the table


def communication_rate(material: LogData) -> Measured:
    games = material.log.games
    won, chance = sum(game.correct for game in games), mean_chance([len(game.candidates) for game in games])
    return Measured((share("communication rate", won, len(games), chance=chance, of_what="games"),))


def class_rates(material: LogData) -> Measured:
    games = material.log.games
    counts = class_counts([game.correct for game in games], material.classes)
    rates = {name: won / of for name, (won, of) in counts.items()}
    low, high = min(rates, key=rates.__getitem__), max(rates, key=rates.__getitem__)
    same = sum(game.guessed_class == game.photo_class for game in games)
    chance = float(np.mean([game.candidate_classes.count(game.photo_class) / len(game.candidates) for game in games]))
    rows = (
        share(
            "right class guessed", same, len(games), chance=chance, of_what="games; any picture of the class is right"
        ),
        Row(
            "mean rate of the classes",
            float(np.mean(list(rates.values()))),
            note=f"of {len(rates)} classes, each counted once",
        ),
        share(f"highest rate: {high}", *counts[high], of_what="games"),
        share(f"lowest rate: {low}", *counts[low], of_what="games"),
    )
    return Measured(rows, {"classes": _by_class(counts)})


def class_confusion(material: LogData) -> Measured:
    shown, guessed = material.classes, [game.guessed_class for game in material.log.games]
    names = sorted(set(shown) | set(guessed))
    counts = confusion(shown, guessed, names)
    wrong = counts * ~np.eye(len(names), dtype=bool)
    order = np.argsort(-wrong, axis=None, kind="stable")[:LISTED]
    pairs = [divmod(int(place), len(names)) for place in order if wrong.flat[place]]
    rows = [
        share(f"{names[row]} taken for {names[column]}", counts[row, column], counts[row].sum(), of_what="games")
        for row, column in pairs
    ]
    following = "; most frequent:" if pairs else ""
    rows.insert(0, share("another class guessed", wrong.sum(), len(shown), of_what="games" + following))
    return Measured(tuple(rows), {"classes": names, "counts": counts.tolist()})


def prototype_accuracy(material: LogData) -> Measured:
    """Measures how often a sketch is nearer to the mean of its class's other sketches than to any other class's mean.

    Takes one sketch of each photo: if a photo is drawn in several games, its other sketches would give its class away.
    """
    games = list(material.drawn_once.values())
    names, labels = np.unique(np.array(material.classes)[games], return_inverse=True)
    enough = np.bincount(labels)[labels] >= 2
    kept, labels = np.unique(labels[enough], return_inverse=True)
    if len(kept) < 2:
        raise NotMeasured("needs at least two classes with two sketches each")
    right = nearest_prototypes(material.sketch_features(material.sketches[games][enough]), labels) == labels
    alone = len(enough) - len(right)
    left_out = f"; {alone} left out, each the only one of its class" if alone else ""
    row = share(
        f"nearest prototype ({material.settings.features})",
        right.sum(),
        len(right),
        chance=1 / len(kept),
        of_what="sketches, one of each photo" + left_out,
    )
    return Measured((row,), {"classes": _by_class(class_counts(right, names[kept][labels].tolist()))})


def legibility(material: LogData) -> Measured:
    """Measures the share of sketches, and of photos, whose class CLIP recognises. Takes one sketch of each photo."""
    settings = material.settings
    names = list(dict.fromkeys(settings.classes or sorted(set(material.classes))))
    if settings.clip is None:
        raise NotMeasured("give --clip, which needs the package open_clip_torch")
    drawn_once = material.games_of(list(material.drawn_once.values()))
    games = [game for game in drawn_once if game.photo_class in names]
    if not games:
        raise NotMeasured(
            f"no photo has one of the given classes; a class of this log, as an example: {material.classes[0]!r}"
        )
    clip, sentences = settings.clip, dict(TEMPLATES)
    left_out = len(drawn_once) - len(games)
    note = f"; {left_out} of other classes left out" if left_out else ""
    true, rows, details = [game.photo_class for game in games], [], {}
    for shown, template, pictures in (
        ("sketches", "drawing", [game.sketch for game in games]),
        ("photos", "photo", [game.photo for game in games]),
    ):
        distinct = list(dict.fromkeys(pictures))
        seen = clip.seen_classes([material.log.picture(name) for name in distinct], names, sentences[template])
        class_of = dict(zip(distinct, seen, strict=True))
        right = [class_of[name] == cls for name, cls in zip(pictures, true, strict=True)]
        label = f"CLIP {clip.name} sees the class of {shown}"
        rows.append(share(label, sum(right), len(right), chance=1 / len(names), of_what=shown + note))
        details[shown] = _by_class(class_counts(right, true))
    return Measured(tuple(rows), {"classes": details, "told_apart": names})


def _by_class(counts: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """Returns class -> its entry in the JSON file: the rate right / total, the rate's 95 % interval, and the total.

    counts: class -> (right, total), numbers of games, sketches or photos.
    """
    rows = {name: share(name, right, of, of_what="") for name, (right, of) in counts.items()}
    return {
        name: {"value": row.value, "interval": list(row.interval), "of": counts[name][1]} for name, row in rows.items()
    }
