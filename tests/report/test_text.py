from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from xclass.report.text import (
    clean,
    code,
    escape,
    fence,
    link,
    points_text,
    rate_text,
    share_with_interval,
    value_text,
)

HOSTILE = "a|b`c<script>alert(1)</script>*d*[e](http://x)\n# f\x1b[31m_g_\\|&amp;\u202e"


@pytest.mark.parametrize(
    ("share", "low", "high", "expected"),
    [
        (0.37312, 0.37122, 0.37508, ("37.3", "37.1", "37.6")),
        (0.37312, 0.354, 0.392, ("37", "35", "40")),
        (0.5, 0.0945, 0.9055, ("50", "9", "91")),
        (0.0, 0.0, 0.000384, ("0.00", "0.00", "0.04")),
        (1.0, 0.9996, 1.0, ("100.00", "99.96", "100.00")),
        (0.35, 0.35, 0.35, ("35.0000", "35.0000", "35.0000")),
    ],
)
def test_a_share_has_no_more_digits_than_its_interval(share, low, high, expected):
    assert share_with_interval(share, low, high) == expected


def test_names_stay_readable():
    assert code("dense_softmax") == "`dense_softmax`"
    assert escape("dense_softmax at 5e6") == "dense_softmax at 5e6"
    assert escape("_x_") == "\\_x\\_"


def test_escaped_text_is_one_harmless_line():
    for text in (escape(HOSTILE), code(HOSTILE)):
        assert "<" not in text
        assert "|" not in text
        assert "\n" not in text
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "](" not in text.replace("\\](", "")


@given(st.text())
def test_no_text_opens_a_tag_a_cell_or_a_line(text):
    for shown in (escape(text), code(text)):
        assert not set(shown) & set("<>|\n\r")


@given(st.text() | st.from_regex(r"[#+=\-*0-9.)> ]{1,4} ?a?", fullmatch=True))
def test_no_text_begins_a_block_in_an_item_of_a_list(text):
    html = MarkdownIt("commonmark").enable("table").render(f"- {escape(text)}\n- b")
    assert html.replace("<p>", "").replace("</p>", "").count("<") == html.count("<li>") * 2 + 2 == 6


def test_a_link_stays_below_the_report():
    assert link("a", "heap/x y.html") == "[a](heap/x%20y.html)"
    assert link("a", "../../etc/passwd") == "[a](etc/passwd)"
    assert link("a", "//evil.com/x") == "[a](evil.com/x)"
    assert link("a", "javascript:alert(1)") == "[a](javascript%3Aalert%281%29)"


def test_no_line_closes_a_fence():
    text = fence("a\n```\n````\nb\x1b", "sh")
    assert text == "`````sh\na\n```\n````\nb\n`````"


def test_numbers_and_other_values():
    assert rate_text(41290.3) == "41,300"
    assert rate_text(0.01234) == "0.0123"
    assert rate_text(0) == "0"
    assert rate_text(None) == "-"
    assert [value_text(v) for v in (None, True, 1234567, 0.8123, "a|b", [], [1, "x"])] == [
        "-",
        "yes",
        "1,234,567",
        "0.8123",
        "a&#124;b",
        "-",
        "1, x",
    ]
    assert clean("a\tb\r\n") == "a b"


@pytest.mark.parametrize(
    ("difference", "error", "shown"),
    [(0.0123, 0.02, "+1"), (0.0123, 0.002, "+1.2"), (-0.0123, 0.0004, "-1.23"), (0.0123, 0.3, "+1")],
)
def test_a_difference_has_no_digit_that_its_error_makes_meaningless(difference, error, shown):
    assert points_text(difference, error) == shown
