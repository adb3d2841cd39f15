"""Rows of the `measure` table that need a judge (`analysis.measures.judge`). Each function may raise NotMeasured."""

from __future__ import annotations

import numpy as np

from learning_to_draw.analysis.measure.material import LEAST, LogData
from learning_to_draw.analysis.measure.table import Measured, NotMeasured, Row, p_note
from learning_to_draw.analysis.measures.canny import edge_maps
from learning_to_draw.analysis.measures.jackknife import FEWEST, jackknife_interval
from learning_to_draw.analysis.measures.judge import teach
from learning_to_draw.analysis.measures.probe import Probe, class_mean, class_mean_interval, cross_validated, ranks
from learning_to_draw.analysis.measures.semanticity import (
    class_means,
    cosines,
    semanticity,
    semanticity_error,
    semanticity_p,
)

TOPS = (1, 5)


def judged(material: LogData) -> Measured:
    """Measures how often the judge names the right class of a picture: iconicity (Qiu et al. 2022) and legibility.

    For iconicity, the judge learns from training photos only; for legibility, from training photos and their edges. It
    is tested on the log's photos, their edges, and one sketch of each photo. Intervals: over pictures
    (`class_mean_interval`).
    """
    judge, lesson, drawings = material.judge(), material.training_photos(), material.drawings
    labels = labels_of_drawings(material)
    white_paper, count = material.white_paper, len(lesson.classes)
    ruler = teach(judge, lesson.pictures, lesson.labels, count, white_paper=white_paper)
    features = {
        "photos": judge.features(drawings.photos),
        "edges of the photos": judge.features(edge_maps(drawings.photos, white_paper=white_paper)),
        "sketches": judge.features(drawings.sketches),
    }
    rows = []
    for word, probe, of_what in (
        ("legibility", ruler.lines, "photos and their edges"),
        ("iconicity", ruler.photos, "photos"),
    ):
        note = (
            f"a probe on {judge.name}, fitted on {len(lesson.labels)} {of_what}; tested on {len(labels)} pictures, "
            f"with {count} classes to choose from"
        )
        for shown, seen in features.items():
            rows += _accuracies(f"{word} of {shown}", probe, seen, labels, count, note)
    brief = tuple(row for row in rows if row.label.endswith(", top 1") or "sketches" in row.label)
    return Measured(tuple(rows), {"judge": judge.name, "training_photos": len(lesson.labels)}, brief)


def labels_of_drawings(material: LogData) -> np.ndarray:
    """int64 [N]: the class of each of `material.drawings`, as its index in the classes of the training photos."""
    index_of = {name: index for index, name in enumerate(material.training_photos().classes)}
    if unknown := set(material.drawings.classes) - set(index_of):
        raise NotMeasured(f"the class {str(min(unknown))!r} has no training photos")
    return np.array([index_of[name] for name in material.drawings.classes])


def _accuracies(
    label: str, probe: Probe, features: np.ndarray, labels: np.ndarray, classes: int, note: str
) -> list[Row]:
    """Returns the rows of the top-1 and the top-5 accuracy; classes count equally."""
    rank = ranks(probe.scores(features), labels)
    right = np.array([rank < top for top in TOPS])
    return [
        Row(
            f"{label}, top {top}",
            class_mean(row, labels),
            class_mean_interval(row, labels),
            min(top / classes, 1.0),
            note,
        )
        for top, row in zip(TOPS, right, strict=True)
    ]


def symbolicity(material: LogData) -> Measured:
    """Measures symbolicity (Qiu et al. 2022): how well a classifier trained on sketches tells their classes apart.

    The classifier is a probe on the judge's features. It is tested on sketches that it was not fitted on
    (cross-validation). Interval: over sketches (`class_mean_interval`).
    """
    judge, drawings = material.judge(), material.drawings
    names, labels, sizes = np.unique(drawings.classes, return_inverse=True, return_counts=True)
    enough = sizes[labels] >= 2
    if (sizes >= 2).sum() < 2:
        raise NotMeasured("needs at least two classes with two sketches each")
    kept = np.unique(labels[enough], return_inverse=True)[1]
    rng = np.random.default_rng(material.settings.seed)
    guessed = cross_validated(judge.features(drawings.sketches[enough]), kept, rng)
    right = guessed == kept
    alone = f"; {(~enough).sum()} left out, each the only one of its class" if not enough.all() else ""
    note = f"a probe fitted on other sketches; {len(kept)} sketches, classes count equally{alone}"
    row = Row(
        "symbolicity of sketches",
        class_mean(right, kept),
        class_mean_interval(right, kept),
        1 / int((sizes >= 2).sum()),
        note,
    )
    return Measured((row,), {"judge": judge.name, "classes": names[sizes >= 2].tolist()})


def semanticity_of_sketches(material: LogData) -> Measured:
    """Measures semanticity (Qiu et al. 2022): whether classes with similar meanings have similar sketches.

    It is the correlation, over all pairs of classes, between the cosine similarity of their sketches and that of their
    meanings. Interval: jackknife over classes (Efron 1981); p: permutation of classes (Mantel 1967), one-sided.
    """
    judge, drawings, meaning = material.judge(), material.drawings, material.settings.word_vectors
    of_what = "word vectors"
    if meaning is None:
        photos = material.training_photos()
        present, prototypes = class_means(judge.features(photos.pictures), photos.labels)
        meaning = dict(zip([photos.classes[label] for label in present], prototypes, strict=True))
        of_what = "photo prototypes"
    names = np.array([name for name in sorted(set(drawings.classes)) if name in meaning])
    if len(names) < LEAST:
        raise NotMeasured(f"needs at least {LEAST} classes with {of_what}, and there are {len(names)}")
    known = np.isin(drawings.classes, names)
    drawn, means = class_means(judge.features(drawings.sketches[known]), drawings.classes[known])
    sketches, meanings = cosines(means), cosines(np.stack([meaning[name] for name in drawn]))
    label = f"semanticity of sketches ({of_what})"
    value = semanticity(sketches, meanings)
    if not np.isfinite(value):
        raise NotMeasured("the sketches, or the meanings, of all classes are equally similar")
    rng = np.random.default_rng(material.settings.seed)
    p = semanticity_p(sketches, meanings, rng)
    note = f"Pearson's r over all pairs of {len(names)} classes; {p_note('one-sided p', p)} (Mantel's test)"
    bounds, count = None, len(names)
    if count < FEWEST:
        note += f"; no interval for fewer than {FEWEST} classes"
    elif np.isfinite(error := semanticity_error(sketches, meanings)):
        bounds = jackknife_interval(value, error, count, -1.0, 1.0)
    row = Row(label, value, bounds, 0.0, note)
    return Measured((row,), {"judge": judge.name, "p": p, "classes": drawn.tolist()})
