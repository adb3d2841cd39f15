"""`commgame.py clip-analysis`: what CLIP sees in the pictures of a game log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path, PurePosixPath

from learning_to_draw.analysis.measures.zero_shot import closest, picture_embeddings, sentence_embeddings
from learning_to_draw.analysis.official.clip_entries import CLIP_FILE, Seen, entries
from learning_to_draw.analysis.official.hash_classes import read_hash_classes
from learning_to_draw.errors import UsageError, listed
from learning_to_draw.models.encoders.clip import load_clip
from learning_to_draw.reading import read_text
from learning_to_draw.trials.build import choose_device
from learning_to_draw.trials.records.atomic import write_json
from learning_to_draw.trials.records.gamelog import GameLog, Turn, read_log
from learning_to_draw.trials.records.output import check_new


def clip_analysis(
    log: Path,
    output: Path | None,
    hash_classes: Path,
    classes: Sequence[str] | None,
    classes_file: Path | None,
    templates: Sequence[tuple[str, str]],
    clip_model: str,
    device: str | None,
    *,
    pretrained: bool = True,
) -> str:
    """Writes what CLIP sees in each game of a log to `output` (None: clip-analysis.json in the log's folder).

    Returns a message for the user. templates: (name, sentence with {} for the class). pretrained: False leaves CLIP's
    weights random. Raises UsageError if a file cannot be read or does not fit the log, if CLIP is not available, or if
    the output exists.
    """
    source = read_log(log)
    output = output or source.folder / CLIP_FILE
    check_new(output)
    true_classes = read_hash_classes(hash_classes)
    given = classes if classes_file is None else read_names(classes_file)
    classes = list(dict.fromkeys(given or sorted(set(true_classes.values()))))
    true = [true_class(game, true_classes, hash_classes) for game in source.games]
    _check_classes(classes, true, hash_classes)
    place = choose_device(device)

    model = load_clip(clip_model, pretrained=pretrained).to(place)
    meanings = [Seen(cls, name) for (name, _), cls in product(templates, classes)]
    sentences = [text.replace("{}", cls) for (_, text), cls in product(templates, classes)]
    names = shown_pictures(source)
    paths = [source.picture(name) for name in names]
    pictures = picture_embeddings(model, paths, place)
    best = closest(pictures, sentence_embeddings(model, clip_model, sentences, place))
    seen = {name: meanings[index] for name, index in zip(names, best.tolist(), strict=True)}
    write_json(output, entries(source.games, seen, true), new=True)
    return f"{len(source.games)} games, {len(names)} pictures, {len(sentences)} sentences; written to {output}"


def shown_pictures(log: GameLog) -> list[str]:
    """Returns the names of all sketches, targets and guessed pictures of a log, each once."""
    shown = ((game.sketch, game.target_picture, game.guessed_picture) for game in log.games)
    return list(dict.fromkeys(name for names in shown for name in names))


def true_class(game: Turn, true_classes: Mapping[str, str], path: Path) -> str:
    """Returns the class of a game's target. true_classes: md5 -> class, read from `path`.

    Raises UsageError if the target is not in `true_classes`.
    """
    name = game.target_picture
    try:
        return true_classes[PurePosixPath(name).stem]
    except KeyError:
        raise UsageError(
            f"the target {name} is not in --hash-classes {path}.\n"
            "Create that file again with dump-hashes-classes --name, and with the data set options of the log's test, "
            "such as --image-size."
        ) from None


def read_names(path: Path) -> list[str]:
    advice = "Give a text file with one class per line."
    names = [line.strip() for line in read_text(path, advice=advice).splitlines() if line.strip()]
    if not names:
        raise UsageError(f"--classes-file {path} names no class.\n{advice}")
    return names


def _check_classes(classes: Sequence[str], true: Sequence[str], path: Path) -> None:
    """Raises UsageError if no given class is a true class, because CLIP could then never be right."""
    if set(classes).isdisjoint(true):
        raise UsageError(
            f"none of the classes ({listed(classes)}) is the class of a target; "
            f"in --hash-classes {path}, the first target has the class {true[0]!r}.\n"
            "Give class names as they are in that file. If it has numbers instead of names, create it again with "
            "dump-hashes-classes --name."
        )
