"""What the file of a sweep may say."""

import re
from pathlib import Path

from learning_to_draw.experiments.sweep_file import read_sweep

ROOT = Path(__file__).parents[2]


def test_options_are_named_as_in_python_or_on_the_command_line(written):
    rows, seeds = read_sweep(
        written(
            """
            [common]
            game = "same"
            batch-size = 100
            learning-rate = 0.001
            invert = true
            [rows.a]
            batch_size = 50
            invert = false
            sort-of-perceptual-loss = true
            sop-weights = [1, 0.5]
            [rows.b]
            object-oriented = "different"
            freeze-vgg = true
            encoder = "VGG16Backbone"
            decoder = "SinglePassPolyConnectDecoder"
            allow-points = false
            """
        )
    )
    assert seeds == [0]
    assert [row.title for row in rows] == ["a", "b"]
    a, b = (row.values for row in rows)
    assert (a["object_oriented"], a["batch_size"], a["learning_rate"]) == ("same", 50, "0.001")
    assert (a["invert"], a["sop_weights"]) == (False, (1.0, 0.5))
    assert (b["object_oriented"], b["batch_size"], b["freeze_backbone"]) == ("different", 100, True)
    assert (b["invert"], b["allow_points"]) == (True, False)


def test_the_examples_of_the_page(written):
    page = (ROOT / "docs" / "sweeps.md").read_text()
    example, grid, tests = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    rows, seeds = read_sweep(written(example))
    assert ([row.title for row in rows], seeds) == (["few", "many lines"], [0, 1, 2])
    assert [row.values["nlines"] for row in rows] == [3, 20]
    rows, _ = read_sweep(written(grid))
    assert len(rows) == 6
    assert rows[0].name == "nlines-1_game-same"
    rows, _ = read_sweep(written(f"{example}\n{tests}"))
    assert rows[0].tests == {"test": {}, "ten": {"object_oriented": "same", "num_targets": 10}}


def test_a_grid_has_a_row_for_every_combination(written):
    rows, _ = read_sweep(
        written(
            """
            [grid]
            nlines = [1, 5]
            game = ["original", "same"]
            learning-rate = ["0.001", "0.001*0.5@[10]B"]
            """
        )
    )
    assert len({row.name for row in rows}) == 8
    assert rows[0].name == "nlines-1_game-original_learning-rate-0.001"
    assert rows[-1].name == "nlines-5_game-same_learning-rate-0.001-0.5-10-B"
    assert rows[-1].title == "nlines 5, game same, learning-rate 0.001*0.5@[10]B"
    assert [(row.values["nlines"], row.values["object_oriented"]) for row in rows[::2]] == [
        (1, "none"),
        (1, "same"),
        (5, "none"),
        (5, "same"),
    ]
