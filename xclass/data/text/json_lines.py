"""Rows of JSON Lines: an object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from xclass.data.text.config import TextConfig
from xclass.data.text.rows import RowFilter, Rows
from xclass.errors import DataError

_CHUNK_LINES = 1 << 12


def read_json_lines(lines: Iterator[tuple[int, list[str]]], path: str, config: TextConfig) -> Iterator[Rows]:
    """Rows in chunks; a class may be a text, a whole number or a list of them.

    Args:
        lines: of :func:`xclass.data.text.streams.text_lines`.
        path: for error messages.
        config: names of the keys.

    Raises:
        DataError: a line that is no JSON object, or a value of another kind.
    """
    rows = RowFilter(config)
    for first_line, block in lines:
        for start in range(0, len(block), _CHUNK_LINES):
            chunk = [
                _row(line, f"{path}:{number}", number, rows)
                for number, line in enumerate(block[start : start + _CHUNK_LINES], first_line + start)
                if line and not line.isspace()
            ]
            yield rows.collect(chunk, path)


def _row(line: str, place: str, number: int, rows: RowFilter) -> tuple[int, str, list[str]]:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place}: no JSON: {error}; write one object per line") from error
    if not isinstance(document, dict):
        raise DataError(
            f"{place}: a {type(document).__name__} in place of an object; write one object per line"
        )
    text = _value(document, rows.config.text_column, place)
    if text is not None and not isinstance(text, str):
        raise DataError(f"{place}: {rows.config.text_column} is a {type(text).__name__}; write a text")
    return number, _valid(text or "", place), class_names(document, place, rows)


def class_names(document: dict[str, Any], place: str, rows: RowFilter) -> list[str]:
    """The classes of one row.

    Raises:
        DataError: neither a text nor a whole number nor a list of such.
    """
    column = rows.config.class_column
    value = _value(document, column, place)
    names: list[str] = []
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str):
            names += rows.split(_valid(item, place))
        elif isinstance(item, int) and not isinstance(item, bool):
            names.append(str(item))
        elif item is not None:
            raise DataError(
                f"{place}: {column} holds a {type(item).__name__}; write a text, a whole number, or a list "
                "of such"
            )
    return names


def _value(document: dict[str, Any], column: str, place: str) -> Any:
    if column not in document:
        shown = ", ".join(str(key)[:40] for key in list(document)[:20]) or "nothing"
        raise DataError(
            f"{place}: no {column}; there is: {shown}; name the keys with data.text_column=... "
            "data.class_column=..."
        )
    return document[column]


def _valid(text: str, place: str) -> str:
    """Refuse half of a surrogate pair, which JSON may hold and UTF-8 may not."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{place}: half of a surrogate pair ({error.reason}); write the character") from error
    return text
