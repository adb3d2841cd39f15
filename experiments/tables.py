"""The papers' tables as data: the options of every row, the papers' rates and the rates measured here.

Tables 1 to 4 and the appendix are from Mihai & Hare 2021, "Learning to Draw". `shared` belongs to the follow-up
paper, which docs/reproduction.md names. `tradeoff` is not in the papers.
Full runs of Tables 1 to 4 use the commands of commands.md (a test compares the two). Quick runs take minutes on a CPU:
Caltech-101 at 64 px, SqueezeNet, one epoch and, in some rows, fewer candidates (`tradeoff` has other options). Compare
quick rows with each other, not with the papers' numbers.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from learning_to_draw.components import options_of
from learning_to_draw.datasets import DATASETS
from learning_to_draw.experiments.rows import Row
from learning_to_draw.reading import Options

# Options of every full run: FULL for training and test, FULL_TRAINING for the training only.
FULL: Options = {
    "dataset_root": "./data",
    "freeze_backbone": True,
    "imagenet_norm": True,
    "invert": True,
    "feature_layer": "relu5_3",
    "sigma2": 5e-4,
    "nlines": 20,
    "data_seed": 0,
    "batch_size": 100,
    "loss": "HingeLoss",
}
FULL_TRAINING: Options = {"learning_rate": "0.0001", "epochs": 250}

QUICK: Options = {"preset": "quick"}

STL10: Options = {"dataset": "STL10", "imagenet_weights": True}
PERCEPTUAL: Options = {"sort_of_perceptual_loss": True}
SAME: Options = {"object_oriented": "same"}
DIFFERENT: Options = {"object_oriented": "different"}
GATES: Options = {"stroke_gates": True}
TEN: Options = {"num_targets": 10}  # as in the paper's Tables 1 and 2: one candidate per class of STL-10
STL10_CANDIDATES = "In the paper, the original game has 100 candidates, and the other games have 10."


@dataclass(frozen=True, eq=False)
class PaperRow:
    """One row of a table.

    name: folder of the row's runs. full, quick, full_training: options that override FULL, QUICK and FULL_TRAINING; the
    value None removes an option. If `quick` itself is None, the row has no quick run, and `note` gives the reason.
    paper: the communication rate in the paper; None if the paper has no number or its number is not known here. seen:
    the rates measured here in quick runs with seeds 0, 1, 2, .... clip: whether CLIP classifies the sketches of the
    full run.
    """

    name: str
    title: str
    full: Mapping
    paper: float | None
    quick: Mapping | None
    seen: Sequence[float] = ()
    full_training: Mapping = field(default_factory=dict)
    note: str = ""
    clip: bool = False

    def row(self, quick: bool, here: Mapping | None = None) -> Row:
        """The row for a sweep, without dataset_root if the data set has no such option.

        here: further options, which override those of the row.
        """
        if quick:
            options = {**QUICK, **(self.quick or {})}
        else:
            options = {**self.full, **FULL, **self.full, **FULL_TRAINING, **self.full_training}
        options = {name: value for name, value in {**options, **(here or {})}.items() if value is not None}
        if "dataset" in options and "dataset_root" not in options_of(DATASETS[options["dataset"]].config):
            options.pop("dataset_root", None)
        return Row(self.name, self.title, options, self.clip and not quick)

    @property
    def band(self) -> tuple[float, float] | None:
        """(lowest, highest) rate expected of a quick run with another seed or on another processor.

        The range is the mean of `seen` ± four standard deviations (at least ± 0.05), within 0..1. None if `seen` has
        fewer than three rates.
        """
        if len(self.seen) < 3:
            return None
        middle, reach = statistics.mean(self.seen), max(0.05, 4 * statistics.stdev(self.seen))
        return max(0.0, middle - reach), min(1.0, middle + reach)


@dataclass(frozen=True)
class Table:
    """One table of `reproduce`. notes: texts below the table. quick_notes: further texts below a table of quick runs.

    folder: of the table's runs, in reproduced/; None: the table's key in TABLES. quick: text that says how quick runs
    differ from the paper's.
    """

    title: str
    rows: tuple[PaperRow, ...]
    quick_notes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    folder: str | None = None
    quick: str = "with other pictures, another encoder and a shorter training than the paper"


# Rates of quick runs that occur in several tables.
ORIGINAL = (0.88154, 0.89846, 0.89154)
ORIGINAL_PERCEPTUAL = (0.82154, 0.83615, 0.84462)
DIFFERENT_PERCEPTUAL = (0.49923, 0.46615, 0.49)


def _layers() -> tuple[PaperRow, ...]:
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
    for game, options, fewer in (("original", {}, {}), ("different", DIFFERENT, TEN)):
        for place, layer in enumerate(("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")):
            loss = {**PERCEPTUAL, "sop_weights": [1 if index == place else 0 for index in range(5)]}
            rows.append(
                PaperRow(
                    f"{game}-{layer}",
                    f"{game}, {layer} alone",
                    {**STL10, **options, **loss},
                    paper[game][place] / 100,
                    {**options, **fewer, **loss},
                    seen[game][place],
                )
            )
    return tuple(rows)


def _lines() -> tuple[PaperRow, ...]:
    seen = {
        1: (0.87846, 0.85385, 0.85538),
        2: (0.92231, 0.91385, 0.90231),
        5: (0.88308, 0.92769, 0.89077),
        10: (0.91154, 0.90923, 0.85385),
        20: ORIGINAL,
        40: (0.87769, 0.81, 0.88846),
    }
    return tuple(
        PaperRow(
            f"lines-{number}",
            "1 line" if number == 1 else f"{number} lines",
            {**STL10, "nlines": number},
            None,
            {"nlines": number},
            rates,
        )
        for number, rates in seen.items()
    )


def _tradeoff() -> tuple[PaperRow, ...]:
    """Returns rows with a price of strokes, a price of ink or no price, on two data sets.

    In all rows except digits-all, the agents can leave out strokes.
    """
    digits = {"dataset": "Digits", "nlines": 20, "invert": True, "data_seed": 0, "sigma2": None, "batch_size": None}
    photos = {"preset": "readable", "data_seed": 0}
    rows = [
        ("digits-all", "Digits, all strokes", digits, {}),
        *_prices("digits-gates", "Digits, gates", digits | GATES, (0.001, 0.003, 0.01), (0.1, 0.3, 1)),
        *_prices("caltech", "Caltech-101, readable", photos, (0.001, 0.003, 0.005), (0.3, 1, 3)),
    ]
    small = {"image_size": 64, "stroke_grid": 12, "sigma2": 5e-4, "epochs": 1, "learning_rate": "0.0005*0.3@[1000]B"}
    # The rates in docs/reproduction.md were measured with this encoder and learning rate; the defaults are others now.
    of_digits = {"preset": None, "epochs": 20, "encoder": "SmallCNNEncoder", "learning_rate": "0.0005"}
    of_quick = {"Digits": of_digits, None: small}
    return tuple(
        PaperRow(
            name,
            title,
            {**dict.fromkeys(name for name in FULL if name != "dataset_root"), **setting, **price},
            None,
            {**of_quick[setting.get("dataset")], **setting, **price},
            full_training=dict.fromkeys(FULL_TRAINING),
        )
        for name, title, setting, price in rows
    )


def _prices(
    name: str, title: str, setting: Options, strokes: Sequence[float], inks: Sequence[float]
) -> Iterator[tuple[str, str, Options, Options]]:
    """Yields (name, title, setting, price) of a row without a price, then of one row per price of strokes or ink."""
    yield name, title, setting, {}
    for price in strokes:
        yield f"{name}-stroke-{price}", f"{title}, {price} per stroke", setting, {"stroke_price": price}
    for price in inks:
        yield f"{name}-ink-{price}", f"{title}, {price} for ink", setting, {"ink_price": price}


def _shared() -> tuple[PaperRow, ...]:
    """Returns one row for every encoder with every loss. In full runs, all pictures have CLIP's size, 224 px."""
    encoders = {
        "vgg16": ("VGG16", {"encoder": "VGG16BackboneExtended", "imagenet_weights": True, "feature_layer": "relu5_3"}),
        "resnet50": ("ResNet50", {"encoder": "ResNet50Backbone", "imagenet_weights": True, "feature_layer": None}),
        "clip-vit": (
            "CLIP ViT-B/32",
            {"encoder": "CLIPVisualEncoder", "clip_model": "ViT-B/32", "feature_layer": None},
        ),
        "clip-rn50": ("CLIP ResNet50", {"encoder": "CLIPVisualEncoder", "clip_model": "RN50", "feature_layer": None}),
    }
    losses = {
        "game": ("game loss", {}, ORIGINAL),
        "perceptual": ("perceptual loss", PERCEPTUAL, ORIGINAL_PERCEPTUAL),
        "clip-loss": ("CLIP loss", {"CLIP_loss": True}, ()),
    }
    rows = []
    for encoder, (encoder_title, eyes) in encoders.items():
        for loss, (loss_title, options, seen) in losses.items():
            quick = encoder == "vgg16"
            rows.append(
                PaperRow(
                    f"{encoder}-{loss}",
                    f"{encoder_title}, {loss_title}",
                    {"dataset": "STL10", "image_size": 224, **eyes, **options},
                    None,
                    options if quick else None,
                    seen if quick else (),
                    note="" if quick else NOT_SMALL,
                    clip=True,
                )
            )
    return tuple(rows)


NOT_SMALL = "this encoder is too large for a quick run"
WIDE: Options = {"latent_size": 1024, "rx_hidden": 1024, "decoder_hidden": 1024, "decoder_hidden2": 1024}
# At the paper's 128 px. The official command of the wide row does not set the size, so it uses 64 px.
CALTECH: Options = {"dataset": "Caltech101", "imagenet_weights": True, "image_size": 128, **DIFFERENT, **PERCEPTUAL}
WEIGHT_DECAY: Options = {"weight_decay": 0.0001}
NO_STYLISED = "the weights of Stylized-ImageNet are for VGG16, which is too large for a quick run"

TABLE1 = (
    PaperRow("original", "original", STL10, 0.690, {}, ORIGINAL),
    PaperRow(
        "original-perceptual",
        "original, perceptual loss",
        {**STL10, **PERCEPTUAL},
        0.660,
        PERCEPTUAL,
        ORIGINAL_PERCEPTUAL,
    ),
    PaperRow("same", "same", {**STL10, **SAME}, 0.963, {**SAME, **TEN}, (0.96615, 0.94692, 0.93923)),
    PaperRow(
        "same-perceptual",
        "same, perceptual loss",
        {**STL10, **SAME, **PERCEPTUAL},
        0.930,
        {**SAME, **TEN, **PERCEPTUAL},
        (0.96154, 0.96231, 0.97308),
    ),
    PaperRow("different", "different", {**STL10, **DIFFERENT}, 0.870, {**DIFFERENT, **TEN}, (0.44615, 0.39, 0.44846)),
    PaperRow(
        "different-perceptual",
        "different, perceptual loss",
        {**STL10, **DIFFERENT, **PERCEPTUAL},
        0.863,
        {**DIFFERENT, **TEN, **PERCEPTUAL},
        DIFFERENT_PERCEPTUAL,
    ),
)

TABLES: dict[str, Table] = {
    "table1": Table("Table 1: three games, with and without the perceptual loss", TABLE1, (STL10_CANDIDATES,)),
    "table2": Table(
        "Table 2: one layer's feature maps in the perceptual loss",
        _layers(),
        ("SqueezeNet's relu1, fire3, fire5, fire7 and fire9 stand for VGG16's five layers.", STL10_CANDIDATES),
    ),
    "table3": Table(
        "Table 3: capacity",
        (
            PaperRow("base", "usual sizes", CALTECH, 0.390, {**DIFFERENT, **TEN, **PERCEPTUAL}, DIFFERENT_PERCEPTUAL),
            PaperRow(
                "capacity",
                "wide",
                {**CALTECH, **WIDE},
                0.470,
                {**DIFFERENT, **TEN, **PERCEPTUAL, **WIDE},
                (0.39846, 0.42077, 0.41462),
                full_training=WEIGHT_DECAY,
            ),
            PaperRow(
                "capacity-text",
                "wide, as the paper's text has it",
                {**CALTECH, **WIDE, "rx_latent_size": 1024},
                0.470,
                {**DIFFERENT, **TEN, **PERCEPTUAL, **WIDE, "rx_latent_size": 1024},
                (0.39846, 0.38538, 0.35846),
                full_training=WEIGHT_DECAY,
            ),
        ),
        ("In this table of the paper, games have 101 candidates, one of each class.",),
        ("The paper's text gives both layers of the receiver's MLP 1,024 units, the official command only the first.",),
    ),
    "table4": Table(
        "Table 4: shape bias",
        (
            PaperRow(
                "imagenet",
                "Caltech-101, ImageNet weights",
                {"dataset": "Caltech101", "imagenet_weights": True, **PERCEPTUAL, "image_size": 128},
                0.786,
                PERCEPTUAL,
                ORIGINAL_PERCEPTUAL,
            ),
            PaperRow(
                "stylised",
                "Caltech-101, Stylized-ImageNet weights",
                {"dataset": "Caltech101", "sin_weights": True, **PERCEPTUAL, "image_size": 128},
                0.800,
                None,
                note=NO_STYLISED,
            ),
            PaperRow(
                "shape-bias",
                "CelebA, Stylized-ImageNet weights (the paper: near perfect)",
                {"dataset": "CelebA", "sin_weights": True, **PERCEPTUAL, "image_size": 112},
                None,
                None,
                note=NO_STYLISED,
            ),
        ),
        ("The paper's games have 100 candidates.",),
    ),
    "lines": Table(
        "Appendix A: the number of lines",
        _lines(),
        ("The paper's games have 100 candidates.",),
        ("The paper shows these rates as a curve, without numbers.",),
    ),
    "tradeoff": Table(
        "Prices for strokes and for ink",
        _tradeoff(),
        (),
        ("The papers have no such table: their agents draw all strokes.",),
        quick="Caltech-101 with 64 px and 12 x 12 cells; 20 epochs of Digits",
    ),
    "shared": Table(
        "Shared visual representations: encoders and losses",
        _shared(),
        (
            "SqueezeNet stands for VGG16, and the pictures have 64 px instead of 224 px.",
            "Quick runs have no counters of CLIP, which need its weights.",
        ),
        (
            "The rows are the encoders and losses that the official code has for the follow-up paper; that paper's own "
            "numbers, and the other options of its runs, are not known here.",
        ),
    ),
    "human": Table(
        "Table 1 with people: three games, with and without the perceptual loss",
        TABLE1,
        (STL10_CANDIDATES,),
        folder="table1",
    ),
}
