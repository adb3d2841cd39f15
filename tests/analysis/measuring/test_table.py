"""The table that people read, and the same as JSON."""

import json

import pytest

from learning_to_draw.analysis.measure.table import Measured, Row, as_json, markdown, not_measured, share

FOUND = {
    "rate": Measured((share("rate", 1, 4, of_what="games", chance=0.5),), {"more": [1]}),
    "ink": Measured((Row("ink", 1.5, note="a|b"), not_measured("dots", "there are none"))),
}


def test_a_table_in_markdown():
    assert markdown(FOUND) == (
        "| measure |  value |    95 % interval | chance | note                         |\n"
        "| ------- | -----: | ---------------: | -----: | ---------------------------- |\n"
        "| rate    | 0.2500 | 0.0456 to 0.6994 | 0.5000 | 1 of 4 games                 |\n"
        "| ink     | 1.5000 |                  |        | a\\|b                         |\n"
        "| dots    |      - |                  |        | not measured: there are none |"
    )


def test_the_same_as_json():
    found = json.loads(json.dumps(as_json(FOUND)))
    rate, more = found["rate"]["rows"][0], found["rate"]["more"]
    assert (rate["label"], rate["value"], rate["chance"], rate["note"]) == ("rate", 0.25, 0.5, "1 of 4 games")
    assert rate["interval"] == pytest.approx([0.0456, 0.6994], abs=1e-4)
    assert more == [1]
    ink, dots = found["ink"]["rows"]
    assert (ink["value"], ink["interval"], ink["chance"]) == (1.5, None, None)
    assert (dots["value"], dots["note"]) == (None, "not measured: there are none")
