"""What `commgame.py measure` can measure. This module does not import torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """An entry of `MEASURES`: the function that computes a measure.

    target: "module:function", with the module relative to learning_to_draw. The function takes one `material.LogData`
    or, if `of_all_logs`, a list with one per log. It returns a `table.Measured`, or raises `table.NotMeasured` if a log
    lacks what the measure needs.
    """

    target: str
    of_all_logs: bool = False


CLASSES, DRAWINGS = "analysis.measure.class_rows", "analysis.measure.drawing_rows"
JUDGE = "analysis.measure.judge_rows"

# In the order of the table that the command prints.
MEASURES = {
    "rate": Measure(f"{CLASSES}:communication_rate"),
    "classes": Measure(f"{CLASSES}:class_rates"),
    "confusion": Measure(f"{CLASSES}:class_confusion"),
    "topographic": Measure(f"{DRAWINGS}:topographic"),
    "prototypes": Measure(f"{CLASSES}:prototype_accuracy"),
    "legibility": Measure(f"{CLASSES}:legibility"),
    "erasure": Measure(f"{DRAWINGS}:stroke_erasure"),
    "ink": Measure(f"{DRAWINGS}:use_of_ink"),
    "strokes": Measure(f"{DRAWINGS}:idle_strokes"),
    "diversity": Measure(f"{DRAWINGS}:diversity"),
    "consistency": Measure(f"{DRAWINGS}:run_consistency", of_all_logs=True),
    "erasure-pairs": Measure(f"{DRAWINGS}:erasure_pairs", of_all_logs=True),
    "judge": Measure(f"{JUDGE}:judged"),
    "symbolicity": Measure(f"{JUDGE}:symbolicity"),
    "semanticity": Measure(f"{JUDGE}:semanticity_of_sketches"),
    "controls": Measure("analysis.measure.control_rows:controls"),
    "roles": Measure(f"{DRAWINGS}:roles"),
}
