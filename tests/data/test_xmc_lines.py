"""The parser of sparse text: against a plain one and scikit-learn's, and what it says of a bad line."""

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_svmlight_file

from xclass.data.xmc.lines import parse_lines, split_header
from xclass.errors import DataError

FILE = Path("train.txt")


def parse(text):
    return parse_lines(text, path=FILE, first_line=1)


def as_rows(lines):
    """(classes, {column: value}) of each line."""
    class_ends, ends = np.cumsum(lines.num_classes), np.cumsum(lines.num_features)
    return [
        (
            lines.classes[class_ends[i] - lines.num_classes[i] : class_ends[i]].tolist(),
            dict(
                zip(
                    lines.columns[ends[i] - lines.num_features[i] : ends[i]].tolist(),
                    lines.values[ends[i] - lines.num_features[i] : ends[i]].tolist(),
                    strict=True,
                )
            ),
        )
        for i in range(len(lines.num_classes))
    ]


a_value = st.floats(-1e6, 1e6, width=32)
a_row = st.tuples(
    st.lists(st.integers(0, 10**6), max_size=4), st.dictionaries(st.integers(0, 10**6), a_value, max_size=6)
)


def written(rows, *, newline="\n", gap=" "):
    lines = [
        ",".join(map(str, classes)) + "".join(f"{gap}{c}:{v!r}" for c, v in features.items())
        for classes, features in rows
    ]
    return "".join(line + newline for line in lines).encode()


@given(rows=st.lists(a_row, min_size=1, max_size=8), newline=st.sampled_from(["\n", "\r\n", " \n"]))
@settings(deadline=None, max_examples=60)
def test_what_is_written_is_read_back_with_columns_rising(rows, newline):
    found = as_rows(parse(written(rows, newline=newline, gap="\t" if newline == "\n" else " ")))
    filled = [(classes, features) for classes, features in rows if classes or features]
    assert [classes for classes, _ in found] == [classes for classes, _ in filled]
    for (_, features), (_, expected) in zip(found, filled, strict=True):
        assert list(features) == sorted(expected)
        assert features == {column: float(np.float32(value)) for column, value in expected.items()}


@given(text=st.text(st.sampled_from("0123459:, .-e\nxé_"), max_size=30))
@settings(deadline=None, max_examples=200)
def test_any_text_is_read_or_refused_with_a_reason(text):
    with contextlib.suppress(DataError):
        parse((text + "\n").encode())


def test_scikit_learn_reads_the_same():
    text = b"3,1 2:0.5 9:1.25\n 0:3 4:1e-3\n7\n12 1:-2.5\n"
    lines = parse(text)
    matrix, classes = load_svmlight_file(io.BytesIO(text), multilabel=True, zero_based=True)
    assert [sorted(row) for row, _ in as_rows(lines)] == [list(map(int, row)) for row in classes]
    np.testing.assert_array_equal(matrix.indices, lines.columns)
    np.testing.assert_array_equal(matrix.data.astype(np.float32), lines.values)
    np.testing.assert_array_equal(np.diff(matrix.indptr), lines.num_features)


def test_blank_lines_count_as_lines_and_are_no_rows():
    lines = parse(b"1 2:3\n\n\n 4:5\n")
    assert lines.numbers.tolist() == [1, 4]
    assert lines.line_of_column(1) == 4


def test_a_header_is_three_whole_numbers():
    header, rest = split_header(b"12 300 40 \n1 2:3\n")
    assert (header.num_rows, header.num_features, header.num_classes, rest) == (12, 300, 40, b"1 2:3\n")
    assert split_header(b"1 2:3 4:5\n") == (None, b"1 2:3 4:5\n")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a 1:2", "'a' is no class number"),
        ("-1 2:3", "'-1' is no class number"),
        ("1.5 2:3", "'1.5' is no class number"),
        ("1,,2 3:4", "'' is no class number"),
        ("1 2", "'2' is no feature:value"),
        ("1 :3", "':3' is no feature:value"),
        ("1 2.5:1", "'2.5:1' is no feature:value"),
        ("1 99999999999:1", "'99999999999:1' is no feature:value"),
        ("1 2:3 4", "'4' is no feature:value"),
        ("1 2:3:4 5", "'2:3:4' has no number"),
        ("1 2:", "'2:' has no number"),
        ("1 2:nan", "'2:nan' has no number"),
        ("1 2:1e60", "'2:1e60' has no number"),
        ("1 3:1;4", "'3:1;4' has no number"),
        ("1 3:1_0", "'3:1_0' has no number"),
        ("1 3:1 2:4 3:2", "feature 3 twice"),
        ("1 " + "x" * 500, "..."),
    ],
)
def test_a_bad_line_is_named_with_what_is_wrong_and_right(line, reason):
    with pytest.raises(DataError) as caught:
        parse_lines(b"1 1:1\n" + line.encode() + b"\n2 2:2\n", path=FILE, first_line=10)
    message = str(caught.value)
    assert message.startswith("train.txt:11: ")
    assert reason in message
    assert "such as 3,17 2:0.5 9:1.25" in message
    assert "\n" not in message
    assert len(message) < 250
