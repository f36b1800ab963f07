"""Rows of TSV and CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence

from xclass.data.text.config import TableFormat, TextConfig
from xclass.data.text.rows import MAX_ROW_BYTES, RowFilter, Rows
from xclass.errors import DataError

_CHUNK_ROWS, _CHUNK_CHARACTERS = 1 << 12, 1 << 20

Lines = Iterator[tuple[int, list[str]]]
Cells = tuple[int, list[str]]
"""Number of the line on which a row begins, and its fields."""


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
    rows = RowFilter(config)
    text_at = class_at = num_columns = -1
    if config.header:
        line, names = next(cells, (1, []))
        text_at, class_at = (_column(names, name, path, line) for name in _names(config))
        num_columns = len(names)
    for chunk in _chunks(cells):
        if num_columns < 0:
            num_columns = len(chunk[0][1])
            text_at, class_at = (_number(name, num_columns, path) for name in _names(config))
        _check_widths(chunk, num_columns, path)
        yield rows.collect(
            [(line, fields[text_at], rows.split(fields[class_at])) for line, fields in chunk], path
        )


def _names(config: TextConfig) -> tuple[str, str]:
    return config.text_column, config.class_column


def _chunks(cells: Iterator[Cells]) -> Iterator[list[Cells]]:
    """Some rows at a time: few where they are long."""
    chunk: list[Cells] = []
    num_characters = 0
    for row in cells:
        chunk.append(row)
        num_characters += sum(map(len, row[1]))
        if len(chunk) == _CHUNK_ROWS or num_characters > _CHUNK_CHARACTERS:
            yield chunk
            chunk, num_characters = [], 0
    if chunk:
        yield chunk


def _tsv(lines: Lines, delimiter: str) -> Iterator[Cells]:
    for first_line, block in lines:
        for number, line in enumerate(block, first_line):
            if line and line != "\r":
                yield number, line.removesuffix("\r").split(delimiter)


def _csv(lines: Lines, path: str, config: TextConfig) -> Iterator[Cells]:
    csv.field_size_limit(MAX_ROW_BYTES)
    ended = (f"{line}\n" for _, block in lines for line in block)
    reader = csv.reader(ended, delimiter=config.delimiter or ",", strict=True)
    begun = 1
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise DataError(
                f"{path}:{begun}: {error}; close the quote of this row, and write a quote inside of one twice"
            ) from error
        if fields is None:
            return
        if fields:
            yield begun, fields
        begun = reader.line_num + 1


def _column(names: Sequence[str], name: str, path: str, line: int) -> int:
    places = [place for place, found in enumerate(names) if found.strip() == name]
    if len(places) == 1:
        return places[0]
    wrong = "twice a" if places else "no"
    shown = ", ".join(found.strip()[:40] for found in names[:20])
    raise DataError(
        f"{path}:{line}: {wrong} column named {name}; there are: {shown}; name them with "
        "data.text_column=... data.class_column=..., or without a header data.header=false "
        "data.text_column=1 data.class_column=2"
    )


def _number(name: str, num_columns: int, path: str) -> int:
    if int(name) > num_columns:
        raise DataError(f"{path}:1: no column {name}; there are {num_columns}; is data.delimiter right?")
    return int(name) - 1


def _check_widths(chunk: Sequence[Cells], num_columns: int, path: str) -> None:
    for line, fields in chunk:
        if len(fields) != num_columns:
            raise DataError(
                f"{path}:{line}: {len(fields)} columns in place of {num_columns}; a delimiter inside of a "
                "text? CSV with quotes can hold it: data.format=csv"
            )
