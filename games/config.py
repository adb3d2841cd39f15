"""The games by command-line name, and their configuration. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass

from learning_to_draw.components import Component, Config, flag, non_negative_int, option, positive_int


@dataclass(frozen=True, kw_only=True)
class GameConfig(Config):
    """The options of every game."""

    batch_size: int = option(
        48,
        "pictures per batch: one original game of N candidates, or as many object-oriented games as fit (at least one)",
        type=positive_int,
        metavar="N",
    )
    num_targets: int | None = option(
        None,
        "candidates in an object-oriented game, each of a different class; 0 or left out: one of every class",
        type=non_negative_int,
        metavar="N",
    )
    sender_images_per_iter: int | None = option(
        None,
        "turns per game: only N of the candidates are targets, the others are always distractors, and a batch is one "
        "game; left out: as many turns as candidates",
        type=positive_int,
        metavar="N",
    )
    random_transform_sender: bool = flag(
        "show the sender a randomly rotated, translated and scaled copy of its picture, in training and in testing"
    )


GAMES = {
    "none": Component(GameConfig, "games.sampling:OriginalGame", summary="candidates of any classes (original)"),
    "same": Component(GameConfig, "games.sampling:SameGame", summary="the target is the picture that the sender sees"),
    "different": Component(
        GameConfig, "games.sampling:DifferentGame", summary="the target is another picture of the same class"
    ),
    "mixed": Component(
        GameConfig, "games.sampling:MixedGame", summary="same for half of the turns, different for half"
    ),
}
