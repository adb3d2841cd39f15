"""What messages are made of."""

from learning_to_draw.errors import listed


def test_long_lists_are_cut():
    assert listed(["a", "b"]) == "a, b"
    assert listed(list("abcdefg")) == "a, b, c, d, e, ... (7 in all)"
