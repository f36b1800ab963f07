"""Rows of TSV and CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from operator import itemgetter

from xclass.data.text.config import TableFormat, TextConfig
from xclass.data.text.rows import MAX_ROW_BYTES, RowFilter, Rows, shown
from xclass.errors import DataError

_CHUNK_CHARACTERS = 1 << 20

Lines = Iterator[tuple[int, list[str]]]
Cells = tuple[Sequence[int], list[list[str]]]
"""Numbers of the lines on which some rows begin, and the fields of each."""


def read_delimited(lines: Lines, path: str, config: TextConfig, kind: TableFormat) -> Iterator[Rows]:
    """Rows in chunks.

    Args:
        lines: of :func:`xclass.data.text.streams.text_lines`.
        path: for error messages.
        config: columns, separators.
        kind: tsv or csv.

    Raises:
        DataError: a column that is missing, a row with too few or too many columns, an open quote.
    """
    cells = _tsv(lines, config.delimiter or "\t") if kind is TableFormat.tsv else _csv(lines, path, config)
    rows = RowFilter(config, path)
    wanted = (config.text_column, config.class_column)
    places: list[int] = []
    num_columns = 0
    for numbers, chunk in cells:
        if not places:
            num_columns = len(chunk[0])
            if config.header:
                places = [_column(chunk[0], name, f"{path}:{numbers[0]}") for name in wanted]
                numbers, chunk = numbers[1:], chunk[1:]
            else:
                places = [_number(name, num_columns, f"{path}:{numbers[0]}") for name in wanted]
        _check_widths(numbers, chunk, num_columns, path, kind)
        texts, classes = (list(map(itemgetter(place), chunk)) for place in places)
        yield rows.from_fields(numbers, texts, classes)


def _tsv(lines: Lines, delimiter: str) -> Iterator[Cells]:
    for first, block in lines:
        numbers: Sequence[int] = range(first, first + len(block))
        if "" in block or "\r" in block:
            full = [(number, line) for number, line in zip(numbers, block, strict=True) if line.strip("\r")]
            numbers, block = [number for number, _ in full], [line for _, line in full]
        if block and block[0].endswith("\r"):
            block = [line.removesuffix("\r") for line in block]
        if block:
            yield numbers, [line.split(delimiter) for line in block]


def _csv(lines: Lines, path: str, config: TextConfig) -> Iterator[Cells]:
    csv.field_size_limit(MAX_ROW_BYTES)
    num_fed = 0

    def feed() -> Iterator[str]:
        nonlocal num_fed
        for _, block in lines:
            for line in block:
                num_fed += len(line)
                yield f"{line}\n"

    reader = csv.reader(feed(), delimiter=config.delimiter or ",", strict=True)
    numbers: list[int] = []
    cells: list[list[str]] = []
    begun = 1
    try:
        for fields in reader:
            if fields:
                numbers.append(begun)
                cells.append(fields)
            begun = reader.line_num + 1
            if num_fed >= _CHUNK_CHARACTERS and cells:
                yield numbers, cells
                numbers, cells, num_fed = [], [], 0
    except csv.Error as error:
        raise DataError(
            f"{path}:{begun}: {error}; close the quote of this row, and write a quote inside of one twice"
        ) from error
    if cells:
        yield numbers, cells


def _column(names: Sequence[str], name: str, place: str) -> int:
    places = [number for number, found in enumerate(names) if found.strip() == name]
    if len(places) == 1:
        return places[0]
    wrong = "two columns" if places else "no column"
    remedy = "is data.delimiter right? " if len(names) == 1 else ""
    raise DataError(
        f"{place}: {wrong} named {name}; there are: {shown(names)}; {remedy}name them with "
        "data.text_column=... data.class_column=..., or without a header data.header=false "
        "data.text_column=1 data.class_column=2"
    )


def _number(name: str, num_columns: int, place: str) -> int:
    if int(name) > num_columns:
        raise DataError(f"{place}: no column {name}; there are {num_columns}; is data.delimiter right?")
    return int(name) - 1


def _check_widths(
    numbers: Sequence[int], chunk: list[list[str]], num_columns: int, path: str, kind: TableFormat
) -> None:
    if set(map(len, chunk)) <= {num_columns}:
        return
    number, fields = next(
        (number, fields) for number, fields in zip(numbers, chunk, strict=True) if len(fields) != num_columns
    )
    remedy = (
        "put its text in quotes" if kind is TableFormat.csv else "CSV can hold it in quotes: data.format=csv"
    )
    raise DataError(
        f"{path}:{number}: {len(fields)} columns in place of {num_columns}; is a delimiter part of a text? "
        f"{remedy}"
    )
