"""`commgame.py measure`: how well a sketched language works, and what kind of language it is, in numbers."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from learning_to_draw.analysis.measure import MEASURES
from learning_to_draw.analysis.measure.material import LEAST, LogData, Settings
from learning_to_draw.analysis.measure.replay import Replay, load_replay
from learning_to_draw.analysis.measure.saved import content
from learning_to_draw.analysis.measure.table import Measured, NotMeasured, not_measured, summary
from learning_to_draw.analysis.measure.table import markdown as as_markdown
from learning_to_draw.analysis.measure.training_photos import TrainingPhotos, load_training_photos
from learning_to_draw.analysis.measure.word_vectors import read_word_vectors
from learning_to_draw.analysis.measures.judge import load_judge
from learning_to_draw.analysis.measures.judge_names import is_own_eye
from learning_to_draw.analysis.measures.legibility import Clip
from learning_to_draw.analysis.official.clip_analysis import read_names
from learning_to_draw.components import load
from learning_to_draw.errors import UsageError
from learning_to_draw.models.encoders.clip import load_clip
from learning_to_draw.trials.build import choose_device
from learning_to_draw.trials.config.run import meeting_of
from learning_to_draw.trials.records.atomic import write_json
from learning_to_draw.trials.records.gamelog import GameLog, read_log
from learning_to_draw.trials.records.output import check_new

logger = logging.getLogger("commgame")

MOST_COLUMNS = 100  # of the table for a terminal
JUDGED = {"judge", "symbolicity", "semanticity"}  # the measures that need a judge


def measure(
    logs: Sequence[Path],
    weights: Sequence[Path] | None,
    trust_weights: bool,
    plugin: Path | None,
    features: str,
    sample: int,
    seed: int,
    only: Collection[str] | None,
    json: Path | None,
    device: str | None,
    clip: bool,
    clip_model: str,
    classes: Sequence[str] | None,
    classes_file: Path | None,
    markdown: bool = False,
    judge: str | None = None,
    judge_weights: Path | None = None,
    dataset_root: Path | None = None,
    word_vectors: Path | None = None,
    agent: str | None = None,
    *,
    pretrained: bool = True,
) -> str:
    """Returns a table for each log and, if there are two or more logs, one for all of them.

    Also writes all numbers to `json`, if given.
    analysis/measure/options.py describes the options. pretrained: False leaves the weights of CLIP and of the judge
    random.
    Raises UsageError if an input cannot be read, or inputs do not fit together.
    """
    if json is not None:
        check_new(json)
    chosen = [name for name in MEASURES if only is None or name in only]
    _check_options(logs, weights, features, sample, clip, classes or classes_file)
    if judge is None and (judge_weights or dataset_root or word_vectors):
        raise UsageError("--judge-weights, --dataset-root and --word-vectors need --judge.\nAdd --judge, or omit them.")
    names = classes if classes_file is None else read_names(classes_file)
    place = choose_device(device)
    given = [_chosen(read_log(folder), agent) for folder in logs]
    sources = [log for pairs in given for log in pairs]
    replays: list[Replay | None] = [None] * len(sources)
    if weights:
        played = ((path, log) for path, pairs in zip(weights, given, strict=True) for log in pairs)
        replays = [load_replay(path, log, place, trust=trust_weights, plugin=plugin) for path, log in played]
    classifier = None
    if clip and "legibility" in chosen:
        classifier = Clip(clip_model, load_clip(clip_model, pretrained=pretrained).to(place), place)
    meanings = None
    if word_vectors is not None:
        meanings = read_word_vectors(word_vectors, {game.photo_class or "" for log in sources for game in log.games})
    network = None
    photos: list[TrainingPhotos | None] = [None] * len(sources)
    if judge is not None and JUDGED & set(chosen):
        _warn_of_own_eyes(judge, sources)
        network = load_judge(judge, place, judge_weights, pretrained=pretrained)
        if "judge" in chosen or ("semanticity" in chosen and word_vectors is None):
            photos = [load_training_photos(log, seed, plugin=plugin, dataset_root=dataset_root) for log in sources]
    settings = Settings(features, sample, seed, classifier, names, network, meanings)
    of_logs = zip(sources, replays, photos, strict=True)
    materials = [LogData(log, settings, replay, lesson) for log, replay, lesson in of_logs]

    of_each = [name for name in chosen if not MEASURES[name].of_all_logs]
    by_log = [_take(of_each, material, material.log.title) for material in materials]
    together = _take([name for name in chosen if MEASURES[name].of_all_logs], materials, "all logs")
    if json is not None:
        write_json(json, content(materials, by_log, together), new=True)
    width = max(60, min(shutil.get_terminal_size((MOST_COLUMNS, 24)).columns, MOST_COLUMNS))

    def table(measured: Mapping[str, Measured]) -> str:
        return as_markdown(measured) if markdown else summary(measured, width)

    if len(materials) == 1:
        return table(by_log[0] | together)
    headings = [*(log.title for log in sources), f"all {len(sources)} logs"]
    tables = zip(headings, [*by_log, together], strict=True)
    return "\n\n".join(f"{'### ' * markdown}{heading}\n\n{table(measured)}" for heading, measured in tables if measured)


def _chosen(log: GameLog, agent: str | None) -> list[GameLog]:
    """Returns one log, the games of the pair `agent`: sender K with receiver K for "K", or with receiver J for "K,J".

    If `agent` is None, returns one log for each pair of own partners that played (such as sender 0 with receiver 0), or
    only `log` itself if one pair played all games.
    """
    return log.own_pairs() if agent is None else [log.of_pair(*meeting_of(agent))]


def _take(chosen: Sequence[str], material: LogData | Sequence[LogData], of: str) -> dict[str, Measured]:
    """Returns name -> result of each chosen measure. A measure that is not available gives one row with the reason.

    of: what is measured, for the message that is logged.
    """
    results = {}
    for name in chosen:
        logger.info("measuring %s of %s", name, of)
        try:
            results[name] = load(MEASURES[name].target)(material)
        except NotMeasured as reason:
            results[name] = Measured((not_measured(name, reason),))
    return results


def _warn_of_own_eyes(judge: str, logs: Sequence[GameLog]) -> None:
    """Warns of each game log whose agents have an encoder with the judge's architecture."""
    for log in logs:
        if is_own_eye(judge, log.card.get("options", {})):
            logger.warning(
                "--judge %s has the architecture of the agents' encoder in %s: it is not independent. Sketches made "
                "for this network may be legible to it and to nobody else. Choose another judge.",
                judge,
                log.folder,
            )


def _check_options(
    logs: Sequence[Path], weights: Sequence[Path] | None, features: str, sample: int, clip: bool, classes: object
) -> None:
    if weights and len(weights) != len(logs):
        raise UsageError(
            f"the number of --weights ({len(weights)}) is not the number of logs ({len(logs)}).\n"
            "Give --weights once for each log, in the order of the logs, or omit it."
        )
    if features == "encoder" and not weights:
        raise UsageError("--features encoder needs the agents' encoders.\nGive their checkpoint with --weights.")
    if sample < LEAST:
        raise UsageError(f"--sample {sample}: comparing distances needs at least {LEAST} games.\nGive a larger number.")
    if classes and not clip:
        raise UsageError("--classes and --classes-file need --clip.\nAdd --clip, or omit them.")
