"""The table that people read, and the same as JSON."""

import json

import pytest

from learning_to_draw.analysis.measure.table import (
    Measured,
    Row,
    as_json,
    markdown,
    not_measured,
    p_note,
    share,
    summary,
)

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


def test_a_table_for_a_terminal_shows_chosen_rows_and_wraps_what_is_long():
    rows = tuple(share(f"rate without stroke {number}", number, 4, of_what="games") for number in range(3))
    kept = Row("rate without stroke 1, which matters most", 0.25, note="1 of 4 games; change -0.2500")
    text = summary(FOUND | {"erasure": Measured(rows, brief=(kept,))}, 72)
    assert text == (
        "measure                 value   95 % interval  chance\n"
        "rate                    0.250  0.046 to 0.699   0.500  1 of 4 games\n"
        "ink                     1.500                          a|b\n"
        "rate without stroke     0.250                          1 of 4 games;\n"
        "1, which matters most                                  change -0.2500\n"
        "\n"
        "not measured\n"
        "  dots: there are none"
    )
    assert "stroke 2" in markdown({"erasure": Measured(rows, brief=(kept,))})
    odd = summary({"rate": Measured((Row("a\nb" * 60, 0.5, note="word\x1b" * 80), not_measured("c", "d " * 90)))}, 60)
    assert max(map(len, odd.splitlines())) <= 60
    assert "\x1b" not in odd


def test_a_note_says_which_p_it_is():
    assert [p_note("p (Holm)", p) for p in (0.0004, 0.0312)] == ["p (Holm) < 0.001", "p (Holm) = 0.031"]


def test_the_same_as_json():
    found = json.loads(json.dumps(as_json(FOUND)))
    rate, more = found["rate"]["rows"][0], found["rate"]["more"]
    assert (rate["label"], rate["value"], rate["chance"], rate["note"]) == ("rate", 0.25, 0.5, "1 of 4 games")
    assert rate["interval"] == pytest.approx([0.0456, 0.6994], abs=1e-4)
    assert more == [1]
    ink, dots = found["ink"]["rows"]
    assert (ink["value"], ink["interval"], ink["chance"]) == (1.5, None, None)
    assert (dots["value"], dots["note"]) == (None, "not measured: there are none")
