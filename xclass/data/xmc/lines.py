"""Lines ``class,class feature:value feature:value`` -> arrays, a few MiB at a time; a fault names its line.

Source: http://manikvarma.org/downloads/XC/XMLRepository.html, "Dataset format": a header line "number of
points, features, labels", then per point its labels and its features; a point without labels begins with a
blank. scikit-learn's ``load_svmlight_file`` reads the same at the same speed (4.5 million entries a second of
a core here), but names no line, and refuses columns that do not rise, which the format does not ask for.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from xclass.data.base import FloatArray, IntArray
from xclass.errors import DataError

MAX_COLUMN = (1 << 31) - 2
MAX_CLASS = (1 << 53) - 1
"""Numbers are read as float64, which holds whole ones up to here."""

_COMMA, _SPACE, _COLON, _NEWLINE = b", :\n"
_TO_SPACES = bytes.maketrans(b",:\n", b"   ")
_HEADER = re.compile(rb"\s*(\d{1,18})[ \t]+(\d{1,18})[ \t]+(\d{1,18})\s*\n")
_WHOLE = re.compile(r"[0-9]+(\.0*)?")
_LARGEST = float(np.finfo(np.float32).max)
_FORM = "class,class feature:value feature:value"

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """The first line of a file, where it has one."""

    num_rows: int
    num_features: int
    num_classes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Lines:
    """L parsed lines.

    Attributes:
        classes: shape (sum of num_classes,), int64, as numbered in the file.
        num_classes: shape (L,), int64; classes of each line.
        columns: shape (sum of num_features,), int32, as numbered in the file; rising within a line.
        values: float32 of the same shape, finite.
        num_features: shape (L,), int64; features of each line.
        numbers: shape (L,), int64; of the lines in the file, blank ones left out.
    """

    classes: IntArray
    num_classes: IntArray
    columns: npt.NDArray[np.int32]
    values: FloatArray
    num_features: IntArray
    numbers: IntArray

    def line_of_column(self, place: int) -> int:
        """Number of the line of an entry of ``columns``."""
        return int(self.numbers[np.searchsorted(np.cumsum(self.num_features), place, side="right")])

    def line_of_class(self, place: int) -> int:
        """Number of the line of an entry of ``classes``."""
        return int(self.numbers[np.searchsorted(np.cumsum(self.num_classes), place, side="right")])


def split_header(text: bytes) -> tuple[Header | None, bytes]:
    """The header of the first lines of a file, and the lines after it."""
    match = _HEADER.match(text)
    if match is None:
        return None, text
    rows, features, classes = (int(word) for word in match.groups())
    return Header(num_rows=rows, num_features=features, num_classes=classes), text[match.end() :]


def parse_lines(text: bytes, *, path: Path, first_line: int) -> Lines:
    """Parse whole lines.

    Args:
        text: lines, each with its newline.
        path: for errors.
        first_line: number of the first of them, from 1.

    Raises:
        DataError: naming file and line, and what is wrong there.

    Memory: about 60 bytes per number in the text.
    """
    text = _plain(text)
    marks = np.frombuffer(text, np.uint8)
    places = np.flatnonzero((marks == _COMMA) | (marks == _SPACE) | (marks == _COLON) | (marks == _NEWLINE))
    ends = marks[places]
    starts = np.append(np.uint8(_NEWLINE), ends[:-1])
    is_word = np.diff(places, prepend=-1) > 1
    # Of nothing but blanks numpy does not make an empty array.
    numbers = _numbers(text) if is_word.any() else np.zeros(0)
    is_value = starts == _COLON
    is_column = ends == _COLON
    is_class = is_word & ~is_value & ~is_column
    is_good = np.where(is_value, (ends == _SPACE) | (ends == _NEWLINE), True) & is_word
    is_good &= ~(is_column & (starts == _COMMA)) & ~(is_class & (starts == _SPACE))
    # Nothing between two marks is right at the start of a line only: no classes, or nothing at all.
    is_good |= ~is_word & (starts == _NEWLINE) & ((ends == _SPACE) | (ends == _NEWLINE))
    if numbers is None or len(numbers) != np.count_nonzero(is_word) or not is_good.all():
        raise _fault(text, path, first_line)
    lines = _collect(numbers, is_word, is_class, is_column, ends == _NEWLINE, first_line)
    if lines is None:
        raise _fault(text, path, first_line)
    return lines


def _plain(text: bytes) -> bytes:
    """Blanks as the format has them: one between two parts, none at the end of a line."""
    text = text.replace(b"\r\n", b"\n").replace(b"\t", b" ")
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    text = text.replace(b", ", b",")
    return text.replace(b" \n", b"\n")


def _numbers(text: bytes) -> npt.NDArray[np.float64] | None:
    with warnings.catch_warnings():
        # What is no number ends the reading with a deprecation warning, or one day with an error.
        warnings.simplefilter("error")
        try:
            return np.fromstring(text.translate(_TO_SPACES), dtype=np.float64, sep=" ")
        except (DeprecationWarning, ValueError):
            return None


def _collect(
    numbers: npt.NDArray[np.float64],
    is_word: npt.NDArray[np.bool_],
    is_class: npt.NDArray[np.bool_],
    is_column: npt.NDArray[np.bool_],
    is_end: npt.NDArray[np.bool_],
    first_line: int,
) -> Lines | None:
    """The arrays; None where a number is not what it must be."""
    line_of_mark: IntArray = np.cumsum(is_end) - is_end
    num_lines = int(np.count_nonzero(is_end))
    num_classes = np.bincount(line_of_mark[is_class], minlength=num_lines)
    num_features = np.bincount(line_of_mark[is_column], minlength=num_lines)
    word_is_class, word_is_column = is_class[is_word], is_column[is_word]
    classes, columns = numbers[word_is_class], numbers[word_is_column]
    with np.errstate(over="ignore"):  # becomes infinite, and is refused as such
        values = numbers[~word_is_class & ~word_is_column].astype(np.float32)
    # nan is not >= 0, and an infinite number is no number of a feature.
    is_whole = all(
        np.all((part >= 0) & (part <= most) & (part == np.floor(part)))
        for part, most in ((classes, MAX_CLASS), (columns, MAX_COLUMN))
    )
    if not is_whole or not np.isfinite(values).all():
        return None
    ordered = _rising(columns.astype(np.int32), values, num_features)
    if ordered is None:
        return None
    is_filled = (num_classes + num_features) > 0
    return Lines(
        classes=classes.astype(np.int64),
        num_classes=num_classes[is_filled],
        columns=ordered[0],
        values=ordered[1],
        num_features=num_features[is_filled],
        numbers=first_line + np.flatnonzero(is_filled),
    )


def _rising(
    columns: npt.NDArray[np.int32], values: FloatArray, num_features: IntArray
) -> tuple[npt.NDArray[np.int32], FloatArray] | None:
    """The same with the columns of each line in order; None where a line has one twice."""
    line = np.repeat(np.arange(len(num_features)), num_features)
    is_same_line = line[1:] == line[:-1]
    if np.any(is_same_line & (columns[1:] <= columns[:-1])):
        order = np.lexsort((columns, line))
        columns, values = columns[order], values[order]
        if np.any(is_same_line & (columns[1:] == columns[:-1])):
            return None
    return columns, values


def _fault(text: bytes, path: Path, first_line: int) -> DataError:
    """The first fault, found line by line in the plainest way."""
    for number, line in enumerate(text.decode("utf-8", "replace").split("\n"), first_line):
        if reason := _fault_of(line):
            return DataError(
                f"{path}:{number}: {reason}; a line is {_FORM}, such as 3,17 2:0.5 9:1.25, "
                "or begins with a blank where there is no class"
            )
    raise AssertionError(f"{path}: no fault found from line {first_line} on")


def _fault_of(line: str) -> str | None:
    words = line.split(" ")
    if ":" in words[0]:
        words.insert(0, "")
    for word in words[0].split(",") if words[0] else []:
        if not _WHOLE.fullmatch(word) or float(word) > MAX_CLASS:
            return f"{_shown(word)} is no class number (a whole number of at least 0)"
    seen: set[int] = set()
    for word in words[1:]:
        column, colon, value = word.partition(":")
        if not colon or not _WHOLE.fullmatch(column) or float(column) > MAX_COLUMN:
            return f"{_shown(word)} is no feature:value with a feature number from 0 to {MAX_COLUMN}"
        if not _is_finite(value):
            return f"{_shown(word)} has no number that float32 can hold as its value"
        if int(float(column)) in seen:
            return f"feature {column} twice"
        seen.add(int(float(column)))
    return None


def _is_finite(word: str) -> bool:
    try:
        # Python reads the digits of every script, and underscores between them; numpy does not.
        return abs(float(word)) <= _LARGEST and "_" not in word and word.isascii()
    except (ValueError, OverflowError):
        return False


def _shown(word: str) -> str:
    return repr(word if len(word) <= 40 else f"{word[:37]}...")
