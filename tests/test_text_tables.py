"""Tables of text, against tables written by hand."""

from learning_to_draw.text_tables import aligned, as_csv, escape_markdown, markdown, mean_and_deviation, p_text

ROWS = [["row", "rate, %"], ["few lines", "8.0"], ["many", "82.5 ± 1.0"]]


def test_aligned_with_and_without_a_rule():
    assert aligned(ROWS) == "row           rate, %\nfew lines         8.0\nmany       82.5 ± 1.0"
    assert aligned(ROWS, rule=True).splitlines()[1] == "---------  ----------"


def test_markdown_aligns_numbers_to_the_right():
    assert markdown(ROWS[:2]) == "| row | rate, % |\n| --- | ---: |\n| few lines | 8.0 |"
    assert markdown(ROWS[:2], text_columns=(0, 1)).splitlines()[1] == "| --- | --- |"
    assert escape_markdown("a|b_c `[ ~~d~~ &lt;") == "a\\|b\\_c \\`\\[ \\~\\~d\\~\\~ \\&lt;"


def test_csv_quotes_what_has_to_be_quoted():
    assert as_csv(ROWS[:2]) == 'row,"rate, %"\nfew lines,8.0\n'


def test_mean_and_deviation_of_rates():
    assert mean_and_deviation([0.5, 0.6, 0.7]) == "60.0 ± 10.0"  # n - 1
    assert mean_and_deviation([0.5]) == "50.0"


def test_no_p_value_is_shown_as_zero():
    assert [p_text(p) for p in (1e-9, 0.000999, 0.001, 0.05, 1.0)] == ["< 0.001", "< 0.001", "0.001", "0.050", "1.000"]
