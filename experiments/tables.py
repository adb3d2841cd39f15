"""The paper's tables (Mihai & Hare 2021) as data: each row's options, the paper's rate and the rates measured here.

The full commands are those of commands.md (a test compares the two). The quick commands take minutes on a CPU:
Caltech-101 at 64 px, SqueezeNet, one epoch and, in some tables, fewer candidates. Quick rows can be compared with each
other, not with the paper's numbers.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

# Options of every full run: FULL for training and test, FULL_TRAINING for the training only.
FULL = (
    "--dataset-root ./data --freeze-vgg --imagenet-norm --invert --feature-layer relu5_3 --sigma2 5e-4 --nlines 20 "
    "--data-seed 0 --batch-size 100 --loss HingeLoss"
)
FULL_TRAINING = "--learning-rate 0.0001 --epochs 250"

QUICK = "--preset quick"

STL10 = "--dataset STL10 --imagenet-weights"
PERCEPTUAL = "--sort-of-perceptual-loss"
SAME, DIFFERENT = "--object-oriented same", "--object-oriented different"
TEN = "--num-targets 10"  # the number of STL-10's classes, and so of candidates in the paper's Tables 1 and 2
STL10_CANDIDATES = "The paper's games have 100 candidates in the original game, and 10 in the others."


@dataclass(frozen=True)
class Row:
    """One row of a table.

    name: also the name of its runs' folder. full, quick: its options in addition to FULL and QUICK; quick is None if
    the row has no quick run, for the reason in `note`. paper: the communication rate in the paper (0..1); None if the
    paper gives no number. seen: the rates of quick runs with seeds 0, 1, 2, ..., as measured here.
    """

    name: str
    title: str
    full: str
    paper: float | None
    quick: str | None
    seen: Sequence[float] = ()
    full_training: str = ""  # further options that the paper's test does not repeat
    note: str = ""

    @property
    def commands(self) -> tuple[str, str]:
        """The commands of the paper's training and test, as in commands.md."""
        training = " ".join(part for part in (self.full, FULL, FULL_TRAINING, self.full_training) if part)
        return (
            f"python commgame.py train {training} --output out/{self.name}",
            f"python commgame.py eval {self.full} {FULL} --weights out/{self.name}/model_final.pt "
            f"--output out/{self.name}-test",
        )

    @property
    def band(self) -> tuple[float, float] | None:
        """(lowest, highest) rate expected of a quick run with another seed or on another processor.

        It is the mean of `seen` ± four standard deviations (at least ± 0.05), within 0..1. None if `seen` has fewer
        than three rates.
        """
        if len(self.seen) < 3:
            return None
        middle, reach = statistics.mean(self.seen), max(0.05, 4 * statistics.stdev(self.seen))
        return max(0.0, middle - reach), min(1.0, middle + reach)


@dataclass(frozen=True)
class Table:
    """One table of the paper. quick_notes: how its quick rows differ from the paper."""

    title: str
    rows: tuple[Row, ...]
    quick_notes: tuple[str, ...] = ()


# Rates of quick runs that occur in two tables.
ORIGINAL_PERCEPTUAL = (0.82154, 0.83615, 0.84462)
DIFFERENT_PERCEPTUAL = (0.49923, 0.46615, 0.49)


def _layers() -> tuple[Row, ...]:
    paper = {"original": (54.0, 64.0, 77.0, 74.0, 67.0), "different": (85.0, 87.5, 86.3, 88.7, 90.5)}
    seen = {
        "original": (
            (0.85154, 0.76692, 0.78846),
            (0.78692, 0.80615, 0.82),
            (0.81769, 0.83846, 0.83692),
            (0.86462, 0.84615, 0.85923),
            (0.85846, 0.85308, 0.83615),
        ),
        "different": (
            (0.46385, 0.42, 0.44),
            (0.42462, 0.41, 0.44615),
            (0.42231, 0.40615, 0.39538),
            (0.48385, 0.44462, 0.45538),
            (0.49769, 0.48462, 0.45923),
        ),
    }
    rows = []
    for game, options in (("original", ""), ("different", f"{DIFFERENT} ")):
        for place, layer in enumerate(("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")):
            weights = " ".join("1" if index == place else "0" for index in range(5))
            loss = f"{PERCEPTUAL} --sop-weights {weights}"
            rows.append(
                Row(
                    f"{game}-{layer}",
                    f"{game}, {layer} alone",
                    f"{STL10} {options}{loss}",
                    paper[game][place] / 100,
                    f"{options}{TEN + ' ' if options else ''}{loss}",
                    seen[game][place],
                )
            )
    return tuple(rows)


WIDE = "--latent-size 1024 --rx-hidden 1024 --decoder-hidden 1024 --decoder-hidden2 1024"
# At the paper's 128 px; the official command of the wide row does not set the size and so plays at 64 px.
CALTECH = f"--dataset Caltech101 --imagenet-weights --image-size 128 {DIFFERENT} {PERCEPTUAL}"
NO_STYLISED = "the weights of Stylized-ImageNet are for VGG16, which is too large for a quick run"

TABLES: dict[str, Table] = {
    "table1": Table(
        "Table 1: three games, with and without the perceptual loss",
        (
            Row("original", "original", STL10, 0.690, "", (0.88154, 0.89846, 0.89154)),
            Row(
                "original-perceptual",
                "original, perceptual loss",
                f"{STL10} {PERCEPTUAL}",
                0.660,
                PERCEPTUAL,
                ORIGINAL_PERCEPTUAL,
            ),
            Row("same", "same", f"{STL10} {SAME}", 0.963, f"{SAME} {TEN}", (0.96615, 0.94692, 0.93923)),
            Row(
                "same-perceptual",
                "same, perceptual loss",
                f"{STL10} {SAME} {PERCEPTUAL}",
                0.930,
                f"{SAME} {TEN} {PERCEPTUAL}",
                (0.96154, 0.96231, 0.97308),
            ),
            Row(
                "different",
                "different",
                f"{STL10} {DIFFERENT}",
                0.870,
                f"{DIFFERENT} {TEN}",
                (0.44615, 0.39, 0.44846),
            ),
            Row(
                "different-perceptual",
                "different, perceptual loss",
                f"{STL10} {DIFFERENT} {PERCEPTUAL}",
                0.863,
                f"{DIFFERENT} {TEN} {PERCEPTUAL}",
                DIFFERENT_PERCEPTUAL,
            ),
        ),
        (STL10_CANDIDATES,),
    ),
    "table2": Table(
        "Table 2: one layer's feature maps in the perceptual loss",
        _layers(),
        ("SqueezeNet's relu1, fire3, fire5, fire7 and fire9 stand for VGG16's five layers.", STL10_CANDIDATES),
    ),
    "table3": Table(
        "Table 3: capacity",
        (
            Row("base", "usual sizes", CALTECH, 0.390, f"{DIFFERENT} {TEN} {PERCEPTUAL}", DIFFERENT_PERCEPTUAL),
            Row(
                "capacity",
                "wide",
                f"{CALTECH} {WIDE}",
                0.470,
                f"{DIFFERENT} {TEN} {PERCEPTUAL} {WIDE}",
                (0.39846, 0.42077, 0.41462),
                full_training="--weight-decay 0.0001",
            ),
        ),
        ("The paper's games have 101 candidates here, one of each class.",),
    ),
    "table4": Table(
        "Table 4: shape bias",
        (
            Row(
                "imagenet",
                "Caltech-101, ImageNet weights",
                f"--dataset Caltech101 --imagenet-weights {PERCEPTUAL} --image-size 128",
                0.786,
                PERCEPTUAL,
                ORIGINAL_PERCEPTUAL,
            ),
            Row(
                "stylised",
                "Caltech-101, Stylized-ImageNet weights",
                f"--dataset Caltech101 --sin-weights {PERCEPTUAL} --image-size 128",
                0.800,
                None,
                note=NO_STYLISED,
            ),
            Row(
                "shape-bias",
                "CelebA, Stylized-ImageNet weights (the paper: near perfect)",
                f"--dataset CelebA --sin-weights {PERCEPTUAL} --image-size 112",
                None,
                None,
                note=NO_STYLISED,
            ),
        ),
        ("The paper's games have 100 candidates.",),
    ),
}
